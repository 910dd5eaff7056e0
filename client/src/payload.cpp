#include "payload.hpp"

#include <utility>

#include <dojo/wire/compression.hpp>

namespace dojo::detail {

wire::BodyHash hash_for(wire::Dialect dialect, std::string_view body) {
  return dialect == wire::Dialect::btauth1 ? wire::sha256_of_body(body) : wire::hash_body(body);
}

Result<PayloadPtr> make_payload(std::string_view model, std::string json, bool compress, int level,
                                wire::Dialect dialect) {
  auto payload = std::make_shared<Payload>();
  payload->model = model;
  payload->json_bytes = json.size();
  payload->compressed = compress;
  if (compress) {
    auto frame = wire::compress(json, level);
    if (!frame) return Unexpected(std::move(frame.error()));
    payload->body = std::move(*frame);
  } else {
    payload->body = std::move(json);
  }
  payload->hash = hash_for(dialect, payload->body);
  return payload;
}

}  // namespace dojo::detail
