// A model on its way: encoded once, shared by every request and attempt that sends it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <dojo/result.hpp>
#include <dojo/wire/dialect.hpp>

namespace dojo::detail {

struct Payload {
  std::string model;  ///< the route's name
  std::string body;   ///< as it is sent
  bool compressed = false;
  std::size_t json_bytes = 0;
  wire::BodyHash hash{};  ///< of `body`, as the dialect has it
};

using PayloadPtr = std::shared_ptr<const Payload>;

/// What is signed of a body; legacy signs nothing of it.
wire::BodyHash hash_for(wire::Dialect dialect, std::string_view body);

/// @param json one JSON object, not checked here. @param compress zstd at `level`.
Result<PayloadPtr> make_payload(std::string_view model, std::string json, bool compress, int level,
                                wire::Dialect dialect);

}  // namespace dojo::detail
