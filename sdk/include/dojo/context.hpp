// What a plugin's code sees of the host and of the request it works on. See plugin.hpp.
#pragma once

#include <algorithm>
#include <any>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dojo/flows.hpp>
#include <dojo/header_fields.hpp>
#include <dojo/model.hpp>
#include <dojo/plugin.h>
#include <dojo/readings.hpp>

namespace dojo {

class Host;

/// Thrown by a handler to answer with an HTTP error: the envelope's `error` is `text`.
class HttpError : public std::runtime_error {
 public:
  /// @param status 400…599
  HttpError(int status, const std::string& text) : std::runtime_error(text), status_(status) {}
  [[nodiscard]] int status() const { return status_; }

 private:
  int status_;
};

enum class LogLevel : std::int32_t {
  debug = DOJO_LOG_DEBUG,
  info = DOJO_LOG_INFO,
  warning = DOJO_LOG_WARNING,
  error = DOJO_LOG_ERROR
};

namespace detail {

class Plugin;
template <class Class>
Class& object_of(const Host& host);
Readings& readings_of(const Host& host);
Flows& flows_of(const Host& host);

inline std::string_view view(dojo_span span) {
  return span.size == 0 ? std::string_view() : std::string_view(span.data, span.size);
}
inline dojo_span span(std::string_view text) {
  return {text.data(), text.size()};
}

/// How long the host's tables were when ABI 1 came out; none is shorter.
inline constexpr std::size_t kFirstHost = 72;
inline constexpr std::size_t kFirstRequest = 104;
inline constexpr std::size_t kFirstExecutor = 16;

/// As much of a table as its maker and this header both know; the rest is zero.
template <class Table>
Table known(const Table& table) {
  Table copy{};
  std::memcpy(&copy, &table, std::min<std::size_t>(table.struct_size, sizeof copy));
  return copy;
}

/// A callable that cannot be copied, where std::function wants one that can: copies share it.
template <class F>
auto copyable(F callable) {
  if constexpr (std::is_copy_constructible_v<F>) {
    return callable;
  } else {
    return
        [held = std::make_shared<F>(std::move(callable))]<class... A>(
            A&&... arguments) -> decltype(auto) { return (*held)(std::forward<A>(arguments)...); };
  }
}

/// Runs what was posted. What it throws is logged by `failed`, and goes no further.
struct Posted {
  std::function<void()> work;
  std::function<void(std::string_view)> failed;

  static void run(void* data, std::int32_t cancelled) noexcept {
    const std::unique_ptr<Posted> mine(static_cast<Posted*>(data));
    if (cancelled != 0) return;
    try {
      mine->work();
    } catch (const std::exception& error) {
      mine->failed(error.what());
    } catch (...) {
      mine->failed("something that is no std::exception");
    }
  }
};

}  // namespace detail

/// The host, for code that works outside of a request: hooks, threads and posted work of the
/// plugin's own. May be used by several threads at once, from create() until on_stop has run, and
/// is the same object all the while. What comes later, from a Reply in a global variable perhaps,
/// does nothing.
class Host {
 public:
  /// @throws std::invalid_argument if the table is shorter than ABI 1 has it
  explicit Host(const dojo_host* host) {
    if (host == nullptr || host->struct_size < detail::kFirstHost) {
      throw std::invalid_argument("the host's table is too short: it is no host of plugin ABI 1");
    }
    table_ = detail::known(*host);
    if (table_.extension == nullptr) return;
    const auto* const executor =
        static_cast<const dojo_executor_v1*>(table_.extension(table_.context, DOJO_EXT_EXECUTOR));
    if (executor != nullptr && executor->struct_size >= detail::kFirstExecutor) {
      post_ = executor->post;
    }
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() = default;

  /// Writes a line to the host's log, under the plugin's name.
  void log(LogLevel level, std::string_view text) const { log(level, 0, text); }
  /// Adds to a counter of the plugin's, which the host shows as dojo_plugin_<name>. A name is 1 to
  /// 64 letters, digits and '_'; there may be 64 of them. Survives a reload. @param by >= 0
  void count(std::string_view name, double by = 1) const {
    if (here() && table_.count != nullptr) table_.count(table_.context, detail::span(name), by);
  }
  /// Puts a value into a histogram of the plugin's, named likewise. Times are in seconds.
  void observe(std::string_view name, double value) const {
    if (here() && table_.observe != nullptr)
      table_.observe(table_.context, detail::span(name), value);
  }
  template <class Rep, class Period>
  void observe(std::string_view name, std::chrono::duration<Rep, Period> time) const {
    observe(name, std::chrono::duration<double>(time).count());
  }
  /// Has `work` run once by one of the threads that run handlers; dropped if the plugin is stopped
  /// before. What it throws is logged. @return false if too much is waiting: it will not run
  /// @param work void(); need not be copyable, so that a Reply may be moved into it
  template <class Work>
  [[nodiscard]] bool post(Work work) const {
    if constexpr (std::is_invocable_v<Work&>) {
      return post_function(detail::copyable(std::move(work)));
    } else {
      static_assert(std::is_invocable_v<Work&>, "posted work is called without arguments: void()");
      return false;
    }
  }
  /// The plugin's config, `[plugins.<name>]`, as read by dojo::configure<Config>().
  /// @throws std::bad_any_cast if the plugin was not configured with this very type.
  template <class Config>
  [[nodiscard]] const Config& config() const {
    return std::any_cast<const Config&>(config_);
  }

  /// The same about a request. @param id 0 for none
  void log(LogLevel level, dojo_request_id id, std::string_view text) const {
    if (!here()) return;
    table_.log(table_.context, static_cast<std::int32_t>(level), id, detail::span(text));
  }
  std::int32_t complete(dojo_request_id id, const dojo_response& response) const {
    return here() ? table_.complete(table_.context, id, &response) : DOJO_STALE;
  }
  /// Sends a chunk. @return as dojo_host.write; DOJO_UNKNOWN if the host knows no streams
  std::int32_t write(dojo_request_id id, std::string_view chunk) const {
    if (!here()) return DOJO_STALE;
    if (table_.write == nullptr) return DOJO_UNKNOWN;
    return table_.write(table_.context, id, detail::span(chunk));
  }
  [[nodiscard]] bool cancelled(dojo_request_id id) const {
    return !here() || table_.cancelled(table_.context, id) != 0;
  }
  /// As much of the host's table as both sides know.
  [[nodiscard]] const dojo_host& raw() const { return table_; }

 private:
  friend class detail::Plugin;
  template <class Class>
  friend Class& detail::object_of(const Host& host);
  friend detail::Readings& detail::readings_of(const Host& host);
  friend detail::Flows& detail::flows_of(const Host& host);
  [[nodiscard]] bool post_function(std::function<void()> work) const {
    if (!here() || post_ == nullptr) return false;
    auto posted = std::make_unique<detail::Posted>(
        detail::Posted{std::move(work), [this](std::string_view why) {
                         log(LogLevel::error, "posted work threw: " + std::string(why));
                       }});
    if (post_(table_.context, &detail::Posted::run, posted.get()) != DOJO_OK) return false;
    [[maybe_unused]] const auto* given = posted.release();  // run() has it, or had it
    return true;
  }
  [[nodiscard]] bool here() const { return !gone_.load(std::memory_order_acquire); }

  dojo_host table_{};
  decltype(dojo_executor_v1::post) post_ = nullptr;
  mutable detail::Flows flows_;
  std::any config_;                // set before anything runs
  std::vector<std::any> objects_;  // likewise: pointers to the plugin's object, by their class
  mutable detail::Readings readings_;
  std::atomic<bool> gone_{false};  // destroy() has been called
};

namespace detail {
inline Readings& readings_of(const Host& host) {
  return host.readings_;
}
inline Flows& flows_of(const Host& host) {
  return host.flows_;
}
}  // namespace detail

/// One call: who asks, until when, and what goes back beside the answer. Belongs to one request;
/// lives until its handler has returned and its Reply, if it has one, is gone: also after the
/// answer. May be used by several threads at once.
/// A route's hooks see a request before it is the plugin's: theirs ends as they return.
class Context {
 public:
  /// @param request what its spans point to must outlive this; see raw() about the body
  Context(std::shared_ptr<const Host> host, const dojo_request& request)
      : host_(std::move(host)), request_(detail::known(request)) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() = default;

  /// The caller's hotkey, as SS58.
  [[nodiscard]] std::string_view caller() const { return detail::view(request_.hotkey); }
  /// How the request was signed: "legacy", "dojo/1", "epistula/2"; there may be more.
  [[nodiscard]] std::string_view dialect() const { return detail::view(request_.dialect); }
  /// The caller's IP address.
  [[nodiscard]] std::string_view peer() const { return detail::view(request_.peer); }
  /// The request's method, in capitals: "POST".
  [[nodiscard]] std::string_view method() const { return detail::view(request_.method); }
  /// What was signed of the request's target: its path as it was sent, percent-encoded, and in
  /// dialects that sign it (btauth/1) its query.
  [[nodiscard]] std::string_view target() const { return detail::view(request_.target); }
  /// The value of a header field; of several with that name the first. No dialect signs header
  /// fields: whoever is on the way may have written them. @param name in any case
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    return detail::find_field(detail::view(request_.fields), name);
  }
  /// The caller's uid on the subnet; nothing if the host has no metagraph, or it is not in it.
  [[nodiscard]] std::optional<std::uint16_t> uid() const {
    constexpr auto kKnown = offsetof(dojo_request, uid) + sizeof request_.uid;
    if (request_.struct_size < kKnown || request_.uid < 0) return std::nullopt;
    return static_cast<std::uint16_t>(request_.uid);
  }
  /// The caller's stake, in the metagraph's unit; 0 where it has no uid().
  [[nodiscard]] double stake() const { return request_.stake; }
  [[nodiscard]] bool validator_permit() const {
    return (request_.flags & DOJO_REQUEST_VALIDATOR_PERMIT) != 0;
  }
  /// The x-request-id, as the host's log has it.
  [[nodiscard]] std::string_view request_id() const { return detail::view(request_.trace); }
  /// When the host answers 504 in the handler's place, or up to 20 ms later.
  [[nodiscard]] std::chrono::steady_clock::time_point deadline() const {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(request_.deadline_ns));
  }
  /// True once nobody waits for the answer any more. Long work asks now and then, and gives up.
  /// Always false in a hook.
  [[nodiscard]] bool cancelled() const { return request_.id != 0 && host_->cancelled(request_.id); }
  /// See Host::config().
  template <class Config>
  [[nodiscard]] const Config& config() const {
    return host_->config<Config>();
  }
  /// Adds to the envelope's `metadata`; a key that is set again is replaced. What is set after the
  /// answer goes nowhere.
  /// @param value whatever a model's field may be @throws std::invalid_argument for what JSON
  /// cannot hold (NaN, no UTF-8)
  template <class T>
  void metadata(std::string_view key, const T& value) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      set(key, json(std::string(std::string_view(value))));
    } else if constexpr (detail::kMayBeField<T>) {
      set(key, json(value));
    } else {
      static_assert(
          detail::kMayBeField<T>,
          "dojo::Context::metadata: no value may be of this type: what a model's field may "
          "be, see dojo/model.hpp, or a text");
    }
  }
  /// Writes to the host's log, with the plugin's name and the request's id.
  void log(LogLevel level, std::string_view text) const { host_->log(level, request_.id, text); }
  /// See Host::count().
  void count(std::string_view name, double by = 1) const { host_->count(name, by); }
  /// See Host::observe(). @param value a number, or a std::chrono::duration
  template <class Value>
  void observe(std::string_view name, Value value) const {
    host_->observe(name, value);
  }
  /// See Host::post(). The work may outlive this Context: it takes copies, and host().
  template <class Work>
  [[nodiscard]] bool post(Work work) const {
    return host_->post(std::move(work));
  }
  /// Lives as long as the plugin, longer than this Context.
  [[nodiscard]] const Host& host() const { return *host_; }

  /// What was set by metadata(), as a JSON object.
  [[nodiscard]] std::string metadata_json() const {
    std::string out = "{";
    const std::lock_guard lock(mutex_);
    for (const auto& [key, value] : metadata_) {
      if (out.size() > 1) out += ',';
      out += json(key) + ':' + value;
    }
    return out + '}';
  }
  /// The request as the host has it. Its body may be read until the request is answered.
  [[nodiscard]] const dojo_request& raw() const { return request_; }

 private:
  template <class T>
  static std::string json(const T& value) {
    JsonWriter writer;
    Fault fault;
    if (!Json<T>::write(writer, value, fault)) {
      throw std::invalid_argument("metadata: " + fault.text());
    }
    return std::move(writer).take();
  }
  void set(std::string_view key, std::string value) {
    const std::lock_guard lock(mutex_);
    for (auto& [known, old] : metadata_) {
      if (known != key) continue;
      old = std::move(value);
      return;
    }
    metadata_.emplace_back(key, std::move(value));
  }

  std::shared_ptr<const Host> host_;
  dojo_request request_;
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::string>> metadata_;
};

namespace detail {

/// Hands one answer to the host; the spans are copied there. @param body and @param metadata as
/// to_json() writes them, or empty
inline void complete(const Context& call, std::uint32_t status, std::string_view body,
                     std::string_view error, std::string_view metadata) {
  dojo_response response{};
  response.struct_size = sizeof response;
  response.status = status;
  response.body = span(body);
  response.error = span(error);
  response.metadata = span(metadata);
  response.flags = DOJO_RESPONSE_WELL_FORMED;
  call.host().complete(call.raw().id, response);
}

inline void complete_error(const Context& call, std::uint32_t status, std::string_view error) {
  complete(call, status, {}, error, {});
}

/// Runs `work`; whatever it throws becomes the request's answer.
template <class Work>
void guarded(const Context& call, Work&& work) noexcept {
  try {
    std::forward<Work>(work)();
  } catch (const HttpError& error) {
    const bool sound = error.status() >= 400 && error.status() <= 599;
    complete_error(call,
                   static_cast<std::uint32_t>(sound ? error.status() : int{DOJO_STATUS_FAILED}),
                   error.what());
  } catch (const std::exception& error) {
    complete_error(call, DOJO_STATUS_FAILED, error.what());
  } catch (...) {
    complete_error(call, DOJO_STATUS_FAILED,
                   "the handler threw something that is no std::exception");
  }
}

template <class Answer>
void complete_answer(const Context& call, const Answer& answer) {
  const auto body = to_json(answer);
  if (!body) throw std::runtime_error("the answer cannot be written: " + body.error().message);
  complete(call, 200, *body, {}, call.metadata_json());
}

}  // namespace detail
}  // namespace dojo
