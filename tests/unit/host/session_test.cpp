// Sessions: opened at a host, and requests that come on one.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/envelope.hpp>

#include "host/host_test.hpp"
#include "host/scratch_folder.hpp"
#include "request/pipeline.hpp"
#include "request/sessions.hpp"

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

WallTime wall_clock() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

/// A caller's half of what becomes a session.
struct Opening {
  wire::ExchangeSecret secret;
  [[nodiscard]] std::string body() const {
    return to_json(wire::OpenSession{wire::format_exchange_key(secret.public_key())}).value();
  }
};

/// A session as its caller has it.
struct Held {
  wire::SessionKey key;
  wire::SessionId id{};
  std::string receiver;
  WallTime expires;

  [[nodiscard]] SignedHead on(std::uint64_t count, WallTime time, std::string_view body = "{}",
                              const std::string& path = "/Answers",
                              const std::string& method = "POST") const {
    return stating({.id = id, .count = count, .time = time, .body = wire::hash_body(body)}, path,
                   method);
  }
  [[nodiscard]] SignedHead stating(const wire::SessionStatement& statement, const std::string& path,
                                   const std::string& method) const {
    SignedHead head;
    head.method = method;
    head.path = path;
    const auto stated = wire::format_session_statement(statement);
    head.set(wire::kSessionHeader,
             wire::format_session_header(stated, key.tag(method, path, receiver, stated)));
    return head;
  }
};

/// What a caller makes of the answer; the test fails if it is not all right.
Held take(const Opening& opening, const wire::PublicKey& host, const wire::PublicKey& client,
          const std::string& envelope) {
  const auto read = wire::parse_envelope(envelope).value();
  const auto opened = from_json<wire::OpenedSession>(read.body.text).value();
  const wire::SessionTerms terms{.host = host,
                                 .client = client,
                                 .host_key = wire::parse_exchange_key(opened.key).value(),
                                 .client_key = opening.secret.public_key(),
                                 .id = wire::parse_session_id(opened.id).value(),
                                 .expires = WallTime(std::chrono::milliseconds(opened.expires))};
  EXPECT_TRUE(wire::verify(host, wire::format_session(terms),
                           wire::parse_signature(opened.signature).value()));
  return {wire::SessionKey::derive(opening.secret, terms.host_key, terms).value(), terms.id,
          wire::encode_ss58(host), terms.expires};
}

class SessionTest : public testing::Test {
 protected:
  Answer send(const SignedHead& head, std::string body = "{}") {
    Inbox inbox(pipeline);
    const auto exchange = inbox.exchange();
    exchange->head = head.head();
    exchange->address = *base::IpAddress::parse("10.1.2.3");
    exchange->peer = "10.1.2.3";
    if (const auto refusal = pipeline.admit(*exchange)) return test::answer_of(*refusal);
    exchange->body = std::move(body);
    pipeline.take(exchange);
    auto answer = inbox.answer();
    EXPECT_EQ(inbox.answers(), 1);
    return answer;
  }
  SignedHead signed_for(const std::string& path, std::string_view body) {
    return dojo1(caller, test::statement(self, path, body, now()));
  }
  Answer ask_with(const std::string& body) { return send(signed_for("/dojo/session", body), body); }
  Held open() {
    const Opening opening;
    const auto answer = ask_with(opening.body());
    EXPECT_EQ(answer.code, Code::ok) << answer.body;
    return take(opening, self.public_key(), caller.public_key(), answer.body);
  }
  Code code_of(const SignedHead& head, std::string body = "{}") {
    const auto answer = send(head, std::move(body));
    const auto style = speaks_btauth(head.head()) ? Style::bare : Style::envelope;
    EXPECT_EQ(answer.status, http_status(style, answer.code));
    return answer.code;
  }
  [[nodiscard]] std::uint64_t refused(Code code, const std::string& rule) const {
    std::uint64_t count = 0;
    for (const auto& row : pipeline.refusals().by_rule()) {
      if (row.code == code && row.rule == rule) count += row.count;
    }
    return count;
  }
  [[nodiscard]] WallTime now() const { return wall_clock() + later.load(); }

  const wire::Keypair self = wire::Keypair::generate();
  const wire::Keypair caller = wire::Keypair::generate();
  std::atomic<std::chrono::milliseconds> later{0ms};
  test::Lines lines;
  base::Metrics metrics;
  test::ScratchFolder state;
  std::unique_ptr<policy::Access> access =
      policy::Access::open({}, state.path(), lines.log(), wall_clock).value();
  policy::ReplayMemory seen{{}, policy::ReplayClocks::of_the_system()};
  policy::SessionStore store{{}, [this] { return now(); }};
  Sessions sessions{store, self};
  Authenticator authenticator{{}, self.public_key(), seen, [this] { return now(); }, &sessions};
  Pipeline pipeline{authenticator, *access, self, {}, 3, lines.log(), metrics};
  test::Served served{pipeline.roster(), pipeline.services(), "test_behaviours"};
};

TEST_F(SessionTest, StandsForSignatures) {
  const auto session = open();
  EXPECT_EQ(store.sizes().open, 1U);
  for (std::uint64_t count = 1; count <= 50; ++count) {
    const auto answer = send(session.on(count, now(), R"({"a":1})"), R"({"a":1})");
    ASSERT_EQ(answer.code, Code::ok) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(R"("body":{"a":1})"));
  }
  EXPECT_EQ(pipeline.on_sessions(), 50U);
  EXPECT_EQ(pipeline.dialects()[static_cast<std::size_t>(wire::Dialect::dojo1)], 51U);
}

TEST_F(SessionTest, TellsThePluginWhoItIs) {
  const auto session = open();
  const auto answer = send(session.on(1, now(), "{}", "/Describes"));
  EXPECT_THAT(answer.body, HasSubstr(caller.address()));
}

TEST_F(SessionTest, WritesNothingOfItsRequestsDown) {
  const auto session = open();
  const auto before = seen.sizes(policy::ReplayMemory::Kind::nonce).entries;
  EXPECT_EQ(code_of(session.on(1, now())), Code::ok);
  EXPECT_EQ(seen.sizes(policy::ReplayMemory::Kind::nonce).entries, before);
}

TEST_F(SessionTest, TakesRequestsInAnyOrderAndEachOnce) {
  const auto session = open();
  for (const std::uint64_t count : {5U, 1U, 4U, 1'024U, 2U, 1'025U}) {
    EXPECT_EQ(code_of(session.on(count, now())), Code::ok) << count;
  }
  for (const std::uint64_t count : {5U, 1U, 4U, 1'024U, 2U, 1'025U}) {
    EXPECT_EQ(code_of(session.on(count, now())), Code::replayed) << count;
  }
  EXPECT_EQ(code_of(session.on(3, now())), Code::ok);
  EXPECT_EQ(code_of(session.on(3'000, now())), Code::ok);
  EXPECT_EQ(code_of(session.on(1'976, now())), Code::replayed);
  EXPECT_EQ(refused(Code::replayed, "session"), 7U);
}

TEST_F(SessionTest, AnswersPreflightsOnIt) {
  const auto session = open();
  const auto answer = send(session.on(1, now(), "", "/Answers", "HEAD"), "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(code_of(session.on(1, now())), Code::replayed);
}

TEST_F(SessionTest, BindsMethodPathReceiverTimeCountAndBody) {
  const auto session = open();
  const auto with = [&](auto change) {
    auto head = session.on(1, now());
    change(head);
    return code_of(head);
  };
  const auto replaced = [&](std::string_view what, std::string_view by) {
    return with([&](SignedHead& head) {
      std::string value(head.fields["x-dojo-session"]);
      const auto at = value.find(what);
      ASSERT_NE(at, std::string::npos);
      head.set("x-dojo-session", value.replace(at, what.size(), by));
    });
  };
  EXPECT_EQ(with([](SignedHead& head) { head.method = "HEAD"; }), Code::bad_signature);
  EXPECT_EQ(with([](SignedHead& head) { head.path = "/Echo"; }), Code::bad_signature);
  EXPECT_EQ(replaced("count=1", "count=2"), Code::bad_signature);
  EXPECT_EQ(replaced("ts=1", "ts=01"), Code::malformed);
  EXPECT_EQ(with([](SignedHead& head) {
              std::string value(head.fields["x-dojo-session"]);
              auto& digit = value[value.find(" body=") - 1];
              digit = digit == '9' ? '0' : static_cast<char>(digit + 1);
              head.set("x-dojo-session", value);
            }),
            Code::bad_signature);
  auto for_another = session;
  for_another.receiver = caller.address();
  EXPECT_EQ(code_of(for_another.on(2, now())), Code::bad_signature);
  EXPECT_EQ(code_of(session.on(3, now(), "{}"), R"({"a":2})"), Code::bad_signature);
  auto statement = wire::SessionStatement{.id = session.id, .count = 4, .time = now()};
  auto other_hash = session.stating(statement, "/Answers", "POST");
  statement.body = wire::hash_body("{}");
  other_hash.set(
      "x-dojo-session",
      std::string(session.stating(statement, "/Answers", "POST").fields["x-dojo-session"])
              .substr(0, wire::format_session_statement(statement).size()) +
          std::string(other_hash.fields["x-dojo-session"])
              .substr(wire::format_session_statement(statement).size()));
  EXPECT_EQ(code_of(other_hash), Code::bad_signature);
}

TEST_F(SessionTest, RefusesWrongTagsAndIsNoneTheWorse) {
  const auto session = open();
  auto thief = session;
  thief.key = open().key;  // of another session
  for (std::uint64_t count = 1; count < 5'000; count += 7) {
    ASSERT_EQ(send(thief.on(count, now())).code, Code::bad_signature);
    if (count > 300) break;
  }
  EXPECT_GT(refused(Code::bad_signature, "session"), 0U);
  EXPECT_EQ(code_of(session.on(1, now())), Code::ok);  // no count was used up
  EXPECT_EQ(store.sizes().open, 2U);
}

TEST_F(SessionTest, IsOfItsMomentAlone) {
  const auto session = open();
  EXPECT_EQ(code_of(session.on(1, now() - 31s)), Code::stale);
  EXPECT_EQ(code_of(session.on(1, now() + 31s)), Code::stale);
  EXPECT_EQ(code_of(session.on(1, now() - 25s)), Code::ok);
  EXPECT_EQ(code_of(session.on(2, now() + 25s)), Code::ok);
}

TEST_F(SessionTest, IsOverInTheEnd) {
  const auto session = open();
  EXPECT_GT(session.expires, now() + 3'500s);
  later = 3'700s;
  EXPECT_EQ(code_of(session.on(1, now())), Code::no_session);
  EXPECT_EQ(refused(Code::no_session, "expired"), 1U);
}

TEST_F(SessionTest, IsUnknownToAnotherHost) {
  auto session = open();
  session.id = wire::make_session_id();
  EXPECT_EQ(code_of(session.on(1, now())), Code::no_session);
  EXPECT_EQ(refused(Code::no_session, "unknown"), 1U);
}

TEST_F(SessionTest, TakesOneProofAtATime) {
  const auto session = open();
  auto both = session.on(1, now());
  both.set("x-signature", "0x00");
  EXPECT_EQ(code_of(both), Code::malformed);
  auto epistula = session.on(1, now());
  epistula.set("epistula-version", "2");
  EXPECT_EQ(code_of(epistula), Code::malformed);
  auto btauth = session.on(1, now());
  btauth.set("x-bittensor-nonce", "1");
  EXPECT_EQ(code_of(btauth), Code::malformed);
  auto broken = session.on(1, now());
  broken.set("x-dojo-session", "id=1");
  EXPECT_EQ(code_of(broken), Code::malformed);
  EXPECT_EQ(code_of(session.on(1, now())), Code::ok);
}

TEST_F(SessionTest, GoesWhereDojo1IsAccepted) {
  const auto session = open();
  AuthOptions options;
  options.routes["Answers"].dialects = {wire::Dialect::legacy};
  authenticator.apply(options);
  EXPECT_EQ(code_of(session.on(1, now())), Code::malformed);
  EXPECT_EQ(code_of(session.on(1, now(), "{}", "/Thread")), Code::ok);
}

TEST_F(SessionTest, ObeysTheRulesAtEachRequest) {
  const auto session = open();
  ASSERT_EQ(code_of(session.on(1, now())), Code::ok);
  policy::Rule rule;
  rule.hotkeys = {caller.public_key()};
  ASSERT_TRUE(access->rulebook().add(rule));
  EXPECT_EQ(code_of(session.on(2, now())), Code::blacklisted);
  EXPECT_EQ(ask_with(Opening().body()).code, Code::blacklisted);
}

TEST_F(SessionTest, CountsInTheHotkeysQuota) {
  const auto session = open();
  policy::QuotaOptions quota;
  quota.hotkey_requests = {0.001, 2};
  access->quotas().apply(quota);
  EXPECT_EQ(code_of(session.on(1, now())), Code::ok);
  EXPECT_EQ(code_of(session.on(2, now())), Code::ok);
  EXPECT_EQ(code_of(session.on(3, now())), Code::quota);
  EXPECT_EQ(send(signed_for("/Answers", "{}")).code, Code::quota);
}

TEST_F(SessionTest, CountsWrongTagsAsWrongSignatures) {
  const auto session = open();
  policy::QuotaOptions quota;
  quota.failed = {0.001, 3};
  access->quotas().apply(quota);
  auto thief = session;
  thief.key = open().key;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code_of(thief.on(1, now())), Code::bad_signature);
  const auto shut_out = send(session.on(1, now()));
  EXPECT_EQ(shut_out.code, Code::quota);
}

TEST_F(SessionTest, OpensForTheSignerOfADojo1RequestAlone) {
  const auto body = Opening().body();
  auto old = legacy(caller, "/dojo/session");
  EXPECT_EQ(code_of(old, body), Code::malformed);
  AuthOptions any;
  any.any_receiver = true;
  authenticator.apply(any);
  auto unnamed = test::statement(self, "/dojo/session", body, now());
  unnamed.to.reset();
  EXPECT_EQ(code_of(dojo1(caller, unnamed), body), Code::wrong_receiver);
  const auto session = open();
  EXPECT_EQ(code_of(session.on(1, now(), body, "/dojo/session"), body), Code::malformed);
  EXPECT_EQ(store.sizes().open, 1U);
}

TEST_F(SessionTest, OpensOnceForOneSignature) {
  const auto body = Opening().body();
  const auto head = signed_for("/dojo/session", body);
  EXPECT_EQ(code_of(head, body), Code::ok);
  EXPECT_EQ(code_of(head, body), Code::replayed);
  EXPECT_EQ(code_of(signed_for("/dojo/session", body), Opening().body()), Code::bad_signature);
}

TEST_F(SessionTest, OpensForAKeyThatIsOne) {
  for (const std::string body :
       {"", "{}", R"({"key":""})", R"({"key":"00"})", R"({"key":7})",
        R"({"key":"0000000000000000000000000000000000000000000000000000000000000000"})",
        R"({"key":"0100000000000000000000000000000000000000000000000000000000000000"})"}) {
    const auto answer = ask_with(body);
    EXPECT_EQ(answer.code, Code::invalid_body) << body;
    EXPECT_TRUE(wire::parse_envelope(answer.body)->error);
  }
  const auto large = R"({"key":")" + std::string(2'000, '0') + "\"}";
  EXPECT_EQ(ask_with(large).code, Code::too_large);
  EXPECT_EQ(ask_with(R"({"key":")" + std::string(100'000, '0') + "\"}").code, Code::too_large);
  EXPECT_EQ(store.sizes().opened, 0U);
}

TEST_F(SessionTest, HasItsOwnPath) {
  const Opening opening;
  auto head = signed_for("/dojo/session", "");
  head.method = "GET";
  EXPECT_EQ(send(head, "").code, Code::wrong_receiver);
  const auto preflight = [&] {
    auto message = test::statement(self, "/dojo/session", "", now());
    message.method = "HEAD";
    return dojo1(caller, message);
  };
  EXPECT_EQ(send(preflight(), "").status, 200);
  EXPECT_EQ(send(signed_for("/dojo/sessions", "{}")).code, Code::not_found);
  EXPECT_EQ(send(signed_for("/dojo", "{}")).code, Code::not_found);
}

TEST_F(SessionTest, IsNotThereWhenTurnedOff) {
  const auto session = open();
  store.apply({.offered = false});
  EXPECT_EQ(ask_with(Opening().body()).code, Code::not_found);
  EXPECT_EQ(code_of(session.on(1, now())), Code::no_session);
  EXPECT_EQ(send(signed_for("/Answers", "{}")).code, Code::ok);
}

TEST_F(SessionTest, IsTakenFromManyThreadsAtOnce) {
  const auto session = open();
  std::atomic<int> answered{0};
  std::atomic<int> replayed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t count = 1; count <= 100; ++count) {
        const auto code = send(session.on(count, now())).code;
        ++(code == Code::ok ? answered : replayed);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, 100);
  EXPECT_EQ(replayed, 300);
}

class SessionHostTest : public test::HostTest {
 protected:
  std::optional<net::Reply> exchange(const SignedHead& head, const std::string& body) {
    std::string fields = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    for (const auto& field : head.fields) {
      fields += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
    }
    auto client = net::Client::to(server->port());
    client.send(net::request(head.path, fields, body, "POST"));
    return client.read_reply();
  }
  Held open() {
    const Opening opening;
    const auto reply = ask("/dojo/session", opening.body());
    EXPECT_EQ(reply->status, 200) << reply->body;
    return take(opening, self.public_key(), caller.public_key(), reply->body);
  }
  bool answers(const Held& session, std::uint64_t count) {
    return exchange(session.on(count, wall_clock()), "{}")->has("x-dojo-code: ok");
  }
  std::string metric(const std::string& name) {
    const auto text = server->metrics().text();
    const auto at = text.find("\n" + name + " ");
    if (at == std::string::npos) return "none";
    const auto begin = at + name.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }
};

TEST_F(SessionHostTest, StaysWhenAPluginIsReplaced) {
  start();
  const auto session = open();
  ASSERT_TRUE(answers(session, 1));
  ASSERT_TRUE(server->plugins().reload("behaviours"));
  EXPECT_TRUE(answers(session, 2));
  EXPECT_EQ(metric("dojo_sessions"), "1");
  EXPECT_EQ(metric("dojo_sessions_opened_total"), "1");
  EXPECT_EQ(metric("dojo_session_requests_total"), "2");
  EXPECT_EQ(metric("dojo_sessions_evicted_total"), "0");
}

TEST_F(SessionHostTest, StaysWhenTheConfigIsReadAnewUnlessItIsTurnedOff) {
  start();
  const auto session = open();
  auto changed = config;
  changed.auth.any_receiver = true;
  ASSERT_TRUE(server->apply(changed));
  EXPECT_TRUE(answers(session, 1));
  changed.sessions.offered = false;
  ASSERT_TRUE(server->apply(changed));
  EXPECT_TRUE(exchange(session.on(2, wall_clock()), "{}")->has("x-dojo-code: no-session"));
  EXPECT_EQ(ask("/dojo/session", Opening().body())->status, 404);
  changed.sessions.offered = true;
  ASSERT_TRUE(server->apply(changed));
  EXPECT_FALSE(answers(session, 3));
  EXPECT_TRUE(answers(open(), 1));
}

TEST_F(SessionHostTest, IsNotThereWithoutTheHotkeysSecretAndAllElseIs) {
  start_as(host::Identity(self.public_key()));
  EXPECT_EQ(ask("/Answers")->status, 200);
  EXPECT_EQ(ask("/dojo/session", Opening().body())->status, 404);
}

TEST_F(SessionHostTest, IsForgottenByARestart) {
  start();
  const auto session = open();
  ASSERT_TRUE(answers(session, 1));
  server.reset();
  start();
  EXPECT_TRUE(exchange(session.on(2, wall_clock()), "{}")->has("x-dojo-code: no-session"));
  EXPECT_TRUE(answers(open(), 1));
}

TEST_F(SessionHostTest, MakesRoomWithinAHotkey) {
  config.sessions.per_hotkey = 2;
  start();
  const auto first = open();
  const auto second = open();
  ASSERT_TRUE(answers(first, 1));
  open();
  EXPECT_FALSE(answers(second, 1));
  EXPECT_TRUE(answers(first, 2));
  EXPECT_EQ(metric("dojo_sessions_evicted_total"), "1");
}

}  // namespace
}  // namespace dojo::request
