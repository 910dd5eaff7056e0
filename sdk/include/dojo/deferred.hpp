// A call that outlives its handler. See plugin.hpp.
#pragma once

#include <array>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <dojo/context.hpp>

namespace dojo::detail {

/// A call that is answered later. Shared by its handler and its Reply, so that the Context lives
/// until both are done with it; what the host keeps until the answer only is copied for that.
class Deferred {
 public:
  Deferred(std::shared_ptr<const Host> host, const dojo_request& request)
      : texts_(joined(request)), context_(std::move(host), moved(request, texts_)) {}
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  ~Deferred() = default;

  [[nodiscard]] Context& context() { return context_; }

  /// The Reply goes without having answered, on whatever thread. While the handler still runs the
  /// call is left to it: what the handler throws then, if it does, is the answer.
  /// @return whether the handler has ended, and the Reply is to answer itself
  bool let_go() {
    const std::lock_guard lock(mutex_);
    left_ = running_;
    return !running_;
  }
  /// The handler has ended. @return whether it was left the call to answer
  bool end_handler() {
    const std::lock_guard lock(mutex_);
    running_ = false;
    return left_;
  }

 private:
  static constexpr std::array kTexts = {
      &dojo_request::hotkey, &dojo_request::dialect, &dojo_request::peer,  &dojo_request::trace,
      &dojo_request::method, &dojo_request::target,  &dojo_request::fields};
  static std::string joined(const dojo_request& request) {
    std::string all;
    for (const auto text : kTexts) all += view(request.*text);
    return all;
  }
  static dojo_request moved(const dojo_request& request, std::string_view texts) {
    auto there = known(request);
    for (const auto text : kTexts) {
      const auto size = (there.*text).size;
      there.*text = span(texts.substr(0, size));
      texts.remove_prefix(size);
    }
    return there;
  }

  const std::string texts_;
  Context context_;
  std::mutex mutex_;
  bool running_ = true;
  bool left_ = false;
};

inline constexpr std::string_view kLetGo = "the handler let go of its Reply unanswered";

/// What a Reply and a Writer have in common: the one who ends the call. @tparam Call a Deferred
template <class Call>
class Ending {
 public:
  explicit Ending(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  Ending(Ending&&) noexcept = default;
  Ending& operator=(Ending&& other) noexcept {
    if (this != &other) {
      drop();
      call_ = std::move(other.call_);
      ended_ = other.ended_;
    }
    return *this;
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() { drop(); }

  /// The call. Valid as long as this, ended or not.
  [[nodiscard]] Context& context() const { return call_->context(); }
  /// Ends it with an error, as if the handler had thrown that.
  void fail(const HttpError& error) {
    end_once([&](const Context&) { throw error; });
  }
  void fail(std::exception_ptr error) {
    end_once([&](const Context&) {
      if (!error) throw std::invalid_argument("the handler failed its call with no exception");
      std::rethrow_exception(std::move(error));
    });
  }

 protected:
  template <class Work>
  void end_once(Work work) {
    if (!call_ || std::exchange(ended_, true)) return;
    const auto& call = call_->context();
    guarded(call, [&] { work(call); });
  }
  /// Null: moved away, or ended.
  [[nodiscard]] Call* open() const { return ended_ ? nullptr : call_.get(); }

 private:
  void drop() noexcept {
    if (!call_ || ended_ || !call_->let_go()) return;
    complete_error(call_->context(), DOJO_STATUS_FAILED, kLetGo);
  }

  std::shared_ptr<Call> call_;  // none: moved away
  bool ended_ = false;
};

}  // namespace dojo::detail
