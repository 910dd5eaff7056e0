// What a request looks like, and what is made of its answer.
#include <future>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models.hpp"

namespace dojo::testing {
namespace {

using ::testing::HasSubstr;
using Kind = SendError::Kind;

Reply ok(const Seen&) {
  return {};
}

TEST(Send, PostsTheModelUnderItsNameAndReadsTheAnswer) {
  ScriptedPeer peer([](const Seen&) {
    return zstd_reply(R"({"body":{"text":"hi"},"error":null,"metadata":{"took":3}})");
  });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{"hello"});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.body->text, "hi");
  EXPECT_EQ(answer.metadata.text, R"({"took":3})");
  EXPECT_EQ(answer.client_response.status, 200);
  EXPECT_EQ(answer.client_response.attempts, 1);
  EXPECT_EQ(answer.client_response.url, peer.url() + "/Echo");
  EXPECT_GT(answer.client_response.timings.exchange.count(), 0);
  EXPECT_GE(answer.client_response.timings.overall, answer.client_response.timings.exchange);
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].method, "POST");
  EXPECT_EQ(seen[0].path, "/Echo");
  EXPECT_EQ(seen[0].json(), R"({"text":"hello"})");
  EXPECT_EQ(seen[0].header("content-encoding"), "zstd");
  EXPECT_EQ(seen[0].header("accept-encoding"), "zstd");
  EXPECT_EQ(seen[0].header("content-type"), "application/json");
  EXPECT_THAT(seen[0].header("user-agent"), ::testing::StartsWith("dojo/"));
  EXPECT_FALSE(seen[0].has("expect"));
}

TEST(Send, CountsBytes) {
  const std::string text(5000, 'a');
  ScriptedPeer peer([&](const Seen& seen) {
    return zstd_reply(R"({"body":)" + seen.json() + R"(,"error":null})");
  });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{text});
  ASSERT_TRUE(answer.ok());
  const auto& sizes = answer.client_response.sizes;
  EXPECT_EQ(sizes.json_out, 5000 + 11U);
  EXPECT_LT(sizes.body_out, 200U);
  EXPECT_GT(sizes.wire_out, sizes.body_out + 300);
  EXPECT_GT(sizes.json_in, 5000U);
  EXPECT_LT(sizes.body_in, 200U);
  EXPECT_GT(sizes.wire_in, sizes.body_in);
}

TEST(Send, SignsDojo1OverTheRequestAsSent) {
  ScriptedPeer peer(ok);
  Client client(key());
  const auto receiver = wire::Keypair::generate();
  SendOptions options;
  options.to = receiver.public_key();
  client.send(peer.url() + "/base//", Echo{"hello"}, options);
  options.to = receiver.address();
  client.send(peer.url() + "/base", Echo{"hello"}, options);
  options.to.reset();
  client.send(peer.url() + "/base", Echo{"hello"}, options);
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 3U);
  for (const auto& request : seen) {
    EXPECT_TRUE(request.signed_well());
    EXPECT_EQ(request.path, "/base/Echo");
    ASSERT_TRUE(request.statement());
    const auto age = std::chrono::system_clock::now() - request.statement()->time;
    EXPECT_LT(std::chrono::abs(age), 10s);
  }
  EXPECT_EQ(seen[0].statement()->to, receiver.public_key());
  EXPECT_EQ(seen[1].statement()->to, receiver.public_key());
  EXPECT_FALSE(seen[2].statement()->to);
}

TEST(Send, SpeaksTheLegacyDialectToo) {
  ScriptedPeer peer(ok);
  ClientOptions legacy;
  legacy.dialect = wire::Dialect::legacy;
  Client client(key(), legacy);
  client.send(peer.url(), Echo{"hello"});
  client.send(peer.url(), Echo{"hello"}, {.message = wire::legacy_message(key().address(0))});
  client.send(peer.url(), Echo{"hello"}, {.dialect = wire::Dialect::dojo1});
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].header("x-message"), wire::legacy_message(key().address()));
  EXPECT_EQ(seen[1].header("x-message"), wire::legacy_message(key().address(0)));
  EXPECT_TRUE(seen[2].statement());
  for (const auto& request : seen) EXPECT_TRUE(request.signed_well());
}

TEST(Send, SignsNoTextThatMeansSomethingElse) {
  Client client(key());
  const auto refused = [&](const SendOptions& options) {
    return kind_of(client.send("127.0.0.1:1", Echo{}, options).exception);
  };
  EXPECT_EQ(refused({.message = wire::legacy_message(key().address())}), Kind::invalid_request)
      << "dojo/1 writes its own";
  EXPECT_EQ(refused({.dialect = wire::Dialect::epistula2}), Kind::invalid_request);
  for (const auto& text :
       {std::string("mine"), std::string(), std::string("a\nb"), std::string("dojo/1 POST"),
        // Some wallets sign everything wrapped so, and a host takes that for the same text.
        std::string("<Bytes>dojo/1 POST /Echo</Bytes>"), std::string(64, 'a') + ".u.1.",
        wire::legacy_message(wire::Keypair::generate().address()),
        wire::legacy_message(key().address()) + " "}) {
    EXPECT_EQ(refused({.dialect = wire::Dialect::legacy, .message = text}), Kind::invalid_request)
        << text;
  }
}

TEST(Send, RefusesAReceiverThatIsNoAddress) {
  Client client(key());
  const auto answer = client.send("127.0.0.1:1", Echo{}, {.to = "5Fake"});
  ASSERT_EQ(kind_of(answer.exception), Kind::invalid_request);
  EXPECT_THAT(answer.exception->message, HasSubstr("receiver"));
}

TEST(Send, CarriesExtraHeadersAndTheRequestId) {
  ScriptedPeer peer(ok);
  Client client(key());
  SendOptions options;
  options.headers = {{"X-Subnet", "52"}, {"x-empty", ""}};
  options.request_id = "r-1";
  ASSERT_TRUE(client.send(peer.url(), Echo{}, options).ok());
  const auto seen = peer.seen().at(0);
  EXPECT_EQ(seen.header("x-subnet"), "52");
  EXPECT_TRUE(seen.has("x-empty"));
  EXPECT_EQ(seen.header("x-request-id"), "r-1");
}

TEST(Send, RefusesHeadersThatForgeOrFrame) {
  Client client(key());
  const std::vector<Header> bad = {{"X-Hotkey", "5F"},
                                   {"x-signature", "0x"},
                                   {"x-message", "m"},
                                   {"Epistula-Version", "2"},
                                   {"epistula-request-signature", "0x"},
                                   {"X-Bittensor-Signature", "0x"},
                                   {"Content-Length", "3"},
                                   {"Transfer-Encoding", "chunked"},
                                   {"Host", "other"},
                                   {"content-encoding", "gzip"},
                                   {"a b", "c"},
                                   {"", "c"},
                                   {"x-a", "b\r\nx-hotkey: c"},
                                   {"x-a\r\nb", "c"},
                                   {"x-a", std::string("b\0c", 3)}};
  for (const auto& header : bad) {
    SendOptions options;
    options.headers = {header};
    EXPECT_EQ(kind_of(client.send("127.0.0.1:1", Echo{}, options).exception), Kind::invalid_request)
        << header.name;
  }
  SendOptions options;
  options.request_id = "a\r\nb";
  EXPECT_EQ(kind_of(client.send("127.0.0.1:1", Echo{}, options).exception), Kind::invalid_request);
}

TEST(Send, SendsPlainJsonIfCompressionIsOff) {
  ScriptedPeer peer(ok);
  Client client(key());
  ASSERT_TRUE(client.send(peer.url(), Echo{"hello"}, {.compress = false}).ok());
  const auto seen = peer.seen().at(0);
  EXPECT_EQ(seen.body, R"({"text":"hello"})");
  EXPECT_FALSE(seen.has("content-encoding"));
  EXPECT_FALSE(seen.has("accept-encoding"));
  EXPECT_TRUE(seen.statement());
}

TEST(Send, SendsNoModelThatCannotBeWritten) {
  ScriptedPeer peer(ok);
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{"\xff"});
  EXPECT_EQ(kind_of(answer.exception), Kind::invalid_request);
  EXPECT_TRUE(peer.seen().empty());
}

TEST(Send, ReadsAnotherModelThanItSent) {
  ScriptedPeer peer([](const Seen&) { return Reply{.body = R"({"body":{"letters":5}})"}; });
  Client client(key());
  const auto answer = client.send<Count>(peer.url(), Echo{"hello"});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.body->letters, 5);
}

TEST(Send, TellsTheProtocolsCode) {
  ScriptedPeer peer([](const Seen&) {
    return Reply{.headers = {{"X-Dojo-Code", "blacklisted"}},
                 .body = R"({"body":{},"error":"Blacklisted: no","metadata":{}})"};
  });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{});
  EXPECT_EQ(answer.code, Code::blacklisted);
  EXPECT_EQ(answer.error, "Blacklisted: no");
  EXPECT_FALSE(answer.body);
  EXPECT_FALSE(answer.exception);
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(peer.seen().size(), 1U) << "a 200 with an error is final";
}

TEST(Send, KeepsTheEnvelopesErrorOnAnErrorStatus) {
  ScriptedPeer peer([](const Seen&) {
    auto reply = zstd_reply(R"({"body":{"text":"echoed"},"error":"text: too long","metadata":{}})");
    reply.status = 400;
    reply.headers.emplace_back("x-dojo-code", "invalid-body");
    return reply;
  });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{});
  EXPECT_EQ(answer.error, "text: too long");
  EXPECT_EQ(kind_of(answer.exception), Kind::status);
  EXPECT_EQ(answer.code, Code::invalid_body);
  EXPECT_FALSE(answer.body) << "what an error echoes is no answer";
}

TEST(Send, NeverFillsAModelInPart) {
  ScriptedPeer peer([](const Seen&) { return Reply{.body = R"({"body":{"text":7}})"}; });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{});
  EXPECT_FALSE(answer.body);
  ASSERT_EQ(kind_of(answer.exception), Kind::invalid_body);
  EXPECT_THAT(answer.exception->message, HasSubstr("text"));
  EXPECT_EQ(answer.client_response.raw_body, R"({"body":{"text":7}})");
  EXPECT_EQ(peer.seen().size(), 1U);
}

TEST(Send, TakesAnEmptyBodyOnlyForAModelWithoutRequiredFields) {
  ScriptedPeer peer([](const Seen&) { return Reply{.body = R"({"body":null})"}; });
  Client client(key());
  EXPECT_EQ(kind_of(client.send(peer.url(), Echo{}).exception), Kind::invalid_body);
  const auto raw = client.send_json(peer.url(), "Echo", "{}");
  ASSERT_TRUE(raw.ok());
  EXPECT_EQ(raw.body->text, "{}");
}

TEST(Send, SaysWhatIsNoEnvelope) {
  ScriptedPeer peer([](const Seen& seen) {
    if (seen.json() == R"({"text":"html"})") return Reply{.body = "<html>"};
    if (seen.json() == R"({"text":"empty"})") return Reply{.body = ""};
    if (seen.json() == R"({"text":"list"})") return Reply{.body = "[1]"};
    if (seen.json() == R"({"text":"nothing in it"})") return Reply{.body = "{}"};
    if (seen.json() == R"({"text":"another's"})") return Reply{.body = R"({"detail":"ok"})"};
    if (seen.json() == R"({"text":"no error"})") return Reply{.body = R"({"error":null})"};
    if (seen.json() == R"({"text":"gzip"})")
      return Reply{.headers = {{"content-encoding", "gzip"}}};
    return Reply{.headers = {{"content-encoding", "ZSTD"}}, .body = "not a frame"};
  });
  Client client(key());
  for (const char* text :
       {"html", "empty", "list", "nothing in it", "another's", "no error", "gzip", "broken zstd"}) {
    const auto answer = client.send_json(peer.url(), "Echo", *to_json(Echo{text}));
    EXPECT_EQ(kind_of(answer.exception), Kind::bad_response) << text;
    EXPECT_FALSE(answer.body) << text;
  }
  EXPECT_EQ(client.send(peer.url(), Echo{"broken zstd"}).client_response.raw_body, "not a frame");
  EXPECT_EQ(client.send(peer.url(), Echo{"html"}).client_response.raw_body, "<html>");
}

class NotHttp : public ::testing::TestWithParam<const char*> {};

TEST_P(NotHttp, IsABadResponseAndFinal) {
  ScriptedPeer peer([](const Seen&) { return Reply{.raw = GetParam(), .close = true}; });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_EQ(kind_of(answer.exception), Kind::bad_response) << answer.reason();
  EXPECT_EQ(answer.client_response.attempts, 1);
  EXPECT_EQ(peer.seen().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Send, NotHttp,
    ::testing::Values("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
                      "\x15\x03\x01\x02\x02\x02\x46",  // a TLS alert
                      "220 mail.example ESMTP\r\n", "HTTP/3.7 200 OK\r\n\r\n",
                      "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                      "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
                      "{\"body\":{\"text\":\"HTTP/0.9\"},\"error\":null,\"metadata\":{}}",
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
                      "{\"body\":{\"text\":\"hi\"},\"error\":null,\"metadata\":{}}"));

TEST(Send, TakesNoAnswerToAnotherRequest) {
  ScriptedPeer peer([](const Seen& seen) {
    const auto sent = seen.header("x-request-id");
    return Reply{.headers = {{"x-request-id", seen.path == "/other/Echo" ? "r-2" : sent}}};
  });
  Client client(key());
  EXPECT_TRUE(client.send(peer.url(), Echo{}, {.request_id = "r-1"}).ok());
  EXPECT_TRUE(client.send(peer.url() + "/other", Echo{}).ok()) << "the host has made one up";
  EXPECT_TRUE(client.send(peer.url() + "/other", Echo{}, {.request_id = "not kept"}).ok());
  const auto answer = client.send(peer.url() + "/other", Echo{}, {.request_id = "r-1"});
  EXPECT_EQ(kind_of(answer.exception), Kind::bad_response);
  EXPECT_THAT(answer.reason(), HasSubstr("another request: its x-request-id is \"r-2\""));
  EXPECT_FALSE(answer.body);
}

TEST(Reason, IsOneTextForWhateverWentWrong) {
  ScriptedPeer peer([](const Seen& seen) {
    if (seen.path == "/refused/Echo") {
      return Reply{.headers = {{"x-dojo-code", "blacklisted"}},
                   .body = R"({"body":{},"error":"not on the list"})"};
    }
    if (seen.path == "/status/Echo") {
      return Reply{.status = 400, .body = R"({"body":{},"error":"text: too long"})"};
    }
    if (seen.path == "/bare/Echo") return Reply{.status = 404, .body = ""};
    if (seen.path == "/model/Echo") return Reply{.body = R"({"body":{"text":7}})"};
    return Reply{};
  });
  Client client(key());
  const auto reason = [&](const std::string& path) {
    return client.send(peer.url() + path, Echo{}, quick()).reason();
  };
  EXPECT_EQ(reason(""), "");
  EXPECT_EQ(reason("/refused"), "blacklisted: not on the list");
  EXPECT_THAT(reason("/status"),
              ::testing::AllOf(HasSubstr("text: too long"), HasSubstr("HTTP status 400")));
  EXPECT_THAT(reason("/bare"), HasSubstr("HTTP status 404"));
  EXPECT_THAT(reason("/model"), HasSubstr("text: expected string"));
  EXPECT_THAT(reason("?q"), HasSubstr("no query"));
  EXPECT_EQ(StdResponse<Echo>{}.reason(), "no body in the answer");
}

TEST(Send, DoesNotFollowRedirects) {
  ScriptedPeer peer([](const Seen&) {
    return Reply{.status = 307, .headers = {{"Location", "/elsewhere"}}, .body = ""};
  });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{});
  ASSERT_EQ(kind_of(answer.exception), Kind::redirect);
  EXPECT_THAT(answer.exception->message, HasSubstr("/elsewhere"));
  EXPECT_EQ(peer.seen().size(), 1U);
}

TEST(Send, UsesConnectionsAgain) {
  ScriptedPeer peer(ok);
  Client client(key());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.send(peer.url(), Echo{}).ok());
  EXPECT_EQ(peer.connections(), 1);
}

TEST(Send, IgnoresTheEnvironmentsProxies) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  ScriptedPeer peer(ok);
  Client client(key());
  EXPECT_TRUE(client.send(peer.url(), Echo{}, quick()).ok());
  unsetenv("http_proxy");
}

TEST(Send, GoesThroughAProxyIfToldTo) {
  ScriptedPeer proxy(ok);
  ClientOptions options;
  options.proxy = proxy.url();
  Client client(key(), options);
  ASSERT_TRUE(client.send("http://miner.invalid:8888", Echo{}).ok());
  EXPECT_EQ(proxy.seen().at(0).path, "http://miner.invalid:8888/Echo");
  EXPECT_THAT(proxy.seen().at(0).header("x-message"), HasSubstr(" /Echo "));
}

TEST(Send, RefusesJsonThatIsNoObject) {
  Client client(key());
  for (const char* json : {"", "[1]", "3", "{", "{} {}", "nonsense"}) {
    EXPECT_EQ(kind_of(client.send_json("127.0.0.1:1", "Echo", json).exception),
              Kind::invalid_request)
        << json;
  }
}

TEST(Send, AnswersFromManyThreadsAtOnce) {
  ScriptedPeer peer(
      [](const Seen& seen) { return Reply{.body = R"({"body":)" + seen.json() + "}"}; });
  Client client(key());
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto text = std::to_string(t * 100 + i);
        const auto answer = client.send(peer.url(), Echo{text});
        EXPECT_TRUE(answer.ok() && answer.body->text == text);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(peer.connections(), 10);
}

TEST(Send, RefusesToWaitForItself) {
  ScriptedPeer peer(ok);
  Client client(key());
  BatchOptions<Echo> options;
  std::promise<StdResponse<Echo>> inner;
  options.on_result = [&](std::size_t, const StdResponse<Echo>&) {
    inner.set_value(client.send(peer.url(), Echo{}));
  };
  client.batch_send({peer.url()}, Echo{}, options);
  EXPECT_EQ(kind_of(inner.get_future().get().exception), Kind::invalid_request);
}

TEST(Preflight, IsLeftOutForASmallBody) {
  ScriptedPeer peer(ok);
  Client client(key());
  client.send(peer.url(), Echo{std::string(60'000, 'a')}, {.compress = false});
  client.send(peer.url(), Echo{std::string(1'000'000, 'a')});
  ASSERT_EQ(peer.seen().size(), 2U) << "the encoded size counts";
  EXPECT_EQ(peer.seen()[0].method, "POST");
}

TEST(Preflight, GoesBeforeALargeBody) {
  ScriptedPeer peer(ok);
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{std::string(70'000, 'a')}, {.compress = false});
  ASSERT_TRUE(answer.ok());
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].method, "HEAD");
  EXPECT_EQ(seen[1].method, "POST");
  EXPECT_EQ(seen[0].connection, seen[1].connection);
  EXPECT_GT(answer.client_response.timings.preflight.count(), 0);
}

TEST(Preflight, IsSignedOnItsOwnAndCarriesNoEncodings) {
  ScriptedPeer peer(ok);
  Client client(key());
  ASSERT_TRUE(client.send(peer.url(), Echo{}, {.preflight = Preflight::always}).ok());
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 2U);
  for (const auto& request : seen) {
    EXPECT_TRUE(request.signed_well());
    ASSERT_TRUE(request.statement()) << request.method;
  }
  EXPECT_NE(seen[0].statement()->nonce, seen[1].statement()->nonce);
  EXPECT_FALSE(seen[0].has("content-encoding"));
  EXPECT_FALSE(seen[0].has("accept-encoding"));
  EXPECT_FALSE(seen[0].has("content-length"));
}

TEST(Preflight, CanBeForbidden) {
  ScriptedPeer peer(ok);
  Client client(key());
  SendOptions options{.preflight = Preflight::never, .compress = false};
  ASSERT_TRUE(client.send(peer.url(), Echo{std::string(70'000, 'a')}, options).ok());
  EXPECT_EQ(peer.seen().size(), 1U);
}

TEST(Preflight, EndsTheAttemptIfItIsRefused) {
  ScriptedPeer peer([](const Seen&) {
    return Reply{.status = 403, .headers = {{"x-dojo-code", "bad-signature"}}};
  });
  Client client(key());
  auto options = quick();
  options.preflight = Preflight::always;
  const auto answer = client.send(peer.url(), Echo{}, options);
  EXPECT_EQ(kind_of(answer.exception), Kind::status);
  EXPECT_EQ(answer.code, Code::bad_signature);
  EXPECT_EQ(answer.client_response.status, 403);
  ASSERT_EQ(peer.seen().size(), 1U);
  EXPECT_EQ(peer.seen()[0].method, "HEAD");
}

}  // namespace
}  // namespace dojo::testing
