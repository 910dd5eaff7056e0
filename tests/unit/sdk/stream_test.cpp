// Answers in chunks (dojo/stream.hpp): when they go on, wait, and end.
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/plugin.hpp>
#include <dojo/testing.hpp>

// NOLINTBEGIN(performance-unnecessary-value-param): handlers take their models by value.
namespace {

using dojo::Context;
using dojo::detail::add_all;
using dojo::detail::Plugin;
using dojo::testing::Answer;
using dojo::testing::Caller;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Count {
  int to = 0;
  std::optional<int> fails_at;
};
DOJO_MODEL(Count, to, fails_at)
struct Written {
  int to = 0;
  std::optional<int> fails_at;
};
DOJO_MODEL(Written, to, fails_at)
struct Dropped {};
DOJO_MODEL(Dropped)
struct Large {
  int bytes = 0;
};
DOJO_MODEL(Large, bytes)
struct Number {
  int n = 0;
};
DOJO_MODEL(Number, n)
struct Text {
  std::string text;
};
DOJO_MODEL(Text, text)

/// What a stream has until it ends.
std::atomic<int> held{0};
struct Held {
  Held() { ++held; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { --held; }
};

class Counter {
 public:
  dojo::Stream<Number> count(Context& call, Count request) {
    const Held until_the_end;
    if (request.to < 0) throw dojo::HttpError(422, "to is below zero");
    for (int n = 1; n <= request.to; ++n) {
      if (n == request.fails_at) throw std::runtime_error("it failed at " + std::to_string(n));
      call.count("numbers");
      const Number number{n};
      co_yield number;
    }
  }
  void write(Context&, Written request, dojo::Writer<Number> writer) {
    thread_ = std::thread([request, writer = std::move(writer)]() mutable {
      for (int n = 1; n <= request.to; ++n) {
        if (n == request.fails_at) return writer.fail(dojo::HttpError(422, "it failed"));
        if (!writer.write({n})) return;
      }
      writer.end();
    });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

constexpr dojo_plugin_entry_v1 kCounter = {
    sizeof(dojo_plugin_entry_v1),
    DOJO_ABI_MAJOR,
    DOJO_ABI_MINOR,
    "counter",
    "1",
    [](const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
       dojo_error* error) -> std::int32_t {
      return dojo::detail::create(host, config, plugin, error, [](Plugin& made) {
        add_all(made, dojo::object<Counter>(), dojo::stream(&Counter::count),
                dojo::stream(&Counter::write), dojo::on_stop(&Counter::join),
                dojo::stream([](Context&, Dropped, dojo::Writer<Number>) {}),
                dojo::stream([](Large request) -> dojo::Stream<Text> {
                  const Text text{std::string(static_cast<std::size_t>(request.bytes), 'x')};
                  co_yield text;
                }));
      });
    }};

class StreamTest : public ::testing::Test {
 protected:
  Answer call(std::string_view route, std::string_view body, Caller caller = {}) {
    return host.call(route, body, std::move(caller));
  }
  dojo::testing::Host host{kCounter};
};

TEST_F(StreamTest, YieldsItsChunks) {
  const auto answer = call("Count", R"({"to":3})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.whole);
  EXPECT_THAT(answer.chunks, ElementsAre(R"({"n":1})", R"({"n":2})", R"({"n":3})"));
  EXPECT_EQ(held, 0);
  EXPECT_EQ(host.counted("numbers"), 3);
}

TEST_F(StreamTest, MayHaveNone) {
  const auto answer = call("Count", R"({"to":0})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.chunks, IsEmpty());
  EXPECT_EQ(held, 0);
}

TEST_F(StreamTest, WaitsForWhoReadsSlowly) {
  for (const auto* const route : {"Count", "Written"}) {
    const auto answer = call(route, R"({"to":100})", {.room = 3});
    EXPECT_TRUE(answer.whole) << route;
    ASSERT_EQ(answer.chunks.size(), 100U) << route;
    EXPECT_EQ(answer.chunks.back(), R"({"n":100})") << route;
  }
  EXPECT_EQ(held, 0);
}

TEST_F(StreamTest, IsAnsweredAsOthersAreWhatGoesWrongBefore) {
  const auto refused = call("Count", R"({"to":-1})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.error, "to is below zero");
  const auto failed = call("Count", R"({"to":3,"fails_at":1})");
  EXPECT_EQ(failed.status, 500);
  EXPECT_EQ(failed.error, "it failed at 1");
  const auto invalid = call("Count", R"({"to":"many"})");
  EXPECT_EQ(invalid.status, 400);
  EXPECT_THAT(invalid.error, HasSubstr("Invalid Count: to: expected"));
  EXPECT_EQ(call("Written", R"({"to":3,"fails_at":1})").status, 422);
  EXPECT_EQ(call("Written", R"({"to":[]})").status, 400);
  EXPECT_EQ(held, 0);
}

TEST_F(StreamTest, IsNotWholeWhereItFailsInTheMidst) {
  for (const auto* const route : {"Count", "Written"}) {
    const auto answer = call(route, R"({"to":9,"fails_at":3})");
    EXPECT_FALSE(answer.whole) << route;
    EXPECT_THAT(answer.chunks, ElementsAre(R"({"n":1})", R"({"n":2})")) << route;
    EXPECT_THAT(answer.error, HasSubstr("it failed")) << route;
    host.run_posted();
  }
  EXPECT_EQ(held, 0);
}

TEST_F(StreamTest, EndsWithItsCaller) {
  for (const auto* const route : {"Count", "Written"}) {
    const auto answer = call(route, R"({"to":1000000})", {.room = 2, .leaves_after = 5});
    EXPECT_FALSE(answer.whole) << route;
    EXPECT_EQ(answer.chunks.size(), 5U) << route;
    EXPECT_EQ(answer.error, "nobody reads the answer any more") << route;
  }
  EXPECT_EQ(held, 0) << "what it had has been given back";
}

TEST_F(StreamTest, IsNotWholeIfItsWriterIsLetGo) {
  EXPECT_EQ(call("Dropped", "{}").error, "the handler let go of its Reply unanswered");
}

TEST_F(StreamTest, SaysWhatIsWrongWithAChunk) {
  const auto answer = call("Large", R"({"bytes":1048576})");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.error, "a chunk cannot be sent: longer than 1048576 bytes");
  EXPECT_TRUE(call("Large", R"({"bytes":1048000})").whole);
}

TEST(AStreamThatWaits, GoesWithItsPlugin) {
  {
    dojo::testing::Host host(kCounter);
    // Its caller has room for nothing more, and nobody reads on.
    const auto answer =
        host.call("Count", R"({"to":9})",
                  {.deadline = std::chrono::milliseconds(50), .room = 1, .stays = true});
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(held, 1);
  }
  EXPECT_EQ(held, 0);
}

}  // namespace
// NOLINTEND(performance-unnecessary-value-param)
