// JSON for people and for pipes.
#pragma once

#include <string>
#include <string_view>

namespace dojo::cli {

/// The same JSON, indented or on one line. Numbers keep their digits. Text that is no JSON is
/// returned as it is.
std::string reformat_json(std::string_view json, bool pretty);

/// JSON as stdout is to have it: exact for a file or a pipe; for a terminal indented, with nothing
/// in it that the terminal would obey.
std::string json_for_stdout(std::string_view json);

/// Whether stdout is a terminal.
bool stdout_is_terminal();

}  // namespace dojo::cli
