// What a command reads, and how it complains.
#pragma once

#include <string>
#include <string_view>

#include <dojo/result.hpp>

namespace dojo::cli {

/// `-` is all of stdin.
Result<std::string> read_text(const std::string& argument);

/// `-` is all of stdin, `@file` a file, anything else itself.
Result<std::string> read_json(const std::string& argument);

/// All of a file; `-` is stdin. The error names the file.
Result<std::string> read_file(const std::string& path);

/// A peer's text as a terminal can be shown it: control characters become `?`.
std::string printable(std::string_view text);

/// `dojo: …` on stderr.
void complain(std::string_view text);

}  // namespace dojo::cli
