// Which failures are worth another attempt, and how long to wait before it. docs/client.md states
// the rules.
#pragma once

#include <chrono>
#include <random>

#include <curl/curl.h>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>

namespace dojo::detail {

/// What libcurl's code means for the caller.
SendError::Kind kind_of(CURLcode code);

/// Broken connections and timeouts; not TLS that is not trusted, not answers over the limit.
bool is_worth_retrying(SendError::Kind kind);

/// 408, 425, 429, 500, 502, 503, 504.
bool is_worth_retrying(int status);

/// The wait before attempt `made` + 1. @param retry_after what the peer asked for, 0 for nothing.
std::chrono::milliseconds wait_before_next(int made, const SendOptions& options,
                                           std::chrono::seconds retry_after,
                                           std::mt19937_64& random);

}  // namespace dojo::detail
