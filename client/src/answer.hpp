// From an HTTP answer to a Response.
#pragma once

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>

namespace dojo::detail {

/// Reads the answer to a request: whether it is one at all, what its signature says, its body
/// decompressed, and whatever of that went wrong.
/// @param http is moved into the result @param preflight to a HEAD that has ended the request: it
/// has a status of 300 or more
Response read_answer(ClientResponse&& http, const SendOptions& options, const ClientOptions& limits,
                     bool preflight);

/// A response that holds nothing but what went wrong.
Response failed(SendError error, ClientResponse&& http = {});

}  // namespace dojo::detail
