// The C++ face of plugin.h: a handler is a function from one model to another.
//
//   Pong ping(dojo::Context& call, Ping request) { … }
//   DOJO_PLUGIN("ping", "1.0.0", dojo::handle(ping))      // serves POST and HEAD /Ping
//
// A handler may be a function or a lambda of one of these forms, `Request` and `Answer` being
// models (see model.hpp):
//   Answer (Request)        Answer (Context&, Request)        void for Answer: the body is {}
//   void (Context&, Request, Reply<Answer>)                   answers later, from any thread
// It runs on several threads at once. What it throws becomes an error: HttpError is told to the
// caller with its status, anything else goes to the log and the caller is told that something
// failed.
#pragma once

#include <algorithm>
#include <any>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <dojo/model.hpp>
#include <dojo/plugin.h>

namespace dojo {

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

inline std::string_view view(dojo_span span) {
  return span.size == 0 ? std::string_view() : std::string_view(span.data, span.size);
}
inline dojo_span span(std::string_view text) {
  return {text.data(), text.size()};
}

/// What the entry's tables are told, to be handed on with every call.
struct Surroundings {
  const dojo_host* host = nullptr;
  std::any config;
};

}  // namespace detail

/// One call: who asks, until when, and what goes back beside the answer. Belongs to one request;
/// lives until it is answered. Not for use by two threads at once, but for cancelled() and log().
class Context {
 public:
  Context(const detail::Surroundings& around, const dojo_request& request)
      : around_(&around), request_(request) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() = default;

  /// The caller's hotkey, as SS58.
  [[nodiscard]] std::string_view caller() const { return detail::view(request_.hotkey); }
  /// How the request was signed: "legacy" or "dojo/1".
  [[nodiscard]] std::string_view dialect() const { return detail::view(request_.dialect); }
  /// The caller's IP address.
  [[nodiscard]] std::string_view peer() const { return detail::view(request_.peer); }
  /// The x-request-id, as the host's log has it.
  [[nodiscard]] std::string_view request_id() const { return detail::view(request_.trace); }
  /// When the host answers 504 in the handler's place.
  [[nodiscard]] std::chrono::steady_clock::time_point deadline() const {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(request_.deadline_ns));
  }
  /// True once nobody waits for the answer any more. Long work asks now and then, and gives up.
  [[nodiscard]] bool cancelled() const {
    return around_->host->cancelled(around_->host->context, request_.id) != 0;
  }
  /// The plugin's config, `[plugins.<name>]`, as read by dojo::configure<Config>().
  /// @throws std::bad_any_cast if the plugin was not configured with this very type.
  template <class Config>
  [[nodiscard]] const Config& config() const {
    return std::any_cast<const Config&>(around_->config);
  }
  /// Adds to the envelope's `metadata`; a key that is set again is replaced.
  /// @param value whatever a model's field may be @throws std::invalid_argument for what JSON
  /// cannot hold (NaN, no UTF-8)
  template <class T>
  void metadata(std::string_view key, const T& value) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      set(key, json(std::string(std::string_view(value))));
    } else {
      set(key, json(value));
    }
  }
  /// Writes to the host's log, with the plugin's name and the request's id.
  void log(LogLevel level, std::string_view text) const {
    around_->host->log(around_->host->context, static_cast<std::int32_t>(level), request_.id,
                       detail::span(text));
  }

  /// What was set by metadata(), as a JSON object.
  [[nodiscard]] std::string metadata_json() const {
    std::string out = "{";
    for (const auto& [key, value] : metadata_) {
      if (out.size() > 1) out += ',';
      out += json(key) + ':' + value;
    }
    return out + '}';
  }
  [[nodiscard]] const dojo_request& raw() const { return request_; }
  [[nodiscard]] const dojo_host& host() const { return *around_->host; }

 private:
  template <class T>
  static std::string json(const T& value) {
    rapidjson::StringBuffer buffer;
    detail::Writer writer(buffer);
    detail::Fault fault;
    if (!detail::Json<T>::write(writer, value, fault)) {
      throw std::invalid_argument("metadata: " + fault.text());
    }
    return {buffer.GetString(), buffer.GetSize()};
  }
  void set(std::string_view key, std::string value) {
    for (auto& [known, old] : metadata_) {
      if (known != key) continue;
      old = std::move(value);
      return;
    }
    metadata_.emplace_back(key, std::move(value));
  }

  const detail::Surroundings* around_;
  dojo_request request_;
  std::vector<std::pair<std::string, std::string>> metadata_;
};

namespace detail {

/// Hands one answer to the host; the spans are copied there.
inline void complete(const Context& call, std::uint32_t status, std::string_view body,
                     std::string_view error, std::string_view metadata) {
  dojo_response response{};
  response.struct_size = sizeof response;
  response.status = status;
  response.body = span(body);
  response.error = span(error);
  response.metadata = span(metadata);
  call.host().complete(call.host().context, call.raw().id, &response);
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
void complete_model(const Context& call, const Answer& answer) {
  const auto body = to_json(answer);
  if (!body) throw std::runtime_error("the answer cannot be written: " + body.error().message);
  complete(call, 200, *body, {}, call.metadata_json());
}

}  // namespace detail

/// The way to answer later, from any thread. Move-only; the first answer counts. One that goes
/// without having answered answers that the handler failed, so that no caller waits for nothing.
template <class Answer>
class Reply {
 public:
  explicit Reply(std::unique_ptr<Context> call) : call_(std::move(call)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&& other) noexcept {
    if (this != &other) {
      drop();
      call_ = std::move(other.call_);
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
    if (const auto call = std::move(call_)) {
      detail::complete_error(*call, DOJO_STATUS_FAILED,
                             "the handler let go of its Reply unanswered");
    }
  }
  std::unique_ptr<Context> call_;
};

/// A route and its handler. Made by handle().
class Route {
 public:
  using Run = std::function<void(std::unique_ptr<Context>)>;
  Route(std::string name, std::string request_schema, std::string response_schema, Run run)
      : name_(std::move(name)),
        request_schema_(std::move(request_schema)),
        response_schema_(std::move(response_schema)),
        run_(std::move(run)) {}

  /// One line for people, shown in the host's API description.
  Route describe(std::string text) && {
    description_ = std::move(text);
    return std::move(*this);
  }
  /// The host answers 504 after this time. Without it the host's default counts.
  Route deadline(std::chrono::milliseconds limit) && {
    if (limit.count() <= 0) throw std::invalid_argument("a route's deadline is above zero");
    deadline_ = limit;
    return std::move(*this);
  }
  /// At most so many requests of this route are handled at once. Without it as many as the host has
  /// workers.
  Route concurrency(std::uint32_t limit) && {
    concurrency_ = limit;
    return std::move(*this);
  }

  void run(std::unique_ptr<Context> call) const { run_(std::move(call)); }

  /// The C view, valid while this Route stays where it is.
  [[nodiscard]] dojo_route table() const {
    return {sizeof(dojo_route),
            concurrency_,
            name_.c_str(),
            description_.c_str(),
            request_schema_.c_str(),
            response_schema_.c_str(),
            static_cast<std::uint64_t>(deadline_.count())};
  }

 private:
  std::string name_;
  std::string request_schema_;
  std::string response_schema_;
  std::string description_;
  std::chrono::milliseconds deadline_{0};
  std::uint32_t concurrency_ = 0;
  Run run_;
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
void run(F& handler, std::unique_ptr<Context> call) {
  auto& context = *call;
  if constexpr (AnswersLater<S>) {
    std::optional<typename S::Request> request;
    guarded(context, [&] { request = read_request<typename S::Request>(context); });
    if (!request) return;
    Reply<typename S::Answer> reply(std::move(call));
    // After the handler has taken the Reply, it alone answers: what it throws then has nobody left
    // to go to.
    handler(context, std::move(*request), std::move(reply));
  } else {
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
Route handle(F handler) {
  using Call = detail::Signature<F>;
  using S = detail::Shape<typename Call::Arguments>;
  static_assert(Model<typename S::Request>, "the handler's request is no model: see DOJO_MODEL");
  std::string response;
  if constexpr (detail::AnswersLater<S>) {
    response = detail::schema_or_nothing<typename S::Answer>();
  } else {
    response = detail::schema_or_nothing<typename Call::Result>();
  }
  return {std::string(model_name<typename S::Request>()), json_schema<typename S::Request>(),
          std::move(response), [handler](std::unique_ptr<Context> call) mutable {
            detail::run<S>(handler, std::move(call));
          }};
}

namespace detail {

// What stands in DOJO_PLUGIN beside routes; made by the functions below.
template <Model Config>
struct Configure {};
struct OnStart {
  std::function<void()> run;
};
struct OnStop {
  std::function<void()> run;
};

}  // namespace detail

/// The plugin's config is this model; the host's `[plugins.<name>]` must hold it, and no other
/// keys. See Context::config().
template <Model Config>
detail::Configure<Config> configure() {
  return {};
}

/// Runs `hook` before the first request; what it throws keeps the plugin from starting, and is the
/// reason given.
inline detail::OnStart on_start(std::function<void()> hook) {
  return {std::move(hook)};
}

/// Runs `hook` after the last request, to end the plugin's threads.
inline detail::OnStop on_stop(std::function<void()> hook) {
  return {std::move(hook)};
}

namespace detail {

inline std::int32_t report(dojo_error* error, std::string_view text) noexcept {
  error->size = std::min(text.size(), error->capacity);
  if (error->size != 0) std::memcpy(error->data, text.data(), error->size);
  return DOJO_FAILED;
}

/// A key of a config's table that its model does not have.
template <Model Config>
std::optional<std::string> unknown_key(std::string_view json) {
  std::optional<std::string> unknown;
  const auto text = padded(json);
  (void)with_document(text, text.size() + kJsonPadding, [&](od::document& document, Fault&) {
    od::object object;
    if (document.get_object().get(object)) return false;
    for (auto item : object) {
      std::string_view key;
      if (item.unescaped_key().get(key)) return false;
      const bool known =
          std::apply([&](const auto&... fields) { return ((fields.name == key) || ...); },
                     Json<Config>::kFields);
      if (!known) unknown = key;
    }
    return true;
  });
  return unknown;
}

/// What DOJO_PLUGIN makes of its arguments, behind the ABI's `self`.
class Plugin {
 public:
  Plugin(const dojo_host* host, dojo_span config) : config_(view(config)) { around_.host = host; }

  void add(Route route) { routes_.push_back(std::move(route)); }
  template <Model Config>
  void add(Configure<Config>) {
    if (const auto key = unknown_key<Config>(config_)) {
      throw std::invalid_argument("config: there is no key \"" + *key + "\"");
    }
    auto config = from_json<Config>(config_);
    if (!config) throw std::invalid_argument("config: " + config.error().message);
    around_.config = std::move(*config);
  }
  void add(OnStart hook) { start_.push_back(std::move(hook.run)); }
  void add(OnStop hook) { stop_.push_back(std::move(hook.run)); }

  /// The C view; this Plugin stays where it is from now on.
  dojo_plugin table() {
    if (!around_.config.has_value() && config_ != "{}") {
      throw std::invalid_argument("config: this plugin takes none");
    }
    for (const auto& route : routes_) tables_.push_back(route.table());
    dojo_plugin plugin{};
    plugin.struct_size = sizeof plugin;
    plugin.route_count = static_cast<std::uint32_t>(tables_.size());
    plugin.self = this;
    plugin.routes = tables_.data();
    plugin.start = &Plugin::start;
    plugin.handle = &Plugin::handle;
    plugin.stop = &Plugin::stop;
    plugin.destroy = &Plugin::destroy;
    return plugin;
  }

 private:
  static Plugin& of(void* self) { return *static_cast<Plugin*>(self); }

  static std::int32_t start(void* self, dojo_error* error) noexcept {
    try {
      for (const auto& hook : of(self).start_) hook();
      return DOJO_OK;
    } catch (const std::exception& failure) {
      return report(error, failure.what());
    } catch (...) {
      return report(error, "start threw something that is no std::exception");
    }
  }

  static std::int32_t handle(void* self, const dojo_request* request) noexcept {
    auto& plugin = of(self);
    if (request->route >= plugin.routes_.size()) return DOJO_INVALID;
    try {
      plugin.routes_[request->route].run(std::make_unique<Context>(plugin.around_, *request));
    } catch (const std::exception& error) {
      log_late(plugin, *request, error.what());
    } catch (...) {
      log_late(plugin, *request, "something that is no std::exception");
    }
    return DOJO_OK;
  }

  /// Only a handler that has a Reply can get here, and the Reply has answered or will.
  static void log_late(const Plugin& plugin, const dojo_request& request, const char* what) {
    const auto text = std::string("a handler threw after it had taken its Reply: ") + what;
    plugin.around_.host->log(plugin.around_.host->context, DOJO_LOG_ERROR, request.id, span(text));
  }

  static void stop(void* self) noexcept {
    try {
      for (const auto& hook : of(self).stop_) hook();
    } catch (...) {
      of(self).around_.host->log(of(self).around_.host->context, DOJO_LOG_ERROR, 0,
                                 span("on_stop threw; it is ignored"));
    }
  }

  static void destroy(void* self) noexcept { std::unique_ptr<Plugin>(&of(self)).reset(); }

  Surroundings around_;
  std::string config_;
  std::vector<Route> routes_;
  std::vector<dojo_route> tables_;
  std::vector<std::function<void()>> start_;
  std::vector<std::function<void()>> stop_;
};

template <class Build>
std::int32_t create(const dojo_host* host, dojo_span config, dojo_plugin* out, dojo_error* error,
                    Build build) noexcept {
  try {
    auto plugin = std::make_unique<Plugin>(host, config);
    build(*plugin);
    *out = plugin->table();
    [[maybe_unused]] const auto* given = plugin.release();  // the host's now, until destroy()
    return DOJO_OK;
  } catch (const std::exception& failure) {
    return report(error, failure.what());
  } catch (...) {
    return report(error, "create threw something that is no std::exception");
  }
}

}  // namespace detail
}  // namespace dojo

/// Makes the shared object a plugin. Stands once in it, at namespace scope.
/// @param name as in the config, [plugins.<name>] @param version for people
/// The rest: handle(…)s, and configure<Config>(), on_start(…), on_stop(…) where wanted.
#define DOJO_PLUGIN(name, version, ...)                                                           \
  DOJO_NOTE(name);                                                                                \
  static std::int32_t dojo_plugin_create(const dojo_host* host, dojo_span config,                 \
                                         dojo_plugin* plugin, dojo_error* error) noexcept {       \
    return ::dojo::detail::create(host, config, plugin, error, [](::dojo::detail::Plugin& made) { \
      [&](auto&&... part) { (made.add(std::forward<decltype(part)>(part)), ...); }(__VA_ARGS__);  \
    });                                                                                           \
  }                                                                                               \
  extern "C" DOJO_EXPORT constinit const dojo_plugin_entry_v1 dojo_plugin_entry = {               \
      sizeof(dojo_plugin_entry_v1), DOJO_ABI_MAJOR, DOJO_ABI_MINOR, name, version,                \
      &dojo_plugin_create,          nullptr};
