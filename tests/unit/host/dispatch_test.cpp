// The dispatcher with plugins that misbehave in every way they can.
#include "request/dispatch.hpp"

#include <numeric>
#include <regex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/envelope.hpp>

#include "host/dispatch_host.hpp"

namespace dojo::request {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::eventually;
using test::header_of;
using test::Inbox;
using testing::HasSubstr;
using testing::Not;

class DispatcherTest : public test::DispatchHost {
 protected:
  void stop() { served.reset(); }
  Crew& crew() { return *dispatcher->crew_of(**served); }
  std::size_t queued() { return crew().executor().waiting(); }
  void submit(const std::string& route, Inbox& inbox, std::string body = "{}") {
    dispatcher->submit(call(route, inbox, std::move(body)));
  }
  Answer ask(const std::string& route, std::string body = "{}") {
    Inbox inbox(*this);
    submit(route, inbox, std::move(body));
    auto answer = inbox.answer();
    EXPECT_EQ(inbox.answers(), 1);
    return answer;
  }
  std::uint64_t counted(Code code) { return refusals.counts()[static_cast<std::size_t>(code)]; }
  static std::string error_of(const Answer& answer) {
    const auto envelope = wire::parse_envelope(answer.body);
    EXPECT_TRUE(envelope) << answer.body;
    return envelope && envelope->error ? *envelope->error : "";
  }
};

// ---- answers

TEST_F(DispatcherTest, AnswersWithWhatThePluginAnswers) {
  start();
  const auto answer = ask("Answers", R"({"a":1})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.code, Code::ok);
  EXPECT_EQ(answer.body, R"({"body":{"a":1},"error":null,"metadata":{"k":"v"}})");
  EXPECT_EQ(counted(Code::ok), 1u);
  EXPECT_TRUE(eventually([&] { return dispatcher->in_flight() == 0; }));
}

TEST_F(DispatcherTest, ShowsThePluginItsRequestAndConfig) {
  start(R"({"x":1})");
  const auto answer = ask("Describes");
  EXPECT_THAT(
      answer.body,
      HasSubstr(R"("hotkey":"5Hotkey","dialect":"dojo/1","peer":"127.0.0.1","trace":"trace-1")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("config":{"x":1})"));
}

TEST_F(DispatcherTest, AnswersLaterFromThePluginsThread) {
  start();
  EXPECT_THAT(ask("Thread").body, HasSubstr(R"("later":true)"));
}

TEST_F(DispatcherTest, AnswersWithMegabytes) {
  start();
  EXPECT_GT(ask("Large").body.size(), std::size_t{8} << 20);
}

TEST_F(DispatcherTest, GivesABufferBackToItsPlugin) {
  start();
  EXPECT_THAT(ask("Releaser").body,
              HasSubstr(R"({"mine":true})"));  // else the leak sanitizer speaks
}

TEST_F(DispatcherTest, CountsOnlyTheTimeInTheQueueAsThat) {
  start();
  Inbox inbox(*this);
  // As one whose body took an hour to arrive.
  auto slow = call("Answers", inbox);
  slow->times.received = slow->times.admitted = slow->times.whole - 1h;
  dispatcher->submit(slow);
  inbox.answer();
  ASSERT_TRUE(eventually([&] { return lines.has("answered"); }));
  std::smatch found;
  const auto text = lines.text();
  ASSERT_TRUE(std::regex_search(text, found,
                                std::regex(R"(body_us=(\d+) signature_us=\d+ queue_us=(\d+))")))
      << text;
  constexpr double kHour = 3.6e9;
  EXPECT_GE(std::stod(found[1]), kHour);
  EXPECT_LT(std::stod(found[2]), kHour);
}

TEST_F(DispatcherTest, MeasuresTheStagesOfOneAnswerInSixteen) {
  workers = 1;  // each counts for itself
  start();
  const auto asked = 4 * StageTimes::kOneOf;
  for (unsigned i = 0; i < asked; ++i) ask("Answers");
  const auto measured = [&] {
    const auto read = dispatcher->stage_times().read(0);
    return std::accumulate(read.buckets.begin(), read.buckets.end(), std::uint64_t{0});
  };
  // After it has been sent.
  EXPECT_TRUE(eventually([&] { return measured() == asked / StageTimes::kOneOf; })) << measured();
  EXPECT_GT(dispatcher->stage_times().read(5).sum.count(), 0) << "no handler takes no time";
}

TEST_F(DispatcherTest, WritesThePluginsLinesUnderItsName) {
  start();
  EXPECT_THAT(ask("Logs").body, HasSubstr(R"("body":{})"));
  EXPECT_TRUE(lines.has("a line\\x0aand another plugin=behaviours request=trace-1"))
      << lines.text();
}

// ---- failures

TEST_F(DispatcherTest, TellsTheCallerNoReasonOfAFailure) {
  start();
  const auto answer = ask("Fails");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.code, Code::internal);
  EXPECT_EQ(error_of(answer), "Internal server error (request trace-1)");
  EXPECT_TRUE(lines.has("the secret reason"));
  EXPECT_EQ(counted(Code::internal), 1u);
}

TEST_F(DispatcherTest, TellsTheCallerAnErrorThatIsMeantForHim) {
  start();
  const auto answer = ask("Refuses");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.code, Code::handler);
  EXPECT_EQ(answer.body, R"({"body":{},"error":"not like this","metadata":{"hint":1}})");
}

TEST_F(DispatcherTest, TellsTheCallerWhatIsWrongWithHisBody) {
  start();
  const auto answer = ask("InvalidBody");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.code, Code::invalid_body);
  EXPECT_EQ(error_of(answer), "field: wrong");
}

TEST_F(DispatcherTest, TellsTheCallerThatHisBodyTakesTooMuch) {
  start();
  const auto answer = ask("TooLarge");
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.code, Code::too_large);
  EXPECT_EQ(error_of(answer), "field: has more members");
}

TEST_F(DispatcherTest, AnswersForAPluginThatBreaksTheRules) {
  start();
  for (const auto& [route, reason] : {std::pair{"ReturnsError", "handle returned 1"},
                                      {"Throws", "handle returned 1"},
                                      {"BadJson", "the body it answered with is not valid JSON"},
                                      {"BadStatus", "it answered with status 302"},
                                      {"BadMetadata", "is no JSON object"},
                                      {"NoResponse", "it answered with status"}}) {
    const auto answer = ask(route);
    EXPECT_EQ(answer.code, Code::internal) << route;
    EXPECT_EQ(answer.status, 200) << route;
    EXPECT_THAT(error_of(answer), HasSubstr("Internal server error")) << route;
    EXPECT_TRUE(lines.has(reason)) << lines.text();
  }
  EXPECT_TRUE(eventually([&] { return dispatcher->in_flight() == 0; }));
}

TEST_F(DispatcherTest, TakesTheFirstOfTwoAnswers) {
  start();
  Inbox inbox(*this);
  submit("Twice", inbox);
  EXPECT_THAT(inbox.answer().body, HasSubstr(R"("n":1)"));
  ASSERT_TRUE(eventually([&] { return lines.has("again 2"); }));  // DOJO_STALE
  EXPECT_EQ(inbox.answers(), 1);
}

TEST_F(DispatcherTest, LetsAPluginAnswerOnlyWhatItWasGiven) {
  workers = 1;  // so that all others are still the host's
  start();
  auto inboxes = inboxes_for(64);
  for (auto& inbox : inboxes) submit("Guesses", inbox);
  for (auto& inbox : inboxes) EXPECT_THAT(inbox.answer().body, HasSubstr(R"("guessed":false)"));
}

// ---- body

TEST_F(DispatcherTest, AnswersWhatAPluginsHookHasLetThrough) {
  start();
  const test::Served hooks(*roster, *dispatcher, "test_hooks", "{}", 1);
  const auto answer = ask("Verifies", R"({"word":"please"})");
  EXPECT_EQ(answer.code, Code::ok) << answer.body;
}

TEST_F(DispatcherTest, DecompressesTheBody) {
  start();
  Inbox inbox(*this);
  auto made = call("Answers", inbox, *wire::compress(R"({"z":1})"));
  made->compressed = true;
  dispatcher->submit(made);
  EXPECT_THAT(inbox.answer().body, HasSubstr(R"("body":{"z":1})"));
}

TEST_F(DispatcherTest, RefusesABodyThatIsNoZstdOrTooLarge) {
  options.decompression.max_output = 1000;
  start();
  for (const auto& [body, code, status] :
       {std::tuple{std::string("no zstd"), Code::invalid_body, 400},
        {*wire::compress(std::string(1001, ' ')), Code::too_large, 413}}) {
    Inbox inbox(*this);
    auto made = call("Answers", inbox, body);
    made->compressed = true;
    dispatcher->submit(made);
    const auto answer = inbox.answer();
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(answer.status, status);
  }
}

TEST_F(DispatcherTest, BoundsWhatAllDecompressedBodiesTake) {
  options.decompressed = 2'500'000;
  workers = 1;  // several at once could all find that it is too much
  start();
  const auto frame = *wire::compress("{\"x\":\"" + std::string(1'000'000, ' ') + "\"}");
  auto inboxes = inboxes_for(8);
  for (auto& inbox : inboxes) {
    auto made = call("KeepsLong", inbox, frame);
    made->compressed = true;
    dispatcher->submit(made);
  }
  ASSERT_TRUE(eventually([&] { return counted(Code::overloaded) == 6; }));
  EXPECT_EQ(dispatcher->in_flight(), 2u);
  EXPECT_THAT(ask("Releases").body, HasSubstr("[0,0]"));
  ASSERT_TRUE(eventually([&] { return dispatcher->in_flight() == 0; }));
  inboxes.clear();
  Inbox inbox(*this);  // and it is given back
  auto made = call("Answers", inbox, frame);
  made->compressed = true;
  dispatcher->submit(made);
  EXPECT_EQ(inbox.answer().code, Code::ok);
}

// ---- deadlines

TEST_F(DispatcherTest, AnswersForAPluginThatNeverDoes) {
  start();
  const auto answer = ask("Keeps");
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(answer.code, Code::deadline);
  EXPECT_EQ(error_of(answer), "Gateway Timeout: no answer in time");
  EXPECT_EQ(dispatcher->in_flight(), 1u) << "its spans must stay";
  EXPECT_TRUE(lines.has("stage=handler"));
}

TEST_F(DispatcherTest, DropsAnAnswerThatComesTooLate) {
  start();
  Inbox inbox(*this);
  submit("Keeps", inbox);
  EXPECT_EQ(inbox.answer().code, Code::deadline);
  EXPECT_THAT(ask("Releases").body, HasSubstr(R"({"codes":[2]})"));  // DOJO_STALE
  EXPECT_TRUE(eventually([&] { return dispatcher->in_flight() == 0; }));
  EXPECT_EQ(inbox.answers(), 1);
  EXPECT_EQ(counted(Code::deadline), 1u);
}

TEST_F(DispatcherTest, TellsAPluginWhenNobodyWaitsAnyMore) {
  start();
  EXPECT_EQ(ask("Waits").code, Code::deadline);
  EXPECT_TRUE(eventually([&] { return dispatcher->in_flight() == 0; }));
  Inbox inbox(*this);
  options.deadline = 1h;
  submit("Waits", inbox);
  inbox.abandon();
  EXPECT_TRUE(eventually([&] { return dispatcher->in_flight() == 0; }));
}

TEST_F(DispatcherTest, AnswersForWhatWaitsInTheQueueTooLong) {
  workers = 1;
  options.deadline = 100ms;
  start();
  Inbox blocked(*this);
  Inbox queued(*this);
  submit("Blocks", blocked);
  submit("Answers", queued);
  const auto answer = queued.answer();
  EXPECT_EQ(answer.code, Code::deadline);
  EXPECT_LE(crew().open(), 1u) << "it has no place any more";
  EXPECT_TRUE(lines.has("stage=queue"));
  EXPECT_EQ(blocked.answer().code, Code::deadline);
  stop();
  EXPECT_EQ(blocked.answers(), 1);
}

TEST_F(DispatcherTest, DoesNotTroubleAPluginForACallerWhoHasGone) {
  workers = 1;
  start();
  Inbox blocked(*this);
  Inbox gone(*this);
  submit("Blocks", blocked);
  submit("Fails", gone);
  gone.abandon();
  submit("Opens", gone);
  ASSERT_TRUE(eventually([&] { return queued() == 2; }));
  stop();
  EXPECT_EQ(counted(Code::internal), 0u);
  EXPECT_THAT(lines.text(), Not(HasSubstr("the secret reason")));
}

// ---- bounds

TEST_F(DispatcherTest, RefusesWhatItsQueueCannotHold) {
  workers = 1;
  options.queue = 2;
  start();
  auto inboxes = inboxes_for(8);
  submit("Blocks", inboxes[0]);
  ASSERT_TRUE(eventually([&] { return queued() == 0; }));
  for (std::size_t i = 1; i < inboxes.size(); ++i) submit("Answers", inboxes[i]);
  for (std::size_t i = 3; i < inboxes.size(); ++i) {
    const auto answer = inboxes[i].answer();
    EXPECT_EQ(answer.code, Code::overloaded);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(header_of(answer, "retry-after"), "1");
  }
  EXPECT_FALSE(inboxes[1].answered());
  EXPECT_EQ(dispatcher->in_flight(), 3u);
}

TEST_F(DispatcherTest, GivesCallersTheirPartOfAFullQueue) {
  workers = 1;
  options.queue = 4;
  start();
  const auto submit_of = [&](std::uint8_t caller, double weight, Inbox& inbox) {
    auto made = call("Answers", inbox);
    made->claim.caller.key[0] = caller;
    made->weight = weight;
    dispatcher->submit(made);
  };
  Inbox blocked(*this);
  submit("Blocks", blocked);
  ASSERT_TRUE(eventually([&] { return queued() == 0; }));
  auto shouting = inboxes_for(4);
  for (auto& inbox : shouting) submit_of(1, 1, inbox);
  auto weighty = inboxes_for(4);
  for (auto& inbox : weighty) submit_of(2, 3, inbox);
  for (std::size_t i = 1; i < 4; ++i) {
    const auto answer = shouting[i].answer();
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.code, Code::overloaded);
    EXPECT_EQ(header_of(answer, "retry-after"), "1");
  }
  EXPECT_EQ(weighty[3].answer().code, Code::overloaded) << "three of four are its part";
  EXPECT_TRUE(lines.has("callers who had less than their share came first"));
  EXPECT_FALSE(shouting[0].answered());
  EXPECT_EQ(dispatcher->in_flight(), 5u);
  EXPECT_EQ(counted(Code::overloaded), 4u);
  stop();
  for (auto& inbox : shouting) EXPECT_EQ(inbox.answers(), 1);
  for (auto& inbox : weighty) EXPECT_EQ(inbox.answers(), 1);
  EXPECT_EQ(counted(Code::overloaded), 4u);
}

TEST_F(DispatcherTest, RefusesWhatItCannotKeepInFlight) {
  options.in_flight = 3;
  start();
  auto inboxes = inboxes_for(5);
  for (auto& inbox : inboxes) submit("KeepsLong", inbox);
  EXPECT_EQ(inboxes[3].answer().code, Code::overloaded);
  EXPECT_EQ(inboxes[4].answer().code, Code::overloaded);
}

TEST_F(DispatcherTest, LimitsARouteToItsConcurrency) {
  start();
  auto inboxes = inboxes_for(3);
  for (auto& inbox : inboxes) submit("KeepsOne", inbox);
  ASSERT_TRUE(eventually([&] { return queued() == 2; }));
  EXPECT_THAT(ask("Releases").body, HasSubstr("[0]"));
  EXPECT_THAT(inboxes[0].answer().body, HasSubstr("late"));
  ASSERT_TRUE(eventually([&] { return queued() == 1; }));
}

TEST_F(DispatcherTest, KeepsServingOthersWhenOneRouteIsStuckForGood) {
  options.queue = 8;
  start();
  auto stuck = inboxes_for(40);
  for (auto& inbox : stuck)
    submit("KeepsOne", inbox);  // one is kept for ever, the others wait for it
  for (auto& inbox : stuck)
    EXPECT_THAT(inbox.answer().code, testing::AnyOf(Code::deadline, Code::overloaded));
  EXPECT_EQ(ask("Answers").code, Code::ok);
}

TEST_F(DispatcherTest, DoesNotLogEveryRefusalOfAFlood) {
  start();
  for (int i = 0; i < 1'000; ++i) ask("InvalidBody");
  EXPECT_EQ(counted(Code::invalid_body), 1'000u);
  EXPECT_LT(lines.count("refused"), 900u);
}

// ---- the end

TEST_F(DispatcherTest, RefusesNewCallsWhileItDrains) {
  start();
  Inbox kept(*this);
  submit("KeepsLong", kept);
  EXPECT_FALSE(dispatcher->drain(1ms));
  const auto answer = ask("Answers");
  EXPECT_EQ(answer.code, Code::draining);
  EXPECT_EQ(answer.status, 503);
}

TEST_F(DispatcherTest, DrainsWhatIsUnderWay) {
  start();
  auto inboxes = inboxes_for(20);
  for (auto& inbox : inboxes) submit("Thread", inbox);
  EXPECT_TRUE(dispatcher->drain(20s));
  for (auto& inbox : inboxes) EXPECT_EQ(inbox.answer().code, Code::ok);
}

TEST_F(DispatcherTest, AnswersWhatIsLeftWhenItStops) {
  workers = 2;
  start();
  auto inboxes = inboxes_for(10);
  submit("KeepsLong", inboxes[0]);
  for (std::size_t i = 1; i < inboxes.size(); ++i) submit("KeepsOne", inboxes[i]);
  ASSERT_TRUE(eventually([&] { return queued() == 8; }));
  stop();
  for (auto& inbox : inboxes) EXPECT_EQ(inbox.answer().code, Code::draining);
  EXPECT_EQ(counted(Code::draining), 10u);
}

TEST_F(DispatcherTest, StopsInTheMiddleOfEverything) {
  // Completions on the plugin's own threads must not end the plugin that runs them, nor find the
  // dispatcher gone.
  for (int round = 0; round < 20; ++round) {
    start();
    auto inboxes = inboxes_for(60);
    for (std::size_t i = 0; i < inboxes.size(); ++i) {
      constexpr const char* kRoutes[] = {"LargeThread", "Thread", "Keeps", "Answers", "KeepsOne"};
      submit(kRoutes[i % 5], inboxes[i]);
    }
    inboxes[static_cast<std::size_t>(round) % 5].answer();
    stop();
    dispatcher.reset();
    for (auto& inbox : inboxes) EXPECT_EQ(inbox.answers(), 1);
  }
}

TEST_F(DispatcherTest, AnswersEachOnceUnderLoadFromManyThreads) {
  options.queue = 16;
  options.deadline = 30ms;
  start();
  constexpr const char* kRoutes[] = {"Answers", "Thread", "Keeps",   "KeepsOne",
                                     "Fails",   "Twice",  "BadJson", "Releases"};
  auto inboxes = inboxes_for(1'600);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < inboxes.size(); i += 4) submit(kRoutes[i / 4 % 8], inboxes[i]);
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& inbox : inboxes) inbox.answer();
  stop();
  for (auto& inbox : inboxes) EXPECT_EQ(inbox.answers(), 1);
  EXPECT_EQ(std::accumulate(refusals.counts().begin(), refusals.counts().end(), std::uint64_t{0}),
            inboxes.size());
}

}  // namespace
}  // namespace dojo::request
