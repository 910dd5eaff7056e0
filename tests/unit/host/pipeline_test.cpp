#include "request/pipeline.hpp"

#include <deque>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/envelope.hpp>

#include "host/scratch_folder.hpp"
#include "host/signed_head.hpp"
#include "host/support.hpp"

namespace dojo::request {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::dojo1;
using test::header_of;
using test::Inbox;
using test::legacy;
using test::SignedHead;
using testing::HasSubstr;
using testing::Not;

WallTime wall_clock() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

class PipelineTest : public testing::Test {
 protected:
  /// Sends a head and, if it is admitted, a body.
  Answer send(const SignedHead& head, std::string body = "{}") {
    Inbox inbox(pipeline);
    const auto exchange = begin(head, inbox);
    if (const auto refusal = pipeline.admit(*exchange)) return test::answer_of(*refusal);
    exchange->body = std::move(body);
    pipeline.take(exchange);
    auto answer = inbox.answer();
    EXPECT_EQ(inbox.answers(), 1);
    return answer;
  }
  static ExchangePtr begin(const SignedHead& head, Inbox& inbox) {
    auto exchange = inbox.exchange();
    exchange->head = head.head();
    exchange->address = *base::IpAddress::parse("10.1.2.3");
    exchange->peer = "10.1.2.3";
    return exchange;
  }
  SignedHead signed_for(const std::string& path, std::string_view body = "{}") {
    return dojo1(caller, test::statement(self, path, body, wall_clock()));
  }
  std::uint64_t counted(Code code) {
    return pipeline.refusals().counts()[static_cast<std::size_t>(code)];
  }

  const wire::Keypair self = wire::Keypair::generate();
  const wire::Keypair caller = wire::Keypair::generate();
  test::Lines lines;
  base::Metrics metrics;
  test::ScratchFolder state;
  std::unique_ptr<policy::Access> access =
      policy::Access::open({}, state.path(), lines.log(), wall_clock).value();
  policy::ReplayMemory seen{{}, policy::ReplayClocks::of_the_system()};
  Authenticator authenticator{{}, self.public_key(), seen, wall_clock};
  Pipeline pipeline{authenticator, *access, self, {}, 3, lines.log(), metrics};
  test::Served served{pipeline.roster(), pipeline.services(), "test_behaviours"};
};

TEST_F(PipelineTest, AnswersASignedRequest) {
  const auto answer = send(signed_for("/Answers", R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(answer.code, Code::ok);
  EXPECT_THAT(answer.body, HasSubstr(R"("body":{"a":1})"));
  EXPECT_EQ(counted(Code::ok), 1u);
}

TEST_F(PipelineTest, AnswersALegacyRequestAndWarnsOnce) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(legacy(caller)).code, Code::ok);
  EXPECT_EQ(lines.count("signs the legacy dialect"), 1u);
}

TEST_F(PipelineTest, AnswersAPreflightWithoutABody) {
  auto head = legacy(caller);
  head.method = "HEAD";
  const auto answer = send(head, "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(header_of(answer, "x-dojo-code"), "ok");
  head = legacy(caller, "/NoSuch");
  head.method = "HEAD";
  const auto refusal = send(head, "");
  EXPECT_EQ(refusal.status, 404);
  EXPECT_EQ(refusal.body, "");
}

TEST_F(PipelineTest, GivesAPlaceBackAsItsAnswerIsSent) {
  policy::AccessOptions one_at_a_time;
  one_at_a_time.quota.concurrent = 1;
  access->apply(one_at_a_time);
  auto head = legacy(caller);
  head.method = "HEAD";
  Inbox inbox(pipeline);
  const auto exchange = begin(head, inbox);
  ASSERT_FALSE(pipeline.admit(*exchange));
  pipeline.take(exchange);
  EXPECT_EQ(inbox.answer().code, Code::ok);
  EXPECT_TRUE(access->quotas().look_at(caller.public_key(), 1)) << "nobody has read it";
  exchange->on_answered();
  EXPECT_FALSE(access->quotas().look_at(caller.public_key(), 1)) << "though its exchange lives on";
}

TEST_F(PipelineTest, MissesTheSignatureBeforeTheRoute) {
  SignedHead head;
  head.path = "/NoSuch";
  const auto answer = send(head);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.code, Code::no_signature);
  EXPECT_THAT(wire::parse_envelope(answer.body)->error.value(),
              HasSubstr("x-signature, x-hotkey, x-message"));
}

TEST_F(PipelineTest, KnowsItsRoutesAndMethods) {
  EXPECT_EQ(send(legacy(caller, "/NoSuch")).status, 404);
  EXPECT_EQ(send(legacy(caller, "/NoSuch")).code, Code::not_found);
  for (const char* method : {"GET", "PUT", "DELETE", "post", "OPTIONS"}) {
    auto head = legacy(caller);
    head.method = method;
    const auto answer = send(head);
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(header_of(answer, "allow"), "POST, HEAD");
  }
}

TEST_F(PipelineTest, RefusesABodyThatIsNotTheSignedOne) {
  const auto answer = send(signed_for("/Answers", "{}"), "{ }");
  EXPECT_EQ(answer.code, Code::bad_signature);
  EXPECT_EQ(answer.status, 403);
}

TEST_F(PipelineTest, ProvesLargeBodiesAsItDoesSmallOnes) {
  // From some size on other threads do.
  for (const std::size_t size : {100U, 16U << 10, 17U << 10, 2U << 20}) {
    const auto body = "{\"a\":\"" + std::string(size, 'x') + "\"}";
    EXPECT_THAT(send(signed_for("/Answers", body), body).body, HasSubstr(body)) << size;
    auto other = body;
    other[size / 2 + 6] = 'y';
    const auto answer = send(signed_for("/Answers", body), other);
    EXPECT_EQ(answer.code, Code::bad_signature) << size;
    EXPECT_EQ(answer.status, 403) << size;
  }
  EXPECT_TRUE(test::eventually([&] { return pipeline.dispatcher().in_flight() == 0; }));
}

TEST_F(PipelineTest, AnswersForLargeBodiesThatNobodyHasProvenInTime) {
  DispatchOptions options;
  options.deadline = 1ms;  // less than it takes to hash it
  Pipeline other{authenticator, *access, self, options, 3, lines.log(), metrics};
  const test::Served here(other.roster(), other.services(), "test_behaviours");
  Inbox inbox(other);
  const auto body = "{\"a\":\"" + std::string(32U << 20, 'x') + "\"}";
  const auto exchange = begin(signed_for("/Answers", body), inbox);
  ASSERT_FALSE(other.admit(*exchange));
  exchange->body = body;
  other.take(exchange);
  EXPECT_EQ(inbox.answer().code, Code::deadline);
  EXPECT_TRUE(test::eventually([&] { return other.dispatcher().in_flight() == 0; }));
  EXPECT_EQ(inbox.answers(), 1);
}

TEST_F(PipelineTest, UnderstandsZstdAndNoOtherCoding) {
  const auto frame = *wire::compress(R"({"z":1})");
  auto head = legacy(caller);
  head.set("content-encoding", "ZSTD");
  EXPECT_THAT(send(head, frame).body, HasSubstr(R"("body":{"z":1})"));
  for (const char* coding : {"gzip", "zstd, zstd", "", "zstd;q=1"}) {
    head = legacy(caller);
    head.set("content-encoding", coding);
    EXPECT_EQ(send(head, frame).status, 415) << coding;
  }
  head = legacy(caller);
  head.fields.insert("content-encoding", "zstd");
  head.fields.insert("content-encoding", "zstd");
  EXPECT_EQ(send(head, frame).status, 415);
  head = legacy(caller);
  head.set("content-encoding", "identity");
  EXPECT_EQ(send(head, "{}").status, 200);
}

TEST_F(PipelineTest, CompressesEveryAnswerThatMayBe) {
  auto head = legacy(caller, "/NoSuch");
  head.set("accept-encoding", "gzip, zstd");
  const auto answer = send(head);
  EXPECT_EQ(header_of(answer, "content-encoding"), "zstd");
  EXPECT_THAT(*wire::decompress(answer.body), HasSubstr("Not Found"));
}

TEST_F(PipelineTest, EchoesASoundRequestIdAlone) {
  auto head = legacy(caller);
  head.set("x-request-id", "abc-DEF_1.2:3");
  EXPECT_EQ(header_of(send(head), "x-request-id"), "abc-DEF_1.2:3");
  for (const auto& id : {std::string("a b"), std::string("a\x1b[2J"), std::string(65, 'a'),
                         std::string("\xc3\xa9"), std::string("a\"b"), std::string()}) {
    head = legacy(caller);
    head.set("x-request-id", id);
    const auto echoed = header_of(send(head), "x-request-id");
    EXPECT_NE(echoed, id);
    EXPECT_EQ(echoed.size(), 16u);
  }
}

TEST_F(PipelineTest, LogsARefusalInFullButNoSignature) {
  auto head = legacy(self);
  const auto signature = wire::format_signature(caller.sign("another text"));
  head.set("x-signature", signature);
  send(head);
  EXPECT_TRUE(lines.has("refused"));
  EXPECT_TRUE(lines.has("peer=10.1.2.3"));
  EXPECT_TRUE(lines.has("hotkey=" + self.address()));
  EXPECT_TRUE(lines.has("code=bad-signature"));
  EXPECT_THAT(lines.text(), Not(HasSubstr(signature.substr(2, 20))));
}

TEST_F(PipelineTest, LetsNobodyForgeItsLog) {
  auto head = legacy(caller);
  head.fields.set("x-hotkey",
                  "x\x9b"
                  "31m code=ok\t");
  send(head);
  EXPECT_THAT(lines.text(), Not(HasSubstr("\x9b")));
  EXPECT_THAT(lines.text(), HasSubstr("hotkey=\"x\\x9b31m code=ok"));
}

TEST_F(PipelineTest, KeepsAFloodOfRefusalsOutOfTheLog) {
  for (int i = 0; i < 2'000; ++i) send(SignedHead());
  EXPECT_EQ(counted(Code::no_signature), 2'000u);
  EXPECT_LT(lines.count("refused"), 1'500u);
}

TEST_F(PipelineTest, SaysWhatWasWrongWithBytesThatAreNoRequest) {
  for (const auto& [status, code] : {std::pair{400, Code::malformed},
                                     {408, Code::malformed},
                                     {413, Code::too_large},
                                     {431, Code::malformed},
                                     {503, Code::overloaded}}) {
    const auto answer = test::answer_of(pipeline.refuse_malformed(status, "why"));
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(wire::parse_envelope(answer.body)->error, "why");
  }
}

// ---- btauth/1

class BtauthPipelineTest : public PipelineTest {
 protected:
  /// A request that this host would answer, but for what is done to it.
  SignedHead signed_for(const std::string& target, std::string_view body = "{}",
                        const std::string& method = "POST") {
    auto statement = test::btauth_statement(caller, self.address(), Moment());
    statement.nonce = wire::make_btauth_nonce();
    statement.method = method;
    statement.target = target;
    return test::btauth(caller, statement, body);
  }
  static wire::BareError error_of(const Answer& answer) {
    const auto error = wire::parse_error(answer.body);
    EXPECT_TRUE(error) << answer.body;
    if (!error) return {};
    EXPECT_EQ(error->code, to_string(answer.code));
    EXPECT_EQ(error->request_id, header_of(answer, "x-request-id"));
    EXPECT_EQ(header_of(answer, "content-type"), "application/json");
    return *error;
  }
};

TEST_F(BtauthPipelineTest, AnswersWithTheModelItself) {
  auto head = signed_for("/Answers?a=%20b", R"({"a":1})");
  head.set("x-request-id", "mine");
  const auto answer = send(head, R"({"a":1})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.code, Code::ok);
  EXPECT_EQ(answer.body, R"({"a":1})");  // and the handler's metadata has no place
  EXPECT_EQ(header_of(answer, "x-request-id"), "mine");
  EXPECT_NE(header_of(answer, "x-dojo-generation"), "");
  EXPECT_THAT(send(signed_for("/Describes")).body, HasSubstr(R"("dialect":"btauth/1")"));
  EXPECT_EQ(lines.count("signs the legacy dialect"), 0u);
}

TEST_F(BtauthPipelineTest, AnswersAPreflight) {
  const auto answer = send(signed_for("/Answers", "", "HEAD"), "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
}

TEST_F(BtauthPipelineTest, RefusesWithErrorsOfItsOwnForm) {
  auto head = signed_for("/Answers");
  const auto replay = head;
  EXPECT_EQ(send(head).status, 200);
  auto answer = send(replay);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(error_of(answer).code, "replayed");
  answer = send(signed_for("/Answers"), "{ }");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(error_of(answer).code, "bad-signature");
  answer = send(signed_for("/NoSuch"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(error_of(answer).code, "not-found");
  for (const char* method : {"GET", "PUT", "DELETE", "OPTIONS"}) {
    answer = send(signed_for("/Answers", "{}", method));
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(error_of(answer).code, "not-found");
    EXPECT_EQ(header_of(answer, "allow"), "POST, HEAD");
  }
  pipeline.dispatcher().refuse_new();
  answer = send(signed_for("/Answers"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(error_of(answer).code, "draining");
  EXPECT_EQ(header_of(answer, "retry-after"), "1");
}

TEST_F(BtauthPipelineTest, IsKnownBeforeItsHeadersAreRead) {
  for (const char* name : {"X-Bittensor-Version", "X-Bittensor-Hotkey", "X-Bittensor-Receiver",
                           "X-Bittensor-Nonce", "X-Bittensor-Crypto", "x-bittensor-signature"}) {
    SignedHead head;
    head.set(name, "x");
    const auto answer = send(head);
    EXPECT_EQ(answer.status, 401) << name;
    EXPECT_EQ(error_of(answer).code, "unsigned") << name;
  }
  auto head = signed_for("/Answers");
  head.set("x-signature", "0x");
  auto answer = send(head);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(error_of(answer).code, "malformed");
  AuthOptions options;
  options.dialects = {wire::Dialect::dojo1};
  authenticator.apply(options);
  answer = send(signed_for("/Answers"));
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(error_of(answer).message, "btauth/1 is turned off here; accepted: dojo/1");
}

TEST_F(BtauthPipelineTest, TellsOfHandlersWhatTheySay) {
  auto answer = send(signed_for("/Refuses"));
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.code, Code::handler);
  EXPECT_EQ(error_of(answer).message, "not like this");
  EXPECT_THAT(answer.body, Not(HasSubstr("hint")));
  answer = send(signed_for("/InvalidBody"));
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(error_of(answer).message, "field: wrong");
  answer = send(signed_for("/Fails"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.code, Code::internal);
  EXPECT_THAT(error_of(answer).message, Not(HasSubstr("secret")));
  answer = send(signed_for("/Keeps"));
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(error_of(answer).code, "deadline");
}

TEST_F(BtauthPipelineTest, IsRefusedByRuleWithAStatusThatSaysSo) {
  policy::AccessOptions options;
  options.rules.rules.push_back({.name = "a rule"});
  access->apply(options);
  const auto answer = send(signed_for("/Answers"));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(error_of(answer).code, "blacklisted");
}

TEST_F(BtauthPipelineTest, LogsWhomARefusedHeadNames) {
  auto head = signed_for("/Answers");
  head.set("X-Bittensor-Nonce", "x");
  EXPECT_EQ(send(head).code, Code::malformed);
  EXPECT_TRUE(lines.has("hotkey=" + caller.address()));
}

// ---- answers that are signed

class SignedAnswerTest : public BtauthPipelineTest {
 protected:
  SignedAnswerTest() {
    AuthOptions options;
    options.btauth.sign_answers = true;
    options.routes["Refuses"] = options;
    options.routes["Refuses"].btauth.sign_answers = false;
    authenticator.apply(options);
  }
  /// What the answer's signature proves to who sent `head`.
  [[nodiscard]] Status proven(const SignedHead& head, const Answer& answer) const {
    return test::check_answer(head, self.address(), answer.status, answer.headers, answer.body);
  }
  Answer expect_signed(const SignedHead& head, int status, std::string body = "{}") {
    auto answer = send(head, std::move(body));
    EXPECT_EQ(answer.status, status) << answer.body;
    const auto good = proven(head, answer);
    EXPECT_TRUE(good) << head.method << " " << head.path << ": " << good.error().message;
    return answer;
  }
  void expect_unsigned(const SignedHead& head, int status, std::string body = "{}") {
    const auto answer = send(head, std::move(body));
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.headers.find("x-tw-resp"), std::string::npos) << answer.headers;
  }
};

TEST_F(SignedAnswerTest, IsWhateverCameAfterTheCallerWasProven) {
  EXPECT_EQ(expect_signed(signed_for("/Answers?a=b", R"({"a":1})"), 200, R"({"a":1})").body,
            R"({"a":1})");
  expect_signed(signed_for("/InvalidBody"), 422);
  expect_signed(signed_for("/Fails"), 500);
  expect_signed(signed_for("/LargeThread"), 200);
  expect_signed(signed_for("/Answers", "", "HEAD"), 200, "");
  expect_signed(signed_for("/Keeps"), 504);  // its deadline is the reactor's to keep
  EXPECT_EQ(pipeline.signed_answers(), 6u);
}

TEST_F(SignedAnswerTest, IsNoneBeforeTheCallerIsProven) {
  const auto head = signed_for("/Answers");
  expect_signed(head, 200);
  expect_unsigned(head, 401);  // sent before: its nonce has its one answer
  expect_unsigned(signed_for("/Answers"), 401, "{ }");
  expect_unsigned(signed_for("/NoSuch"), 404);
  expect_unsigned(signed_for("/Answers", "{}", "PUT"), 405);
  policy::AccessOptions options;
  options.rules.rules.push_back({.name = "a rule"});
  access->apply(options);
  expect_unsigned(signed_for("/Answers"), 403);
  EXPECT_EQ(pipeline.signed_answers(), 1u);
}

TEST_F(SignedAnswerTest, IsForRoutesAndDialectsThatHaveIt) {
  expect_unsigned(signed_for("/Refuses"), 422);
  expect_unsigned(PipelineTest::signed_for("/Answers"), 200);
}

TEST_F(SignedAnswerTest, IsNeverCompressed) {
  auto head = signed_for("/Answers");
  head.set("accept-encoding", "zstd");
  EXPECT_EQ(header_of(expect_signed(head, 200), "content-encoding"), "");
  head = signed_for("/Refuses");
  head.set("accept-encoding", "zstd");
  EXPECT_EQ(header_of(send(head), "content-encoding"), "zstd");
}

TEST_F(SignedAnswerTest, IsNotMadeByWhoTakesTheRequest) {
  policy::AccessOptions options;
  options.quota.hotkey_requests = {.per_s = 0.001, .burst = 1};
  access->apply(options);
  Inbox first(pipeline);
  Inbox second(pipeline);
  const auto head = signed_for("/Answers");
  const auto next = signed_for("/Answers");
  const auto answered = begin(head, first);
  const auto refused = begin(next, second);
  ASSERT_FALSE(pipeline.admit(*answered));
  ASSERT_FALSE(pipeline.admit(*refused));  // both are within the quota, one by one
  answered->body = refused->body = "{}";
  pipeline.take(answered);
  pipeline.take(refused);
  const auto answer = second.answer();
  EXPECT_EQ(answer.status, 429);
  EXPECT_TRUE(proven(next, answer));
  EXPECT_NE(second.answered_by(), std::this_thread::get_id()) << "which is a reactor's";
  EXPECT_TRUE(proven(head, first.answer()));
}

TEST_F(PipelineTest, EndsItsPluginsBeforeWhatServesThem) {
  // With nothing but its destructor: a plugin's thread may be answering.
  std::deque<Inbox> inboxes;
  {
    Pipeline other{authenticator, *access, self, {}, 3, lines.log(), metrics};
    const test::Served here(other.roster(), other.services(), "test_behaviours");
    for (int i = 0; i < 40; ++i) {
      auto& inbox = inboxes.emplace_back(other);
      const auto exchange = begin(legacy(caller, "/LargeThread"), inbox);
      ASSERT_FALSE(other.admit(*exchange));
      exchange->body = "{}" + std::string(i % 2 == 0 ? 0 : 1 << 20, ' ');
      other.take(exchange);
    }
    inboxes.front().answer();
  }
  for (auto& inbox : inboxes) EXPECT_EQ(inbox.answers(), 1);
}

}  // namespace
}  // namespace dojo::request
