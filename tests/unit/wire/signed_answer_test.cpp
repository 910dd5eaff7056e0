#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/signed_answer.hpp>

namespace dojo::wire {
namespace {

constexpr AnswerStatement kStatement{.nonce = "1752076800000000000",
                                     .sender = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
                                     .status = 200,
                                     .body = R"({"answer": "hi"})"};

using Headers = std::vector<std::pair<std::string, std::string>>;

Status check(const Headers& headers, std::string_view responder,
             const AnswerStatement& statement = kStatement) {
  return verify_answer(statement, responder, [&](std::string_view name) {
    std::vector<std::string_view> values;
    for (const auto& [key, value] : headers) {
      if (std::ranges::equal(key, name, [](char a, char b) { return std::tolower(a) == b; }))
        values.emplace_back(value);
    }
    return values;
  });
}

Headers signed_by(const Keypair& key, const AnswerStatement& statement = kStatement) {
  Headers headers;
  for (const auto& [name, value] : sign_answer(statement, key, key.address()))
    headers.emplace_back(name, value);
  return headers;
}

// By taowire 0.1.0a2, extensions/response_sig.py.
const Headers kByTaowire{{"X-TW-Resp-Version", "1"},
                         {"X-TW-Resp-Hotkey", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"},
                         {"X-TW-Resp-Signature",
                          "0xf0b8d8d5034ed2a1406affa13dee202532383ae77bd25363e633a0394934fa41"
                          "2cc2ac9ca257640533865bf8e815a67d73fdb214aa6c72f18ae1a201e0c19e8f"}};
constexpr char kBob[] = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

Code refusal(Headers headers) {
  const auto status = check(headers, kBob);
  EXPECT_FALSE(status);
  return status ? Code::ok : status.error().code;
}

TEST(SignedAnswer, IsTaowiresText) {
  EXPECT_EQ(format_answer(kStatement, Scheme::sr25519, kBob),
            "twresp/1\nsr25519\n1752076800000000000\n"
            "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\n"
            "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty\n200\n"
            "d4d45d3afab91e210be0e55a7f70c6e57a3f566ac647049f2286d69e8eded6bd");
}

TEST(SignedAnswer, OfTheDocsIsVerified) {
  const Headers headers{{"X-TW-Resp-Version", "1"},
                        {"X-TW-Resp-Hotkey", "5GoNkf6WdbxCFnPdAnYYQyCjAKPJgLNxXwPjwTh6DGg6gN3E"},
                        {"X-TW-Resp-Crypto", "ed25519"},
                        {"X-TW-Resp-Signature",
                         "0x9d0bfa6d0a92c4328e639ae239263c328834773455da10c88f0258b0c512f139"
                         "5f93649ec117e6f787d0dde6b937b59e553ea1ab1e2b69ab231b86e59e626c05"}};
  auto statement = kStatement;
  statement.body = R"({"result":"HELLO"})";
  EXPECT_TRUE(check(headers, headers[1].second, statement));
  EXPECT_FALSE(check(headers, headers[1].second));
}

TEST(SignedAnswer, OfTaowireIsVerified) {
  EXPECT_TRUE(check(kByTaowire, kBob));
}

TEST(SignedAnswer, IsTaowiresByteForByteInEd25519) {
  const auto key = *Keypair::from_seed_hex(
      "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", Scheme::ed25519);
  const auto headers = signed_by(key);
  ASSERT_EQ(headers.size(), 4u);
  EXPECT_EQ(headers[2], std::pair("x-tw-resp-crypto" + std::string(), std::string("ed25519")));
  EXPECT_EQ(headers[3].second,
            "0x868038ed6af61d12501a64a66d395943d248eb4084a3fca9f79622c7b37f1902"
            "ee529dedc70f62679e87ace5a10b8b2785738e8e254d41d4940d1d81dea96406");
  EXPECT_TRUE(check(headers, key.address()));
}

TEST(SignedAnswer, HoldsForThisAnswerToThisRequestAlone) {
  for (const auto scheme : {Scheme::sr25519, Scheme::ed25519}) {
    const auto key = Keypair::generate(scheme);
    const auto headers = signed_by(key);
    EXPECT_TRUE(check(headers, key.address()));
    for (auto changed :
         {&AnswerStatement::nonce, &AnswerStatement::sender, &AnswerStatement::body}) {
      auto other = kStatement;
      other.*changed = "other";
      EXPECT_EQ(check(headers, key.address(), other).error().code, Code::bad_signature);
    }
    auto other = kStatement;
    other.status = 201;
    EXPECT_EQ(check(headers, key.address(), other).error().code, Code::bad_signature);
    const auto stranger = Keypair::generate(scheme).address();
    EXPECT_EQ(check(headers, stranger).error().code, Code::wrong_receiver);
    auto renamed = headers;
    renamed[1].second = stranger;
    EXPECT_EQ(check(renamed, stranger).error().code, Code::bad_signature);
  }
}

TEST(SignedAnswer, IsToldFromOneThatIsNot) {
  EXPECT_EQ(refusal({}), Code::no_signature);
  EXPECT_EQ(refusal({kByTaowire[1], kByTaowire[2]}), Code::no_signature);
}

TEST(SignedAnswer, HasOneForm) {
  for (std::size_t i = 0; i < kByTaowire.size(); ++i) {
    auto twice = kByTaowire;
    twice.push_back(kByTaowire[i]);
    EXPECT_EQ(refusal(twice), Code::malformed) << i;
  }
  const auto with = [](std::size_t index, const std::string& value) {
    auto headers = kByTaowire;
    headers[index].second = value;
    return headers;
  };
  EXPECT_EQ(refusal(with(0, "2")), Code::malformed);
  EXPECT_EQ(refusal(with(0, "")), Code::malformed);
  EXPECT_EQ(refusal(with(1, "")), Code::wrong_receiver);
  const auto& good = kByTaowire[2].second;
  for (const auto& value : {std::string(), good.substr(0, 129), good + "0", good.substr(2),
                            "0x01" + good.substr(2), "0x" + std::string(128, 'g')})
    EXPECT_EQ(refusal(with(2, value)), Code::malformed) << value;
  auto headers = kByTaowire;
  headers.emplace_back("X-TW-Resp-Crypto", "sr25519");
  EXPECT_TRUE(check(headers, kBob)) << "which may be said as well";
  headers.back().second = "ed25519";
  EXPECT_EQ(refusal(headers), Code::bad_signature) << "one scheme's is not tried as another's";
  for (const char* word : {"", "SR25519", "ecdsa", "hashed"}) {
    headers.back().second = word;
    EXPECT_EQ(refusal(headers), Code::malformed) << word;
  }
}

TEST(SignedAnswer, IsNotOneOfAWalletsWrappedTexts) {
  const auto key = Keypair::generate();
  auto headers = signed_by(key);
  const auto text = format_answer(kStatement, Scheme::sr25519, key.address());
  headers.back().second = format_signature(key.sign("<Bytes>" + text + "</Bytes>"));
  EXPECT_EQ(check(headers, key.address()).error().code, Code::bad_signature);
}

}  // namespace
}  // namespace dojo::wire
