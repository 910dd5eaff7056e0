// Reading the ABI's tables as the ABI says: min(struct_size, what this host knows), and zero for a
// missing tail.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include <dojo/plugin.h>

#include "plugins/abi/span.hpp"

namespace dojo::plugins {

/// How long a table is at least: as long as it was when its major came out. Never changes, however
/// much a table grows.
template <class Table>
inline constexpr std::size_t kFirstSize = 0;
template <>
inline constexpr std::size_t kFirstSize<dojo_plugin_entry_v1> = 32;
template <>
inline constexpr std::size_t kFirstSize<dojo_plugin> = 64;
template <>
inline constexpr std::size_t kFirstSize<dojo_route> = 72;
template <>
inline constexpr std::size_t kFirstSize<dojo_response> = 72;
template <>
inline constexpr std::size_t kFirstSize<dojo_state_v1> = 24;
template <>
inline constexpr std::size_t kFirstSize<dojo_health_v1> = 16;
template <>
inline constexpr std::size_t kFirstSize<dojo_selftest_v1> = 16;

/// Whether a handler may answer with it. @param raw of a raw route
constexpr bool is_answer_status(std::uint32_t status, bool raw) {
  return status == DOJO_STATUS_FAILED || status == DOJO_STATUS_INVALID_BODY ||
         status == DOJO_STATUS_TOO_LARGE || status == 200 ||
         (status >= (raw ? 200 : 400) && status <= 599);
}

/// An answer that is no body. @param why lives as long as the answer is used
inline dojo_response failure(std::uint32_t status, std::string_view why = {}) {
  dojo_response response{};
  response.struct_size = sizeof response;
  response.status = status;
  response.error = span(why);
  return response;
}

/// @param table may be null @return a copy, or nothing if the table is null or too short
template <class Table>
std::optional<Table> read_table(const void* table) {
  static_assert(kFirstSize<Table> != 0 && kFirstSize<Table> <= sizeof(Table));
  if (table == nullptr) return std::nullopt;
  std::uint32_t size = 0;
  std::memcpy(&size, table, sizeof size);
  if (size < kFirstSize<Table>) return std::nullopt;
  Table read{};
  std::memcpy(&read, table, std::min<std::size_t>(size, sizeof read));
  return read;
}

}  // namespace dojo::plugins
