// A plugin that is an object: its handlers and hooks are members, and what it knows is in it and
// not in global variables. See plugin.hpp.
//
//   class Miner {
//    public:
//     Miner(const Config& config, dojo::Host& host);
//     Score score(dojo::Context& call, Ask request);  // by several threads at once
//     std::optional<std::string> refuse(const dojo::Context& call, const Ask& request) const;
//     …
//   };
//   DOJO_PLUGIN("miner", "1.0.0", dojo::object<Miner, Config>(),
//               dojo::handle(&Miner::score).blacklist(&Miner::refuse),
//               dojo::on_stop(&Miner::stop))
#pragma once

#include <any>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <dojo/context.hpp>
#include <dojo/model.hpp>

namespace dojo {
namespace detail {

/// The plugin's object. @tparam Class its class, or a base that one of the plugin's parts is of
template <class Class>
Class& object_of(const Host& host) {
  for (const auto& object : host.objects_) {
    if (auto* const* const found = std::any_cast<Class*>(&object)) return **found;
  }
  throw std::bad_any_cast();  // add_all() has seen to it that there is one
}
template <class Class>
Class& object_of(const Context& call) {
  return object_of<Class>(call.host());
}

template <class F>
struct ClassOfMember {};
template <class Function, class Class>
struct ClassOfMember<Function Class::*> {
  using Type = Class;
};

/// A member function of the plugin's object in the place of a function that is called with a
/// Context or a Host first: the object is found by it.
template <class F>
struct Member {
  using Class = typename ClassOfMember<F>::Type;
  F function;

  template <class First, class... More>
    requires std::is_invocable_v<F, Class&, First&, More...>
  decltype(auto) operator()(First& first, More&&... more) const {
    return std::invoke(function, object_of<Class>(first), first, std::forward<More>(more)...);
  }
  /// Where it does not ask to see that. A route's hooks, whose Context is const, have to.
  template <class First, class... More>
    requires(!std::is_invocable_v<F, Class&, First&, More...> && !std::is_const_v<First> &&
             std::is_invocable_v<F, Class&, More...>)
  decltype(auto) operator()(First& first, More&&... more) const {
    return std::invoke(function, object_of<Class>(first), std::forward<More>(more)...);
  }
};

/// What is called for what an author has written: itself, or a Member.
template <class F>
auto called(F function) {
  if constexpr (std::is_member_function_pointer_v<F>) {
    return Member<F>{function};
  } else {
    return function;
  }
}
template <class F>
using Called = decltype(called(std::declval<F>()));

/// The classes whose members a part of DOJO_PLUGIN calls.
template <class... Class>
struct Classes {};

template <class F>
struct ClassesOf {
  using Type = Classes<>;
};
template <class F>
  requires std::is_member_function_pointer_v<F>
struct ClassesOf<F> {
  using Type = Classes<typename ClassOfMember<F>::Type>;
};
template <class... Lists>
struct Join {
  using Type = Classes<>;
};
template <class... A>
struct Join<Classes<A...>> {
  using Type = Classes<A...>;
};
template <class... A, class... B, class... More>
struct Join<Classes<A...>, Classes<B...>, More...> : Join<Classes<A..., B...>, More...> {};

/// Of what is called F, and of what has been said before.
template <class Before, class... F>
using Joined = typename Join<Before, typename ClassesOf<F>::Type...>::Type;

/// Whether `T` can be made of the config and the host; without a Config of the host.
template <class T, class Config>
inline constexpr bool kMade =
    std::is_constructible_v<T, const Config&, Host&> || std::is_constructible_v<T, const Config&>;
template <class T>
inline constexpr bool kMade<T, void> =
    std::is_constructible_v<T, Host&> || std::is_default_constructible_v<T>;

// What is wrong with a plugin's object, in errors that name its class.

template <class T, class Config>
struct ObjectOf {
  static_assert(std::is_void_v<Config> || Model<Config>,
                "dojo::object<T, Config>: the config's type is no model: DOJO_MODEL(Type, "
                "fields...) stands behind its struct, in the same namespace");
  static_assert(kMade<T, Config> || !std::is_void_v<Config>,
                "dojo::object<T>: T has neither a public T(dojo::Host&) nor T(); where it is made "
                "of a config, it is dojo::object<T, Config>");
  static_assert(kMade<T, Config> || std::is_void_v<Config> || !Model<Config>,
                "dojo::object<T, Config>: T has neither a public T(const Config&, dojo::Host&) nor "
                "T(const Config&)");
};

/// What dojo::object() stands for in DOJO_PLUGIN.
template <class T, class Config>
struct Object {
  static constexpr bool kSound = (std::is_void_v<Config> || Model<Config>) && kMade<T, Config>;
  static std::shared_ptr<T> make(Host& host) {
    if constexpr (std::is_void_v<Config> && std::is_constructible_v<T, Host&>) {
      return std::make_shared<T>(host);
    } else if constexpr (std::is_void_v<Config>) {
      return std::make_shared<T>();
    } else if constexpr (std::is_constructible_v<T, const Config&, Host&>) {
      return std::make_shared<T>(host.config<Config>(), host);
    } else {
      return std::make_shared<T>(host.config<Config>());
    }
  }
};
struct NoObject {};

/// The first one among a plugin's parts.
template <class... Parts>
struct ObjectAmong {
  using Type = NoObject;
};
template <class T, class Config, class... Rest>
struct ObjectAmong<Object<T, Config>, Rest...> {
  using Type = Object<T, Config>;
};
template <class Part, class... Rest>
struct ObjectAmong<Part, Rest...> : ObjectAmong<Rest...> {};

/// A class whose members a plugin's parts call, beside the object that it has.
template <class Object, class Class>
struct MemberOf;
template <class T, class Config, class Class>
struct MemberOf<Object<T, Config>, Class> {
  static constexpr bool kSound = std::is_convertible_v<T*, Class*>;
  static_assert(kSound,
                "DOJO_PLUGIN: a handler or a hook is a member of another class than that of "
                "dojo::object, and of none of its public bases");
};
template <class Class>
struct MemberOf<NoObject, Class> {
  static constexpr bool kSound = false;
  static_assert(std::is_void_v<Class>,
                "DOJO_PLUGIN: a handler or a hook is a member, and there is no object that has it: "
                "dojo::object<Class>() stands beside it, or dojo::object<Class, Config>()");
};

}  // namespace detail

/// The plugin is a T: handlers and hooks may be members of it, `&T::score`, of the same forms as
/// functions. Once in a plugin at most; there is no dojo::configure beside an object<T, Config>.
///
/// Made once the config has been read, by T(const Config&, Host&) or T(const Config&), without a
/// Config by T(Host&) or T(). Config and Host outlive it. What the constructor throws refuses the
/// plugin, and is the reason given. It also runs where the file is only tried (its selftest,
/// `dojo-host --probe`, --check-config), and while the version before still serves: what is heavy,
/// or cannot be there twice, begins in on_start(&T::start).
///
/// Then come restore and on_start, requests, on_stop, and its destructor, by which time no handler,
/// hook or posted work runs. Threads of its own end in on_stop or in the destructor. Several
/// threads call its members at once: what they change is theirs to lock (std::mutex, std::atomic).
template <class T, class Config = void>
detail::Object<T, Config> object() {
  static_assert(sizeof(detail::ObjectOf<T, Config>) != 0);
  return {};
}

}  // namespace dojo
