#include "payload.hpp"

#include <utility>

#include <dojo/wire/compression.hpp>

namespace dojo::detail {

wire::BodyHash hash_for(wire::Dialect dialect, std::string_view body) {
  return dialect == wire::Dialect::btauth1 ? wire::sha256_of_body(body) : wire::hash_body(body);
}

Result<PayloadPtr> make_payload(Payload payload, bool compress, int level, wire::Dialect dialect) {
  payload.json_bytes = payload.body.size();
  payload.compressed = compress && !payload.body.empty();
  if (payload.compressed) {
    auto frame = wire::compress(payload.body, level);
    if (!frame) return Unexpected(std::move(frame.error()));
    payload.body = std::move(*frame);
  }
  payload.hash = hash_for(dialect, payload.body);
  return std::make_shared<const Payload>(std::move(payload));
}

}  // namespace dojo::detail
