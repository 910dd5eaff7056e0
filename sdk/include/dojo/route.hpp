// A route: a handler, what is checked before it, and how it answers. See plugin.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <dojo/context.hpp>

namespace dojo {

namespace detail {

/// Takes the call back from a Reply that is let go while its handler still runs: what the handler
/// throws then, if it does, is the answer. The Reply may be let go on any thread.
class Returns {
 public:
  /// @return the call itself, if the handler has ended and somebody else must answer
  std::unique_ptr<Context> take(std::unique_ptr<Context> call) {
    const std::lock_guard lock(mutex_);
    if (!open_) return call;
    returned_ = std::move(call);
    return nullptr;
  }
  /// The handler has ended. @return the call, if it is still to be answered
  std::unique_ptr<Context> close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    return std::move(returned_);
  }

 private:
  std::mutex mutex_;
  bool open_ = true;
  std::unique_ptr<Context> returned_;
};

inline constexpr std::string_view kLetGo = "the handler let go of its Reply unanswered";

}  // namespace detail

/// The way to answer later, from any thread. Move-only; the first answer counts. One that goes
/// without having answered answers that the handler failed, so that no caller waits for nothing;
/// one that goes because the handler threw, answers what was thrown.
template <class Answer>
class Reply {
 public:
  Reply(std::unique_ptr<Context> call, std::shared_ptr<detail::Returns> returns)
      : call_(std::move(call)), returns_(std::move(returns)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&& other) noexcept {
    if (this != &other) {
      drop();
      call_ = std::move(other.call_);
      returns_ = std::move(other.returns_);
    }
    return *this;
  }
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() { drop(); }

  /// The call, valid until an answer is given.
  [[nodiscard]] Context& context() const { return *call_; }

  void send(const Answer& answer) {
    if (const auto call = std::move(call_)) {
      detail::guarded(*call, [&] { detail::complete_model(*call, answer); });
    }
  }
  /// Answers with an error, as if the handler had thrown it.
  void fail(const HttpError& error) {
    if (const auto call = std::move(call_)) detail::guarded(*call, [&] { throw error; });
  }
  void fail(std::exception_ptr error) {
    if (const auto call = std::move(call_)) {
      detail::guarded(*call, [&] {
        if (!error) throw std::invalid_argument("the handler failed its Reply with no exception");
        std::rethrow_exception(std::move(error));
      });
    }
  }

 private:
  void drop() noexcept {
    if (!call_) return;
    if (const auto call = returns_->take(std::move(call_))) {
      detail::complete_error(*call, DOJO_STATUS_FAILED, detail::kLetGo);
    }
  }
  std::unique_ptr<Context> call_;
  std::shared_ptr<detail::Returns> returns_;
};

namespace detail {

/// What a hook says: nothing lets the request pass, a reason refuses it.
using Refusal = std::optional<std::string>;

/// A route as the plugin keeps it, whatever its models.
struct RouteParts {
  std::string name;
  std::string request_schema;
  std::string response_schema;
  std::string description;
  std::chrono::milliseconds deadline{0};
  std::uint32_t concurrency = 0;
  std::function<void(std::unique_ptr<Context>)> run;
  std::function<Refusal(const Context&)> blacklist;
  std::function<Refusal(const Context&)> verify;
  std::function<int(const Context&)> priority;
};

/// A hook of either form as one of the short one. A body that is not the model passes, unseen: the
/// handler does not see it either, and the caller is told what is wrong with it.
template <class Said, class Request, class F>
std::function<Said(const Context&)> reading(F hook) {
  if constexpr (std::is_invocable_r_v<Said, F&, const Context&>) {
    return hook;
  } else {
    static_assert(std::is_invocable_r_v<Said, F&, const Context&, const Request&>,
                  "a hook is (const Context&) or (const Context&, const Request&); blacklist and "
                  "verify return std::optional<std::string>, priority returns int");
    return [hook = std::move(hook)](const Context& call) mutable -> Said {
      const auto request = from_padded_json<Request>(view(call.raw().body));
      if (!request) return Said{};
      return hook(call, *request);
    };
  }
}

}  // namespace detail

/// A route and its handler. Made by handle().
///
/// Hooks run before the handler, on several threads at once, and see the call as it is: its
/// metadata() is the handler's alone. One that takes the request has the body parsed for it. What a
/// hook throws is a failure, not a refusal: the caller is told that something failed.
template <Model Request>
class Route {
 public:
  explicit Route(detail::RouteParts parts) : parts_(std::move(parts)) {}

  /// One line for people, shown in the host's API description.
  Route describe(std::string text) && {
    parts_.description = std::move(text);
    return std::move(*this);
  }
  /// The host answers 504 after this time. Without it the host's default counts.
  Route deadline(std::chrono::milliseconds limit) && {
    if (limit.count() <= 0) throw std::invalid_argument("a route's deadline is above zero");
    parts_.deadline = limit;
    return std::move(*this);
  }
  /// At most so many requests of this route are handled at once. Without it as many as the host has
  /// workers.
  Route concurrency(std::uint32_t limit) && {
    parts_.concurrency = limit;
    return std::move(*this);
  }
  /// Who may not ask at all: a reason is told to the caller as "Blacklisted: …".
  /// @param hook std::optional<std::string>(const Context&) or (const Context&, const Request&)
  template <class F>
  Route blacklist(F hook) && {
    parts_.blacklist = detail::reading<detail::Refusal, Request>(std::move(hook));
    return std::move(*this);
  }
  /// A check of the plugin's own on top of the host's signature check: a reason is told to the
  /// caller with 403. @param hook as for blacklist()
  template <class F>
  Route verify(F hook) && {
    parts_.verify = detail::reading<detail::Refusal, Request>(std::move(hook));
    return std::move(*this);
  }
  /// Of the requests that wait, which goes first: the higher one, -1000 to 1000, without this 0.
  /// @param hook int(const Context&) or (const Context&, const Request&)
  template <class F>
  Route priority(F hook) && {
    parts_.priority = detail::reading<int, Request>(std::move(hook));
    return std::move(*this);
  }

  [[nodiscard]] detail::RouteParts parts() && { return std::move(parts_); }

 private:
  detail::RouteParts parts_;
};

namespace detail {

/// The signature of a handler, whatever callable it is.
template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using Result = R;
  using Arguments = std::tuple<std::decay_t<A>...>;
};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const noexcept> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...)> : Signature<R (*)(A...)> {};

template <class Arguments>
struct Shape {
  static_assert(sizeof(Arguments) == 0,
                "a handler is Answer(Request), Answer(Context&, Request) or void(Context&, "
                "Request, Reply<Answer>)");
};
template <class R>
struct Shape<std::tuple<R>> {
  using Request = R;
  static constexpr bool kContext = false;
};
template <class R>
struct Shape<std::tuple<Context, R>> {
  using Request = R;
  static constexpr bool kContext = true;
};
template <class R, class A>
struct Shape<std::tuple<Context, R, Reply<A>>> {
  using Request = R;
  using Answer = A;
  static constexpr bool kContext = true;
};

template <class S>
concept AnswersLater = requires { typename S::Answer; };

/// The request's model; where the body is no such model, the request is answered and nothing is
/// returned.
template <class Request>
std::optional<Request> read_request(const Context& call) {
  auto request = from_padded_json<Request>(view(call.raw().body));
  if (request) return std::move(*request);
  complete_error(call, DOJO_STATUS_INVALID_BODY,
                 "Invalid " + std::string(model_name<Request>()) + ": " + request.error().message);
  return std::nullopt;
}

template <class S, class F>
auto invoke(F& handler, Context& call, typename S::Request request) {
  if constexpr (S::kContext) {
    return handler(call, std::move(request));
  } else {
    return handler(std::move(request));
  }
}

template <class S, class F>
void run_now(F& handler, const std::unique_ptr<Context>& call) {
  auto& context = *call;
  guarded(context, [&] {
    auto request = read_request<typename S::Request>(context);
    if (!request) return;
    using Answer = typename Signature<std::decay_t<F>>::Result;
    if constexpr (std::is_void_v<Answer>) {
      invoke<S>(handler, context, std::move(*request));
      complete(context, 200, {}, {}, context.metadata_json());
    } else {
      complete_model(context, invoke<S>(handler, context, std::move(*request)));
    }
  });
}

/// @throws what the handler throws after its Reply has answered, or has gone elsewhere
template <class S, class F>
void run_later(F& handler, std::unique_ptr<Context> call) {
  auto& context = *call;
  std::optional<typename S::Request> request;
  std::shared_ptr<Returns> returns;
  guarded(context, [&] {
    auto allocated = std::make_shared<Returns>();
    request = read_request<typename S::Request>(context);
    returns = std::move(allocated);
  });
  if (!request) return;
  std::exception_ptr thrown;
  try {
    handler(context, std::move(*request), Reply<typename S::Answer>(std::move(call), returns));
  } catch (...) {
    thrown = std::current_exception();
  }
  if (const auto left = returns->close()) {
    guarded(*left, [&] {
      if (thrown) std::rethrow_exception(thrown);
      throw std::runtime_error(std::string(kLetGo));
    });
  } else if (thrown) {
    std::rethrow_exception(thrown);
  }
}

template <class T>
std::string schema_or_nothing() {
  if constexpr (Model<T>) {
    return json_schema<T>();
  } else {
    return {};
  }
}

}  // namespace detail

/// A route for a handler: POST and HEAD on "/<name of the request's model>".
template <class F>
auto handle(F handler) {
  using Call = detail::Signature<F>;
  using S = detail::Shape<typename Call::Arguments>;
  using Request = typename S::Request;
  static_assert(Model<Request>, "the handler's request is no model: see DOJO_MODEL");
  detail::RouteParts parts;
  parts.name = model_name<Request>();
  parts.request_schema = json_schema<Request>();
  if constexpr (detail::AnswersLater<S>) {
    parts.response_schema = detail::schema_or_nothing<typename S::Answer>();
    parts.run = [handler](std::unique_ptr<Context> call) mutable {
      detail::run_later<S>(handler, std::move(call));
    };
  } else {
    parts.response_schema = detail::schema_or_nothing<typename Call::Result>();
    parts.run = [handler](const std::unique_ptr<Context>& call) mutable {
      detail::run_now<S>(handler, call);
    };
  }
  return Route<Request>(std::move(parts));
}

}  // namespace dojo
