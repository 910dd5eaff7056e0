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
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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
    table_.now_ns = [](void* self) -> std::uint64_t { return static_cast<FakeHost*>(self)->now; };
    table_.log = [](void* self, std::int32_t level, dojo_request_id id, dojo_span text) {
      auto& host = *static_cast<FakeHost*>(self);
      const std::lock_guard lock(host.mutex_);
      host.lines_.push_back(std::to_string(level) + ' ' + std::to_string(id) + ' ' +
                            std::string(detail::view(text)));
    };
    table_.count = [](void* self, dojo_span name, double amount) {
      static_cast<FakeHost*>(self)->note("count", name, amount);
    };
    table_.observe = [](void* self, dojo_span name, double value) {
      static_cast<FakeHost*>(self)->note("observe", name, value);
    };
    table_.extension = [](void* self, const char* name) -> const void* {
      auto& host = *static_cast<FakeHost*>(self);
      return std::string_view(name) == DOJO_EXT_EXECUTOR ? host.executor : nullptr;
    };
    executor_.struct_size = sizeof executor_;
    executor_.post = [](void* self, void (*run)(void*, std::int32_t), void* data) -> std::int32_t {
      auto& host = *static_cast<FakeHost*>(self);
      if (host.full) return DOJO_FAILED;
      host.posted.emplace_back([=](bool cancelled) { run(data, cancelled ? 1 : 0); });
      return DOJO_OK;
    };
  }
  dojo_host* table() { return &table_; }

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
  std::uint64_t now = 1;
  bool full = false;
  std::vector<std::function<void(bool cancelled)>> posted;
  std::vector<std::string> metrics;
  const void* executor = &executor_;
  std::function<void()> on_complete;  // the request's texts end

 private:
  void note(const char* kind, dojo_span name, double value) {
    metrics.push_back(std::string(kind) + ' ' + std::string(detail::view(name)) + ' ' +
                      std::to_string(value));
  }
  std::int32_t complete(dojo_request_id id, const dojo_response& response) {
    EXPECT_EQ(response.struct_size, sizeof response);
    EXPECT_EQ(response.release, nullptr);
    const std::lock_guard lock(mutex_);
    if (on_complete) on_complete();
    answers_.push_back({id, response.status, std::string(detail::view(response.body)),
                        std::string(detail::view(response.error)),
                        std::string(detail::view(response.metadata))});
    come_.notify_all();
    return DOJO_OK;
  }

  dojo_host table_{};
  dojo_executor_v1 executor_{};
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
    if (plugin_->start(plugin_->self, &error) != DOJO_OK) return {text.data(), error.size};
    started_ = true;
    return {};
  }
  /// A whole request, but for what it is for and its id.
  dojo_request request(std::string_view body, std::uint32_t route = 0) {
    body_.assign(body);
    body_.reserve(body.size() + DOJO_BODY_PADDING);
    dojo_request made{};
    made.struct_size = sizeof made;
    made.route = route;
    made.body = detail::span(body_);
    made.hotkey = detail::span("5Hotkey");
    made.dialect = detail::span("dojo/1");
    made.peer = detail::span("127.0.0.1");
    made.trace = detail::span("trace");
    made.deadline_ns = 5'000'000'000;
    made.call = number;
    return made;
  }
  std::int32_t give(std::string_view body, std::uint32_t route = 0) {
    auto whole = request(body, route);
    whole.id = 42;
    return plugin_->handle(plugin_->self, &whole);
  }
  /// Its answer to {"text":"hi"}.
  Answered ask(std::string_view body = R"({"text":"hi"})") {
    EXPECT_EQ(give(body), DOJO_OK);
    return host.next();
  }
  void end() {
    if (std::exchange(started_, false)) plugin_->stop(plugin_->self);
    if (std::exchange(created_, false)) plugin_->destroy(plugin_->self);
  }
  [[nodiscard]] const dojo_plugin& table() const { return *plugin_; }

  /// What the first route's hooks say of a request, as "<code> <reason>".
  std::string judged(std::string_view body = R"({"text":"hi"})") {
    const auto& route = table().routes[0];
    const auto seen = request(body);
    std::string said;
    for (const auto& hook : {route.blacklist, route.verify}) {
      if (hook == nullptr) continue;
      const auto [code, reason] =
          call([&](dojo_error* error) { return hook(plugin_->self, &seen, error); });
      said += std::to_string(code) + ' ' + reason + ';';
    }
    if (route.priority != nullptr) said += std::to_string(route.priority(plugin_->self, &seen));
    return said;
  }
  /// What a function with an error buffer returns, and what stands in the buffer.
  template <class Call>
  std::pair<std::int32_t, std::string> call(Call function) {
    std::array<char, 64> text{};
    dojo_error error{text.data(), text.size(), 0};
    const auto code = function(&error);
    return {code, std::string(text.data(), error.size)};
  }
  template <class Table>
  const Table* extension(const char* name) {
    return static_cast<const Table*>(plugin_->extension(plugin_->self, name));
  }

  FakeHost host;
  std::uint64_t number = 0;  // dojo_request.call

 private:
  const dojo_plugin* plugin_ = nullptr;
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
  make("{}", handle([](Ping ping) noexcept { return ping; }));
  EXPECT_EQ(ask().body, R"({"text":"hi"})");
  end();
  make("{}", handle(std::function<Ping(Ping)>([](Ping ping) { return ping; })));
  EXPECT_EQ(ask().body, R"({"text":"hi"})");
}

TEST_F(PluginTest, TakesCallablesThatCannotBeCopied) {
  std::vector<std::string> ran;
  const auto own = [](const char* text) { return std::make_unique<std::string>(text); };
  EXPECT_EQ(make("{}",
                 handle([mine = own("a")](const Ping&) { return Ping{*mine}; })
                     .blacklist([mine = own("no")](const Context&) {
                       return std::optional<std::string>(*mine);
                     })
                     .priority([mine = own("four")](const Context&, const Ping&) {
                       return static_cast<int>(mine->size());
                     }),
                 on_start([&ran, mine = own("started")] { ran.push_back(*mine); }),
                 on_stop([&ran, mine = own("stopped")](Host&) { ran.push_back(*mine); }),
                 state<Ping>([mine = own("s")] { return Ping{*mine}; },
                             [mine = own("r")](const Ping&) {})),
            "");
  EXPECT_EQ(ask().body, R"({"text":"a"})");
  EXPECT_EQ(judged(), "5 no;4");
  end();
  EXPECT_THAT(ran, ElementsAre("started", "stopped"));
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

struct Many {
  std::vector<std::string> texts;
};
DOJO_MODEL(Many, texts)

TEST_F(PluginTest, RefusesABodyThatTakesManyTimesItsSizeToRead) {
  make("{}", handle([](const Many& many) { return Ping{std::to_string(many.texts.size())}; }));
  std::string bomb = R"({"texts":[""])";
  for (int i = 0; i < 400'000; ++i) bomb.insert(bomb.size() - 1, R"(,"")");
  EXPECT_EQ(ask(bomb + '}'),
            (Answered{42, DOJO_STATUS_TOO_LARGE, "",
                      "Invalid Many: texts: has more members than a body of that size may", ""}));
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

TEST_F(PluginTest, LetsItsCallBeUsedAfterTheAnswer) {
  make("{}", handle([](Context& call, Ping, Reply<Pong> reply) {
         call.metadata("before", 1);
         reply.send({"sent", {}});
         call.metadata("after", 2);
         EXPECT_EQ(call.caller(), "5Hotkey") << "the host's own text is gone by now";
         EXPECT_EQ(reply.context().request_id(), "trace");
         EXPECT_EQ(call.dialect(), "dojo/1");
         EXPECT_EQ(call.peer(), "127.0.0.1");
         reply.context().log(LogLevel::info, "sent");
         const auto gone = std::move(reply);
         call.log(LogLevel::info, "still here");
       }));
  auto texts = std::make_unique<std::array<std::string, 4>>(
      std::array<std::string, 4>{"5Hotkey", "dojo/1", "127.0.0.1", "trace"});
  auto asked = request(R"({"text":"hi"})");
  asked.id = 42;
  asked.hotkey = detail::span((*texts)[0]);
  asked.dialect = detail::span((*texts)[1]);
  asked.peer = detail::span((*texts)[2]);
  asked.trace = detail::span((*texts)[3]);
  host.on_complete = [&] {
    for (auto& text : *texts) text.assign(text.size(), '?');
    texts.reset();
  };
  EXPECT_EQ(table().handle(table().self, &asked), DOJO_OK);
  EXPECT_EQ(host.next().metadata, R"({"before":1})");
  EXPECT_THAT(host.lines(), ElementsAre("1 42 sent", "1 42 still here"));
  EXPECT_EQ(host.unread(), 0u);
}

TEST_F(PluginTest, LetsItsCallBeUsedWhileAnotherThreadAnswers) {
  std::thread worker;
  make("{}", handle([&](Context& call, Ping, Reply<Pong> reply) {
         worker = std::thread([reply = std::move(reply)]() mutable {
           reply.context().metadata("thread", 2);
           reply.send({"sent", {}});
         });
         call.metadata("handler", 1);
         while (host.unread() == 0) call.log(LogLevel::info, std::string(call.caller()));
         call.metadata("late", 3);
       }));
  EXPECT_THAT(ask().metadata, HasSubstr(R"("thread":2)"));
  worker.join();
}

TEST_F(PluginTest, AnswersFromPostedWorkThatOwnsItsReply) {
  make("{}", handle([](Context& call, Ping ping, Reply<Pong> reply) {
         EXPECT_TRUE(call.post([reply = std::move(reply), ping]() mutable {
           reply.send({ping.text + " later", {}});
         }));
       }));
  give(R"({"text":"much"})");
  ASSERT_EQ(host.posted.size(), 1u);
  host.posted[0](false);
  EXPECT_THAT(host.next().body, HasSubstr("much later"));
  EXPECT_EQ(host.unread(), 0u);
  give(R"({"text":"never"})");
  host.posted[1](true);
  EXPECT_THAT(host.next().error, HasSubstr("let go"))
      << "work that is dropped takes its Reply along";
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

TEST_F(PluginTest, AnswersNobodyWithAReplyThatOutlivesIt) {
  std::optional<Reply<Pong>> kept;
  make("{}", handle([&](Context&, Ping, Reply<Pong> reply) { kept.emplace(std::move(reply)); }));
  give(R"({"text":"1"})");
  end();
  EXPECT_TRUE(kept->context().cancelled());
  kept->context().log(LogLevel::info, "nobody reads this");
  kept.reset();
  EXPECT_EQ(host.unread(), 0u);
  EXPECT_THAT(host.lines(), IsEmpty());
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

TEST_F(PluginTest, AnswersWithWhatAHandlerThrowsThatStillHasItsReply) {
  make("{}", handle([](Context&, Ping ping, Reply<Pong> reply) {
         const auto mine = std::move(reply);
         if (ping.text == "http") throw HttpError(429, "slower");
         if (ping.text == "int") throw 7;
         throw std::runtime_error("secret");
       }));
  EXPECT_EQ(ask(R"({"text":"http"})"), (Answered{42, 429, "", "slower", ""}));
  EXPECT_EQ(ask(R"({"text":"x"})"), (Answered{42, DOJO_STATUS_FAILED, "", "secret", ""}));
  EXPECT_EQ(ask(R"({"text":"int"})").status, std::uint32_t{DOJO_STATUS_FAILED});
  EXPECT_EQ(host.unread(), 0u);
  EXPECT_THAT(host.lines(), IsEmpty());
}

TEST_F(PluginTest, LogsWhatAHandlerThrowsThatHasAnswered) {
  make("{}", handle([](Context&, Ping, Reply<Pong> reply) {
         reply.send({"sent", {}});
         throw std::runtime_error("late");
       }));
  EXPECT_EQ(ask().status, 200u);
  EXPECT_EQ(host.unread(), 0u);
  EXPECT_THAT(host.lines(), ElementsAre(HasSubstr("late")));
}

TEST_F(PluginTest, AnswersOnceWhenAReplyIsLetGoWhileItsHandlerThrows) {
  // On two threads at once: whoever comes second answers, and nobody twice.
  for (int i = 0; i < 200; ++i) {
    std::thread other;
    make("{}", handle([&](Context&, Ping, Reply<Pong> reply) {
           other = std::thread([reply = std::move(reply)] {});
           throw HttpError(429, "slower");
         }));
    const auto answer = ask();
    other.join();
    EXPECT_THAT(answer.status, AnyOf(429u, std::uint32_t{DOJO_STATUS_FAILED}));
    EXPECT_EQ(host.unread(), 0u);
    end();
  }
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

TEST_F(PluginTest, StopsWithEveryHookThoughOneThrows) {
  bool ran = false;
  make("{}", on_stop([] { throw 1; }), on_stop([&] { ran = true; }), handle(plain));
  end();
  EXPECT_TRUE(ran);
}

// ---- hooks of a route

TEST_F(PluginTest, HasNoHooksUnlessTold) {
  make("{}", handle(plain));
  EXPECT_EQ(table().routes[0].blacklist, nullptr);
  EXPECT_EQ(table().routes[0].verify, nullptr);
  EXPECT_EQ(table().routes[0].priority, nullptr);
}

TEST_F(PluginTest, AsksItsHooks) {
  make("{}", handle(plain)
                 .blacklist([](const Context& call) -> std::optional<std::string> {
                   if (call.caller() == "5Hotkey") return "we know you";
                   return {};
                 })
                 .verify([](const Context&, const Ping& ping) -> std::optional<std::string> {
                   if (ping.text == "bad") return "bad text";
                   return std::nullopt;
                 })
                 .priority([](const Context&, const Ping& ping) {
                   return static_cast<int>(ping.text.size());
                 }));
  EXPECT_EQ(judged(), "5 we know you;0 ;2");
  EXPECT_EQ(judged(R"({"text":"bad"})"), "5 we know you;5 bad text;3");
  EXPECT_EQ(host.unread(), 0u);
}

TEST_F(PluginTest, LetsAHookSeeTheConfigAndNeverCancels) {
  host.gone = true;
  make(R"({"name":"n"})", configure<Settings>(),
       handle(plain).blacklist([](const Context& call) -> std::optional<std::string> {
         call.count("asked");
         return call.config<Settings>().name + (call.cancelled() ? " cancelled" : "");
       }));
  EXPECT_EQ(judged(), "5 n;");
  EXPECT_THAT(host.metrics, ElementsAre("count asked 1.000000"));
}

TEST_F(PluginTest, LeavesABodyThatIsNotTheModelToTheHandler) {
  const auto refuse = [](const Context&, const Ping&) {
    return std::optional<std::string>("seen");
  };
  make("{}", handle(plain).blacklist(refuse).verify(refuse).priority(
                 [](const Context&, const Ping&) { return 7; }));
  EXPECT_EQ(judged("[]"), "0 ;0 ;0");
  EXPECT_EQ(judged(), "5 seen;5 seen;7");
}

/// Counts how often it has been read: each time it is made empty first.
struct Counted {
  static inline int readings = 0;
  std::string text;
  Counted() { ++readings; }
};
DOJO_MODEL(Counted, text)

/// A route with three hooks that read the body, and refuse "bad" or throw at "worse".
auto counted() {
  Counted::readings = 0;
  const auto refuse = [](const Context&, const Counted& request) -> std::optional<std::string> {
    if (request.text == "worse") throw std::runtime_error("worse");
    if (request.text == "bad") return "bad text";
    return std::nullopt;
  };
  return handle([](Counted request) { return Pong{request.text, {}}; })
      .blacklist(refuse)
      .verify(refuse)
      .priority([](const Context&, const Counted& request) {
        return static_cast<int>(request.text.size());
      });
}
/// What was read since the last time.
int readings() {
  return std::exchange(Counted::readings, 0);
}

TEST_F(PluginTest, ReadsABodyOnceForItsHooksAndItsHandler) {
  make("{}", counted());
  for (number = 1; number < 4; ++number) {
    EXPECT_EQ(judged(), "0 ;0 ;2");
    EXPECT_EQ(ask().body, R"({"text":"hi","score":null})");
    EXPECT_EQ(readings(), 1);
  }
}

TEST_F(PluginTest, KeepsNothingOfARequestThatItsHandlerHas) {
  make("{}", counted());
  number = 1;
  judged();
  ask();
  EXPECT_EQ(readings(), 1);
  EXPECT_EQ(ask().body, R"({"text":"hi","score":null})");
  EXPECT_EQ(readings(), 1) << "it was not there any more";
}

TEST_F(PluginTest, TellsRequestsThatWaitApart) {
  make("{}", counted());
  for (number = 1; number < 4; ++number) judged(R"({"text":")" + std::to_string(number) + "\"}");
  for (number = 3; number > 0; --number) {
    const auto text = R"({"text":")" + std::to_string(number) + '"';
    EXPECT_EQ(ask(text + '}').body, text + R"(,"score":null})");
  }
  EXPECT_EQ(readings(), 3);
}

TEST_F(PluginTest, ReadsABodyThatIsNotItsModelOnceAsWell) {
  make("{}", counted());
  number = 1;
  EXPECT_EQ(judged("[]"), "0 ;0 ;0");
  EXPECT_EQ(ask("[]").error, "Invalid Counted: expected object, got array");
  EXPECT_EQ(readings(), 1);
}

TEST_F(PluginTest, ReadsAnewWhereTheHostDoesNotSayWhatBelongsTogether) {
  make("{}", counted());
  judged();
  EXPECT_EQ(ask().status, 200u);
  EXPECT_EQ(readings(), 4);
}

TEST_F(PluginTest, KeepsNothingOfARequestThatAHookRefuses) {
  make("{}", counted());
  for (const auto* body : {R"({"text":"bad"})", R"({"text":"worse"})"}) {
    ++number;
    const auto seen = request(body);
    call(
        [&](dojo_error* error) { return table().routes[0].blacklist(table().self, &seen, error); });
    EXPECT_EQ(readings(), 1);
    ask(body);
    EXPECT_EQ(readings(), 1) << "it was not there any more";
  }
}

TEST_F(PluginTest, KeepsNothingPastItsDeadline) {
  make("{}", counted());
  number = 1;
  judged();
  host.now = 5'000'000'000;
  number = 2;
  judged();
  number = 1;
  EXPECT_EQ(readings(), 2);
  ask();
  EXPECT_EQ(readings(), 1);
}

TEST_F(PluginTest, KeepsNothingForTheHandlerOfAnotherRoute) {
  make("{}", counted(), handle(plain));
  number = 1;
  judged(R"({"text":"one"})");
  give(R"({"text":"two"})", 1);
  EXPECT_EQ(host.next().body, R"({"text":"two","score":1.5})");
}

TEST_F(PluginTest, TakesWhatAHookThrowsForAFailureAndNotARefusal) {
  const auto broken = [](const Context&) -> std::optional<std::string> {
    throw HttpError(422, "no list");
  };
  make("{}", handle(plain)
                 .blacklist(broken)
                 .verify([](const Context&) -> std::optional<std::string> { throw 7; })
                 .priority([](const Context&) -> int { throw 7; }));
  EXPECT_EQ(judged(), "1 no list;1 it threw something that is no std::exception;0");
  EXPECT_THAT(host.lines(), ElementsAre(HasSubstr("a priority hook threw")));
}

TEST_F(PluginTest, RefusesAHookForARouteItDoesNotHave) {
  make("{}", handle(plain)
                 .blacklist([](const Context&) { return std::optional<std::string>(); })
                 .priority([](const Context&) { return 5; }));
  const auto elsewhere = request("{}", 1);
  const auto& route = table().routes[0];
  EXPECT_EQ(call([&](dojo_error* error) {
              return route.blacklist(table().self, &elsewhere, error);
            }).first,
            DOJO_INVALID);
  EXPECT_EQ(route.priority(table().self, &elsewhere), 0);
}

TEST_F(PluginTest, CutsAReasonBetweenTwoCharacters) {
  std::string long_text(63, 'x');
  long_text += "\xc3\xa9 and more";
  make("{}", handle(plain).blacklist(
                 [=](const Context&) { return std::optional<std::string>(long_text); }));
  EXPECT_EQ(judged(), "5 " + std::string(63, 'x') + ";");
}

// ---- extensions

TEST_F(PluginTest, OffersNoExtensionUnlessTold) {
  make("{}", handle(plain));
  for (const auto* name : {DOJO_EXT_STATE, DOJO_EXT_HEALTH, DOJO_EXT_SELFTEST, "dojo.other/1"}) {
    EXPECT_EQ(extension<void>(name), nullptr) << name;
  }
}

TEST_F(PluginTest, HandsItsStateOver) {
  Settings known{5, "old"};
  ASSERT_EQ(make("{}", handle(plain),
                 state<Settings>([&] { return known; }, [&](Settings from) { known = from; })),
            "");
  const auto* const table = extension<dojo_state_v1>(DOJO_EXT_STATE);
  ASSERT_NE(table, nullptr);
  std::string saved;
  const auto write = [](void* context, dojo_span bytes) {
    static_cast<std::string*>(context)->append(detail::view(bytes));
  };
  EXPECT_EQ(call([&](dojo_error* error) {
              return table->save(this->table().self, write, &saved, error);
            }).first,
            DOJO_OK);
  EXPECT_EQ(saved, R"({"depth":5,"name":"old"})");
  const auto restore = [&](std::string_view state) {
    return call([&](dojo_error* error) {
      return table->restore(this->table().self, detail::span(state), error);
    });
  };
  EXPECT_EQ(restore(R"({"name":"new","more":1})").first, DOJO_OK);
  EXPECT_EQ(known.name, "new");
  EXPECT_EQ(known.depth, 3);
  EXPECT_EQ(restore("{}"), std::pair(std::int32_t{DOJO_FAILED},
                                     std::string("state: name: required field is missing")));
}

TEST_F(PluginTest, FailsToHandOverWhatItCannotSay) {
  make("{}", handle(plain),
       state<Pong>([]() -> Pong { throw std::runtime_error("too busy"); },
                   [](const Pong&) { throw std::runtime_error("not mine"); }));
  const auto* const table = extension<dojo_state_v1>(DOJO_EXT_STATE);
  const auto write = [](void*, dojo_span) { ADD_FAILURE(); };
  EXPECT_EQ(call([&](dojo_error* error) {
              return table->save(this->table().self, write, nullptr, error);
            }).second,
            "too busy");
  EXPECT_EQ(call([&](dojo_error* error) {
              return table->restore(this->table().self, detail::span(R"({"text":"","score":null})"),
                                    error);
            }).second,
            "not mine");
}

TEST_F(PluginTest, HasOneState) {
  const auto any = [] { return state<Pong>([] { return Pong(); }, [](const Pong&) {}); };
  EXPECT_EQ(make("{}", handle(plain), any(), any()), "a plugin has one dojo::state");
}

TEST_F(PluginTest, TellsItsHealthAndTestsItself) {
  bool sick = false;
  make("{}", handle(plain), health([&] {
         if (sick) throw std::runtime_error("the GPU is hot");
       }),
       selftest([](Host& here) {
         here.log(LogLevel::info, "tested");
         throw 7;
       }));
  const auto* const health = extension<dojo_health_v1>(DOJO_EXT_HEALTH);
  const auto check = [&] {
    return call([&](dojo_error* error) { return health->check(table().self, error); });
  };
  ASSERT_NE(health, nullptr);
  EXPECT_EQ(check().first, DOJO_OK);
  sick = true;
  EXPECT_EQ(check(), std::pair(std::int32_t{DOJO_FAILED}, std::string("the GPU is hot")));
  const auto* const selftest = extension<dojo_selftest_v1>(DOJO_EXT_SELFTEST);
  ASSERT_NE(selftest, nullptr);
  EXPECT_EQ(call([&](dojo_error* error) { return selftest->run(table().self, error); }).second,
            "it threw something that is no std::exception");
  EXPECT_THAT(host.lines(), ElementsAre("1 0 tested"));
}

// ---- the host's services

TEST_F(PluginTest, CountsAndObserves) {
  make("{}", on_start([](Host& here) { here.count("started", 2.5); }),
       handle([](Context& call, Ping) {
         call.count("asked");
         call.observe("seconds", 250ms);
         call.observe("size", 7);
       }));
  ask();
  EXPECT_THAT(host.metrics, ElementsAre("count started 2.500000", "count asked 1.000000",
                                        "observe seconds 0.250000", "observe size 7.000000"));
}

TEST_F(PluginTest, PostsWork) {
  const Host* given = nullptr;
  int ran = 0;
  make("{}", on_start([&](Host& here) {
         given = &here;
         EXPECT_TRUE(here.post([&] { ++ran; }));
       }),
       handle([&](Context& call, Ping) {
         EXPECT_EQ(&call.host(), given);
         EXPECT_TRUE(call.post([&] { ++ran; }));
         EXPECT_TRUE(call.post([&] {
           ++ran;
           throw std::runtime_error("gone wrong");
         }));
       }));
  ask();
  ASSERT_EQ(host.posted.size(), 3u);
  host.posted[0](false);
  EXPECT_EQ(ran, 1);
  host.posted[1](true);
  EXPECT_EQ(ran, 1) << "dropped";
  host.posted[2](false);
  EXPECT_EQ(ran, 2);
  EXPECT_THAT(host.lines(), ElementsAre("3 0 posted work threw: gone wrong"));
}

TEST_F(PluginTest, KeepsWorkThatIsNotTaken) {
  const auto mark = std::make_shared<int>(1);
  host.full = true;
  make("{}", handle([&](Context& call, Ping) { EXPECT_FALSE(call.post([mark] { (void)mark; })); }));
  ask();
  EXPECT_EQ(mark.use_count(), 1);
  end();
  host.executor = nullptr;
  make("{}", handle([&](Context& call, Ping) { EXPECT_FALSE(call.post([mark] { (void)mark; })); }));
  ask();
  EXPECT_EQ(mark.use_count(), 1);
}

// ---- tables of another length

TEST_F(PluginTest, TakesALongerHostAndRequest) {
  struct LongHost {
    dojo_host known;
    void* more;
  } longer{*host.table(), &longer};
  longer.known.struct_size = sizeof longer;
  struct LongRequest {
    dojo_request known;
    std::uint64_t more;
  } asked{request(R"({"text":"hi"})"), 99};
  asked.known.struct_size = sizeof asked;
  asked.known.id = 42;
  std::array<char, 64> text{};
  dojo_error error{text.data(), text.size(), 0};
  const dojo_plugin* plugin = nullptr;
  ASSERT_EQ(detail::create(&longer.known, detail::span("{}"), &plugin, &error,
                           [](detail::Plugin& made) { made.add(handle(plain)); }),
            DOJO_OK);
  EXPECT_EQ(plugin->handle(plugin->self, &asked.known), DOJO_OK);
  EXPECT_EQ(host.next().status, 200u);
  plugin->destroy(plugin->self);
}

TEST_F(PluginTest, RefusesAShorterHostAndRequest) {
  host.table()->struct_size = 64;
  EXPECT_THAT(make("{}", handle(plain)), HasSubstr("table is too short"));
  host.table()->struct_size = sizeof(dojo_host);
  make("{}", handle(plain));
  auto asked = request(R"({"text":"hi"})");
  asked.struct_size = 96;
  EXPECT_EQ(table().handle(table().self, &asked), DOJO_INVALID);
  EXPECT_EQ(host.unread(), 0u);
}

/// What a request says of itself, to a handler that answers with it.
std::string described(const Context& call) {
  return std::string(call.method()) + '|' + std::string(call.target()) + '|' +
         std::string(call.header("Accept").value_or("none")) + '|' +
         (call.uid() ? std::to_string(*call.uid()) : "none") + '|' +
         std::to_string(static_cast<int>(call.stake())) +
         (call.validator_permit() ? "|permit" : "|");
}

TEST_F(PluginTest, KnowsOfAHostOfTheFirstAbiWhatThatSays) {
  make("{}", handle([](Context& call, Ping) { return Ping{described(call)}; }));
  auto asked = request(R"({"text":"hi"})");
  asked.struct_size = detail::kFirstRequest;
  asked.id = 42;
  asked.method = detail::span("POST");  // beyond what it says it has
  asked.uid = 7;
  EXPECT_EQ(table().handle(table().self, &asked), DOJO_OK);
  EXPECT_EQ(host.next().body, R"({"text":"||none|none|0|"})");
}

TEST_F(PluginTest, SeesTheHeadAndWhoTheCallerIs) {
  make("{}", handle([](Context& call, Ping) { return Ping{described(call)}; }));
  auto asked = request(R"({"text":"hi"})");
  asked.id = 42;
  asked.method = detail::span("POST");
  asked.target = detail::span("/Ping?x=1");
  asked.fields = detail::span("Host: here\r\naccept:\t a/b \r\nAccept: second\r\n");
  asked.uid = 7;
  asked.stake = 1000;
  asked.flags = DOJO_REQUEST_VALIDATOR_PERMIT;
  EXPECT_EQ(table().handle(table().self, &asked), DOJO_OK);
  EXPECT_EQ(host.next().body, R"({"text":"POST|/Ping?x=1|a/b|7|1000|permit"})");
  asked.uid = -1;
  asked.fields = detail::span("accept-encoding: zstd\r\nnot a field\r\naccept:\r\n");
  EXPECT_EQ(table().handle(table().self, &asked), DOJO_OK);
  EXPECT_EQ(host.next().body, R"({"text":"POST|/Ping?x=1||none|1000|permit"})");
}

TEST_F(PluginTest, SaysWhichPathMethodsAndFormARouteHas) {
  make("{}", handle(plain).path("/v1/plain"),
       raw("bytes", [](RawRequest) { return RawAnswer{}; }).path("/v1/*").methods({"GET", "PUT"}));
  const auto& typed = table().routes[0];
  EXPECT_STREQ(typed.path, "/v1/plain");
  EXPECT_EQ(typed.methods, nullptr);
  EXPECT_EQ(typed.flags, 0u);
  const auto& bytes = table().routes[1];
  EXPECT_STREQ(bytes.name, "bytes");
  EXPECT_STREQ(bytes.path, "/v1/*");
  EXPECT_STREQ(bytes.methods, "GET PUT");
  EXPECT_EQ(bytes.flags, std::uint64_t{DOJO_ROUTE_RAW});
}

TEST_F(PluginTest, DoesWithoutAShortExecutor) {
  const std::uint32_t size = 8;
  host.executor = &size;
  make("{}", handle([](Context& call, Ping) { EXPECT_FALSE(call.post([] {})); }));
  ask();
}

}  // namespace

DOJO_PLUGIN("unit-test", "1.2.3", dojo::handle(plain), dojo::configure<Settings>())

namespace {

TEST(Entry, CanBeReadWithoutRunningCode) {
  EXPECT_EQ(dojo_plugin_entry.struct_size, sizeof(dojo_plugin_entry_v1));
  EXPECT_EQ(dojo_plugin_entry.abi_major, DOJO_ABI_MAJOR);
  EXPECT_STREQ(dojo_plugin_entry.name, "unit-test");
  EXPECT_STREQ(dojo_plugin_entry.version, "1.2.3");
  EXPECT_STREQ(dojo_plugin_note.plugin, "unit-test");
  EXPECT_EQ(dojo_plugin_note.type, std::uint32_t{DOJO_NOTE_TYPE});
}

TEST(Entry, Creates) {
  FakeHost host;
  const dojo_plugin* plugin = nullptr;
  std::array<char, 64> text{};
  dojo_error error{text.data(), text.size(), 0};
  ASSERT_EQ(
      dojo_plugin_entry.create(host.table(), detail::span(R"({"name":"n"})"), &plugin, &error),
      DOJO_OK);
  plugin->destroy(plugin->self);
  EXPECT_EQ(dojo_plugin_entry.create(host.table(), detail::span("{}"), &plugin, &error),
            DOJO_FAILED);
}

}  // namespace
// NOLINTEND(performance-unnecessary-value-param)
