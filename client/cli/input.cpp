#include "input.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <system_error>

#include <fmt/format.h>

#include "text/byte_order_mark.hpp"
#include "text/terminal.hpp"

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

Result<std::string> read_named(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(fmt::format("{}: {}", path, std::generic_category().message(errno)));
  return read_all(file, path);
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  auto text = path == "-" ? read_all(std::cin, "stdin") : read_named(path);
  if (text) text->erase(0, text->size() - text::without_mark(*text).size());
  return text;
}

Result<std::string> read_text(const std::string& argument) {
  if (argument == "-") return read_all(std::cin, "stdin");
  return argument;
}

Result<std::string> read_bytes(const std::string& argument) {
  return argument.starts_with('@') ? read_named(argument.substr(1)) : read_text(argument);
}

Result<std::string> read_json(const std::string& argument) {
  if (argument == "-") return read_file(argument);
  if (argument.starts_with('@')) return read_file(argument.substr(1));
  return argument;
}

void complain(std::string_view text) {
  std::fputs(fmt::format("dojo: {}\n", text::escaped(text)).c_str(), stderr);
}

}  // namespace dojo::cli
