#include "payload.hpp"

#include <utility>

#include <dojo/wire/compression.hpp>

namespace dojo::detail {

Result<PayloadPtr> make_payload(std::string_view model, std::string json, bool compress,
                                int level) {
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
  payload->hash = wire::hash_body(payload->body);
  return payload;
}

}  // namespace dojo::detail
