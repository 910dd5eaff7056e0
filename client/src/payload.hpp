// A body on its way: encoded once, shared by every request and attempt that sends it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <dojo/result.hpp>
#include <dojo/wire/dialect.hpp>

namespace dojo::detail {

struct Payload {
  std::string model = {};  ///< the route's name; empty: the url is the whole of it
  std::string method = "POST";
  std::string content_type = "application/json";  ///< empty: none
  std::string body = {};                          ///< as it is sent
  bool compressed = false;
  std::size_t json_bytes = 0;
  wire::BodyHash hash{};  ///< of `body`, as the dialect has it
};

using PayloadPtr = std::shared_ptr<const Payload>;

/// What is signed of a body; legacy signs nothing of it.
wire::BodyHash hash_for(wire::Dialect dialect, std::string_view body);

/// @param payload with its body plain, and not checked here @param compress zstd at `level`, if
/// there is a body
Result<PayloadPtr> make_payload(Payload payload, bool compress, int level, wire::Dialect dialect);

}  // namespace dojo::detail
