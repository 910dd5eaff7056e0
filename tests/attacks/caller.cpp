#include "caller.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <sodium.h>

#include <dojo/wire/compression.hpp>

namespace dojo::attacks {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMostEpistulaSkew{1'000};
constexpr std::size_t kEchoLength = 1'000;

std::string hex(const unsigned char* bytes, std::size_t count) {
  std::string text(2 * count + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes, count);
  text.pop_back();
  return text;
}

/// RFC 9562, version 4.
std::string make_uuid() {
  auto bytes = wire::make_nonce();
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
  auto text = hex(bytes.data(), bytes.size());
  for (const auto place : {20, 16, 12, 8}) text.insert(static_cast<std::size_t>(place), 1, '-');
  return text;
}

milliseconds skew_of(Speech speech, std::size_t place, std::size_t count, milliseconds most) {
  if (speech == Speech::epistula2) most = std::min(most, kMostEpistulaSkew);
  if (count < 2) return milliseconds{0};
  return -most + 2 * most * static_cast<std::int64_t>(place) / static_cast<std::int64_t>(count - 1);
}

}  // namespace

std::string_view to_string(Speech speech) {
  constexpr std::array<std::string_view, 3> kNames{"legacy", "dojo/1", "epistula/2"};
  return kNames[static_cast<std::size_t>(speech)];
}

std::vector<Speech> parse_speeches(std::string_view list) {
  std::vector<Speech> speeches;
  while (!list.empty()) {
    const auto name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), name.size() + 1));
    const auto known = {Speech::legacy, Speech::dojo1, Speech::epistula2};
    const auto found = std::find_if(known.begin(), known.end(),
                                    [name](Speech speech) { return to_string(speech) == name; });
    if (found == known.end()) {
      fmt::print(stderr, "no such dialect: {}\n", name);
      std::exit(2);
    }
    speeches.push_back(*found);
  }
  if (speeches.empty()) speeches.push_back(Speech::dojo1);
  return speeches;
}

WallTime now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

Body::Body(std::string sent) : bytes(std::move(sent)), hash(wire::hash_body(bytes)) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size());
  sha256 = hex(digest.data(), digest.size());
}

std::vector<Body> echo_bodies(std::size_t count) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same in every run
  std::vector<Body> bodies;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text;
    while (text.size() < kEchoLength) text += fmt::format("word{} ", random() % 5'000);
    bodies.emplace_back(wire::compress(fmt::format(R"({{"message":"{}"}})", text)).value());
  }
  return bodies;
}

wire::Keypair key_of(std::string_view group, std::size_t place) {
  return wire::Keypair::from_seed(wire::hash_body(fmt::format("caller {} of {}", place, group)));
}

Caller::Caller(wire::Keypair key, Speech speech, milliseconds skew)
    : key_(std::move(key)), address_(key_.address()), speech_(speech), skew_(skew) {}

std::string Caller::signature(std::string_view message, const wire::SignatureBytes* forged) const {
  return wire::format_signature(forged != nullptr ? *forged : key_.sign(message));
}

Headers Caller::sign(std::string_view method, std::string_view path, const wire::PublicKey& to,
                     const Body& body, const wire::SignatureBytes* forged) const {
  const auto time = now() + skew_;
  const auto ms = time.time_since_epoch().count();
  if (speech_ == Speech::epistula2) {
    const auto receiver = wire::encode_ss58(to);
    const auto uuid = make_uuid();
    const auto message = fmt::format("{}.{}.{}.{}", body.sha256, uuid, ms, receiver);
    return {{"Epistula-Version", "2"},
            {"Epistula-Timestamp", std::to_string(ms)},
            {"Epistula-Uuid", uuid},
            {"Epistula-Signed-By", address_},
            {"Epistula-Signed-For", receiver},
            {"Epistula-Request-Signature", signature(message, forged)}};
  }
  std::string message =
      fmt::format("I solemnly swear that I am up to some good. Hotkey: {}", address_);
  if (speech_ == Speech::dojo1) {
    const auto nonce = wire::make_nonce();
    message = fmt::format("dojo/1 {} {} to={} ts={} nonce={} body={}", method, path,
                          wire::encode_ss58(to), ms, hex(nonce.data(), nonce.size()),
                          hex(body.hash.data(), body.hash.size()));
  }
  auto signed_text = signature(message, forged);
  return {{"x-hotkey", address_},
          {"x-message", std::move(message)},
          {"x-signature", std::move(signed_text)}};
}

std::vector<Caller> callers_of(std::string_view group, std::size_t count,
                               const std::vector<Speech>& speeches, milliseconds most_skew) {
  std::vector<Caller> callers;
  for (std::size_t i = 0; i < count; ++i) {
    const auto speech = speeches[i % speeches.size()];
    const auto speakers = (count - i % speeches.size() - 1) / speeches.size() + 1;
    callers.emplace_back(key_of(group, i), speech,
                         skew_of(speech, i / speeches.size(), speakers, most_skew));
  }
  return callers;
}

std::string post(std::string_view path, const Headers& headers, std::string_view body) {
  auto text = fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\n", path);
  for (const auto& [name, value] : headers) text.append(name + ": ").append(value + "\r\n");
  text +=
      "Content-Type: application/json\r\nContent-Encoding: zstd\r\nAccept-Encoding: zstd\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n";
  return text.append(body);
}

std::string post_echo(const Headers& headers, std::string_view body) {
  return post("/Echo", headers, body);
}

}  // namespace dojo::attacks
