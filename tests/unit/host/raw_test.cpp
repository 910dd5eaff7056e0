// Routes with paths, methods and bytes of their own, through the whole host: in its process and in
// one of the plugin's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/compression.hpp>

#include "host/host_test.hpp"
#include "plugins/abi/elf.hpp"

namespace dojo {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RawRoutes : public test::HostTest, public testing::WithParamInterface<plugins::Isolation> {
 protected:
  RawRoutes() {
    for (const char* plugin : {"test_raw", "test_abi_1_0"}) add(plugin);
    for (const char* name : {"raw", "minimal_c"}) config.plugins[name].run.isolation = GetParam();
    config.auth.btauth.sign_answers = true;
    start();
  }
  net::Reply call(const std::string& method, const std::string& target,
                  const std::string& body = "", const std::string& headers = "") {
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    auto statement = test::statement(self, target.substr(0, target.find('?')), body, now);
    statement.method = method;
    const auto head = test::dojo1(caller, statement);
    std::string all = headers + "Content-Length: " + std::to_string(body.size()) + "\r\n";
    for (const auto& field : head.fields)
      all += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
    auto client = net::Client::to(server->port());
    client.send(net::request(target, all, body, method));
    return client.read_reply(method == "HEAD").value();
  }
};

TEST_P(RawRoutes, SeeMethodPathFieldsAndBody) {
  const auto answer = call("POST", "/v1/a/%62", "\0\xff any bytes", "X-Test: seen\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.substr(0, answer.body.find('\n')),
            "POST /v1/a/%62 uid=none stake=0 permit=no X-Test=seen");
  EXPECT_TRUE(answer.has("content-type: text/plain"));
  EXPECT_TRUE(answer.has("x-dojo-code: ok"));
  EXPECT_THAT(call("GET", "/v1/").body, StartsWith("GET /v1/ uid"));
}

TEST_P(RawRoutes, SeeOfAQueryOnlyWhatWasSigned) {
  EXPECT_THAT(call("GET", "/v1/a?evil=1").body, StartsWith("GET /v1/a uid"))
      << "dojo/1 signs no query, so whoever is on the way could change it";
}

TEST_P(RawRoutes, SeeTheQueryWhereItIsSigned) {
  const auto now = std::chrono::system_clock::now();
  auto statement = test::btauth_statement(caller, self.address(), now);
  statement.method = "GET";
  statement.target = "/v1/a%20b?stream=false&x=%2F";
  const auto head = test::btauth(caller, statement, "");
  std::string all;
  for (const auto& field : head.fields)
    all += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
  const auto ask = [&](std::string_view target) {
    auto client = net::Client::to(server->port());
    client.send(net::request(std::string(target), all, "", "GET"));
    return client.read_reply().value();
  };
  const auto changed = ask("/v1/a%20b?stream=true&x=%2F");
  EXPECT_EQ(changed.status, 401);
  EXPECT_THAT(changed.body, HasSubstr(R"("code":"bad-signature")")) << "and no envelope";
  const auto answer = ask(statement.target);
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, StartsWith("GET /v1/a%20b?stream=false&x=%2F uid"));
}

TEST_P(RawRoutes, AreSignedAsTheyAreSent) {
  const auto now = std::chrono::system_clock::now();
  for (const auto& [method, path, status] : {std::tuple{"POST", "/v1/status/200", 200},
                                             {"POST", "/v1/status/204", 204},
                                             {"POST", "/v1/status/404", 404},
                                             {"HEAD", "/headed", 200}}) {
    auto statement = test::btauth_statement(caller, self.address(), now);
    statement.nonce = wire::make_btauth_nonce();
    statement.method = method;
    statement.target = path;
    std::string all = "Accept-Encoding: zstd\r\nContent-Length: 0\r\n";
    const auto head = test::btauth(caller, statement, "");
    for (const auto& field : head.fields)
      all += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
    auto client = net::Client::to(server->port());
    client.send(net::request(path, all, "", method));
    const auto answer = client.read_reply(statement.method == "HEAD").value();
    EXPECT_EQ(answer.status, status);
    const auto good =
        test::check_answer(head, self.address(), answer.status, answer.head, answer.body);
    EXPECT_TRUE(good) << path << ": " << good.error().message;
  }
  EXPECT_THAT(server->metrics().text(), HasSubstr("\ndojo_signed_answers_total 4\n"));
}

TEST_P(RawRoutes, TakeBinaryBodiesAndCompressedOnes) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 7);
  const auto plain = call("POST", "/v1/x", bytes);
  EXPECT_EQ(plain.body.substr(plain.body.find('\n') + 1), bytes);
  const auto coded = call("POST", "/v1/x", *wire::compress(bytes, 3),
                          "Content-Encoding: zstd\r\nAccept-Encoding: zstd\r\n");
  EXPECT_TRUE(coded.has("content-encoding: zstd"));
  const auto answer = *wire::decompress(coded.body, {});
  EXPECT_EQ(answer.substr(answer.find('\n') + 1), bytes);
}

TEST_P(RawRoutes, AreFoundByTheLongestPath) {
  EXPECT_THAT(call("POST", "/v1/status/201").body, "as you say");
  EXPECT_THAT(call("POST", "/v1/status").body, StartsWith("POST /v1/status uid"));
  EXPECT_EQ(call("POST", "/v1/score", R"({"value":1})").body,
            R"({"body":{"value":2},"error":null,"metadata":{}})");
  for (const char* path : {"/v1", "/Score", "/show", "/V1/x", "//v1/x"}) {
    EXPECT_EQ(call("POST", path).status, 404) << path;
  }
}

TEST_P(RawRoutes, AnswerWithAStatusAndFieldsOfTheirOwn) {
  for (const int status : {200, 201, 302, 404, 500, 599}) {
    const auto answer = call("POST", "/v1/status/" + std::to_string(status));
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.body, "as you say");
    EXPECT_TRUE(answer.has("X-Own: yes"));
    EXPECT_TRUE(answer.has("content-type: application/octet-stream"));
    EXPECT_TRUE(answer.has(status < 400 ? "x-dojo-code: ok" : "x-dojo-code: handler")) << status;
    EXPECT_THAT(answer.head, Not(HasSubstr("mine"))) << "the host's own are not a plugin's to set";
    EXPECT_THAT(answer.head, Not(HasSubstr("close")));
  }
  const auto none = call("POST", "/v1/status/none");
  EXPECT_EQ(none.status, 200);
  EXPECT_EQ(none.body, "");
  EXPECT_THAT(none.head, Not(HasSubstr("content-type")));
}

TEST_P(RawRoutes, CannotSplitTheirAnswersHead) {
  const auto answer = call("POST", "/v1/status/split");
  EXPECT_THAT(answer.body, HasSubstr("Internal server error (request "));
  EXPECT_THAT(answer.head, Not(HasSubstr("x-o")));
  EXPECT_TRUE(lines.has("a header field of the answer is none")) << lines.text();
  for (const char* status : {"99", "199", "600"}) {
    EXPECT_THAT(call("POST", "/v1/status/" + std::string(status)).body,
                HasSubstr("Internal server error"))
        << status;
  }
}

TEST_P(RawRoutes, FailAsOthersDo) {
  const auto answer = call("POST", "/v1/status/throws");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.body, R"({"body":{},"error":"not this one","metadata":{}})");
  EXPECT_THAT(call("POST", "/v1/status/no-number").body, HasSubstr("Internal server error"));
}

TEST_P(RawRoutes, TakeTheirMethodsAlone) {
  auto refusal = call("PUT", "/v1/x");
  EXPECT_EQ(refusal.status, 405);
  EXPECT_TRUE(refusal.has("allow: GET, POST, DELETE, HEAD")) << refusal.head;
  refusal = call("GET", "/v1/score");
  EXPECT_EQ(refusal.status, 405);
  EXPECT_TRUE(refusal.has("allow: POST, HEAD"));
  EXPECT_TRUE(call("POST", "/headed").has("allow: GET, HEAD"));
}

TEST_P(RawRoutes, AnswerHeadThemselvesOnlyWhereTheySaySo) {
  const auto preflight = call("HEAD", "/v1/x");
  EXPECT_EQ(preflight.status, 200);
  EXPECT_FALSE(preflight.has("content-type: text/plain"));
  const auto own = call("HEAD", "/headed");
  EXPECT_TRUE(own.has("content-type: text/plain")) << own.head;
  EXPECT_THAT(own.head, Not(HasSubstr("Content-Length: 0\r\n")));
}

TEST_P(RawRoutes, HaveHooksThatSeeTheRequest) {
  const auto answer = call("DELETE", "/v1/x");
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.body, HasSubstr("Forbidden: not here"));
}

TEST_P(RawRoutes, MayAnswerLater) {
  EXPECT_EQ(call("POST", "/later", "body", "X-Test: kept\r\n").body, "/later body kept");
}

TEST_P(RawRoutes, StandBesideAPluginOfTheFirstAbi) {
  const auto facts = plugins::inspect_elf(test::plugin("test_abi_1_0"));
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_EQ(facts->abi_minor, 0);
  EXPECT_THAT(call("POST", "/CountBytes", "12345").body, HasSubstr(R"("bytes":5)"));
  EXPECT_EQ(call("GET", "/CountBytes").status, 405);
}

INSTANTIATE_TEST_SUITE_P(Isolation, RawRoutes,
                         testing::Values(plugins::Isolation::thread, plugins::Isolation::process),
                         [](const auto& tested) {
                           return tested.param == plugins::Isolation::thread ? "Thread" : "Process";
                         });

}  // namespace
}  // namespace dojo
