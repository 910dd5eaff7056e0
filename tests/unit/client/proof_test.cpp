// Signed answers: asked for, looked at, and kept as proofs.
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/client/proof.hpp>
#include <dojo/wire/compression.hpp>

#include "btauth_peer.hpp"

namespace dojo::testing {
namespace {

using ::testing::HasSubstr;
using Kind = SendError::Kind;

const wire::Keypair& miner() {
  static const wire::Keypair kMiner = wire::Keypair::generate();
  return kMiner;
}

SendOptions proven() {
  auto options = quick();
  options.to = miner().public_key();
  options.proof = true;
  return options;
}

Reply echo(const Seen& seen) {
  return sign_reply(seen, miner(), {.body = seen.body});
}

TEST(Proof, IsOfAnAnswerThatTheReceiverHasSigned) {
  for (const auto scheme : {wire::Scheme::sr25519, wire::Scheme::ed25519}) {
    const auto answerer = wire::Keypair::generate(scheme);
    ScriptedPeer peer(
        [&](const Seen& seen) { return sign_reply(seen, answerer, {.body = seen.body}); });
    const auto asker = wire::Keypair::generate(scheme);
    Client client(asker, btauth());
    auto options = proven();
    options.to = answerer.public_key();
    const auto before = std::chrono::system_clock::now();
    const auto answer = client.send(peer.url() + "/v1%20a", Echo{"hello"}, options);
    ASSERT_TRUE(answer.ok()) << answer.reason();
    EXPECT_EQ(answer.client_response.signature, AnswerSignature::right);
    const auto proof = format_proof(answer.client_response);
    ASSERT_TRUE(proof) << proof.error().message;
    const auto said = check_proof(*proof);
    ASSERT_TRUE(said) << said.error().message;
    EXPECT_EQ(said->asker, asker.address());
    EXPECT_EQ(said->answerer, answerer.address());
    EXPECT_EQ(said->method, "POST");
    EXPECT_EQ(said->target, "/v1%20a/Echo");
    EXPECT_EQ(said->request, R"({"text":"hello"})");
    EXPECT_EQ(said->status, 200);
    EXPECT_EQ(said->answer, R"({"text":"hello"})");
    EXPECT_GE(said->time, before);
    EXPECT_LE(said->time, std::chrono::system_clock::now());
  }
}

TEST(Proof, IsRefusedWithWhatIsWrong) {
  std::function<Reply(const Seen&)> script;
  ScriptedPeer peer([&](const Seen& seen) { return script(seen); });
  Client client(key(), btauth());
  const auto refused = [&](std::function<Reply(const Seen&)> changed) -> std::string {
    script = std::move(changed);
    const auto answer = client.send(peer.url(), Echo{"hello"}, proven());
    EXPECT_FALSE(answer.ok());
    EXPECT_FALSE(answer.body);
    EXPECT_FALSE(answer.code) << "of whom?";
    EXPECT_EQ(kind_of(answer.exception), Kind::unproven) << answer.reason();
    return answer.reason();
  };
  constexpr char kOther[] = "it is not this miner's answer to this request";
  EXPECT_THAT(
      refused([](const Seen& seen) {
        return Reply{.headers = {{"x-dojo-code", "ok"}}, .body = seen.body};
      }),
      HasSubstr("the answer is not signed; ask for no proof of a miner that does not sign"));
  EXPECT_THAT(refused([](const Seen& seen) {
                return sign_reply(seen, wire::Keypair::generate(), {.body = seen.body});
              }),
              HasSubstr("is signed by another hotkey than " + miner().address()));
  EXPECT_THAT(refused([](const Seen& seen) {
                auto reply = echo(seen);
                reply.body.back() = ' ';
                return reply;
              }),
              HasSubstr(kOther));
  EXPECT_THAT(refused([](const Seen& seen) {
                auto reply = echo(seen);
                reply.status = 201;
                return reply;
              }),
              HasSubstr(kOther));
  EXPECT_THAT(refused([](const Seen& seen) {
                auto earlier = seen;
                for (auto& [name, value] : earlier.headers)
                  if (name == "x-bittensor-nonce") value = "1752076800000000000";
                return echo(earlier);
              }),
              HasSubstr(kOther));
  EXPECT_THAT(refused([](const Seen& seen) {
                auto another = seen;
                for (auto& [name, value] : another.headers)
                  if (name == "x-bittensor-hotkey") value = miner().address();
                return echo(another);
              }),
              HasSubstr(kOther));
  EXPECT_THAT(refused([](const Seen& seen) {
                auto reply = echo(seen);
                reply.headers.emplace_back("X-TW-Resp-Hotkey", miner().address());
                return reply;
              }),
              HasSubstr("x-tw-resp-hotkey: it has to be there once"));
  EXPECT_THAT(refused([](const Seen& seen) {
                return sign_reply(seen, miner(),
                                  {.headers = {{"content-encoding", "zstd"}},
                                   .body = *wire::compress(seen.body)});
              }),
              HasSubstr("the answer is encoded, which nobody has asked for"));
}

TEST(Proof, OfAnErrorIsNoMust) {
  bool right = true;
  ScriptedPeer peer([&](const Seen& seen) {
    if (seen.path == "/plain/Echo") return Reply{.status = 429};
    return sign_reply(seen, right ? miner() : key(), {.status = 422});
  });
  Client client(key(), btauth());
  auto options = proven();
  options.max_retries = 1;
  const auto plain = client.send(peer.url() + "/plain", Echo{}, options);
  EXPECT_EQ(kind_of(plain.exception), Kind::status);
  EXPECT_EQ(plain.client_response.signature, AnswerSignature::none);
  EXPECT_FALSE(format_proof(plain.client_response));
  const auto good = client.send(peer.url(), Echo{}, options);
  EXPECT_EQ(kind_of(good.exception), Kind::status);
  const auto proof = format_proof(good.client_response);
  ASSERT_TRUE(proof);
  EXPECT_EQ(check_proof(*proof)->status, 422);
  right = false;
  EXPECT_EQ(kind_of(client.send(peer.url(), Echo{}, options).exception), Kind::unproven);
}

TEST(Proof, IsOfTheAttemptThatWasAnswered) {
  int asked = 0;
  ScriptedPeer peer(
      [&](const Seen& seen) { return ++asked < 3 ? Reply{.status = 503} : echo(seen); });
  Client client(key(), btauth());
  auto options = proven();
  options.max_retries = 3;
  options.preflight = Preflight::always;
  const auto answer = client.send(peer.url(), Echo{"hello"}, options);
  ASSERT_TRUE(answer.ok()) << answer.reason();
  EXPECT_TRUE(check_proof(*format_proof(answer.client_response)));
}

TEST(Proof, IsLookedAtThoughNobodyAsks) {
  ScriptedPeer peer([&](const Seen& seen) {
    if (seen.path == "/plain/Echo") return Reply{.body = seen.body};
    return sign_reply(seen, seen.path == "/wrong/Echo" ? key() : miner(), {.body = seen.body});
  });
  Client client(key(), btauth());
  auto options = proven();
  options.proof = false;
  const auto signature = [&](const std::string& path) {
    const auto answer = client.send(peer.url() + path, Echo{"hello"}, options);
    EXPECT_TRUE(answer.ok()) << answer.reason();
    EXPECT_FALSE(answer.client_response.request) << "which holds a body";
    EXPECT_FALSE(format_proof(answer.client_response));
    return answer.client_response.signature;
  };
  EXPECT_EQ(signature(""), AnswerSignature::right);
  EXPECT_EQ(signature("/wrong"), AnswerSignature::wrong);
  EXPECT_EQ(signature("/plain"), AnswerSignature::none);
  options.to.reset();
  EXPECT_EQ(signature(""), AnswerSignature::none) << "of whom should it be?";
}

TEST(Proof, NeedsItsDialectAndAReceiver) {
  Client client(key());
  auto options = proven();
  auto answer = client.send("127.0.0.1:1", Echo{}, options);
  EXPECT_EQ(kind_of(answer.exception), Kind::invalid_request);
  EXPECT_THAT(answer.reason(), HasSubstr("btauth/1"));
  options.dialect = wire::Dialect::btauth1;
  options.to.reset();
  answer = client.send("127.0.0.1:1", Echo{}, options);
  EXPECT_EQ(kind_of(answer.exception), Kind::invalid_request);
  EXPECT_THAT(answer.reason(), HasSubstr("names its receiver"));
}

/// A proof, for who wants to change it.
class ProofText : public ::testing::Test {
 protected:
  ProofText() {
    ScriptedPeer peer(echo);
    Client client(key(), btauth());
    const auto answer = client.send(peer.url(), Echo{"hello"}, proven());
    EXPECT_TRUE(answer.ok()) << answer.reason();
    text = format_proof(answer.client_response).value_or("");
  }
  /// What is said of it once `from` is `to`.
  [[nodiscard]] std::pair<Code, std::string> changed(std::string_view from,
                                                     std::string_view to) const {
    auto other = text;
    const auto at = other.find(from);
    if (at == std::string::npos) return {Code::ok, "there is no such text"};
    other.replace(at, from.size(), to);
    const auto said = check_proof(other);
    if (said) return {Code::ok, ""};
    return {said.error().code, said.error().message};
  }
  std::string text;
};

TEST_F(ProofText, ProvesNothingOnceItIsChanged) {
  using ::testing::Pair;
  const auto asked = HasSubstr("the request's signature is wrong: " + key().address());
  const auto answered = HasSubstr("it is not this miner's answer to this request");
  ASSERT_TRUE(check_proof(text)) << text;
  EXPECT_THAT(changed(R"("method":"POST")", R"("method":"GET")"), Pair(Code::bad_signature, asked));
  EXPECT_THAT(changed("/Echo", "/Score"), Pair(Code::bad_signature, asked));
  EXPECT_THAT(changed(R"("body":"eyJ0)", R"("body":"eyJ1)"), Pair(Code::bad_signature, asked));
  EXPECT_THAT(changed(miner().address(), key().address()), Pair(Code::bad_signature, asked));
  EXPECT_THAT(changed(R"("x-bittensor-nonce":"1)", R"("x-bittensor-nonce":"2)"),
              Pair(Code::bad_signature, asked));
  EXPECT_THAT(changed(R"("status":200)", R"("status":201)"), Pair(Code::bad_signature, answered));
  EXPECT_THAT(changed(R"("x-tw-resp-hotkey":")" + miner().address(),
                      R"("x-tw-resp-hotkey":")" + key().address()),
              Pair(Code::wrong_receiver, HasSubstr("another hotkey")));
  EXPECT_THAT(changed(R"(,"x-tw-resp-version":"1")", ""),
              Pair(Code::no_signature, HasSubstr("not signed")));
}

TEST_F(ProofText, HasOneForm) {
  const auto wrong = [&](std::string_view from, std::string_view to) {
    const auto [code, message] = changed(from, to);
    EXPECT_EQ(code, Code::malformed) << to << ": " << message;
    return message;
  };
  EXPECT_THAT(wrong("{", ""), HasSubstr("it is no proof"));
  EXPECT_THAT(wrong(R"("version":1)", R"("version":2)"), HasSubstr("version: 1 is read here"));
  EXPECT_THAT(wrong(R"("body":"eyJ0)", R"("body":"!yJ0)"), HasSubstr("request.body"));
  EXPECT_THAT(wrong(R"("x-bittensor-hotkey")", R"("X-Bittensor-Nonce":"1","x-bittensor-hotkey")"),
              HasSubstr("x-bittensor-nonce is there twice"));
  EXPECT_THAT(wrong("/Echo", "/Ec ho"), HasSubstr("method and target"));
  EXPECT_THAT(wrong("POST", "P\\nT"), HasSubstr("method and target"));
  EXPECT_THAT(wrong(R"("x-bittensor-version":"1")", R"("x-bittensor-version":"2")"),
              HasSubstr("X-Bittensor-Version"));
}

}  // namespace
}  // namespace dojo::testing
