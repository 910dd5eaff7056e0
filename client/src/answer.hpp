// From an HTTP answer to a StdResponse.
#pragma once

#include <string_view>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>

namespace dojo::detail {

/// Reads the answer to a POST: decompresses it, and reads the envelope, whatever the status; in
/// btauth/1, which has none, the body itself or what an error says.
/// @param http is moved into the result. @param request_id that was sent, if any
StdResponse<RawJson> read_answer(ClientResponse&& http, wire::Dialect dialect,
                                 const ClientOptions& limits, std::string_view request_id);

/// The answer to a HEAD that ends a request: a status of 300 or more, without an envelope.
StdResponse<RawJson> read_refused_preflight(ClientResponse&& http);

/// A response that holds nothing but what went wrong.
StdResponse<RawJson> failed(SendError error, ClientResponse&& http = {});

}  // namespace dojo::detail
