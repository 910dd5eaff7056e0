// The C++ face of plugin.h: a handler is a function from one model to another.
//
//   Pong ping(dojo::Context& call, Ping request) { … }
//   DOJO_PLUGIN("ping", "1.0.0", dojo::handle(ping))      // serves POST and HEAD /Ping
//
// A handler may be a function or an object that is called like one, a lambda perhaps, of one of
// these forms, `Request` and `Answer` being models (see model.hpp):
//   Answer (Request)        Answer (Context&, Request)        void for Answer: the body is {}
//   void (Context&, Request, Reply<Answer>)                   answers later, from any thread
// dojo::raw("name", handler) takes and gives bytes: RawRequest and RawAnswer in the place of
// models; dojo::stream(handler) answers in chunks: see stream.hpp. It runs on several threads at
// once. Where dojo::object<T>() stands beside them, handlers
// and hooks may be members of T (see object.hpp). What it throws becomes an error: HttpError is
// told to the caller with its status, anything else goes to the log and the caller is told that
// something failed.
#pragma once

#include <algorithm>
#include <any>
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

#include <dojo/context.hpp>
#include <dojo/model.hpp>
#include <dojo/object.hpp>
#include <dojo/plugin.h>
#include <dojo/route.hpp>

namespace dojo {

namespace detail {

// What stands in DOJO_PLUGIN beside routes; made by the functions below.
using Hook = std::function<void(Host&)>;
template <class Config>
struct Configure {
  static_assert(Model<Config>,
                "dojo::configure: the config's type is no model: DOJO_MODEL(Type, fields...) "
                "stands behind its struct, in the same namespace");
};
template <class ItsMembers>
struct OnStart {
  using Members = ItsMembers;
  Hook run;
};
template <class ItsMembers>
struct OnStop {
  using Members = ItsMembers;
  Hook run;
};
template <class ItsMembers>
struct Health {
  using Members = ItsMembers;
  Hook run;
};
template <class ItsMembers>
struct Selftest {
  using Members = ItsMembers;
  Hook run;
};
struct StateHooks {
  std::function<std::string(Host&)> save;
  std::function<void(Host&, std::string_view)> restore;
};
template <class ItsMembers>
struct State {
  using Members = ItsMembers;
  StateHooks hooks;
};

/// A hook of either form: void(), void(Host&).
template <class F>
Hook hook(F run) {
  if constexpr (std::is_invocable_v<F&, Host&>) {
    return copyable(std::move(run));
  } else if constexpr (std::is_invocable_v<F&>) {
    return copyable([run = std::move(run)](Host&) mutable { run(); });
  } else {
    static_assert(std::is_invocable_v<F&>,
                  "a hook (on_start, on_stop, health, selftest) is void() or void(dojo::Host&)");
    return {};
  }
}

/// Calls what is, or is not, told by which host.
template <class F, class... A>
  requires(std::is_invocable_v<F&, Host&, A...> || std::is_invocable_v<F&, A...>)
decltype(auto) call_by(Host& host, F& function, A&&... arguments) {
  if constexpr (std::is_invocable_v<F&, Host&, A...>) {
    return function(host, std::forward<A>(arguments)...);
  } else {
    return function(std::forward<A>(arguments)...);
  }
}

template <class T, class Save>
inline constexpr bool kSaves = false;
template <class T, class Save>
  requires requires(Host& host, Save& save) { call_by(host, save); }
inline constexpr bool kSaves<T, Save> =
    std::is_same_v<std::decay_t<decltype(call_by(std::declval<Host&>(), std::declval<Save&>()))>,
                   T>;
template <class T, class Restore>
inline constexpr bool kRestores =
    requires(Host& host, Restore& restore, T known) { call_by(host, restore, std::move(known)); };

/// What a state's functions must be, in errors that name their types.
template <class T, class Save, class Restore>
struct StateOf {
  static_assert(Model<T>, "dojo::state<T>: T is no model: see DOJO_MODEL");
  static_assert(kSaves<T, Save> || !Model<T>,
                "dojo::state<T>(save, restore): save is T(), of this very T");
  static_assert(kRestores<T, Restore> || !Model<T>,
                "dojo::state<T>(save, restore): restore is void(T)");
};

template <class Part>
inline constexpr bool kIsRoute = false;
template <class Request, class ItsMembers>
inline constexpr bool kIsRoute<Route<Request, ItsMembers>> = true;
template <class Part>
inline constexpr bool kIsConfigure = false;
template <class Config>
inline constexpr bool kIsConfigure<Configure<Config>> = true;
template <class Part>
inline constexpr bool kIsObject = false;
template <class T, class Config>
inline constexpr bool kIsObject<Object<T, Config>> = true;
template <class Part>
inline constexpr bool kReadsConfig = kIsConfigure<Part>;
template <class T, class Config>
inline constexpr bool kReadsConfig<Object<T, Config>> = !std::is_void_v<Config>;

/// The classes whose members a part calls.
template <class Part>
struct MembersOf {
  using Type = Classes<>;
};
template <class Part>
  requires requires { typename Part::Members; }
struct MembersOf<Part> {
  using Type = typename Part::Members;
};

}  // namespace detail

/// The plugin's config is this model; the host's `[plugins.<name>]` must hold it, and no other
/// keys. See Context::config().
template <class Config>
detail::Configure<Config> configure() {
  return {};
}

/// Runs `run` before the first request; what it throws keeps the plugin from starting, and is the
/// reason given. @param run void() or void(Host&)
template <class F>
detail::OnStart<detail::Joined<detail::Classes<>, F>> on_start(F run) {
  return {detail::hook(detail::called(std::move(run)))};
}

/// Runs `run` after the last request, to end the plugin's threads. @param run likewise
template <class F>
detail::OnStop<detail::Joined<detail::Classes<>, F>> on_stop(F run) {
  return {detail::hook(detail::called(std::move(run)))};
}

/// What one generation of the plugin knows goes to the next when the file is replaced, as JSON: so
/// the next one's T may have more fields (DOJO_DEFAULT) or fewer. Once in a plugin at most.
/// @param save T(); handlers run meanwhile, and what they change afterwards is not handed over
/// @param restore void(T), before on_start; what it throws keeps the new generation from serving
template <class T, class Save, class Restore>
auto state(Save save, Restore restore) {
  using Saves = detail::Called<Save>;
  using Restores = detail::Called<Restore>;
  static_assert(detail::kChecked<detail::StateOf<T, Saves, Restores>>);
  detail::State<detail::Joined<detail::Classes<>, Save, Restore>> state;
  if constexpr (Model<T> && detail::kSaves<T, Saves> && detail::kRestores<T, Restores>) {
    state.hooks = {detail::copyable([save = detail::called(std::move(save))](Host& host) mutable {
                     auto json = to_json<T>(detail::call_by(host, save));
                     if (!json) throw std::runtime_error("state: " + json.error().message);
                     return std::move(*json);
                   }),
                   detail::copyable([restore = detail::called(std::move(restore))](
                                        Host& host, std::string_view json) mutable {
                     auto known = from_json<T>(json);
                     if (!known) throw std::runtime_error("state: " + known.error().message);
                     detail::call_by(host, restore, std::move(*known));
                   })};
  }
  return state;
}

/// Whether the plugin can do its work: asked before it serves, and now and then while it does.
/// @param check void() or void(Host&); what it throws is the reason why not
template <class F>
detail::Health<detail::Joined<detail::Classes<>, F>> health(F check) {
  return {detail::hook(detail::called(std::move(check)))};
}

/// A test of the plugin by itself, run in a process of its own before the host loads the file.
/// on_start has not run. @param run void() or void(Host&); what it throws refuses the file
template <class F>
detail::Selftest<detail::Joined<detail::Classes<>, F>> selftest(F run) {
  return {detail::hook(detail::called(std::move(run)))};
}

namespace detail {

/// Writes a text into a buffer of the host's, cut between two characters where it is too long.
inline void put(dojo_error* error, std::string_view text) noexcept {
  error->size = std::min(text.size(), error->capacity);
  const auto continues = [&] {
    return (static_cast<unsigned char>(text[error->size]) & 0xC0) == 0x80;
  };
  while (error->size != 0 && error->size < text.size() && continues()) --error->size;
  if (error->size != 0) std::memcpy(error->data, text.data(), error->size);
}

/// Runs `work` at the edge of the plugin: what it throws becomes DOJO_FAILED and a reason.
template <class Work>
std::int32_t reported(dojo_error* error, Work&& work) noexcept {
  try {
    return std::forward<Work>(work)();
  } catch (const std::exception& failure) {
    put(error, failure.what());
  } catch (...) {
    put(error, "it threw something that is no std::exception");
  }
  return DOJO_FAILED;
}

/// A key of a config's table that its model does not have.
template <Model Config>
std::optional<std::string> unknown_key(std::string_view json) {
  std::optional<std::string> unknown;
  JsonReader reader(json);
  Fault fault;
  const auto look_at = [&](std::string_view key, std::string_view&) {
    const bool known =
        std::apply([&](const auto&... fields) { return ((fields.name == key) || ...); },
                   Json<Config>::kFields);
    if (!known) unknown = key;
    return reader.skip();
  };
  // What is no JSON is found again when the config is read.
  return read_object(reader, fault, look_at) ? unknown : std::nullopt;
}

/// What DOJO_PLUGIN makes of its arguments, behind the ABI's `self`.
class Plugin {
 public:
  Plugin(const dojo_host* host, dojo_span config)
      : host_(std::make_shared<Host>(host)), config_(view(config)) {}

  template <class Part>
  void add(Part) {
    static_assert(kIsRoute<Part>,
                  "DOJO_PLUGIN takes dojo::handle(handler), dojo::raw(name, handler), "
                  "dojo::stream(handler), and "
                  "dojo::object<T, Config>(), dojo::configure<Config>(), "
                  "on_start, on_stop, state, health, selftest: this is none of them");
  }
  template <class Request, class Members>
  void add(Route<Request, Members> route) {
    routes_.push_back(std::move(route).parts());
  }
  template <class Config>
    requires(!Model<Config>)
  void add(Configure<Config>) {}  // said already
  template <Model Config>
  void add(Configure<Config>) {
    if (const auto key = unknown_key<Config>(config_)) {
      throw std::invalid_argument("config: there is no key \"" + *key + "\"");
    }
    auto config = from_json<Config>(config_);
    if (!config) throw std::invalid_argument("config: " + config.error().message);
    host_->config_ = std::move(*config);
  }
  template <class T, class Config>
  void add(Object<T, Config>) {
    if constexpr (Model<Config>) add(Configure<Config>{});
  }
  template <class Members>
  void add(OnStart<Members> hook) {
    start_.push_back(std::move(hook.run));
  }
  template <class Members>
  void add(OnStop<Members> hook) {
    stop_.push_back(std::move(hook.run));
  }
  template <class Members>
  void add(Health<Members> hook) {
    health_.push_back(std::move(hook.run));
  }
  template <class Members>
  void add(Selftest<Members> hook) {
    selftest_.push_back(std::move(hook.run));
  }
  template <class Members>
  void add(State<Members> state) {
    if (state_) throw std::invalid_argument("a plugin has one dojo::state");
    state_ = std::move(state.hooks);
  }
  /// The object, to be made once all else is in order, and the classes as which it is called.
  template <class T, class Config, class... Class>
  void make_later(Object<T, Config>, Classes<Class...>) {
    make_ = [this] {
      const auto made = Object<T, Config>::make(*host_);
      object_ = made;
      host_->objects_ = {std::any(static_cast<Class*>(made.get()))...};
    };
  }

  /// The C view; this Plugin stays where it is from now on.
  const dojo_plugin* table() {
    if (!host_->config_.has_value() && config_ != "{}") {
      throw std::invalid_argument("config: this plugin takes none");
    }
    for (const auto& route : routes_) tables_.push_back(table_of(route));
    table_ = {sizeof table_,
              static_cast<std::uint32_t>(tables_.size()),
              this,
              tables_.data(),
              &Plugin::start,
              &Plugin::handle,
              &Plugin::stop,
              &Plugin::destroy,
              &Plugin::extension,
              &Plugin::resume};
    if (make_) make_();
    return &table_;
  }

 private:
  static Plugin& of(void* self) { return *static_cast<Plugin*>(self); }

  static dojo_route table_of(const RouteParts& route) {
    return {sizeof(dojo_route),
            route.concurrency,
            route.name.c_str(),
            route.description.c_str(),
            route.request_schema.c_str(),
            route.response_schema.c_str(),
            static_cast<std::uint64_t>(route.deadline.count()),
            route.blacklist ? &Plugin::blacklist : nullptr,
            route.verify ? &Plugin::verify : nullptr,
            route.priority ? &Plugin::priority : nullptr,
            route.path.empty() ? nullptr : route.path.c_str(),
            route.methods.empty() ? nullptr : route.methods.c_str(),
            (route.raw ? std::uint64_t{DOJO_ROUTE_RAW} : 0) |
                (route.streams ? std::uint64_t{DOJO_ROUTE_STREAM} : 0)};
  }

  /// The route that a request is for, or nothing if the request is none.
  [[nodiscard]] const RouteParts* route_of(const dojo_request& request) const noexcept {
    if (request.struct_size < kFirstRequest || request.route >= routes_.size()) return nullptr;
    return &routes_[request.route];
  }

  static std::int32_t start(void* self, dojo_error* error) noexcept {
    return run(self, of(self).start_, error);
  }

  static std::int32_t handle(void* self, const dojo_request* request) noexcept {
    auto& plugin = of(self);
    const auto* const route = plugin.route_of(*request);
    if (route == nullptr) return DOJO_INVALID;
    try {
      return route->run(plugin.host_, *request);
    } catch (const std::exception& error) {
      plugin.log_late(*request, error.what());
    } catch (...) {
      plugin.log_late(*request, "something that is no std::exception");
    }
    return DOJO_OK;
  }

  static void resume(void* self, dojo_request_id id) noexcept {
    flows_of(*of(self).host_).resume(id);
  }

  /// Only a handler that had a Reply can get here, and the Reply has answered or will.
  void log_late(const dojo_request& request, const char* what) const {
    host_->log(LogLevel::error, request.id,
               std::string("a handler threw after it had taken its Reply: ") + what);
  }

  static std::int32_t blacklist(void* self, const dojo_request* request,
                                dojo_error* reason) noexcept {
    return refuse(self, request, &RouteParts::blacklist, reason);
  }
  static std::int32_t verify(void* self, const dojo_request* request, dojo_error* reason) noexcept {
    return refuse(self, request, &RouteParts::verify, reason);
  }
  static std::int32_t refuse(void* self, const dojo_request* request,
                             std::function<Refusal(const Context&)> RouteParts::* hook,
                             dojo_error* reason) noexcept {
    const auto& plugin = of(self);
    const auto* const route = plugin.route_of(*request);
    if (route == nullptr) return DOJO_INVALID;
    const auto code = reported(reason, [&]() -> std::int32_t {
      const auto refusal = (route->*hook)(Context(plugin.host_, *request));
      if (!refusal) return DOJO_OK;
      put(reason, *refusal);
      return DOJO_REFUSED;
    });
    if (code != DOJO_OK) readings_of(*plugin.host_).drop(known(*request));
    return code;
  }
  static std::int32_t priority(void* self, const dojo_request* request) noexcept {
    const auto& plugin = of(self);
    const auto* const route = plugin.route_of(*request);
    if (route == nullptr) return 0;
    try {
      return route->priority(Context(plugin.host_, *request));
    } catch (...) {
      plugin.host_->log(LogLevel::error, "a priority hook threw; the request's priority is 0");
      return 0;
    }
  }

  static void stop(void* self) noexcept {
    auto& plugin = of(self);
    flows_of(*plugin.host_).clear();
    for (const auto& hook : plugin.stop_) {
      try {
        hook(*plugin.host_);
      } catch (...) {
        plugin.host_->log(LogLevel::error, "on_stop threw; it is ignored");
      }
    }
  }

  static void destroy(void* self) noexcept {
    const std::unique_ptr<Plugin> last(&of(self));
    last->object_.reset();  // it may still log, and let go of the Replies that it holds
    last->host_->gone_.store(true, std::memory_order_release);
  }

  static const void* extension(void* self, const char* name) noexcept {
    static constexpr dojo_state_v1 kState{sizeof(dojo_state_v1), &Plugin::save, &Plugin::restore};
    static constexpr dojo_health_v1 kHealth{sizeof(dojo_health_v1), &Plugin::check};
    static constexpr dojo_selftest_v1 kSelftest{sizeof(dojo_selftest_v1), &Plugin::test};
    const auto& plugin = of(self);
    const std::string_view asked = name;
    if (asked == DOJO_EXT_STATE && plugin.state_) return &kState;
    if (asked == DOJO_EXT_HEALTH && !plugin.health_.empty()) return &kHealth;
    if (asked == DOJO_EXT_SELFTEST && !plugin.selftest_.empty()) return &kSelftest;
    return nullptr;
  }
  static std::int32_t save(void* self, void (*write)(void* context, dojo_span bytes), void* context,
                           dojo_error* error) noexcept {
    return reported(error, [&] {
      const auto json = of(self).state_->save(*of(self).host_);
      write(context, span(json));
      return DOJO_OK;
    });
  }
  static std::int32_t restore(void* self, dojo_span state, dojo_error* error) noexcept {
    return reported(error, [&] {
      of(self).state_->restore(*of(self).host_, view(state));
      return DOJO_OK;
    });
  }
  static std::int32_t check(void* self, dojo_error* error) noexcept {
    return run(self, of(self).health_, error);
  }
  static std::int32_t test(void* self, dojo_error* error) noexcept {
    return run(self, of(self).selftest_, error);
  }
  static std::int32_t run(void* self, const std::vector<Hook>& hooks, dojo_error* error) noexcept {
    return reported(error, [&] {
      for (const auto& hook : hooks) hook(*of(self).host_);
      return DOJO_OK;
    });
  }

  std::shared_ptr<Host> host_;  // with every Context, too
  std::string config_;
  std::vector<RouteParts> routes_;
  std::vector<dojo_route> tables_;
  dojo_plugin table_{};
  std::vector<Hook> start_;
  std::vector<Hook> stop_;
  std::vector<Hook> health_;
  std::vector<Hook> selftest_;
  std::optional<StateHooks> state_;
  std::function<void()> make_;
  std::shared_ptr<void> object_;  // before all that its destructor may still use
};

/// Whether each of the classes is one of the object's; where it is not, compiling ends with the
/// reason.
template <class Object, class... Class>
consteval bool check_members(Classes<Class...>) {
  static_assert(kChecked<Classes<>, MemberOf<Object, Class>...>);
  return (MemberOf<Object, Class>::kSound && ...);
}

template <class... Parts>
void add_all(Plugin& plugin, Parts... parts) {
  static_assert(
      (kIsRoute<Parts> || ...),
      "a plugin serves one route at least: DOJO_PLUGIN(name, version, dojo::handle(...))");
  static_assert((int{kIsObject<Parts>} + ... + 0) <= 1, "a plugin has one dojo::object");
  static_assert((int{kReadsConfig<Parts>} + ... + 0) <= 1 || !(kIsObject<Parts> || ...),
                "dojo::object<T, Config> reads the plugin's config: no dojo::configure beside it");
  (plugin.add(std::move(parts)), ...);
  using Made = typename ObjectAmong<Parts...>::Type;
  using Members = typename Join<typename MembersOf<Parts>::Type...>::Type;
  if constexpr (check_members<Made>(Members()) && kIsObject<Made>) {
    if constexpr (Made::kSound) plugin.make_later(Made(), Members());
  }
}

template <class Build>
std::int32_t create(const dojo_host* host, dojo_span config, const dojo_plugin** out,
                    dojo_error* error, Build build) noexcept {
  return reported(error, [&] {
    auto plugin = std::make_unique<Plugin>(host, config);
    build(*plugin);
    *out = plugin->table();
    [[maybe_unused]] const auto* given = plugin.release();  // the host's now, until destroy()
    return DOJO_OK;
  });
}

}  // namespace detail
}  // namespace dojo

/// Makes the shared object a plugin. Stands once in it, at namespace scope.
/// @param name as in the config, [plugins.<name>] @param version for people
/// The rest: handle(…)s, and object<T, Config>(), configure<Config>(), on_start(…), on_stop(…),
/// state<T>(…), health(…), selftest(…) where wanted.
#define DOJO_PLUGIN(name, version, ...)                                                            \
  DOJO_NOTE(name);                                                                                 \
  static std::int32_t dojo_plugin_create(const dojo_host* host, dojo_span config,                  \
                                         const dojo_plugin** plugin, dojo_error* error) noexcept { \
    return ::dojo::detail::create(host, config, plugin, error, [](::dojo::detail::Plugin& made) {  \
      ::dojo::detail::add_all(made __VA_OPT__(, ) __VA_ARGS__);                                    \
    });                                                                                            \
  }                                                                                                \
  extern "C" DOJO_EXPORT constinit const dojo_plugin_entry_v1 dojo_plugin_entry = {                \
      sizeof(dojo_plugin_entry_v1), DOJO_ABI_MAJOR, DOJO_ABI_MINOR, name, version,                 \
      &dojo_plugin_create};
