// A plugin that is an object (dojo/object.hpp): what of it is called, and when it is there.
#include <atomic>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/plugin.hpp>
#include <dojo/testing.hpp>

// NOLINTBEGIN(performance-unnecessary-value-param): handlers take their models by value.
namespace {

using dojo::Context;
using dojo::detail::add_all;
using dojo::detail::Plugin;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Add {
  int n = 0;
};
DOJO_MODEL(Add, n)
struct Later {
  int n = 0;
};
DOJO_MODEL(Later, n)
struct Clear {};
DOJO_MODEL(Clear)
struct Sum {
  int sum = 0;
};
DOJO_MODEL(Sum, sum)
struct Config {
  int start = 0;
};
DOJO_MODEL(Config, DOJO_DEFAULT(start))

/// What has happened to the objects of a test, in order.
std::mutex mutex;
std::vector<std::string> events;
void note(std::string what) {
  const std::lock_guard lock(mutex);
  events.push_back(std::move(what));
}
std::vector<std::string> all_events() {
  const std::lock_guard lock(mutex);
  return std::exchange(events, {});
}

struct Guard {
  std::string nobody = "nobody";
  [[nodiscard]] std::optional<std::string> refuse(const Context& call) const {
    if (call.caller() == nobody) return "nobody may not";
    return std::nullopt;
  }
};

class Adder : public Guard {
 public:
  Adder(const Config& config, dojo::Host& host) : config_(config), host_(host), sum_(config.start) {
    if (config.start < 0) throw std::runtime_error("start is below zero");
    note("made");
  }
  Adder(const Adder&) = delete;
  Adder& operator=(const Adder&) = delete;
  ~Adder() {
    note("destroyed");
    host_.log(dojo::LogLevel::info, "ended with " + std::to_string(sum_));
  }

  Sum add(Context& call, Add request) {
    call.metadata("started_with", config_.start);
    return {sum_ += request.n};
  }
  void later(Context&, Later request, dojo::Reply<Sum> reply) const {
    std::thread([&, reply = std::move(reply)]() mutable { reply.send({sum_ + request.n}); }).join();
  }
  void clear(Clear) noexcept { sum_ = 0; }
  [[nodiscard]] dojo::RawAnswer show(dojo::RawRequest) const {
    return {.body = std::to_string(sum_)};
  }

  std::optional<std::string> verify(const Context&, const Add& request) {
    if (request.n == 13) return "unlucky";
    return std::nullopt;
  }
  int urgent(const Context&, const Add& request) const noexcept { return request.n; }

  void start() {
    note("started with " + std::to_string(sum_));
    if (sum_ == 99) throw std::runtime_error("99 is too much");
  }
  void stop(dojo::Host& host) const {
    note("stopped");
    host.log(dojo::LogLevel::info, "stopped");
  }
  void check() const {
    if (sum_ > 1000) throw std::runtime_error("the sum is large");
  }
  void test() { note("tested"); }
  [[nodiscard]] Sum save() const { return {sum_}; }
  void restore(Sum known) {
    note("restored");
    sum_ = known.sum;
  }

 private:
  const Config& config_;
  dojo::Host& host_;
  std::atomic<int> sum_;
};

/// An entry as DOJO_PLUGIN makes it. @tparam kParts void(Plugin&)
template <auto kParts>
constexpr dojo_plugin_entry_v1 entry() {
  return {sizeof(dojo_plugin_entry_v1),
          DOJO_ABI_MAJOR,
          DOJO_ABI_MINOR,
          "object",
          "1",
          [](const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
             dojo_error* error) -> std::int32_t {
            return dojo::detail::create(host, config, plugin, error, kParts);
          }};
}
constexpr auto kAdder = entry<[](Plugin& made) {
  add_all(made,
          dojo::handle(&Adder::add)
              .blacklist(&Adder::refuse)
              .verify(&Adder::verify)
              .priority(&Adder::urgent),
          dojo::object<Adder, Config>(), dojo::handle(&Adder::later), dojo::handle(&Adder::clear),
          dojo::raw("show", &Adder::show), dojo::on_start(&Adder::start),
          dojo::on_stop(&Adder::stop), dojo::health(&Adder::check), dojo::selftest(&Adder::test),
          dojo::state<Sum>(&Adder::save, &Adder::restore));
}>();

class ObjectTest : public ::testing::Test {
 protected:
  ObjectTest() { all_events(); }
  /// Why a plugin is no plugin.
  static std::string refusal(const dojo_plugin_entry_v1& entry, std::string_view config) {
    try {
      const dojo::testing::Host host(entry, config);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return {};
  }
};

TEST_F(ObjectTest, AnswersByMembersOfAnyForm) {
  dojo::testing::Host host(kAdder, R"({"start":1})");
  const auto answer = host.call("Add", R"({"n":2})");
  EXPECT_EQ(answer.body, R"({"sum":3})");
  EXPECT_EQ(answer.metadata, R"({"started_with":1})");
  EXPECT_EQ(host.call("Later", R"({"n":2})").body, R"({"sum":5})");
  EXPECT_EQ(host.call("show", "").body, "3");
  EXPECT_EQ(host.call("Clear", "{}").body, "{}");
  EXPECT_EQ(host.call("show", "").body, "0");
}

TEST_F(ObjectTest, AsksHooksThatAreMembersAlsoOfItsBase) {
  dojo::testing::Host host(kAdder);
  EXPECT_EQ(host.call("Add", R"({"n":2})", {.hotkey = "nobody"}).error,
            "Blacklisted: nobody may not");
  EXPECT_EQ(host.call("Add", R"({"n":13})").error, "Forbidden: unlucky");
  EXPECT_EQ(host.call("Add", R"({"n":7})").priority, 7);
}

TEST_F(ObjectTest, IsThereFromTheConfigToTheEnd) {
  {
    dojo::testing::Host host(kAdder, "{}", R"({"sum":5})");
    EXPECT_THAT(all_events(), ElementsAre("made", "restored", "started with 5"));
    EXPECT_EQ(host.save(), R"({"sum":5})");
    EXPECT_TRUE(host.health().has_value());
    host.call("Add", R"({"n":2000})");
    EXPECT_EQ(host.health().error().message, "the sum is large");
    EXPECT_TRUE(host.selftest().has_value());
    EXPECT_THAT(all_events(), ElementsAre("tested"));
  }
  EXPECT_THAT(all_events(), ElementsAre("stopped", "destroyed"));
}

TEST_F(ObjectTest, MayUseTheHostUntilItIsDestroyed) {
  std::vector<std::string> lines;
  const dojo_plugin* plugin = nullptr;
  dojo_host table{};
  table.struct_size = sizeof table;
  table.context = &lines;
  table.log = [](void* to, std::int32_t, dojo_request_id, dojo_span text) {
    static_cast<std::vector<std::string>*>(to)->emplace_back(dojo::detail::view(text));
  };
  dojo_error error{};
  ASSERT_EQ(kAdder.create(&table, dojo::detail::span("{}"), &plugin, &error), DOJO_OK);
  ASSERT_EQ(plugin->start(plugin->self, &error), DOJO_OK);
  plugin->stop(plugin->self);
  plugin->destroy(plugin->self);
  EXPECT_THAT(lines, ElementsAre("stopped", "ended with 0"));
}

TEST_F(ObjectTest, RefusesThePluginByWhatItsConstructorThrows) {
  EXPECT_EQ(refusal(kAdder, R"({"start":-1})"), "create: start is below zero");
  EXPECT_THAT(all_events(), IsEmpty());
}

TEST_F(ObjectTest, IsDestroyedWhereThePluginDoesNotStart) {
  EXPECT_EQ(refusal(kAdder, R"({"start":99})"), "start: 99 is too much");
  EXPECT_THAT(all_events(), ElementsAre("made", "started with 99", "destroyed"));
}

TEST_F(ObjectTest, IsNotMadeOfAConfigThatIsNone) {
  EXPECT_THAT(refusal(kAdder, R"({"start":"x"})"), HasSubstr("config: start: expected integer"));
  EXPECT_EQ(refusal(kAdder, R"({"begin":1})"), "create: config: there is no key \"begin\"");
  EXPECT_THAT(all_events(), IsEmpty());
}

TEST_F(ObjectTest, IsNotMadeWhereAnotherPartIsWrong) {
  constexpr auto kStates = entry<[](Plugin& made) {
    const auto state = [] { return dojo::state<Sum>(&Adder::save, &Adder::restore); };
    add_all(made, dojo::object<Adder, Config>(), dojo::handle(&Adder::add), state(), state());
  }>();
  EXPECT_EQ(refusal(kStates, "{}"), "create: a plugin has one dojo::state");
  EXPECT_THAT(all_events(), IsEmpty());
}

struct OfConfig {
  const Config& config;
  [[nodiscard]] Sum add(Add request) const { return {config.start + request.n}; }
};
struct OfHost {
  explicit OfHost(dojo::Host& host) : start(host.config<Config>().start) {}
  [[nodiscard]] Sum add(Add request) const { return {start + request.n}; }
  const int start;
};
struct OfNothing {
  [[nodiscard]] Sum add(Add request) const { return {start + request.n}; }
  int start = 3;
};

TEST_F(ObjectTest, IsMadeOfWhatItsConstructorTakes) {
  dojo::testing::Host config(entry<[](Plugin& made) {
                               add_all(made, dojo::object<OfConfig, Config>(),
                                       dojo::handle(&OfConfig::add));
                             }>(),
                             R"({"start":1})");
  dojo::testing::Host host(entry<[](Plugin& made) {
                             add_all(made, dojo::object<OfHost>(), dojo::configure<Config>(),
                                     dojo::handle(&OfHost::add));
                           }>(),
                           R"({"start":2})");
  constexpr auto kNothing = entry<[](Plugin& made) {
    add_all(made, dojo::object<OfNothing>(), dojo::handle(&OfNothing::add));
  }>();
  dojo::testing::Host nothing(kNothing);
  EXPECT_EQ(config.call("Add", R"({"n":10})").body, R"({"sum":11})");
  EXPECT_EQ(host.call("Add", R"({"n":10})").body, R"({"sum":12})");
  EXPECT_EQ(nothing.call("Add", R"({"n":10})").body, R"({"sum":13})");
  EXPECT_EQ(refusal(kNothing, R"({"start":1})"), "create: config: this plugin takes none");
}

TEST_F(ObjectTest, HasFunctionsBesideIt) {
  dojo::testing::Host host(entry<[](Plugin& made) {
    add_all(made, dojo::object<OfNothing>(), dojo::handle(&OfNothing::add),
            dojo::handle([](Clear request) { return request; }).blacklist([](const Context&) {
              return std::optional<std::string>("closed");
            }));
  }>());
  EXPECT_EQ(host.call("Add", R"({"n":1})").body, R"({"sum":4})");
  EXPECT_EQ(host.call("Clear", "{}").error, "Blacklisted: closed");
}

}  // namespace
// NOLINTEND(performance-unnecessary-value-param)
