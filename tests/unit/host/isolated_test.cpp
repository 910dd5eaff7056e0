#include "plugins/run/isolated.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <dojo/chunk.hpp>

#include "plugins/abi/span.hpp"
#include "where.hpp"

namespace dojo::plugins {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

constexpr unsigned kWorkers = 4;
const std::string kPerilous = std::string(test::where::kPlugins) + "/test_perilous.so";

constexpr std::string_view kNoRoom = R"(["no room"])";  // as hostile_worker.cpp has it

struct Got {
  std::uint32_t status = 0;
  std::string body;
  std::string error;
  std::string metadata;
};

/// Remembers what a generation asks of its host.
class Recorder final : public Services {
 public:
  std::int32_t complete(const Generation&, dojo_request_id id,
                        const dojo_response& response) noexcept override {
    const std::lock_guard lock(mutex_);
    bodies_.erase(id);
    answers_[id].push_back({response.status, std::string(view(response.body)),
                            std::string(view(response.error)),
                            std::string(view(response.metadata))});
    changed_.notify_all();
    return DOJO_OK;
  }
  std::int32_t write(const Generation&, dojo_request_id, std::string_view chunk) noexcept override {
    if (chunk == kNoRoom) return DOJO_FULL;
    return fault_of_chunk(chunk) ? DOJO_INVALID : DOJO_OK;
  }
  void await_room(const Generation&, dojo_request_id) noexcept override {}
  bool cancelled(const Generation&, dojo_request_id) noexcept override { return false; }
  void log(const Generation&, std::int32_t, dojo_request_id id,
           std::string_view text) noexcept override {
    const std::lock_guard lock(mutex_);
    logs_.emplace_back(id, text);
    changed_.notify_all();
  }
  void count(const Generation&, std::string_view name, double amount) noexcept override {
    const std::lock_guard lock(mutex_);
    metrics_[std::string(name)] += amount;
    changed_.notify_all();
  }
  void observe(const Generation& generation, std::string_view name,
               double value) noexcept override {
    count(generation, name, value);
  }
  bool post(const Generation&, Job) noexcept override { return false; }

  /// Keeps a request's body until it is completed, as a host does.
  std::string_view keep(dojo_request_id id, std::string body) {
    const std::lock_guard lock(mutex_);
    return bodies_[id] = std::move(body);
  }
  template <class Predicate>
  bool wait_for(Predicate predicate, seconds limit = seconds(20)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, predicate);
  }
  /// The one answer to a request, once it is there.
  Got answer(dojo_request_id id) {
    EXPECT_TRUE(wait_for([&] { return answers_.contains(id); })) << "no answer to " << id;
    const std::lock_guard lock(mutex_);
    EXPECT_LE(answers_[id].size(), 1U);
    return answers_[id].empty() ? Got{} : answers_[id].front();
  }
  bool wait_for_log(std::string_view text) {
    return wait_for([&] { return has_log(text); });
  }
  std::string logs() {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const auto& [id, text] : logs_) all += fmt::format("[{}] {}\n", id, text);
    return all;
  }
  std::map<dojo_request_id, std::vector<Got>> answers() {
    const std::lock_guard lock(mutex_);
    return answers_;
  }
  std::map<std::string, double> metrics() {
    const std::lock_guard lock(mutex_);
    return metrics_;
  }
  std::size_t line_count() {
    const std::lock_guard lock(mutex_);
    return logs_.size();
  }

 private:
  bool has_log(std::string_view text) {
    return std::ranges::any_of(
        logs_, [&](const auto& line) { return line.second.find(text) != std::string::npos; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<dojo_request_id, std::string> bodies_;
  std::map<dojo_request_id, std::vector<Got>> answers_;
  std::vector<std::pair<dojo_request_id, std::string>> logs_;
  std::map<std::string, double> metrics_;
};

std::set<std::string> descriptors() {
  std::set<std::string> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone && target != std::filesystem::path("/proc") / std::to_string(::getpid()) / "fd")
      open.insert(entry.path().filename().string() + " " + target.string());
  }
  return open;
}

/// Processes that this one has started and that are there still, zombies included.
std::vector<std::string> children() {
  std::vector<std::string> all;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "children");
    for (std::string pid; file >> pid;) all.push_back(pid);
  }
  return all;
}

class IsolatedTest : public testing::Test {
 protected:
  IsolatedTest() {
    options_.program = test::where::kWorker;
    options_.backoff_most = milliseconds(50);
    plan_.file = kPerilous;
    plan_.number = 1;
    plan_.workers = kWorkers;
  }
  ~IsolatedTest() override {
    generation_.reset();
    EXPECT_EQ(descriptors(), before_);
    EXPECT_THAT(children(), testing::IsEmpty());
  }

  Status try_to_load() {
    generation_ = Isolated::make(plan_, host_, options_);
    return generation_->load();
  }
  void load() {
    const auto status = try_to_load();
    ASSERT_TRUE(status) << status.error().message;
  }
  Status health() {
    std::optional<Status> answer;
    while (!(answer = generation_->ask_health()))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return *answer;
  }
  void load_hostile(std::string how) {
    options_.program = test::where::kHostileWorker;
    plan_.workers = 1;
    plan_.config = std::move(how);
    plan_.limit = seconds(10);
  }

  std::uint32_t route(std::string_view name) const {
    const auto& routes = generation_->routes();
    const auto found =
        std::ranges::find_if(routes, [&](const auto& info) { return info.name == name; });
    EXPECT_NE(found, routes.end()) << name;
    return static_cast<std::uint32_t>(found - routes.begin());
  }
  dojo_request request(std::string_view name, std::string_view body) {
    dojo_request made{};
    made.struct_size = sizeof made;
    made.route = route(name);
    made.id = ++last_id_;
    made.body = span(body);
    made.hotkey = span("5Grw");
    made.dialect = span("dojo/1");
    made.peer = span("127.0.0.1");
    made.trace = span("trace-1");
    made.deadline_ns =
        static_cast<std::uint64_t>((Clock::now() + seconds(30)).time_since_epoch().count());
    return made;
  }
  /// Sends a request, and gets what handle() returned.
  std::pair<dojo_request_id, std::int32_t> send(std::string_view name, std::string_view body = "{}",
                                                unsigned worker = 0) {
    const auto made = request(name, body);
    return {made.id, generation_->handle(made, worker)};
  }
  Got ask(std::string_view name, std::string_view body = "{}", unsigned worker = 0) {
    const auto [id, code] = send(name, body, worker);
    EXPECT_EQ(code, DOJO_OK);
    return host_.answer(id);
  }

  const std::set<std::string> before_ = descriptors();
  Recorder host_;
  Blueprint plan_;
  IsolationOptions options_;
  std::shared_ptr<Isolated> generation_;
  std::atomic<dojo_request_id> last_id_ = 1000;
};

TEST_F(IsolatedTest, IntroducesThePluginOfItsWorker) {
  load();
  EXPECT_EQ(generation_->name(), "perilous");
  EXPECT_EQ(generation_->version(), "1.0.0");
  EXPECT_EQ(generation_->routes().front().name, "Echo");
  EXPECT_TRUE(generation_->routes()[route("Hooked")].hooked);
  EXPECT_FALSE(generation_->routes().front().hooked);
  EXPECT_GT(generation_->pid(), 0);
  EXPECT_NE(ask("Pid").body, fmt::format(R"({{"n":{}}})", ::getpid()));
  EXPECT_TRUE(host_.wait_for_log("created"));
}

TEST_F(IsolatedTest, PassesAWholeRequestAndItsAnswer) {
  plan_.state = "from before";
  load();
  const auto made = request("Describes", "{}");
  ASSERT_EQ(generation_->handle(made, 3), DOJO_OK);
  const auto got = host_.answer(made.id);
  EXPECT_EQ(got.status, 200U);
  EXPECT_EQ(got.body,
            fmt::format("5Grw|dojo/1|127.0.0.1|trace-1|{}|from before", made.deadline_ns));
  EXPECT_EQ(got.metadata, R"({"k":1})");
  const auto teapot = ask("Teapot");
  EXPECT_EQ(teapot.status, 418U);
  EXPECT_EQ(teapot.error, "short and stout");
}

TEST_F(IsolatedTest, PassesBodiesOfAnySizeBothWays) {
  load();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kInline - 100, kInline,
                                 kInline + 1, std::size_t{1} << 20, std::size_t{16} << 20}) {
    std::string body(size, 'x');
    for (std::size_t i = 0; i < size; i += 997) body[i] = static_cast<char>('a' + i % 26);
    body.reserve(size + DOJO_BODY_PADDING);
    for (const auto* name : {"Echo", "EchoLater", "EchoJob"}) {
      EXPECT_TRUE(ask(name, body).body == body) << name << ' ' << size;
    }
  }
}

TEST_F(IsolatedTest, TakesAnswersFromThreadsOfThePlugin) {
  load();
  EXPECT_EQ(ask("EchoLater", R"({"a":1})").body, R"({"a":1})");
  EXPECT_EQ(ask("EchoJob", R"({"a":2})").body, R"({"a":2})");
}

TEST_F(IsolatedTest, GivesARequestBackThatThePluginDoesNotTake) {
  load();
  const auto [declined, code] = send("Declines");
  EXPECT_EQ(code, DOJO_FAILED);
  const auto [thrown, code_of_thrown] = send("Throws");
  EXPECT_EQ(code_of_thrown, DOJO_FAILED);
  EXPECT_EQ(ask("Echo").status, 200U);
  EXPECT_FALSE(host_.answers().contains(declined));
  EXPECT_FALSE(host_.answers().contains(thrown));
}

TEST_F(IsolatedTest, TakesNoAnswerToARequestThatThePluginHasNotTaken) {
  load();
  EXPECT_EQ(send("DeclinesAndAnswers").second, DOJO_FAILED);
  EXPECT_TRUE(host_.wait_for_log("late 2"));  // DOJO_STALE
  EXPECT_EQ(ask("Echo").status, 200U);
  EXPECT_EQ(host_.answers().size(), 1U);
  EXPECT_EQ(generation_->restarts(), 0U);
}

TEST_F(IsolatedTest, CompletesARequestOnce) {
  load();
  EXPECT_EQ(ask("Twice").status, 200U);
  EXPECT_TRUE(host_.wait_for_log("again 2"));    // DOJO_STALE
  EXPECT_TRUE(host_.wait_for_log("unknown 2"));  // DOJO_STALE
  EXPECT_EQ(generation_->restarts(), 0U);
}

TEST_F(IsolatedTest, ToldOfAnAnswerThatIsNone) {
  load();
  const auto got = ask("BadStatus");
  EXPECT_EQ(got.status, static_cast<std::uint32_t>(DOJO_STATUS_FAILED));
  EXPECT_EQ(got.error, "it answered with status 3");
  EXPECT_TRUE(host_.wait_for_log("bad 3"));  // DOJO_INVALID
}

TEST_F(IsolatedTest, RefusesAnAnswerOfTwoGigabytesAndLivesOn) {
  load();
  const auto got = ask("Answers2Gb");
  EXPECT_EQ(got.status, static_cast<std::uint32_t>(DOJO_STATUS_FAILED));
  EXPECT_THAT(got.error, HasSubstr("it answered with 2147483655 bytes"));
  EXPECT_TRUE(host_.wait_for_log("huge 3"));
  EXPECT_EQ(generation_->restarts(), 0U);
}

TEST_F(IsolatedTest, PassesLogLinesAndMetricsBeforeTheAnswer) {
  load();
  host_.answer(send("Measures").first);
  EXPECT_EQ(host_.line_count(), 101U);  // of them one from create()
  EXPECT_THAT(host_.logs(), Not(HasSubstr("[0] a line")));
  EXPECT_EQ(host_.metrics()["things"], 2);
  EXPECT_EQ(host_.metrics()["seconds"], 0.5);
}

TEST_F(IsolatedTest, TellsTheWorkerThatARequestIsCancelled) {
  load();
  const auto [id, code] = send("AwaitsCancel");
  ASSERT_EQ(code, DOJO_OK);
  EXPECT_FALSE(host_.answers().contains(id));
  generation_->cancel(id);
  EXPECT_EQ(host_.answer(id).body, R"({"cancelled":true})");
}

TEST_F(IsolatedTest, LetsTheWorkerSeeADeadlineByItself) {
  load();
  auto made = request("AwaitsCancel", "{}");
  made.deadline_ns =
      static_cast<std::uint64_t>((Clock::now() + milliseconds(30)).time_since_epoch().count());
  ASSERT_EQ(generation_->handle(made, 0), DOJO_OK);
  EXPECT_EQ(host_.answer(made.id).body, R"({"cancelled":true})");
}

TEST_F(IsolatedTest, AsksHooks) {
  load();
  auto made = request("Hooked", "{}");
  const auto good = generation_->judge(made, 0);
  EXPECT_EQ(good.code, Code::ok);
  EXPECT_EQ(good.priority, 7);
  made.hotkey = span("mallory");
  const auto bad = generation_->judge(made, 1);
  EXPECT_EQ(bad.code, Code::blacklisted);
  EXPECT_EQ(bad.reason, "not you");
  made.body = span("die");
  EXPECT_EQ(generation_->judge(made, 2).code, Code::internal);
  EXPECT_EQ(ask("Echo").status, 200U);
}

TEST_F(IsolatedTest, HandsStateToTheNext) {
  load();
  auto saved = generation_->save();
  ASSERT_TRUE(saved) << saved.error().message;
  ASSERT_EQ(*saved, "saved fresh");
  plan_.state = **saved + std::string(1 << 20, '!');
  const auto first = std::exchange(generation_, nullptr);
  load();
  EXPECT_THAT(ask("Describes").body, HasSubstr("|saved fresh!!!"));
  EXPECT_EQ(first->end(seconds(5)).unloaded, true);
}

TEST_F(IsolatedTest, SaysWhatAHealthCheckFinds) {
  load();
  EXPECT_TRUE(health());
  ask("Sickens");
  const auto status = health();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("feels sick"));
}

struct Refusal {
  const char* config;
  const char* state;
  const char* says;
};
class NoStart : public IsolatedTest, public testing::WithParamInterface<Refusal> {};

TEST_P(NoStart, IsToldWithItsReason) {
  plan_.config = GetParam().config;
  if (GetParam().state != nullptr) plan_.state = GetParam().state;
  plan_.limit = milliseconds(std::string_view(plan_.config) == "hangs_in_create" ? 300 : 20'000);
  const auto status = try_to_load();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr(GetParam().says));
  EXPECT_EQ(generation_->pid(), 0);
}
INSTANTIATE_TEST_SUITE_P(All, NoStart,
                         testing::Values(Refusal{"no_start", nullptr, "does not feel like it"},
                                         Refusal{"{}", "rotten", "it is rotten"},
                                         Refusal{"dies_in_create", nullptr, "killed by signal 6"},
                                         Refusal{"hangs_in_create", nullptr,
                                                 "has not started within"}),
                         [](const auto& test) { return fmt::format("Case{}", test.index); });

TEST_F(IsolatedTest, SaysThatAProgramOrAFileIsNotThere) {
  options_.program = "/nonexistent/dojo-worker";
  EXPECT_THAT(try_to_load().error().message, HasSubstr("/nonexistent/dojo-worker"));
  options_.program = test::where::kWorker;
  plan_.file = "/nonexistent/plugin.so";
  EXPECT_FALSE(try_to_load());
}

// -- Ends -------------------------------------------------------------------------------------

class Death : public IsolatedTest, public testing::WithParamInterface<const char*> {};

TEST_P(Death, FailsItsRequestsAloneAndIsReplaced) {
  load();
  const auto kept = send("Keeps", "{}", 1).first;
  const auto pid = generation_->pid();
  const auto got = ask(GetParam());
  EXPECT_EQ(got.status, std::string_view(GetParam()) == "AnswersAndDies" ? 200U : kWorkerDied);
  EXPECT_EQ(host_.answer(kept).status, kWorkerDied);
  EXPECT_EQ(ask("Echo", R"({"alive":true})").body, R"({"alive":true})");
  EXPECT_NE(generation_->pid(), pid);
  EXPECT_EQ(generation_->restarts(), 1U);
  EXPECT_TRUE(host_.wait_for_log("its process ended: ")) << host_.logs();
}
const std::vector<const char*> kDeaths = {
    "DiesInHandle", "ExitsInHandle", "AnswersAndDies", "Recurses",
#ifndef __SANITIZE_THREAD__  // its allocator keeps nothing beside a block that could be overwritten
    "CorruptsHeap",
#endif
};
INSTANTIATE_TEST_SUITE_P(All, Death, testing::ValuesIn(kDeaths),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(IsolatedTest, CompletesEachRequestOnceWhileItsWorkersAreKilled) {
  constexpr int kRounds = 150;
  options_.backoff_least = options_.backoff_most = milliseconds(1);
  load();
  std::atomic<bool> done = false;
  std::thread killer([&] {
    std::minstd_rand random(7);
    while (!done) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
      if (const auto pid = generation_->pid(); pid > 0) ::kill(pid, SIGKILL);
    }
  });
  const std::string big(200'000, 'x');
  std::mutex mutex;
  std::set<dojo_request_id> asked;
  std::vector<std::thread> clients;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    clients.emplace_back([&, worker] {
      for (int i = 0; i < kRounds; ++i) {
        auto made = request(i % 3 == 0 ? "EchoLater" : "Echo", {});
        made.body = span(host_.keep(made.id, i % 3 != 1 ? big : "{}"));
        const auto code = generation_->handle(made, worker);
        EXPECT_EQ(code, DOJO_OK);
        const std::lock_guard lock(mutex);
        asked.insert(made.id);
      }
    });
  }
  for (auto& client : clients) client.join();
  done = true;
  killer.join();
  for (const auto id : asked) host_.answer(id);
  generation_->end(seconds(5));
  std::size_t good = 0;
  std::size_t died = 0;
  for (const auto& [id, answers] : host_.answers()) {
    EXPECT_EQ(answers.size(), 1U);
    EXPECT_TRUE(asked.contains(id));
    EXPECT_TRUE(answers.front().status == 200 || answers.front().status == kWorkerDied)
        << answers.front().status << ' ' << answers.front().error;
    ++(answers.front().status == 200 ? good : died);
  }
  EXPECT_EQ(asked.size(), kWorkers * std::size_t{kRounds});
  EXPECT_GT(good, 0U);
  EXPECT_GT(died, 0U);
  EXPECT_GT(generation_->restarts(), 3U);
  RecordProperty("died", static_cast<int>(died));
}

TEST_F(IsolatedTest, DoesNotServeAWorkerThatCameBackWithOtherRoutes) {
  const auto marker =
      std::filesystem::temp_directory_path() / fmt::format("dojo-routes-{}", ::getpid());
  plan_.config = marker.string();
  load();
  std::ofstream(marker) << "changed";
  ask("DiesInHandle");
  EXPECT_TRUE(host_.wait_for_log("other routes than before"));
  auto made = request("Echo", "{}");
  made.deadline_ns =
      static_cast<std::uint64_t>((Clock::now() + milliseconds(50)).time_since_epoch().count());
  EXPECT_EQ(generation_->handle(made, 0), DOJO_OK);
  EXPECT_EQ(host_.answer(made.id).status, kWorkerDied);
  std::filesystem::remove(marker);
  EXPECT_EQ(ask("Echo").status, 200U);
}

TEST_F(IsolatedTest, DoublesThePauseBeforeItStartsAnother) {
  options_.backoff_least = milliseconds(20);
  options_.backoff_most = milliseconds(160);
  load();
  const auto begin = Clock::now();
  for (int i = 0; i < 5; ++i) ask("DiesInHandle");
  ask("Echo");
  EXPECT_GE(Clock::now() - begin, milliseconds(20 + 40 + 80 + 160 + 160));
  EXPECT_EQ(generation_->restarts(), 5U);
}

TEST_F(IsolatedTest, DoesNotWaitForAWorkerBeyondADeadline) {
  options_.backoff_least = options_.backoff_most = std::chrono::hours(1);
  load();
  ask("DiesInHandle");
  auto made = request("Echo", "{}");
  made.deadline_ns =
      static_cast<std::uint64_t>((Clock::now() + milliseconds(100)).time_since_epoch().count());
  EXPECT_EQ(generation_->handle(made, 0), DOJO_OK);
  EXPECT_EQ(host_.answer(made.id).status, kWorkerDied);
  EXPECT_EQ(generation_->pid(), 0);
  EXPECT_FALSE(health());
  EXPECT_FALSE(generation_->save());
}

TEST_F(IsolatedTest, NoticesADeathThoughAChildOfTheWorkerHoldsItsSockets) {
  load();
  EXPECT_EQ(ask("ForksAndDies").status, kWorkerDied);
}

TEST_F(IsolatedTest, EndsAWorkerThatDoesNotStop) {
  plan_.config = "never_stops";
  load();
  const auto begin = Clock::now();
  EXPECT_TRUE(generation_->end(milliseconds(200)).unloaded);
  EXPECT_GE(Clock::now() - begin, milliseconds(200));  // at least: no machine is too slow for it
  EXPECT_TRUE(host_.wait_for_log("does not stop"));
}

TEST_F(IsolatedTest, EndsAHandlerThatNeverReturns) {
  load();
  const auto made = request("IgnoresAll", "{}");
  std::thread executor([&] { EXPECT_EQ(generation_->handle(made, 0), DOJO_OK); });
  ask("Echo", "{}", 1);
  generation_->cancel(made.id);
  EXPECT_TRUE(generation_->end(milliseconds(200)).unloaded);
  executor.join();
  EXPECT_EQ(host_.answer(made.id).status, kWorkerDied);
}

TEST_F(IsolatedTest, StopsAWorkerInOrder) {
  load();
  ask("EchoLater");
  const auto lines = host_.line_count();
  EXPECT_TRUE(generation_->end(seconds(10)).unloaded);
  EXPECT_EQ(host_.line_count(), lines) << host_.logs();
  EXPECT_EQ(generation_->pid(), 0);
}

TEST_F(IsolatedTest, AnswersForWhatIsLeftWhenItEnds) {
  load();
  const auto kept = send("Keeps").first;
  generation_->end(seconds(10));
  EXPECT_EQ(host_.answer(kept).status, kWorkerDied);
}

TEST_F(IsolatedTest, OutlivesAWorkerOnlyInItsDestructor) {
  load();
  const auto pid = generation_->pid();
  generation_.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

// -- Limits and the sandbox ------------------------------------------------------------------

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(IsolatedTest, LimitsMemoryInTheWorkerAlone) {
  options_.memory_bytes = std::uint64_t{256} << 20;
  load();
  EXPECT_EQ(ask("Allocates1Gb").error, "no memory");
  EXPECT_EQ(ask("Echo", std::string(1 << 20, 'x')).body.size(), std::size_t{1} << 20);
  generation_.reset();
  options_.memory_bytes = 0;
  load();
  EXPECT_EQ(ask("Allocates1Gb").status, 200U);
}
#endif

TEST_F(IsolatedTest, DeniesWhatTheSandboxDenies) {
  const auto number = [](int value) { return fmt::format(R"({{"n":{}}})", value); };
  for (const bool sandbox : {false, true}) {
    options_.sandbox.on = sandbox;
    load();
    const auto denied = number(sandbox ? EPERM : 0);
    EXPECT_EQ(ask("Executes").body, denied);
    EXPECT_EQ(ask("SignalsParent").body, denied);
    EXPECT_EQ(ask("ReadsParent").body, denied);
    if (sandbox) {
      EXPECT_EQ(ask("NewNamespace").body, denied);
    }
    EXPECT_EQ(ask("OpensSocket").body, number(0));
    EXPECT_EQ(ask("StartsThread").body, "{}");
    EXPECT_EQ(ask("EchoJob", R"({"a":1})").body, R"({"a":1})");
    EXPECT_EQ(ask("DiesInHandle").status, kWorkerDied);  // raise() still works, and so does death
    EXPECT_EQ(ask("Echo").status, 200U);
    generation_.reset();
  }
}

// -- Workers that mean ill -------------------------------------------------------------------

class Hostile : public IsolatedTest, public testing::WithParamInterface<const char*> {};

TEST_P(Hostile, IsKilledAndTheReasonIsLogged) {
  load_hostile(GetParam());
  load();
  const auto [id, code] = send("Route");
  EXPECT_EQ(code, DOJO_OK);
  const auto status = host_.answer(id).status;
  EXPECT_EQ(status, std::string_view(GetParam()) == "twice" ? 200U : kWorkerDied);
  EXPECT_TRUE(host_.wait_for_log("its process ended: killed")) << host_.logs();
  if (std::string_view(GetParam()) != "closes_lane" &&
      std::string_view(GetParam()) != "empty_packet") {
    EXPECT_TRUE(host_.wait_for_log("broke the protocol")) << host_.logs();
  }
  generation_->end(milliseconds(0));
  EXPECT_EQ(host_.answers().size(), 1U);
}
INSTANTIATE_TEST_SUITE_P(
    All, Hostile,
    testing::Values("other_id", "other_id_on_control", "no_id", "twice", "died_status",
                    "short_packet", "empty_packet", "long_packet", "unknown_kind", "other_protocol",
                    "long_sizes", "wrong_lane_kind", "verdict_for_handle", "started_again",
                    "answers_no_call", "long_log", "attached_is_missing", "needless_descriptor",
                    "two_descriptors", "chunk_of_another", "chunk_without_room",
                    "chunk_that_is_none", "unsealed", "pipe", "shorter_file", "exabyte",
                    "closes_lane", "floods_lane_with_answers_to_others"),
    [](const auto& test) { return std::string(test.param); });

TEST_F(IsolatedTest, IsNotHeldUpByAFlood) {
  load_hostile("floods");
  load();
  EXPECT_EQ(ask("Route").status, 200U);
}

TEST_F(IsolatedTest, DoesNotWaitForAWorkerThatReadsNothing) {
  load_hostile("reads_nothing");
  load();
  const std::string body(kInline / 2, 'x');
  for (int i = 0; i < 100 && generation_->restarts() == 0; ++i) send("Route", body);
  EXPECT_TRUE(host_.wait_for_log("it does not read what it is sent")) << host_.logs();
}

class HostileStart : public IsolatedTest, public testing::WithParamInterface<const char*> {};

TEST_P(HostileStart, IsRefused) {
  load_hostile(GetParam());
  const std::string how = GetParam();
  if (how == "silent") plan_.limit = milliseconds(200);
  const auto status = try_to_load();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message,
              HasSubstr(how == "silent" ? "has not started within" : "broke the protocol"));
}
INSTANTIATE_TEST_SUITE_P(All, HostileStart,
                         testing::Values("silent", "bad_name", "bad_route", "bad_schema",
                                         "route_twice", "bad_deadline", "no_routes", "long_routes"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace dojo::plugins
