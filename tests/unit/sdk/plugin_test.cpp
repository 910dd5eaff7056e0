// The C++ face of the ABI, driven through the C table by a host that records.
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/plugin.hpp>

// NOLINTBEGIN(performance-unnecessary-value-param): handlers take their models by value.
namespace {

using namespace dojo;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Ping {
  std::string text;
};
DOJO_MODEL(Ping, text)
struct Pong {
  std::string text;
  std::optional<double> score;
};
DOJO_MODEL(Pong, text, score)
struct Settings {
  int depth = 3;
  std::string name;
};
DOJO_MODEL(Settings, DOJO_DEFAULT(depth), name)

/// What a plugin answered.
struct Answered {
  dojo_request_id id = 0;
  std::uint32_t status = 0;
  std::string body;
  std::string error;
  std::string metadata;
  friend bool operator==(const Answered&, const Answered&) = default;
};

/// A dojo_host table that keeps what it is given.
class FakeHost {
 public:
  FakeHost() {
    table_.struct_size = sizeof table_;
    table_.abi_major = DOJO_ABI_MAJOR;
    table_.context = this;
    table_.complete = [](void* self, dojo_request_id id, const dojo_response* response) {
      return static_cast<FakeHost*>(self)->complete(id, *response);
    };
    table_.cancelled = [](void* self, dojo_request_id) -> std::int32_t {
      return static_cast<FakeHost*>(self)->gone ? 1 : 0;
    };
    table_.now_ns = [](void*) -> std::uint64_t { return 1; };
    table_.log = [](void* self, std::int32_t level, dojo_request_id id, dojo_span text) {
      auto& host = *static_cast<FakeHost*>(self);
      const std::lock_guard lock(host.mutex_);
      host.lines_.push_back(std::to_string(level) + ' ' + std::to_string(id) + ' ' +
                            std::string(detail::view(text)));
    };
    table_.extension = [](void*, const char*) -> const void* { return nullptr; };
  }
  const dojo_host* table() { return &table_; }

  /// The next answer, waited for.
  Answered next() {
    std::unique_lock lock(mutex_);
    if (!come_.wait_for(lock, 10s, [&] { return !answers_.empty(); })) return {};
    auto first = std::move(answers_.front());
    answers_.pop_front();
    return first;
  }
  std::size_t unread() {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

  std::atomic<bool> gone{false};

 private:
  std::int32_t complete(dojo_request_id id, const dojo_response& response) {
    EXPECT_EQ(response.struct_size, sizeof response);
    EXPECT_EQ(response.release, nullptr);
    const std::lock_guard lock(mutex_);
    answers_.push_back({id, response.status, std::string(detail::view(response.body)),
                        std::string(detail::view(response.error)),
                        std::string(detail::view(response.metadata))});
    come_.notify_all();
    return DOJO_OK;
  }

  dojo_host table_{};
  std::mutex mutex_;
  std::condition_variable come_;
  std::deque<Answered> answers_;
  std::vector<std::string> lines_;
};

/// A plugin made of parts, as DOJO_PLUGIN makes it, and started.
class PluginTest : public testing::Test {
 protected:
  ~PluginTest() override { end(); }

  /// @return why create or start failed, empty if they did not
  template <class... Parts>
  std::string make(std::string_view config, Parts... parts) {
    std::array<char, 256> text{};
    dojo_error error{text.data(), text.size(), 0};
    const auto code =
        detail::create(host.table(), detail::span(config), &plugin_, &error,
                       [&](detail::Plugin& made) { (made.add(std::move(parts)), ...); });
    created_ = code == DOJO_OK;
    if (!created_) return {text.data(), error.size};
    if (plugin_.start(plugin_.self, &error) != DOJO_OK) return {text.data(), error.size};
    started_ = true;
    return {};
  }
  std::int32_t give(std::string_view body, std::uint32_t route = 0) {
    body_.assign(body);
    body_.reserve(body.size() + DOJO_BODY_PADDING);
    dojo_request request{};
    request.struct_size = sizeof request;
    request.route = route;
    request.id = 42;
    request.body = detail::span(body_);
    request.hotkey = detail::span("5Hotkey");
    request.dialect = detail::span("dojo/1");
    request.peer = detail::span("127.0.0.1");
    request.trace = detail::span("trace");
    request.deadline_ns = 5'000'000'000;
    return plugin_.handle(plugin_.self, &request);
  }
  /// Its answer to {"text":"hi"}.
  Answered ask(std::string_view body = R"({"text":"hi"})") {
    EXPECT_EQ(give(body), DOJO_OK);
    return host.next();
  }
  void end() {
    if (std::exchange(started_, false)) plugin_.stop(plugin_.self);
    if (std::exchange(created_, false)) plugin_.destroy(plugin_.self);
  }
  [[nodiscard]] const dojo_plugin& table() const { return plugin_; }

  FakeHost host;

 private:
  dojo_plugin plugin_{};
  bool created_ = false;
  bool started_ = false;
  std::string body_;
};

// ---- what a handler may look like

Pong plain(Ping ping) {
  return {ping.text, 1.5};
}
Pong quiet(Ping ping) noexcept {
  return {ping.text, {}};
}

TEST_F(PluginTest, AnswersWithAModel) {
  make("{}", handle(plain));
  EXPECT_EQ(ask(), (Answered{42, 200, R"({"text":"hi","score":1.5})", "", "{}"}));
}

TEST_F(PluginTest, TakesAHandlerOfAnyForm) {
  make("{}", handle(quiet));
  EXPECT_EQ(ask().body, R"({"text":"hi","score":null})");
  end();
  make("{}", handle([](Context& call, const Ping& ping) {
         return Ping{ping.text + std::string(call.caller())};
       }));
  EXPECT_EQ(ask().body, R"({"text":"hi5Hotkey"})");
  end();
  make("{}", handle([calls = 0](Ping) mutable noexcept { return Ping{std::to_string(++calls)}; }));
  EXPECT_EQ(ask().body, R"({"text":"1"})");
  end();
  make("{}", handle(std::function<Ping(Ping)>([](Ping ping) { return ping; })));
  EXPECT_EQ(ask().body, R"({"text":"hi"})");
}

TEST_F(PluginTest, AnswersNothingWithAnEmptyBody) {
  make("{}", handle([](Context& call, Ping) { call.metadata("k", 1); }));
  EXPECT_EQ(ask(), (Answered{42, 200, "", "", R"({"k":1})"}));
}

TEST_F(PluginTest, ShowsTheCallToItsHandler) {
  make("{}", handle([this](Context& call, Ping) {
         EXPECT_EQ(call.dialect(), "dojo/1");
         EXPECT_EQ(call.peer(), "127.0.0.1");
         EXPECT_EQ(call.request_id(), "trace");
         EXPECT_EQ(call.deadline().time_since_epoch(), 5s);
         EXPECT_FALSE(call.cancelled());
         host.gone = true;
         EXPECT_TRUE(call.cancelled());
         call.log(LogLevel::warning, "a line");
       }));
  ask();
  EXPECT_THAT(host.lines(), ElementsAre("2 42 a line"));
}

TEST_F(PluginTest, RefusesABodyThatIsNotItsModel) {
  make("{}", handle(plain));
  EXPECT_EQ(ask(R"({"text":1})"),
            (Answered{42, DOJO_STATUS_INVALID_BODY, "",
                      "Invalid Ping: text: expected string, got number", ""}));
  EXPECT_EQ(ask("").status, std::uint32_t{DOJO_STATUS_INVALID_BODY});
}

TEST_F(PluginTest, RefusesARouteItDoesNotHave) {
  make("{}", handle(plain));
  EXPECT_EQ(give("{}", 1), DOJO_INVALID);
  EXPECT_EQ(host.unread(), 0u);
}

TEST_F(PluginTest, DescribesItsRoutes) {
  make("{}", handle(plain).describe("line").deadline(250ms).concurrency(3),
       handle([](Context&, Settings, Reply<Pong> reply) { reply.send({}); }));
  ASSERT_EQ(table().route_count, 2u);
  const auto& route = table().routes[0];
  EXPECT_STREQ(route.name, "Ping");
  EXPECT_STREQ(route.description, "line");
  EXPECT_EQ(route.deadline_ms, 250u);
  EXPECT_EQ(route.concurrency, 3u);
  EXPECT_EQ(std::string(route.request_schema), json_schema<Ping>());
  EXPECT_EQ(std::string(table().routes[1].response_schema), json_schema<Pong>());
  EXPECT_STREQ(table().routes[1].name, "Settings");
}

TEST(Route, RefusesADeadlineThatIsNone) {
  EXPECT_THROW(handle(plain).deadline(0ms), std::invalid_argument);
  EXPECT_THROW(handle(plain).deadline(-5ms), std::invalid_argument);
}

// ---- what goes wrong

TEST_F(PluginTest, TellsAnHttpErrorToTheCaller) {
  make("{}", handle([](Ping) -> Pong { throw HttpError(422, "completions is empty"); }));
  EXPECT_EQ(ask(), (Answered{42, 422, "", "completions is empty", ""}));
}

TEST_F(PluginTest, DoesNotTellAnHttpErrorWhoseStatusIsNone) {
  for (const int status : {-1, 0, 1, 200, 399, 600, 100'000}) {
    make("{}", handle([status](Ping) -> Pong { throw HttpError(status, "odd"); }));
    EXPECT_EQ(ask().status, std::uint32_t{DOJO_STATUS_FAILED}) << status;
    end();
  }
}

TEST_F(PluginTest, FailsWithWhatItsHandlerThrows) {
  make("{}", handle([](Ping) -> Pong { throw std::runtime_error("secret"); }));
  EXPECT_EQ(ask(), (Answered{42, DOJO_STATUS_FAILED, "", "secret", ""}));
  end();
  make("{}", handle([](Ping) -> Pong { throw 7; }));
  EXPECT_THAT(ask().error, HasSubstr("no std::exception"));
}

TEST_F(PluginTest, FailsWhenItsAnswerCannotBeWritten) {
  make("{}", handle([](Ping) { return Pong{"", std::numeric_limits<double>::quiet_NaN()}; }));
  EXPECT_EQ(ask(), (Answered{42, DOJO_STATUS_FAILED, "",
                             "the answer cannot be written: score: NaN and infinity cannot be "
                             "written as JSON",
                             ""}));
}

// ---- metadata

TEST_F(PluginTest, SendsMetadataOfAnyKind) {
  make("{}", handle([](Context& call, Ping ping) {
         call.metadata("text", "a\"b");
         call.metadata("view", std::string_view("v"));
         call.metadata("n", std::int64_t{-5});
         call.metadata("list", std::vector<double>{0.5});
         call.metadata("model", ping);
         call.metadata("raw", RawJson{"[ ]"});
         call.metadata("none", std::optional<bool>{});
         call.metadata("key \"\n", true);
         call.metadata("n", 6);
         return ping;
       }));
  EXPECT_EQ(ask().metadata,
            R"({"text":"a\"b","view":"v","n":6,"list":[0.5],"model":{"text":"hi"},"raw":[ ],)"
            R"("none":null,"key \"\n":true})");
}

TEST_F(PluginTest, FailsOnMetadataThatIsNoJson) {
  make("{}", handle([](Context& call, Ping) { call.metadata("x", std::nan("")); }));
  EXPECT_THAT(ask().error, HasSubstr("metadata: NaN"));
  end();
  make("{}", handle([](Context& call, Ping) { call.metadata("\xff", 1); }));
  EXPECT_THAT(ask().error, HasSubstr("metadata: text is not valid UTF-8"));
}

// ---- Reply

TEST_F(PluginTest, AnswersLaterFromAnotherThread) {
  std::thread worker;
  make("{}", handle([&](Context& call, Ping ping, Reply<Pong> reply) {
         call.metadata("k", "v");
         worker = std::thread([reply = std::move(reply), ping]() mutable {
           reply.context().metadata("thread", 2);
           reply.send({ping.text, {}});
         });
       }));
  EXPECT_EQ(ask(),
            (Answered{42, 200, R"({"text":"hi","score":null})", "", R"({"k":"v","thread":2})"}));
  worker.join();
}

TEST_F(PluginTest, AnswersOnceOnly) {
  make("{}", handle([&](Context&, Ping, Reply<Pong> reply) {
         reply.send({"first", {}});
         reply.send({"second", {}});
         reply.fail(HttpError(500, "third"));
       }));
  EXPECT_THAT(ask().body, HasSubstr("first"));
  EXPECT_EQ(host.unread(), 0u);
}

TEST_F(PluginTest, FailsForAReplyThatIsLetGo) {
  make("{}", handle([](Context&, Ping, Reply<Pong>) {}));
  EXPECT_EQ(ask(), (Answered{42, DOJO_STATUS_FAILED, "",
                             "the handler let go of its Reply unanswered", ""}));
  EXPECT_EQ(host.unread(), 0u);
}

TEST_F(PluginTest, FailsForAReplyThatIsOverwritten) {
  std::optional<Reply<Pong>> kept;
  make("{}", handle([&](Context&, Ping, Reply<Pong> reply) {
         if (kept) {
           *kept = std::move(reply);
         } else {
           kept.emplace(std::move(reply));
         }
       }));
  give(R"({"text":"1"})");
  EXPECT_EQ(host.unread(), 0u);
  EXPECT_EQ(ask().status, std::uint32_t{DOJO_STATUS_FAILED});
  kept->send({"2", {}});
  EXPECT_EQ(host.next().status, 200u);
  kept.reset();
  EXPECT_EQ(host.unread(), 0u);
}

TEST_F(PluginTest, FailsAReplyWithWhateverItIsTold) {
  const auto failing = [this](auto how) {
    make("{}", handle([how](Context&, Ping, Reply<Pong> reply) { reply.fail(how); }));
    auto answer = ask();
    end();
    return answer;
  };
  EXPECT_EQ(failing(HttpError(418, "teapot")).status, 418u);
  EXPECT_EQ(failing(std::make_exception_ptr(std::runtime_error("r"))).error, "r");
  EXPECT_EQ(failing(std::make_exception_ptr(HttpError(404, "h"))).status, 404u);
  EXPECT_THAT(failing(std::exception_ptr()).error, HasSubstr("no exception"));
}

TEST_F(PluginTest, AnswersOnceWhenAHandlerThrowsWithItsReply) {
  make("{}", handle([](Context&, Ping, Reply<Pong> reply) {
         const auto mine = std::move(reply);
         throw std::runtime_error("late");
       }));
  EXPECT_EQ(ask().status, std::uint32_t{DOJO_STATUS_FAILED});
  EXPECT_EQ(host.unread(), 0u);
  EXPECT_THAT(host.lines(), ElementsAre(HasSubstr("late")));
}

TEST_F(PluginTest, RefusesABadBodyBeforeThereIsAReply) {
  make("{}", handle([](Context&, Ping, Reply<Pong>) { ADD_FAILURE(); }));
  EXPECT_EQ(ask("[]").status, std::uint32_t{DOJO_STATUS_INVALID_BODY});
  EXPECT_EQ(host.unread(), 0u);
}

// ---- config and life

TEST_F(PluginTest, ReadsItsConfig) {
  make(R"({"name":"n","depth":5})", handle([](Context& call, Ping) {
         const auto& settings = call.config<Settings>();
         return Ping{settings.name + std::to_string(settings.depth)};
       }),
       configure<Settings>());
  EXPECT_EQ(ask().body, R"({"text":"n5"})");
}

TEST_F(PluginTest, RefusesAConfigThatIsNotItsOwn) {
  EXPECT_EQ(make("{}", configure<Settings>(), handle(plain)),
            "config: name: required field is missing");
  EXPECT_EQ(make(R"({"name":"n","dept":5})", configure<Settings>(), handle(plain)),
            "config: there is no key \"dept\"");
  EXPECT_THAT(make(R"({"name":"n","depth":"x"})", configure<Settings>(), handle(plain)),
              HasSubstr("config: depth: expected integer"));
  EXPECT_THAT(make("", configure<Settings>(), handle(plain)), HasSubstr("config: not valid JSON"));
  EXPECT_EQ(make(R"({"a":1})", handle(plain)), "config: this plugin takes none");
}

TEST_F(PluginTest, FailsACallThatAsksForAnotherConfig) {
  make(R"({"name":"n"})", configure<Settings>(),
       handle([](Context& call, Ping) { (void)call.config<Pong>(); }));
  EXPECT_EQ(ask().status, std::uint32_t{DOJO_STATUS_FAILED});
}

TEST_F(PluginTest, RunsItsHooksInOrder) {
  std::vector<std::string> ran;
  EXPECT_EQ(
      make("{}", on_start([&] { ran.emplace_back("a"); }), on_start([&] { ran.emplace_back("b"); }),
           on_stop([&] { ran.emplace_back("c"); }), handle(plain)),
      "");
  end();
  EXPECT_THAT(ran, ElementsAre("a", "b", "c"));
}

TEST_F(PluginTest, DoesNotStartWhenAHookThrows) {
  EXPECT_EQ(make("{}", on_start([] { throw std::runtime_error("no GPU"); }), handle(plain)),
            "no GPU");
  end();
  EXPECT_THAT(make("{}", on_start([] { throw 1; }), handle(plain)), HasSubstr("no std::exception"));
}

TEST_F(PluginTest, CutsALongReason) {
  EXPECT_EQ(
      make("{}", on_start([] { throw std::runtime_error(std::string(9'999, 'x')); }), handle(plain))
          .size(),
      256u);
}

TEST_F(PluginTest, LetsNoExceptionOutOfStop) {
  make("{}", on_stop([] { throw 1; }), handle(plain));
  end();
  EXPECT_THAT(host.lines(), ElementsAre(HasSubstr("on_stop threw")));
}

}  // namespace

DOJO_PLUGIN("unit-test", "1.2.3", dojo::handle(plain), dojo::configure<Settings>())

namespace {

TEST(Entry, CanBeReadWithoutRunningCode) {
  EXPECT_EQ(dojo_plugin_entry.struct_size, sizeof(dojo_plugin_entry_v1));
  EXPECT_EQ(dojo_plugin_entry.abi_major, DOJO_ABI_MAJOR);
  EXPECT_STREQ(dojo_plugin_entry.name, "unit-test");
  EXPECT_STREQ(dojo_plugin_entry.version, "1.2.3");
  EXPECT_EQ(dojo_plugin_entry.extension, nullptr);
  EXPECT_STREQ(dojo_plugin_note.plugin, "unit-test");
  EXPECT_EQ(dojo_plugin_note.type, std::uint32_t{DOJO_NOTE_TYPE});
}

TEST(Entry, Creates) {
  FakeHost host;
  dojo_plugin plugin{};
  std::array<char, 64> text{};
  dojo_error error{text.data(), text.size(), 0};
  ASSERT_EQ(
      dojo_plugin_entry.create(host.table(), detail::span(R"({"name":"n"})"), &plugin, &error),
      DOJO_OK);
  plugin.destroy(plugin.self);
  EXPECT_EQ(dojo_plugin_entry.create(host.table(), detail::span("{}"), &plugin, &error),
            DOJO_FAILED);
}

}  // namespace
// NOLINTEND(performance-unnecessary-value-param)
