#include "plugins/run/worker_messages.hpp"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "plugins/abi/span.hpp"

namespace dojo::plugins {
namespace {

constexpr std::uint64_t kTooMuch = std::uint64_t{UINT32_MAX} + 1;

TEST(WorkerMessages, SayASetup) {
  const SandboxOptions sandbox{
      true, {"/models", "/with space"}, {"/cache"}, User{65534, 7}, {"A=1", "B="}};
  const plugins::Setup setup{"a.so", "{}", "state", true, 7, {1, 2, 3}, sandbox};
  const SetupMessage message(setup);
  const auto again = setup_of(message.message);
  EXPECT_EQ(again.file, "a.so");
  EXPECT_EQ(again.config, "{}");
  EXPECT_EQ(again.state, "state");
  EXPECT_TRUE(again.has_state);
  EXPECT_EQ(again.sandbox, sandbox);
  EXPECT_EQ(again.max_answer, 7u);
  EXPECT_EQ(again.limits.memory_bytes, 1u);
  EXPECT_EQ(again.limits.cpu_seconds, 2u);
  EXPECT_EQ(again.limits.open_files, 3u);
}

TEST(WorkerMessages, SayARequest) {
  dojo_request request{};
  request.id = 9;
  request.route = 2;
  request.deadline_ns = 77;
  request.hotkey = span("5F");
  request.dialect = span("dojo/1");
  request.peer = span("10.0.0.1");
  request.trace = span("trace");
  request.body = span("{}");
  request.method = span("PUT");
  request.target = span("/v1?x");
  request.fields = span("a: b\r\n");
  request.stake = 0.5;
  request.uid = -1;
  request.flags = DOJO_REQUEST_VALIDATOR_PERMIT;
  const auto message = message_of(MessageKind::handle, request);
  EXPECT_EQ(message.kind, MessageKind::handle);
  const auto again = request_of(message);
  EXPECT_EQ(again.struct_size, sizeof again);
  EXPECT_EQ(again.id, 9u);
  EXPECT_EQ(again.call, 9u);
  EXPECT_EQ(again.route, 2u);
  EXPECT_EQ(again.deadline_ns, 77u);
  EXPECT_EQ(view(again.hotkey), "5F");
  EXPECT_EQ(view(again.dialect), "dojo/1");
  EXPECT_EQ(view(again.peer), "10.0.0.1");
  EXPECT_EQ(view(again.trace), "trace");
  EXPECT_EQ(view(again.body), "{}");
  EXPECT_EQ(view(again.method), "PUT");
  EXPECT_EQ(view(again.target), "/v1?x");
  EXPECT_EQ(view(again.fields), "a: b\r\n");
  EXPECT_EQ(again.stake, 0.5);
  EXPECT_EQ(again.uid, -1);
  EXPECT_EQ(again.flags, std::uint64_t{DOJO_REQUEST_VALIDATOR_PERMIT});
}

TEST(WorkerMessages, SayOfARequestToJudgeItsCallAlone) {
  dojo_request request{};
  request.call = 9;
  const auto again = request_of(message_of(MessageKind::judge, request));
  EXPECT_EQ(again.id, 0u) << "there is nothing to complete";
  EXPECT_EQ(again.call, 9u);
}

TEST(WorkerMessages, SayAnAnswer) {
  const auto again =
      answer_of(message_of(WorkerAnswer{5, 204, "body", "error", "metadata", "fields"}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, 5u);
  EXPECT_EQ(again->status, 204u) << "whether its route may, the host sees";
  EXPECT_EQ(again->body, "body");
  EXPECT_EQ(again->error, "error");
  EXPECT_EQ(again->metadata, "metadata");
  EXPECT_EQ(again->fields, "fields");
  EXPECT_FALSE(answer_of(message_of(WorkerAnswer{0, 200, {}, {}, {}})));
  EXPECT_FALSE(answer_of(message_of(WorkerAnswer{5, 999, {}, {}, {}})));
  auto message = message_of(WorkerAnswer{5, 200, {}, {}, {}});
  message.numbers[1] += kTooMuch;
  EXPECT_FALSE(answer_of(message)) << "which is 200 in 32 bits";
}

TEST(WorkerMessages, SayAVerdict) {
  const auto again = verdict_of(message_of(Verdict{Code::blacklisted, "no", -3}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->code, Code::blacklisted);
  EXPECT_EQ(again->reason, "no");
  EXPECT_EQ(again->priority, -3);
  EXPECT_EQ(verdict_of(message_of(Verdict{Code::ok, "", 5'000}))->priority, 1'000);
  const std::string words(9'000, 'x');
  EXPECT_EQ(verdict_of(message_of(Verdict{Code::ok, words, 0}))->reason.size(), 8'192u);
  auto message = message_of(Verdict{Code::ok, "", 0});
  message.texts[0] = words;
  EXPECT_FALSE(verdict_of(message));
  EXPECT_FALSE(verdict_of(message_of(Verdict{Code::replayed, "", 0}))) << "no hook's";
}

TEST(WorkerMessages, SayARoute) {
  RouteInfo route;
  route.name = "Echo";
  route.description = "says it again";
  route.request_schema = "{}";
  route.response_schema = "[]";
  route.deadline = std::chrono::milliseconds(4'000);
  route.concurrency = 3;
  route.hooked = route.raw = route.streams = true;
  route.path = "/v1/*";
  route.methods = "GET POST";
  const auto again = route_of(message_of(route));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->name, "Echo");
  EXPECT_EQ(again->description, "says it again");
  EXPECT_EQ(again->request_schema, "{}");
  EXPECT_EQ(again->response_schema, "[]");
  EXPECT_EQ(again->deadline, route.deadline);
  EXPECT_EQ(again->concurrency, 3u);
  EXPECT_EQ(*again, route);
  for (const std::size_t number : {0u, 1u, 2u, 3u, 4u}) {
    auto message = message_of(route);
    message.numbers.at(number) += kTooMuch;
    EXPECT_FALSE(route_of(message)) << number;
  }
}

TEST(WorkerMessages, SayANote) {
  const auto again = note_of(message_of(MessageKind::observe, Note{-1, 6, 0.25, "score_s"}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->level, -1);
  EXPECT_EQ(again->id, 6u);
  EXPECT_EQ(again->value, 0.25);
  EXPECT_EQ(again->text, "score_s");
  const std::string line(kInline + 1, 'x');
  auto message = message_of(MessageKind::log, Note{0, 0, 0, line});
  EXPECT_TRUE(note_of(message)) << "what is too much is left out";
  message.texts[0] = line;
  EXPECT_FALSE(note_of(message));
}

TEST(WorkerMessages, SayAnOutcome) {
  const auto again = outcome_of(message_of(Outcome{8, Outcome::Sort::nothing, "why"}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->call, 8u);
  EXPECT_EQ(again->sort, Outcome::Sort::nothing);
  EXPECT_EQ(again->text, "why");
  auto message = message_of(Outcome{});
  message.numbers[1] = 3;
  EXPECT_FALSE(outcome_of(message));
}

}  // namespace
}  // namespace dojo::plugins
