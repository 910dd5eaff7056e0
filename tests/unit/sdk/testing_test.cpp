// The host for plugins' own tests (dojo/testing.hpp): what it answers is what dojo-host would.
#include <atomic>
#include <cmath>
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
    made.add(dojo::raw("bytes", [](Context& call, dojo::RawRequest request) -> dojo::RawAnswer {
               if (request.target == "/fails") throw dojo::HttpError(418, "teapot");
               return {.body = std::string(request.method) + std::string(request.body) +
                               std::to_string(call.uid().value_or(0)),
                       .content_type = "a/b",
                       .status = 201};
             }).methods({"GET", "PUT"}));
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

TEST_F(TestingHost, AnswersRawRoutesWithTheirBytes) {
  dojo::testing::Host host(kEntry);
  const auto answer = host.call("bytes", "\xff", {.method = "PUT", .uid = 7});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body,
            "PUT\xff"
            "7");
  EXPECT_EQ(answer.fields, "content-type: a/b\r\n");
  EXPECT_EQ(host.call("bytes", "").status, 405) << "it does not take POST";
  const auto failed = host.call("bytes", "", {.method = "GET", .target = "/fails"});
  EXPECT_EQ(failed.status, 418);
  EXPECT_EQ(failed.error, "teapot");
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
  EXPECT_EQ(host.call("Ask", R"({"how":"forged"})").error, "Forbidden: forged");
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

// ---- what dojo-host refuses

/// A plugin of plain tables, which keeps to no rule that the C++ face would see to.
struct Plain {
  const dojo_host* host = nullptr;
  const dojo_response* answer = nullptr;
  std::int32_t completed = DOJO_OK;
  std::int32_t handled = DOJO_OK;
  std::int32_t priority = 0;
  std::string health;
  int ended = 0;
  std::array<dojo_route, 2> routes{};
  dojo_plugin table{};
};
Plain plain;

const void* plain_extension(void*, const char* name) {
  static constexpr dojo_health_v1 kHealth{
      sizeof(dojo_health_v1), [](void*, dojo_error* error) -> std::int32_t {
        error->size = plain.health.copy(error->data, error->capacity);
        return plain.health.empty() ? DOJO_OK : DOJO_FAILED;
      }};
  return std::string_view(name) == DOJO_EXT_HEALTH ? &kHealth : nullptr;
}
std::int32_t create_plain(const dojo_host* host, dojo_span, const dojo_plugin** out, dojo_error*) {
  plain.host = host;
  *out = &plain.table;
  return DOJO_OK;
}

class PlainPlugin : public ::testing::Test {
 protected:
  PlainPlugin() {
    plain = Plain();
    for (auto& route : plain.routes) route.struct_size = sizeof route;
    plain.routes[0].name = "One";
    plain.routes[1].name = "Two";
    auto& table = plain.table;
    table.struct_size = sizeof table;
    table.route_count = 2;
    table.routes = plain.routes.data();
    table.start = [](void*, dojo_error*) -> std::int32_t { return DOJO_OK; };
    table.handle = [](void*, const dojo_request* request) -> std::int32_t {
      if (plain.handled == DOJO_OK) {
        plain.completed = plain.host->complete(plain.host->context, request->id, plain.answer);
      }
      return plain.handled;
    };
    table.stop = [](void*) {};
    table.destroy = [](void*) { ++plain.ended; };
    table.extension = plain_extension;
  }
  /// What a caller of One is told if this is the answer to it.
  static dojo::testing::Answer told(std::uint32_t status, const std::string& body,
                                    const std::string& error = {},
                                    const std::string& metadata = {}) {
    dojo_response response{};
    response.struct_size = sizeof response;
    response.status = status;
    response.body = {body.data(), body.size()};
    response.error = {error.data(), error.size()};
    response.metadata = {metadata.data(), metadata.size()};
    return told(&response);
  }
  static dojo::testing::Answer told(const dojo_response* response) {
    plain.answer = response;
    return dojo::testing::Host(entry()).call("One", "{}");
  }
  static dojo_plugin_entry_v1 entry() {
    return {
        sizeof(dojo_plugin_entry_v1), DOJO_ABI_MAJOR, DOJO_ABI_MINOR, "plain", "1", create_plain};
  }
  /// Why the plugin is refused; empty if it is not.
  static std::string why(const dojo_plugin_entry_v1& entry, std::string_view config = "{}") {
    try {
      const dojo::testing::Host host(entry, config);
      return {};
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }
  static std::string why() { return why(entry()); }
};

TEST_F(PlainPlugin, IsToldThatItsAnswerIsNone) {
  for (const std::uint32_t status : {3u, 100u, 199u, 201u, 204u, 302u, 399u, 600u, 100'000u}) {
    const auto answer = told(status, "{}", "why");
    EXPECT_EQ(answer.status, 500) << status;
    EXPECT_EQ(answer.error, "it answered with status " + std::to_string(status));
    EXPECT_EQ(plain.completed, DOJO_INVALID);
  }
  for (const auto* text : {"{", "[]", "1", "null", "{} {}", R"({"a":1,})", " ", "\xff"}) {
    EXPECT_EQ(told(200, text).status, 500) << text;
    EXPECT_THAT(told(200, text).error, HasSubstr("the body it answered with is "));
    EXPECT_EQ(plain.completed, DOJO_INVALID);
    EXPECT_THAT(told(200, "{}", "", text).error, HasSubstr("the metadata it answered with is "));
    EXPECT_EQ(told(404, "", "why", text).status, 500) << "errors have metadata too";
  }
  EXPECT_EQ(told(nullptr).error, "it answered with no response");
  EXPECT_EQ(plain.completed, DOJO_INVALID);
  dojo_response shorter{};
  shorter.struct_size = 8;
  shorter.status = 200;
  EXPECT_EQ(told(&shorter).error, "it answered with no response");
}

TEST_F(PlainPlugin, TellsItsCallersNoMoreThanTheHostWould) {
  const auto good = told(200, R"( {"a":1} )", "ignored");
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.body, R"( {"a":1} )");
  EXPECT_EQ(good.error, "");
  EXPECT_EQ(plain.completed, DOJO_OK);
  EXPECT_EQ(told(200, "").body, "{}");
  const auto refused = told(429, R"({"a":1})", "slower", R"({"k":1})");
  EXPECT_EQ(refused.body, "{}");
  EXPECT_EQ(refused.error, "slower");
  EXPECT_EQ(refused.metadata, R"({"k":1})");
  EXPECT_EQ(told(DOJO_STATUS_FAILED, "", "secret", R"({"k":1})").metadata, "{}");
  EXPECT_EQ(told(DOJO_STATUS_INVALID_BODY, "", "no model", R"({"k":1})").metadata, "{}");
  EXPECT_EQ(told(DOJO_STATUS_TOO_LARGE, "", "too many", R"({"k":1})").status, 413);
  plain.handled = DOJO_INVALID;
  EXPECT_EQ(told(nullptr).error, "handle returned 3");
}

TEST_F(PlainPlugin, IsRefusedWhereTheHostWouldRefuseIt) {
  EXPECT_EQ(why(), "");
  EXPECT_EQ(plain.ended, 1);
  auto other = entry();
  other.abi_major = 2;
  EXPECT_THAT(why(other), HasSubstr("plugin ABI 2"));
  other = entry();
  other.name = "a name";
  EXPECT_THAT(why(other), HasSubstr("its name \"a name\""));
  other = entry();
  other.create = nullptr;
  EXPECT_THAT(why(other), HasSubstr("no create()"));
  EXPECT_EQ(why(entry(), "[]"), "config: no JSON object");
  EXPECT_THAT(why(entry(), "{"), HasSubstr("config: not valid JSON"));
  EXPECT_EQ(plain.ended, 1) << "none of them was created";

  plain.health = "no GPU";
  EXPECT_EQ(why(), "health check: no GPU");
  EXPECT_EQ(plain.ended, 2);
  plain.health.clear();
  plain.table.stop = nullptr;
  EXPECT_THAT(why(), HasSubstr("has holes"));
}

TEST_F(PlainPlugin, IsRefusedForRoutesThatAreNone) {
  for (const auto* name : {"", "..", "a/b", "a b", "\xc3\xa9", static_cast<const char*>(nullptr)}) {
    plain.routes[1].name = name;
    EXPECT_THAT(why(), HasSubstr("a name is 1 to 128"));
  }
  plain.routes[1].name = "One";
  EXPECT_EQ(why(), "route One: it declares this route twice");
  plain.routes[1].name = "Two";
  plain.routes[1].path = "/One";
  EXPECT_EQ(why(), "route Two: it declares this route twice") << "by its path";
  for (const auto* path : {"", "One", "/a?b", "/a*", "/a/*/b", "/a b"}) {
    plain.routes[1].path = path;
    EXPECT_THAT(why(), HasSubstr("its path is none")) << path;
  }
  plain.routes[1].path = "/v1/*";
  for (const auto* methods : {"", "get", "GET,POST", "GET  POST", "GET ", " GET", "CONNECT"}) {
    plain.routes[1].methods = methods;
    EXPECT_THAT(why(), HasSubstr("its methods are none")) << methods;
  }
  plain.routes[1].path = plain.routes[1].methods = nullptr;
  plain.routes[1].name = "One";
  plain.routes[1].name = "Two";
  plain.routes[1].response_schema = "{";
  EXPECT_THAT(why(), HasSubstr("route Two: a schema of it is not valid JSON"));
  plain.routes[1].response_schema = nullptr;
  plain.routes[1].struct_size = 8;
  EXPECT_EQ(why(), "its route table is too short");
  plain.table.route_count = 0;
  EXPECT_EQ(why(), "it serves no routes");
}

TEST_F(PlainPlugin, HasItsRoutesOwnDeadlineAndPriority) {
  plain.routes[0].deadline_ms = 1;
  plain.routes[0].priority = [](void*, const dojo_request*) -> std::int32_t {
    return plain.priority;
  };
  plain.table.handle = [](void*, const dojo_request*) -> std::int32_t { return DOJO_OK; };
  dojo::testing::Host host(entry());
  plain.priority = 1'000'000;
  const auto late = host.call("One", "{}");
  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(late.priority, 1000);
  plain.priority = -1'000'000;
  EXPECT_EQ(host.call("One", "{}").priority, -1000);
}

TEST_F(PlainPlugin, HasTheMetricsAlsoThatTheHostWouldKeep) {
  dojo::testing::Host host(entry());
  const auto count = [](const std::string& name, double amount) {
    plain.host->count(plain.host->context, {name.data(), name.size()}, amount);
  };
  const auto observe = [](const std::string& name, double value) {
    plain.host->observe(plain.host->context, {name.data(), name.size()}, value);
  };
  for (const std::string& name : {std::string(), std::string("a-b"), std::string(65, 'a')}) {
    count(name, 1);
    EXPECT_EQ(host.counted(name), 0) << name;
  }
  count("sound", 2);
  count("sound", -1);
  count("sound", std::nan(""));
  observe("sound", 1);
  EXPECT_EQ(host.counted("sound"), 2);
  EXPECT_TRUE(host.observed("sound").empty()) << "it is a counter's name";
  for (int i = 0; i < 64; ++i) observe("h" + std::to_string(i), -1);
  EXPECT_EQ(host.observed("h62").size(), 1u);
  EXPECT_TRUE(host.observed("h63").empty()) << "the 65th name";
  EXPECT_EQ(plain.host->cancelled(plain.host->context, 0), 0) << "a hook's id";
}

}  // namespace
// NOLINTEND(performance-unnecessary-value-param)
