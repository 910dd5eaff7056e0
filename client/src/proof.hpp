// What an answer's signature says to who has asked.
#pragma once

#include <optional>

#include <dojo/client/response.hpp>
#include <dojo/result.hpp>

namespace dojo::detail {

/// Looks at the signature of an answer, as it came. @return as wire::verify_answer(); nothing if
/// there was nothing to look at: the request is not in btauth/1, or names no receiver
std::optional<Status> check_answer(const ClientResponse& http);

}  // namespace dojo::detail
