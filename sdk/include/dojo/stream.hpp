// Answers in chunks. See plugin.hpp.
//
//   dojo::Stream<Token> generate(dojo::Context& call, Ask request) {
//     for (auto model = begin(request); auto word = model.next();) {
//       const Token token{*word};
//       co_yield token;
//     }
//   }
//   DOJO_PLUGIN("miner", "1.0.0", dojo::stream(generate))
//
// A Stream costs no thread while its caller reads slower than it writes: it stands still at a
// co_yield, and goes on when there is room. Once nobody reads any more it does not go on: what it
// has is destroyed there, so that what must be given back is given back by destructors.
//
// Where the chunks come from threads of the plugin's own, a handler takes a Writer instead.
#pragma once

// clang-format off: first, since an older standard has complaints of its own about <coroutine>
#include <dojo/cxx20.hpp>
// clang-format on

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dojo/chunk.hpp>
#include <dojo/context.hpp>
#include <dojo/deferred.hpp>
#include <dojo/flows.hpp>
#include <dojo/model.hpp>

namespace dojo {

namespace detail {

template <class T>
struct YieldedOf {
  static_assert(std::is_lvalue_reference_v<T>,
                "dojo::Stream: a chunk has a name before it is yielded: `const Token token{…}; "
                "co_yield token;`, since gcc 12 destroys what is made inside of a co_yield twice");
};

}  // namespace detail

/// What a handler returns that says `co_yield chunk`, a model each time; `co_return` ends it. What
/// it throws before its first chunk is answered as of any other handler; later the caller sees that
/// the stream was not whole. Move-only.
template <class Chunk>
class Stream {
 public:
  class promise_type {  // NOLINT(readability-identifier-naming): the standard's name for it
   public:
    Stream get_return_object() { return Stream(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    /// @param chunk stays where it is until the coroutine goes on. No temporary, nor one in braces:
    /// gcc 12 destroys those twice (docs/decisions/streams.md).
    template <class T>
      requires std::is_same_v<std::remove_const_t<T>, Chunk>
    std::suspend_always yield_value(T& chunk) noexcept {
      chunk_ = &chunk;
      return {};
    }
    template <class T>
      requires(!std::is_lvalue_reference_v<T>)
    std::suspend_always yield_value(T&&) noexcept {
      static_assert(sizeof(detail::YieldedOf<T>) != 0);
      return {};
    }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { thrown_ = std::current_exception(); }

   private:
    friend class Stream;
    const Chunk* chunk_ = nullptr;
    std::exception_ptr thrown_;
  };

  Stream() = default;
  Stream(Stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (handle_) handle_.destroy();
  }

  /// Goes on to the next chunk. @return it, until the next call; null at the end
  /// @throws what the coroutine throws
  const Chunk* next() {
    if (!handle_ || handle_.done()) return nullptr;
    handle_.resume();
    auto& promise = handle_.promise();
    if (promise.thrown_) std::rethrow_exception(std::exchange(promise.thrown_, nullptr));
    return handle_.done() ? nullptr : promise.chunk_;
  }

 private:
  using Handle = std::coroutine_handle<promise_type>;
  explicit Stream(Handle handle) : handle_(handle) {}
  Handle handle_;
};

namespace detail {

inline constexpr std::string_view kNobodyReads = "nobody reads the answer any more";

template <class Chunk>
std::string chunk_json(const Chunk& chunk) {
  auto json = to_json(chunk);
  if (!json) throw std::runtime_error("a chunk cannot be written: " + json.error().message);
  return std::move(*json);
}

/// Ends a stream that the host takes no more of. @param result of Host::write()
inline void complete_refused(const Context& call, std::int32_t result, std::string_view chunk) {
  std::string why(kNobodyReads);
  if (result != DOJO_STALE) {
    const auto fault = fault_of_chunk(chunk);
    why = "a chunk cannot be sent: " + fault.value_or("the host does not take it");
  }
  complete_error(call, DOJO_STATUS_FAILED, why);
}

/// A Stream that goes where its caller reads. Runs on one thread at a time.
template <class Chunk>
class Generated final : public Flow, public std::enable_shared_from_this<Generated<Chunk>> {
 public:
  Generated(std::shared_ptr<const Host> host, const dojo_request& request)
      : call_(std::move(host), request) {}

  /// @param make Stream<Chunk>(Context&), or nothing if the request is answered already
  template <class Make>
  void start(Make make) noexcept {
    bool made = false;
    guarded(context(), [&] {
      std::optional<Stream<Chunk>> stream = make(context());
      if (!stream) return;
      stream_ = std::move(*stream);
      made = true;
    });
    made ? drive() : end();
  }
  void resume() noexcept override {
    if (state_.exchange(State::called) == State::waiting) drive();
  }

 private:
  enum class State { running, waiting, called };

  Context& context() { return call_.context(); }

  void drive() noexcept {
    const auto kept = this->shared_from_this();
    state_ = State::running;
    while (prepare()) {
      const auto& host = context().host();
      const auto result = host.write(context().raw().id, next_);
      if (result == DOJO_OK) {
        next_.clear();
      } else if (result != DOJO_FULL) {
        complete_refused(context(), result, next_);
        break;
      } else if (auto running = State::running;
                 state_.compare_exchange_strong(running, State::waiting)) {
        return;  // resume() goes on, perhaps already
      } else {
        state_ = State::running;  // it was called meanwhile
      }
    }
    end();
  }
  /// The next chunk as it is sent, if it is not there. @return false if the answer is complete
  bool prepare() noexcept {
    if (!next_.empty()) return true;
    guarded(context(), [&] {
      if (const auto* const chunk = stream_.next()) {
        next_ = chunk_json(*chunk);
      } else {
        complete(context(), 200, {}, {}, {});
      }
    });
    return !next_.empty();
  }
  void end() noexcept {
    stream_ = {};  // here, while all that it may refer to is there
    flows_of(context().host()).remove(context().raw().id);
  }

  Deferred call_;
  Stream<Chunk> stream_;
  std::string next_;
  std::atomic<State> state_{State::running};
};

/// A call whose Writer may have to wait.
class Written final : public Deferred, public Flow {
 public:
  using Deferred::Deferred;
  ~Written() override { flows_of(context().host()).remove(context().raw().id); }

  void resume() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      room_ = true;
    }
    come_.notify_all();
  }
  /// Waits for as long as there is no room. @return what Host::write() does, but for DOJO_FULL
  std::int32_t write(std::string_view chunk) {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        room_ = false;
      }
      const auto result = context().host().write(context().raw().id, chunk);
      if (result != DOJO_FULL) return result;
      std::unique_lock lock(mutex_);
      // The host says when nobody reads any more; but one that ends says nothing.
      come_.wait_for(lock, std::chrono::seconds(1), [&] { return room_; });
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable come_;
  bool room_ = false;
};

}  // namespace detail

/// The way to write chunks from any thread, one thread at a time. Move-only. One that goes without
/// having ended leaves the stream not whole; one that goes because the handler threw, answers what
/// was thrown.
template <class Chunk>
class Writer : public detail::Ending<detail::Written> {
 public:
  using Ending::Ending;

  /// Sends a chunk. Waits for as long as the caller reads slower: in a handler that holds up a
  /// worker, so write from a thread of the plugin's own.
  /// @return false once nobody reads any more, or it has ended
  /// @throws std::runtime_error if it cannot be written: see to_json(), fault_of_chunk()
  bool write(const Chunk& chunk) {
    auto* const call = open();
    if (call == nullptr) return false;
    const auto json = detail::chunk_json(chunk);
    const auto result = call->write(json);
    if (result == DOJO_OK) return true;
    end_once([&](const Context& context) { detail::complete_refused(context, result, json); });
    if (result != DOJO_STALE) throw std::runtime_error("a chunk cannot be sent");
    return false;
  }
  /// That was all.
  void end() {
    end_once([](const Context& call) { detail::complete(call, 200, {}, {}, {}); });
  }
};

}  // namespace dojo
