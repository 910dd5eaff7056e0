// Answers in chunks: what is handed out, when it ends, and what is no stream.
#include <functional>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/stream.hpp>

#include "models.hpp"

namespace dojo::testing {
namespace {

using Kind = SendError::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string chunk(const std::string& text) {
  return wire::format_event(wire::kChunkEvent, *to_json(Echo{text}));
}

/// The end of a stream of these.
std::string end_of(const std::vector<std::string>& texts) {
  wire::StreamDigest digest;
  for (const auto& text : texts) digest.add(*to_json(Echo{text}));
  return wire::format_event(wire::kEndEvent,
                            wire::format_stream_end({digest.hex(), digest.count(), {}}));
}

constexpr const char* kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: "
    "chunked\r\n\r\n";

/// In one chunk of the transfer. @param ends whether that is whole
Reply streamed(const std::string& events, bool ends = true) {
  Reply reply;
  reply.raw =
      kHead + fmt::format("{:x}\r\n{}\r\n{}", events.size(), events, ends ? "0\r\n\r\n" : "");
  return reply;
}

struct Got {
  std::vector<std::string> texts;
  Response response;
};

Got read(const Reply& reply, const SendOptions& options = quick()) {
  ScriptedPeer peer([&](const Seen&) { return reply; });
  Client client(key());
  Got got;
  got.response = client.send_stream<Echo>(
      peer.url(), Echo{}, [&](Echo one) { got.texts.push_back(std::move(one.text)); }, options);
  return got;
}

TEST(StreamedAnswers, AreHandedOutChunkByChunk) {
  const auto got = read(streamed(": hello\n\n" + chunk("a") + chunk("b") + end_of({"a", "b"})));
  EXPECT_TRUE(got.response.ok()) << got.response.reason();
  EXPECT_THAT(got.texts, ElementsAre("a", "b"));
  ASSERT_TRUE(got.response.stream);
  EXPECT_EQ(got.response.stream->chunks, 2U);
  EXPECT_EQ(got.response.status, 200);
}

TEST(StreamedAnswers, MayBeEmpty) {
  const auto got = read(streamed(end_of({})));
  EXPECT_TRUE(got.response.ok()) << got.response.reason();
  EXPECT_TRUE(got.texts.empty());
}

TEST(StreamedAnswers, AreNoneWhereTheEndIsNotWhatCame) {
  const auto whole = chunk("a") + chunk("b");
  for (const auto& [events, why] : std::vector<std::pair<std::string, std::string>>{
           {whole, "broke off before its end"},
           {whole + end_of({"a"}), "is not what its end says"},
           {whole + end_of({"a", "c"}), "is not what its end says"},
           {whole + end_of({"a", "b"}) + chunk("c"), "goes on behind its end"},
           {whole + end_of({"a", "b"}) + end_of({"a", "b"}), "goes on behind its end"},
           {whole + "event: tw-end\ndata: {}\n\n", "the stream's end is no"},
           {whole + wire::format_event("chunk", "5"), "chunk 3 is no JSON object or array"},
           {whole + "event: chunk\ndata: " + std::string(2 << 20, '[') + "\n\n", "too long"}}) {
    const auto got = read(streamed(events));
    EXPECT_FALSE(got.response.ok());
    EXPECT_THAT(got.response.reason(), HasSubstr(why));
    EXPECT_THAT(got.texts, ElementsAre("a", "b")) << why;
  }
  const auto cut = read(streamed(whole + end_of({"a", "b"}), false), [] {
    auto options = quick();
    options.stream.idle = 100ms;
    return options;
  }());
  EXPECT_EQ(kind_of(cut.response.exception), Kind::timeout) << "the transfer has not ended";
}

TEST(StreamedAnswers, AreNotTriedAgain) {
  ScriptedPeer peer([&](const Seen&) {
    auto reply = streamed(chunk("a"), false);
    reply.close = true;
    return reply;
  });
  Client client(key());
  auto options = quick();
  options.max_retries = 3;
  auto stream = client.open_stream<Echo>(peer.url(), Echo{}, options);
  EXPECT_EQ(stream.next()->text, "a");
  EXPECT_FALSE(stream.next());
  EXPECT_EQ(kind_of(stream.result().exception), Kind::connection);
  EXPECT_EQ(peer.seen().size(), 1U) << "what was handed out would come twice";
}

TEST(StreamedAnswers, ThatAreNoneAreReadAsEver) {
  int asked = 0;
  ScriptedPeer peer([&](const Seen&) {
    return ++asked == 1 ? Reply{.status = 503}
                        : Reply{.status = 403, .body = R"({"body":{},"error":"no","metadata":{}})"};
  });
  Client client(key());
  auto stream = client.open_stream<Echo>(peer.url(), Echo{}, quick());
  EXPECT_FALSE(stream.next());
  const auto& response = stream.result();
  EXPECT_EQ(response.status, 403) << "before it begins it is tried again";
  EXPECT_FALSE(response.stream);
  EXPECT_THAT(response.body(), HasSubstr(R"("error":"no")"));
}

TEST(StreamedAnswers, HaveChunksOfTheModel) {
  const std::string other = wire::format_event("chunk", R"({"letters":1})");
  const auto got = read(streamed(chunk("a") + other + chunk("b"), false));
  EXPECT_EQ(kind_of(got.response.exception), Kind::invalid_body);
  EXPECT_THAT(got.response.reason(), HasSubstr("a chunk is no Echo"));
  EXPECT_THAT(got.texts, ElementsAre("a"));
}

TEST(StreamedAnswers, AreNotReceivedBeforeTheyAreWanted) {
  const std::string text(10'000, 'x');
  std::string events;
  std::vector<std::string> texts;
  for (int i = 0; i < 2'000; ++i) {
    events += chunk(text);
    texts.push_back(text);
  }
  ScriptedPeer peer([&, reply = streamed(events + end_of(texts))](const Seen&) { return reply; });
  Client client(key());
  auto stream = client.open_stream<Echo>(peer.url(), Echo{}, quick());
  ASSERT_TRUE(stream.next());
  // While nobody pulls, others are served by the same thread.
  ScriptedPeer other([](const Seen&) { return Reply{}; });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(client.send(other.url(), Echo{}, quick()).ok());
  int count = 1;
  while (stream.next()) ++count;
  EXPECT_EQ(count, 2'000);
  EXPECT_TRUE(stream.result().ok()) << stream.result().reason();

  auto options = quick();
  options.stream.max_time = 50ms;
  auto late = client.open_stream<Echo>(peer.url(), Echo{}, options);
  ASSERT_TRUE(late.next());
  std::this_thread::sleep_for(100ms);
  for (count = 1; late.next();) ++count;
  EXPECT_LT(count, 2'000) << "who takes too long over it is too late for the rest";
  EXPECT_EQ(kind_of(late.result().exception), Kind::timeout);
}

TEST(StreamedAnswers, HaveLimits) {
  auto options = quick();
  options.stream.max_bytes = 1'000;
  const auto large = read(streamed(chunk(std::string(2'000, 'x'))), options);
  EXPECT_EQ(kind_of(large.response.exception), Kind::too_large);
  options = quick();
  options.stream.idle = 100ms;
  const auto idle = read(streamed(chunk("a"), false), options);
  EXPECT_EQ(kind_of(idle.response.exception), Kind::timeout);
  EXPECT_THAT(idle.texts, ElementsAre("a"));
  options = quick();
  options.stream.max_time = 100ms;
  EXPECT_THAT(read(streamed(chunk("a"), false), options).response.reason(),
              HasSubstr("has not ended"));
  options = quick();
  options.timeout = 100ms;
  Reply silent;
  silent.raw = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(kind_of(read(silent, options).response.exception), Kind::timeout);
}

TEST(StreamedAnswers, CanBeCancelled) {
  ScriptedPeer peer([](const Seen&) { return streamed(chunk("a"), false); });
  Client client(key());
  for (const bool by_token : {false, true}) {
    std::stop_source stop;
    auto options = quick();
    options.stop = stop.get_token();
    auto stream = client.open_stream<Echo>(peer.url(), Echo{}, options);
    ASSERT_TRUE(stream.next());
    by_token ? void(stop.request_stop()) : stream.cancel();
    EXPECT_FALSE(stream.next());
    EXPECT_EQ(kind_of(stream.result().exception), Kind::cancelled);
  }
  auto read_one = client.send_stream<Echo>(peer.url(), Echo{}, [](const Echo&) { return false; });
  EXPECT_EQ(kind_of(read_one.exception), Kind::cancelled);
  {
    const auto forgotten = client.open_stream<Echo>(peer.url(), Echo{}, quick());
  }
}

TEST(StreamedAnswers, EndWithTheirClient) {
  ScriptedPeer peer([](const Seen&) { return streamed(chunk("a"), false); });
  auto client = std::make_unique<Client>(key());
  auto stream = client->open_stream<Echo>(peer.url(), Echo{}, quick());
  ASSERT_TRUE(stream.next());
  client.reset();
  EXPECT_FALSE(stream.next());
  EXPECT_EQ(kind_of(stream.result().exception), Kind::cancelled);
}

TEST(StreamedAnswers, OfAWrongUrlAreNeverAskedFor) {
  Client client(key());
  auto stream = client.open_stream<Echo>("http://x/#y", Echo{}, quick());
  EXPECT_EQ(kind_of(stream.result().exception), Kind::invalid_request);
}

}  // namespace
}  // namespace dojo::testing
