// A request's head out of its parts, as the framer makes one of bytes.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "net/head.hpp"

namespace dojo::test {

/// @param fields pairs of a name and a value
template <class Fields>
net::Head make_head(std::string_view method, std::string_view target, const Fields& fields) {
  constexpr std::string_view kVersion = " HTTP/1.1\r\n";
  constexpr std::string_view kColon = ": ";
  constexpr std::string_view kLineEnd = "\r\n";
  std::string bytes(method);
  bytes.append(" ").append(target).append(kVersion);
  for (const auto& [name, value] : fields)
    bytes.append(name).append(kColon).append(value).append(kLineEnd);
  bytes += kLineEnd;
  net::Head head;
  head.assign(bytes);
  auto rest = head.bytes();
  const auto take = [&](std::size_t size) {
    return std::exchange(rest, rest.substr(size)).substr(0, size);
  };
  head.set_method(take(method.size()));
  take(1);
  head.set_target(take(target.size()));
  take(kVersion.size());
  for (const auto& [name, value] : fields) {
    const auto its_name = take(std::string_view(name).size());
    take(kColon.size());
    head.add(its_name, take(std::string_view(value).size()));
    take(kLineEnd.size());
  }
  return head;
}

}  // namespace dojo::test
