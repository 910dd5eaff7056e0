// What a command reads, and how it complains.
#pragma once

#include <string>
#include <string_view>

#include <dojo/result.hpp>

namespace dojo::cli {

/// `-` is all of stdin.
Result<std::string> read_text(const std::string& argument);

/// `-` is all of stdin, `@file` a file, anything else itself; to the byte.
Result<std::string> read_bytes(const std::string& argument);

/// The same of JSON, which a byte order mark is no part of.
Result<std::string> read_json(const std::string& argument);

/// All of a file, behind its byte order mark; `-` is stdin. The error names the file.
Result<std::string> read_file(const std::string& path);

/// `dojo: …` on stderr, with whatever a peer has put into it escaped.
void complain(std::string_view text);

}  // namespace dojo::cli
