// A value, or why there is none. C++23's std::expected in as much of its shape as this project uses
// (https://en.cppreference.com/w/cpp/utility/expected): our public headers promise C++20 and
// nothing of other libraries in what crosses from one object file to another.
#pragma once

#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <dojo/cxx20.hpp>

namespace dojo {

/// An error on its way into an Expected: `return Unexpected(error);`.
template <class E>
class Unexpected {
 public:
  explicit constexpr Unexpected(E error) : error_(std::move(error)) {}
  [[nodiscard]] constexpr const E& error() const& { return error_; }
  [[nodiscard]] constexpr E&& error() && { return std::move(error_); }

 private:
  E error_;
};

/// A T or an E. Reading the one that is not there is a mistake of the caller's, told by an assert.
template <class T, class E>
class [[nodiscard]] Expected {
 public:
  using value_type = T;
  using error_type = E;

  constexpr Expected()
    requires std::is_default_constructible_v<T>
  = default;
  template <class U = T>
    requires(std::is_constructible_v<T, U> && !std::is_same_v<std::remove_cvref_t<U>, Expected>)
  constexpr explicit(!std::is_convertible_v<U, T>) Expected(U&& value)
      : either_(std::in_place_index<0>, std::forward<U>(value)) {}
  template <class G>
    requires std::is_constructible_v<E, G>
  constexpr Expected(Unexpected<G> failure)
      : either_(std::in_place_index<1>, std::move(failure).error()) {}

  [[nodiscard]] constexpr bool has_value() const noexcept { return either_.index() == 0; }
  constexpr explicit operator bool() const noexcept { return has_value(); }

  constexpr T& operator*() & { return value(); }
  constexpr const T& operator*() const& { return value(); }
  constexpr T&& operator*() && { return std::move(value()); }
  constexpr T* operator->() { return &value(); }
  constexpr const T* operator->() const { return &value(); }
  [[nodiscard]] constexpr T& value() & {
    assert(has_value());
    return *std::get_if<0>(&either_);
  }
  [[nodiscard]] constexpr const T& value() const& {
    assert(has_value());
    return *std::get_if<0>(&either_);
  }
  [[nodiscard]] constexpr T&& value() && { return std::move(value()); }
  [[nodiscard]] constexpr E& error() & {
    assert(!has_value());
    return *std::get_if<1>(&either_);
  }
  [[nodiscard]] constexpr const E& error() const& {
    assert(!has_value());
    return *std::get_if<1>(&either_);
  }
  [[nodiscard]] constexpr E&& error() && { return std::move(error()); }

  template <class U>
  [[nodiscard]] constexpr T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  [[nodiscard]] constexpr T value_or(U&& other) && {
    return has_value() ? std::move(**this) : static_cast<T>(std::forward<U>(other));
  }

 private:
  std::variant<T, E> either_;
};

/// Nothing, or an E.
template <class E>
class [[nodiscard]] Expected<void, E> {
 public:
  using value_type = void;
  using error_type = E;

  constexpr Expected() = default;
  template <class G>
    requires std::is_constructible_v<E, G>
  constexpr Expected(Unexpected<G> failure) : error_(std::move(failure).error()) {}

  [[nodiscard]] constexpr bool has_value() const noexcept { return !error_; }
  constexpr explicit operator bool() const noexcept { return has_value(); }
  [[nodiscard]] constexpr E& error() & {
    assert(error_);
    return *error_;
  }
  [[nodiscard]] constexpr const E& error() const& {
    assert(error_);
    return *error_;
  }
  [[nodiscard]] constexpr E&& error() && { return std::move(error()); }

 private:
  std::optional<E> error_;
};

}  // namespace dojo
