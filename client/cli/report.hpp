// What the commands say of answers.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <dojo/client/response.hpp>

namespace dojo::cli {

/// An answer's headers, times and sizes, on lines; never what was signed, nor with what.
std::string described(const ClientResponse& http);

/// What `dojo batch` says in the end: counts, by code, milliseconds, requests a second, bytes.
/// @param wall how long it all took.
std::string table(const std::vector<StdResponse<RawJson>>& results,
                  std::chrono::duration<double> wall);

/// One JSON object on a line for each result, in their order.
std::string json_lines(const std::vector<StdResponse<RawJson>>& results);

/// 0 if all were answered, 130 if any was cancelled, 2 if any was not sendable, 3 if none could be
/// reached, else 1.
int exit_code_of(const std::vector<StdResponse<RawJson>>& results);

}  // namespace dojo::cli
