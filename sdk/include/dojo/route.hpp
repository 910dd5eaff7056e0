// A route: a handler, what is checked before it, and how it answers. See plugin.hpp.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
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
#include <dojo/deferred.hpp>
#include <dojo/object.hpp>
#include <dojo/raw.hpp>
#include <dojo/stream.hpp>

namespace dojo {

/// The way to answer later, from any thread. Move-only; the first answer counts. One that goes
/// without having answered answers that the handler failed, so that no caller waits for nothing;
/// one that goes because the handler threw, answers what was thrown.
template <class Answer>
class Reply : public detail::Ending<detail::Deferred> {
 public:
  using Ending::Ending;

  void send(const Answer& answer) {
    end_once([&](const Context& call) { detail::complete_answer(call, answer); });
  }
  template <std::derived_from<Answer> Derived>
    requires(!std::same_as<Derived, Answer>)
  void send(const Derived&) {
    static_assert(std::same_as<Derived, Answer>,
                  "dojo::Reply::send: the answer would be sent as its base, without the fields of "
                  "its own: take a dojo::Reply of this very type");
  }
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
  std::string path;     // empty: the name's
  std::string methods;  // empty: POST
  bool raw = false;
  bool streams = false;
  std::chrono::milliseconds deadline{0};
  std::uint32_t concurrency = 0;
  /// dojo_plugin.handle. It throws what the handler throws once its Reply has the request.
  std::function<std::int32_t(std::shared_ptr<const Host>, const dojo_request&)> run;
  std::function<Refusal(const Context&)> blacklist;
  std::function<Refusal(const Context&)> verify;
  std::function<int(const Context&)> priority;
};

/// Stands for the request of a handler that has been found wrong already.
struct NoRequest {};

/// The body of a request as its model, or why it is none: read once for all of its hooks and its
/// handler, where the host says which of them belong together.
template <class Request>
std::shared_ptr<const Result<Request>> reading_of(const Context& call) {
  auto& readings = readings_of(call.host());
  const auto& request = call.raw();
  if (auto known = readings.template find<Result<Request>>(request)) return known;
  std::size_t bytes = 0;
  auto reading = std::make_shared<Result<Request>>(read_model<Request>(view(request.body), bytes));
  const auto& host = call.host().raw();
  readings.keep(request, reading, bytes, host.now_ns(host.context));
  return reading;
}

/// A hook of either form as one of the short one. A body that is not the model passes, unseen: the
/// handler does not see it either, and the caller is told what is wrong with it.
template <class Said, class Request, class F>
std::function<Said(const Context&)> reading(F hook) {
  if constexpr (std::is_same_v<Request, NoRequest>) {
    return {};
  } else if constexpr (std::is_invocable_r_v<Said, const F&, const Context&>) {
    return copyable(std::move(hook));
  } else if constexpr (std::is_invocable_r_v<Said, const F&, const Context&, const Request&>) {
    return copyable([hook = std::move(hook)](const Context& call) -> Said {
      if constexpr (std::is_same_v<Request, RawRequest>) {
        return hook(call, raw_request(call));
      } else {
        const auto request = reading_of<Request>(call);
        if (!*request) return Said{};
        return hook(call, **request);
      }
    });
  } else {
    static_assert(!std::is_invocable_v<F&, const Context&> &&
                      !std::is_invocable_v<F&, const Context&, const Request&>,
                  "a route's hook returns std::optional<std::string> (blacklist, verify) or int "
                  "(priority), and is not `mutable`, since it runs on several threads at once");
    static_assert(std::is_invocable_v<F&, const Context&> ||
                      std::is_invocable_v<F&, const Context&, const Request&>,
                  "a route's hook takes (const dojo::Context&) or (const dojo::Context&, const "
                  "Request&), Request being the model of the handler that it stands before");
    return {};
  }
}

}  // namespace detail

/// A route and its handler. Made by handle().
///
/// Hooks run before the handler, on several threads at once, and see the call as it is: its
/// metadata() is the handler's alone. For those that take the request the body is read, once for
/// all of them and the handler. What a
/// hook throws is a failure, not a refusal: the caller is told that something failed.
template <class Request, class ItsMembers = detail::Classes<>>
class Route {
 public:
  using Members = ItsMembers;
  explicit Route(detail::RouteParts parts) : parts_(std::move(parts)) {}

  /// One line for people who read the plugin's table (dojo_route.description).
  Route describe(std::string text) && {
    parts_.description = std::move(text);
    return std::move(*this);
  }
  /// Serves this path and not "/<name>": "/v1/score"; "/v1/*" stands for all that begin with
  /// "/v1/", unless another route has the path itself, or more of it.
  Route path(std::string path) && {
    parts_.path = std::move(path);
    return std::move(*this);
  }
  /// Serves these methods, in capitals, and not POST: {"GET", "POST"}. Where HEAD is none of them,
  /// the host answers it: whether the request would be admitted.
  Route methods(std::initializer_list<std::string_view> methods) && {
    parts_.methods.clear();
    for (const auto method : methods) {
      if (!parts_.methods.empty()) parts_.methods += ' ';
      parts_.methods += method;
    }
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
  auto blacklist(F hook) && {
    parts_.blacklist = detail::reading<detail::Refusal, Request>(detail::called(std::move(hook)));
    return Route<Request, detail::Joined<Members, F>>(std::move(parts_));
  }
  /// A check of the plugin's own on top of the host's signature check: a reason is told to the
  /// caller with 403. @param hook as for blacklist()
  template <class F>
  auto verify(F hook) && {
    parts_.verify = detail::reading<detail::Refusal, Request>(detail::called(std::move(hook)));
    return Route<Request, detail::Joined<Members, F>>(std::move(parts_));
  }
  /// Of the requests that wait, which goes first: the higher one, -1000 to 1000, without this 0.
  /// @param hook int(const Context&) or (const Context&, const Request&)
  template <class F>
  auto priority(F hook) && {
    parts_.priority = detail::reading<int, Request>(detail::called(std::move(hook)));
    return Route<Request, detail::Joined<Members, F>>(std::move(parts_));
  }

  [[nodiscard]] detail::RouteParts parts() && { return std::move(parts_); }

 private:
  detail::RouteParts parts_;
};

namespace detail {

/// The signature of a handler, whatever callable it is; empty where it has none of its own.
template <class F>
struct Signature {};
template <class F>
  requires requires { &F::operator(); }
struct Signature<F> : Signature<decltype(&F::operator())> {};
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
template <class F>
struct Signature<Member<F>> : Signature<F> {};

/// What a handler's parameters say of it; nothing is known of any other list of them.
template <class Arguments>
struct Shape {};
template <class R>
struct Shape<std::tuple<R>> {  // a Member is called with a Context all the same
  using Request = R;
  template <class F>
  static constexpr bool kCalled = std::is_invocable_v<F, R> || std::is_invocable_v<F, Context&, R>;
};
template <class R>
struct Shape<std::tuple<Context, R>> {
  using Request = R;
  template <class F>
  static constexpr bool kCalled = std::is_invocable_v<F, Context&, R>;
};
template <class R, class A>
struct Shape<std::tuple<Context, R, Reply<A>>> {
  using Request = R;
  using Later = A;
  using Way = Reply<A>;
  template <class F>
  static constexpr bool kCalled = std::is_invocable_v<F, Context&, R, Reply<A>>;
};
template <class R, class C>
struct Shape<std::tuple<Context, R, Writer<C>>> {
  using Request = R;
  using Chunk = C;
  using Way = Writer<C>;
  template <class F>
  static constexpr bool kCalled = std::is_invocable_v<F, Context&, R, Writer<C>>;
};

template <class F>
concept HasSignature = requires { typename Signature<F>::Result; };
template <class S>
concept HasShape = requires { typename S::Request; };
template <class S>
concept AnswersLater = requires { typename S::Later; };

/// What a handler's chunks are; nothing where it has none.
template <class Returned, class S>
struct ChunkOf {};
template <class C, class S>
struct ChunkOf<Stream<C>, S> {
  using Chunk = C;
};
template <class S>
  requires requires { typename S::Chunk; }
struct ChunkOf<void, S> {
  using Chunk = typename S::Chunk;
};
template <class Returned, class S>
concept HasChunks = requires { typename ChunkOf<Returned, S>::Chunk; };

template <class F, class S>
inline constexpr bool kCallable = S::template kCalled<const F&>;
template <class F, class S>
inline constexpr bool kMutable = !kCallable<F, S> && S::template kCalled<F&>;
template <class Answer>
inline constexpr bool kIsAnswer = std::is_void_v<Answer> || Model<Answer>;

/// Whether a handler is of one of the forms that dojo::raw() takes.
template <class F>
inline constexpr bool kIsRaw = false;
template <HasSignature F>
  requires HasShape<Shape<typename Signature<F>::Arguments>>
inline constexpr bool kIsRaw<F> = [] {
  using Call = Signature<F>;
  using S = Shape<typename Call::Arguments>;
  if constexpr (!std::is_same_v<typename S::Request, RawRequest> || !kCallable<F, S>) {
    return false;
  } else if constexpr (AnswersLater<S>) {
    return std::is_same_v<typename S::Later, RawAnswer> && std::is_void_v<typename Call::Result>;
  } else {
    return std::is_same_v<typename Call::Result, RawAnswer>;
  }
}();

// What is wrong with a handler, in one error that names its type. Each stands in a struct of its
// own, since compilers say what a struct was made for; and decides nothing, since a struct with a
// failed assertion is of no more use to them.

template <class F>
struct HandlerOf {
  static_assert(HasSignature<F>,
                "dojo::handle: a handler is a function, or an object with one operator() that is "
                "no template: write the parameters' types, not `auto`; or a member of the plugin's "
                "dojo::object");
};
template <class Arguments>
struct ParametersOf {
  static_assert(HasShape<Shape<Arguments>>,
                "dojo::handle: a handler is Answer(Request), Answer(dojo::Context&, Request), or "
                "void(dojo::Context&, Request, dojo::Reply<Answer>)");
};
template <class Request>
struct RequestOf {
  static_assert(
      !std::is_same_v<Request, RawRequest>,
      "dojo::handle: a handler that takes a dojo::RawRequest is no model's, and has no name "
      "of its own: dojo::raw(\"name\", handler)");
  static_assert(Model<Request> || std::is_same_v<Request, RawRequest>,
                "dojo::handle: the handler's request is no model: DOJO_MODEL(Type, fields...) "
                "stands behind its struct, in the same namespace");
};
template <class F>
struct RawHandlerOf {
  static_assert(kIsRaw<F>,
                "dojo::raw: a handler is dojo::RawAnswer(dojo::RawRequest), "
                "dojo::RawAnswer(dojo::Context&, dojo::RawRequest), or void(dojo::Context&, "
                "dojo::RawRequest, dojo::Reply<dojo::RawAnswer>), and not `mutable`");
};
/// Whether a handler is of one of the forms that dojo::stream() takes.
template <class F>
inline constexpr bool kIsStream = false;
template <HasSignature F>
  requires HasShape<Shape<typename Signature<F>::Arguments>>
inline constexpr bool kIsStream<F> = [] {
  using Returned = typename Signature<F>::Result;
  using S = Shape<typename Signature<F>::Arguments>;
  if constexpr (HasChunks<Returned, S>) {
    return kCallable<F, S> && Model<typename S::Request> &&
           Model<typename ChunkOf<Returned, S>::Chunk>;
  } else {
    return false;
  }
}();
template <class F>
struct StreamHandlerOf {
  static_assert(kIsStream<F>,
                "dojo::stream: a handler is dojo::Stream<Chunk>(Request), "
                "dojo::Stream<Chunk>(dojo::Context&, Request), or void(dojo::Context&, Request, "
                "dojo::Writer<Chunk>); Request and Chunk are models (see DOJO_MODEL), the request "
                "is taken by value, and the handler is not `mutable`");
};
template <class Returned, class S>
struct NoStreamOf {
  static_assert(!HasChunks<Returned, S>,
                "dojo::handle: a handler that answers in chunks is a stream's: "
                "dojo::stream(handler)");
};
template <class Answer>
struct AnswerOf {
  static_assert(kIsAnswer<Answer> || std::is_same_v<Answer, RawAnswer>,
                "dojo::handle: the handler's answer is no model: return a struct that has a "
                "DOJO_MODEL of its own (a base's does not count), or void");
};
template <class Answer>
struct LaterAnswerOf {
  static_assert(Model<Answer>,
                "dojo::handle: what the handler's Reply answers with is no model: "
                "dojo::Reply<Type> needs DOJO_MODEL(Type, fields...)");
};
template <class Returned>
struct ReturnOf {
  static_assert(std::is_void_v<Returned>,
                "dojo::handle: a handler that takes a dojo::Reply returns void: its answer goes by "
                "reply.send(answer)");
};
template <class F, class S>
struct CallOf {
  static_assert(!kMutable<F, S>,
                "dojo::handle: a handler is not `mutable`: it runs on several threads at once; "
                "what it changes belongs in an object that locks (std::mutex, std::atomic)");
  static_assert(kCallable<F, S> || kMutable<F, S>,
                "dojo::handle: a handler takes dojo::Context by reference, and its request and "
                "dojo::Reply by value");
};
template <class... Checks>
inline constexpr bool kChecked = ((sizeof(Checks) != 0) && ...);

/// Whether a handler can serve as one; where it cannot, compiling ends with the reason.
template <class F>
consteval bool check_handler() {
  static_assert(kChecked<HandlerOf<F>>);
  if constexpr (HasSignature<F>) {
    using Call = Signature<F>;
    using S = Shape<typename Call::Arguments>;
    static_assert(kChecked<ParametersOf<typename Call::Arguments>>);
    if constexpr (HasChunks<typename Call::Result, S>) {
      static_assert(kChecked<NoStreamOf<typename Call::Result, S>>);
    } else if constexpr (AnswersLater<S>) {
      static_assert(kChecked<RequestOf<typename S::Request>, CallOf<F, S>,
                             LaterAnswerOf<typename S::Later>, ReturnOf<typename Call::Result>>);
      return Model<typename S::Request> && kCallable<F, S> && Model<typename S::Later> &&
             std::is_void_v<typename Call::Result>;
    } else if constexpr (HasShape<S>) {
      static_assert(
          kChecked<RequestOf<typename S::Request>, CallOf<F, S>, AnswerOf<typename Call::Result>>);
      return Model<typename S::Request> && kCallable<F, S> && kIsAnswer<typename Call::Result>;
    }
  }
  return false;
}

/// The request's model; where the body is no such model, the request is answered and nothing is
/// returned.
template <class Request>
std::optional<Request> read_request(const Context& call) {
  if constexpr (std::is_same_v<Request, RawRequest>) {
    return raw_request(call);
  } else {
    const auto known = readings_of(call.host()).template take<Result<Request>>(call.raw());
    auto request = known ? std::move(*known) : from_json<Request>(view(call.raw().body));
    if (request) return std::move(*request);
    const bool large = request.error().code == Code::too_large;
    complete_error(
        call, large ? DOJO_STATUS_TOO_LARGE : DOJO_STATUS_INVALID_BODY,
        "Invalid " + std::string(model_name<Request>()) + ": " + request.error().message);
    return std::nullopt;
  }
}

template <class Request, class F>
auto invoke(const F& handler, Context& call, Request request) {
  if constexpr (std::is_invocable_v<const F&, Context&, Request>) {
    return handler(call, std::move(request));
  } else {
    return handler(std::move(request));
  }
}

template <class S, class F>
void run_now(const F& handler, Context& call) {
  guarded(call, [&] {
    auto request = read_request<typename S::Request>(call);
    if (!request) return;
    if constexpr (std::is_void_v<typename Signature<F>::Result>) {
      invoke(handler, call, std::move(*request));
      complete(call, 200, {}, {}, call.metadata_json());
    } else {
      complete_answer(call, invoke(handler, call, std::move(*request)));
    }
  });
}

/// @throws what the handler throws after its Reply has answered, or has gone elsewhere
template <class S, class F, class Call>
void run_later(const F& handler, const std::shared_ptr<Call>& call) {
  auto& context = call->context();
  std::optional<typename S::Request> request;
  guarded(context, [&] { request = read_request<typename S::Request>(context); });
  if (!request) return;
  std::exception_ptr thrown;
  try {
    handler(context, std::move(*request), typename S::Way(call));
  } catch (...) {
    thrown = std::current_exception();
  }
  if (call->end_handler()) {
    guarded(context, [&] {
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

template <class Written, class F = Called<Written>>
auto make_route(std::string name, F handler) {
  using Call = Signature<F>;
  using S = Shape<typename Call::Arguments>;
  using Request = typename S::Request;
  RouteParts parts;
  parts.name = std::move(name);
  parts.raw = std::is_same_v<Request, RawRequest>;
  parts.request_schema = schema_or_nothing<Request>();
  if constexpr (AnswersLater<S>) {
    parts.response_schema = schema_or_nothing<typename S::Later>();
    parts.run = copyable([handler = std::move(handler)](std::shared_ptr<const Host> host,
                                                        const dojo_request& request) {
      std::shared_ptr<Deferred> call;
      try {
        call = std::make_shared<Deferred>(std::move(host), request);
      } catch (...) {  // no memory; the request stays the host's
        return std::int32_t{DOJO_FAILED};
      }
      run_later<S>(handler, call);
      return std::int32_t{DOJO_OK};
    });
  } else {
    parts.response_schema = schema_or_nothing<typename Call::Result>();
    parts.run = copyable([handler = std::move(handler)](std::shared_ptr<const Host> host,
                                                        const dojo_request& request) {
      Context call(std::move(host), request);
      run_now<S>(handler, call);
      return std::int32_t{DOJO_OK};
    });
  }
  return Route<Request, Joined<Classes<>, Written>>(std::move(parts));
}

/// dojo_plugin.handle of a handler that answers in chunks.
template <class F>
std::int32_t run_stream(const F& handler, std::shared_ptr<const Host> host,
                        const dojo_request& request) {
  using Returned = typename Signature<F>::Result;
  using S = Shape<typename Signature<F>::Arguments>;
  constexpr bool kWritten = std::is_void_v<Returned>;
  using Call =
      std::conditional_t<kWritten, Written, Generated<typename ChunkOf<Returned, S>::Chunk>>;
  auto& flows = flows_of(*host);
  std::shared_ptr<Call> call;
  try {
    call = std::make_shared<Call>(std::move(host), request);
    flows.add(request.id, call, kWritten ? nullptr : call);
  } catch (...) {  // no memory; the request stays the host's
    return DOJO_FAILED;
  }
  if constexpr (kWritten) {
    run_later<S>(handler, call);
  } else {
    call->start([&](Context& context) -> std::optional<Returned> {
      auto asked = read_request<typename S::Request>(context);
      if (!asked) return std::nullopt;
      return invoke(handler, context, std::move(*asked));
    });
  }
  return DOJO_OK;
}

}  // namespace detail

/// A route for a handler: POST and HEAD on "/<name of the request's model>".
/// @param handler see plugin.hpp for its forms. Called by several threads at once; need not be
/// copyable
template <class F>
auto handle(F handler) {
  if constexpr (detail::check_handler<detail::Called<F>>()) {
    using S = detail::Shape<typename detail::Signature<F>::Arguments>;
    return detail::make_route<F>(std::string(model_name<typename S::Request>()),
                                 detail::called(std::move(handler)));
  } else {
    return Route<detail::NoRequest>({});
  }
}

/// A route whose answer is a stream of chunks: POST and HEAD on "/<name of the request's model>".
/// Its deadline() is that of the first chunk; metadata goes nowhere.
/// @param handler Stream<Chunk>(Request), Stream<Chunk>(Context&, Request), or void(Context&,
/// Request, Writer<Chunk>). Called by several threads at once; need not be copyable
template <class F>
auto stream(F handler) {
  using Handler = detail::Called<F>;
  static_assert(detail::kChecked<detail::StreamHandlerOf<Handler>>);
  if constexpr (detail::kIsStream<Handler>) {
    using S = detail::Shape<typename detail::Signature<F>::Arguments>;
    using Request = typename S::Request;
    detail::RouteParts parts;
    parts.name = model_name<Request>();
    parts.streams = true;
    parts.request_schema = json_schema<Request>();
    parts.response_schema =
        json_schema<typename detail::ChunkOf<typename detail::Signature<F>::Result, S>::Chunk>();
    parts.run =
        detail::copyable([handler = detail::called(std::move(handler))](
                             std::shared_ptr<const Host> host, const dojo_request& request) {
          return detail::run_stream(handler, std::move(host), request);
        });
    return Route<Request, detail::Joined<detail::Classes<>, F>>(std::move(parts));
  } else {
    return Route<detail::NoRequest>({});
  }
}

/// A route that takes and gives bytes: POST on "/<name>", or what path() and methods() say.
/// @param name of 1 to 128 letters, digits, '_', '-', '.': what rules, config and logs call it
/// @param handler RawAnswer(RawRequest), RawAnswer(Context&, RawRequest), or void(Context&,
/// RawRequest, Reply<RawAnswer>). Called by several threads at once; need not be copyable
template <class F>
auto raw(std::string name, F handler) {
  static_assert(detail::kChecked<detail::RawHandlerOf<detail::Called<F>>>);
  if constexpr (detail::kIsRaw<detail::Called<F>>) {
    return detail::make_route<F>(std::move(name), detail::called(std::move(handler)));
  } else {
    return Route<detail::NoRequest>({});
  }
}

}  // namespace dojo
