#include "input.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <system_error>

#include <fmt/format.h>

namespace dojo::cli {
namespace {

Result<std::string> read_all(std::istream& in, std::string_view name) {
  std::string text;
  std::array<char, 65536> chunk{};
  while (in) {
    in.read(chunk.data(), chunk.size());
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return fail(fmt::format("{}: cannot be read", name));
  return text;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  if (path == "-") return read_all(std::cin, "stdin");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(fmt::format("{}: {}", path, std::generic_category().message(errno)));
  return read_all(file, path);
}

Result<std::string> read_text(const std::string& argument) {
  if (argument == "-") return read_file(argument);
  return argument;
}

Result<std::string> read_json(const std::string& argument) {
  if (argument.starts_with('@')) return read_file(argument.substr(1));
  return read_text(argument);
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // U+0080…9F: some terminals obey them
      out += '?';
      ++i;
    } else {
      out += byte < 0x20 || byte == 0x7f ? '?' : text[i];
    }
  }
  return out;
}

void complain(std::string_view text) {
  std::fputs(fmt::format("dojo: {}\n", printable(text)).c_str(), stderr);
}

}  // namespace dojo::cli
