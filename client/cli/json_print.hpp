// JSON for people and for pipes.
#pragma once

#include <string>
#include <string_view>

namespace dojo::cli {

/// The same JSON, indented or on one line. Numbers keep their digits. Text that is no JSON is
/// returned as it is.
std::string reformat_json(std::string_view json, bool pretty);

/// Whether stdout is a terminal.
bool stdout_is_terminal();

}  // namespace dojo::cli
