// The host for plugins' own tests (dojo/testing.hpp): what it answers is what dojo-host would.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/plugin.hpp>
#include <dojo/testing.hpp>

// NOLINTBEGIN(performance-unnecessary-value-param): handlers take their models by value.
namespace {

using namespace std::chrono_literals;
using dojo::Context;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Ask {
  std::string how;
};
DOJO_MODEL(Ask, how)
struct Later {
  std::string how;
};
DOJO_MODEL(Later, how)
struct Memory {
  int asked = 0;
};
DOJO_MODEL(Memory, asked)
struct Settings {
  std::string start = "well";
};
DOJO_MODEL(Settings, DOJO_DEFAULT(start))

std::atomic<int> alive{0};
std::atomic<int> dropped{0};
int asked = 0;

struct Mark {
  Mark() { ++alive; }
  Mark(const Mark&) { ++alive; }
  Mark& operator=(const Mark&) = default;
  ~Mark() { --alive; }
};

Ask ask(Context& call, Ask request) {
  ++asked;
  call.metadata("asked", asked);
  call.count("asked", 2);
  call.observe("seconds", 500ms);
  call.log(dojo::LogLevel::info, "asked by " + std::string(call.caller()));
  if (request.how == "http") throw dojo::HttpError(418, "teapot");
  if (request.how == "throw") throw std::runtime_error("secret");
  if (request.how == "cancelled") request.how = call.cancelled() ? "yes" : "no";
  return request;
}

/// Counts itself where it is let go without having run.
struct Drop {
  bool ran = false;
  Drop() = default;
  Drop(const Drop&) = delete;
  Drop& operator=(const Drop&) = delete;
  ~Drop() {
    if (!ran) ++dropped;
  }
};

void later(Context& call, Later request, dojo::Reply<Later> reply) {
  const auto held = std::make_shared<dojo::Reply<Later>>(std::move(reply));
  const auto drop = std::make_shared<Drop>();
  static std::shared_ptr<dojo::Reply<Later>> kept;
  kept = request.how == "never" ? held : nullptr;
  if (kept) return;
  if (request.how == "late") {
    std::this_thread::sleep_until(call.deadline());
    held->send({"too late"});
    return;
  }
  const auto& host = call.host();
  EXPECT_TRUE(host.post([&host, held, drop, request] {
    drop->ran = true;
    EXPECT_TRUE(host.post([held, request] { held->send({request.how + " later"}); }));
  }));
}

std::int32_t create(const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
                    dojo_error* error) {
  return dojo::detail::create(host, config, plugin, error, [](dojo::detail::Plugin& made) {
    made.add(dojo::configure<Settings>());
    made.add(dojo::on_start([mark = Mark()](dojo::Host& here) {
      if (here.config<Settings>().start != "well") throw std::runtime_error("it is ill");
      if (!here.post([drop = std::make_shared<Drop>()] {})) ADD_FAILURE();
    }));
    made.add(dojo::handle(ask)
                 .blacklist([](const Context& call) -> std::optional<std::string> {
                   if (call.caller() == "5Bad") return "bad";
                   return {};
                 })
                 .verify([](const Context&, const Ask& request) -> std::optional<std::string> {
                   if (request.how == "forged") return "forged";
                   if (request.how == "broken") throw std::runtime_error("broken");
                   return {};
                 })
                 .priority([](const Context&) { return 7; }));
    made.add(dojo::handle(later));
    made.add(dojo::state<Memory>([] { return Memory{asked}; },
                                 [](Memory memory) { asked = memory.asked; }));
    made.add(dojo::health([] {
      if (asked > 1000) throw std::runtime_error("worn out");
    }));
    made.add(dojo::selftest([] { throw std::runtime_error("no"); }));
  });
}

const dojo_plugin_entry_v1 kEntry = {sizeof kEntry, DOJO_ABI_MAJOR, DOJO_ABI_MINOR, "testing",
                                     "1",           create};

class TestingHost : public ::testing::Test {
 protected:
  TestingHost() { asked = 0; }
};

TEST_F(TestingHost, AnswersAsTheHandlerDoes) {
  dojo::testing::Host host(kEntry);
  const auto answer = host.call("Ask", R"({"how":"well"})", {.hotkey = "5Me"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.as<Ask>().how, "well");
  EXPECT_THROW((void)answer.as<Memory>(), std::runtime_error);
  EXPECT_EQ(answer.metadata, R"({"asked":1})");
  EXPECT_EQ(answer.priority, 7);
  EXPECT_EQ(host.counted("asked"), 2);
  EXPECT_THAT(host.observed("seconds"), ElementsAre(0.5));
  EXPECT_THAT(host.lines(), ElementsAre("asked by 5Me"));
}

TEST_F(TestingHost, AnswersErrorsAsACallerSeesThem) {
  dojo::testing::Host host(kEntry);
  EXPECT_EQ(host.call("Ask", R"({"how":"http"})").status, 418);
  EXPECT_EQ(host.call("Ask", R"({"how":"throw"})").status, 500);
  EXPECT_EQ(host.call("Ask", R"({"how":"throw"})").error, "secret");
  EXPECT_EQ(host.call("Ask", "{}").status, 400);
  EXPECT_EQ(host.call("None", "{}").status, 404);
}

TEST_F(TestingHost, AsksTheHooksFirst) {
  dojo::testing::Host host(kEntry);
  const auto refused = host.call("Ask", R"({"how":"well"})", {.hotkey = "5Bad"});
  EXPECT_EQ(refused.status, 200);
  EXPECT_EQ(refused.error, "Blacklisted: bad");
  EXPECT_EQ(host.call("Ask", R"({"how":"forged"})").status, 403);
  EXPECT_EQ(host.call("Ask", R"({"how":"broken"})").status, 500);
  EXPECT_EQ(asked, 0);
}

TEST_F(TestingHost, RunsPostedWorkWhileItWaits) {
  dojo::testing::Host host(kEntry);
  EXPECT_EQ(host.call("Later", R"({"how":"much"})").as<Later>().how, "much later");
}

TEST_F(TestingHost, DropsPostedWorkThatHasNotRun) {
  dropped = 0;
  {
    const dojo::testing::Host host(kEntry);
  }
  EXPECT_EQ(dropped, 1);
}

TEST_F(TestingHost, GivesUpAtTheDeadline) {
  dojo::testing::Host host(kEntry);
  EXPECT_EQ(host.call("Later", R"({"how":"late"})", {.deadline = 5ms}).status, 504);
  EXPECT_EQ(host.call("Later", R"({"how":"never"})", {.deadline = 5ms}).status, 504);
  EXPECT_EQ(host.call("Later", R"({"how":"late"})", {.deadline = 5ms}).status, 504)
      << "the one before is let go, and answered to nobody";
  EXPECT_EQ(host.call("Ask", R"({"how":"cancelled"})", {.gone = true}).as<Ask>().how, "yes");
  EXPECT_EQ(host.call("Ask", R"({"how":"cancelled"})").as<Ask>().how, "no");
}

TEST_F(TestingHost, HandsStateOver) {
  dojo::testing::Host first(kEntry);
  first.call("Ask", R"({"how":"well"})");
  const auto state = first.save();
  EXPECT_EQ(state, R"({"asked":1})");
  asked = 0;
  dojo::testing::Host next(kEntry, "{}", state);
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(next.health().has_value());
  asked = 2000;
  EXPECT_EQ(next.health().error().message, "worn out");
  EXPECT_EQ(next.selftest().error().message, "no");
}

TEST_F(TestingHost, SaysWhyAPluginDoesNotStart) {
  const auto why = [](std::string_view config, const std::optional<std::string>& state) {
    try {
      const dojo::testing::Host host(kEntry, config, state);
      return std::string();
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(why(R"({"stat":"x"})", {}), HasSubstr("create: config: there is no key"));
  EXPECT_EQ(why(R"({"start":"ill"})", {}), "start: it is ill");
  EXPECT_THAT(why("{}", "[]"), HasSubstr("restore: state: "));
  EXPECT_EQ(alive, 0) << "nothing is left behind";
}

}  // namespace
// NOLINTEND(performance-unnecessary-value-param)
