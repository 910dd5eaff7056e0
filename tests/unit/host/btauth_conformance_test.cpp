// The cases of tests/conformance/btauth, which any verifier can be held to.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>
#include <sodium.h>

#include "host/made_head.hpp"
#include "request/authenticate.hpp"
#include "request/route.hpp"
#include "where.hpp"

namespace dojo::request {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

std::string text_of(element value) {
  return std::string(std::string_view(value));
}

std::string decode_base64(std::string_view text) {
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  EXPECT_EQ(
      sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL),
      0);
  bytes.resize(size);
  return bytes;
}

/// All steps in their order. @return the word of what came of it
std::string verdict_of(Authenticator& authenticator, element request) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto header : array(request["headers"])) {
    fields.emplace_back(text_of(header.at(0)), text_of(header.at(1)));
  }
  const auto head = test::make_head(text_of(request["method"]), text_of(request["target"]), fields);
  EXPECT_TRUE(speaks_btauth(head));
  auto claim = authenticator.read(head, route_of(head.path()));
  if (!claim) return std::string(to_string(claim.error().code));
  auto refusal = authenticator.look_at(*claim, head);
  if (!refusal) refusal = authenticator.prove(*claim, head);
  if (!refusal)
    refusal = authenticator.prove_body(*claim, decode_base64(text_of(request["body_base64"])));
  return std::string(to_string(refusal ? refusal->code : Code::ok));
}

std::string verdict_of_case(element vector) {
  const Moment now(std::chrono::nanoseconds(std::stoll(text_of(vector["now_ns"]))));
  policy::ReplayMemory seen({}, {[&] { return std::chrono::floor<std::chrono::milliseconds>(now); },
                                 [] { return std::chrono::milliseconds(0); }});
  AuthOptions options;
  options.btauth.max_age = std::chrono::milliseconds(std::int64_t(vector["max_age_ms"]));
  options.btauth.skew = std::chrono::milliseconds(std::int64_t(vector["skew_ms"]));
  options.btauth.require_receiver = bool(vector["require_receiver"]);
  Authenticator authenticator(options, wire::decode_ss58(text_of(vector["self"]))->key, seen,
                              [&] { return now; });
  for (const auto prior : array(vector["prior"])) verdict_of(authenticator, prior);
  return verdict_of(authenticator, vector["request"]);
}

class BtauthConformance : public testing::TestWithParam<std::pair<std::string, std::size_t>> {};
INSTANTIATE_TEST_SUITE_P(Files, BtauthConformance,
                         testing::Values(std::pair("accepted", 38U), std::pair("shape", 77U),
                                         std::pair("receiver", 19U), std::pair("time", 36U),
                                         std::pair("signature", 47U), std::pair("replay", 22U)),
                         [](const auto& file) { return file.param.first; });

TEST_P(BtauthConformance, IsKeptToInEveryCase) {
  simdjson::dom::parser parser;
  const auto& [name, count] = GetParam();
  const element file =
      parser.load(std::string(test::where::kData) + "/../conformance/btauth/" + name + ".json");
  std::size_t seen = 0;
  for (const auto vector : array(file["cases"])) {
    EXPECT_EQ(verdict_of_case(vector), text_of(vector["verdict"])) << text_of(vector["name"]);
    ++seen;
  }
  EXPECT_EQ(seen, count);
}

}  // namespace
}  // namespace dojo::request
