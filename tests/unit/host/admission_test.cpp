// Who is let in, and what the operator is told of it: the whole host on a free port.
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/commands.hpp"
#include "host/host_test.hpp"

namespace dojo::host {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class AdmissionTest : public test::HostTest {
 protected:
  struct Got {
    int status = 0;
    std::string code;
    std::string body;
    std::string head;
  };
  /// A rule that everything meets, but for what `change` does to it.
  static policy::Rule deny(const std::string& name) { return {.name = name}; }

  Got send(const std::string& bytes) {
    auto client = net::Client::to(server->port());
    client.send(bytes);
    const auto reply = client.read_reply();
    if (!reply) return {};
    const auto at = reply->head.find("x-dojo-code: ");
    const auto begin = at + std::string_view("x-dojo-code: ").size();
    return {reply->status,
            at == std::string::npos ? ""
                                    : reply->head.substr(begin, reply->head.find('\r', at) - begin),
            reply->body, reply->head};
  }
  Got call(const wire::Keypair& key, const std::string& path = "/Answers") {
    return send(wired(key, path));
  }
  /// A request of a key's, as it stands on the wire. @param signer who really signs
  std::string wired(const wire::Keypair& key, const std::string& path = "/Answers",
                    const std::string& body = "{}", const wire::Keypair* signer = nullptr) {
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    auto head =
        test::dojo1(signer == nullptr ? key : *signer, test::statement(self, path, body, now));
    head.set("x-hotkey", key.address());
    std::string all = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    for (const auto& field : head.fields) {
      all += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
    }
    return net::request(path, all, body, "POST");
  }
  Got impostor() { return send(wired(caller, "/Answers", "{}", &self)); }

  /// What the control socket answers.
  std::string ctl(const std::string& command, const std::vector<std::string>& arguments = {}) {
    const auto commands = make_commands(*server, [] { return Result<std::string>(""); }, [] {});
    const auto answer = commands.find(command)->second(arguments);
    return answer ? *answer : "refused: " + answer.error().message;
  }

  /// A metagraph that knows `caller` as a validator with uid 0, and `miner` without a permit.
  void register_caller(double stake = 1'000) {
    const auto file = folder / "metagraph.json";
    std::ofstream(file) << fmt::format(
        R"({{"data":{{"netuid":52,"block":100,"hotkeys":["{}","{}"],"coldkeys":["{}","{}"],)"
        R"("validatorPermit":[true,false],"totalStake":[{},1]}}}})",
        caller.address(), miner.address(), owner.address(), owner.address(), stake);
    config.metagraph.file = file;
    config.metagraph.netuid = 52;
  }
  void start_with_metagraph() {
    start();
    ASSERT_TRUE(test::eventually([&] { return server->access().metagraph().view().usable(); }));
  }

  const wire::Keypair stranger = wire::Keypair::generate();
  const wire::Keypair miner = wire::Keypair::generate();
  const wire::Keypair owner = wire::Keypair::generate();
};

// ---- rules

TEST_F(AdmissionTest, LogsLittleOfAFloodAndTheOthersBesideIt) {
  start();
  const std::string path = "/" + std::string(4'000, 'x');
  for (int i = 0; i < 300; ++i) EXPECT_EQ(send(net::request(path)).code, "unsigned");
  EXPECT_EQ(impostor().code, "bad-signature");
  EXPECT_TRUE(lines.has("code=bad-signature")) << "which the flood hides";
  EXPECT_FALSE(lines.has(std::string(129, 'x')));
}

TEST_F(AdmissionTest, ShutsOutNoProxyForWhatItsCallersDo) {
  config.http.proxies = {"127.0.0.0/8"};
  config.quota.failed = {1, 3};
  config.quota.ip_requests = {1, 3};
  config.quota.ip_bytes = {1, 3};
  start();
  const auto behind_proxy = [&](const std::string& bytes, const std::string& header = "") {
    return send(bytes.substr(0, bytes.find('\n') + 1) + header +
                bytes.substr(bytes.find('\n') + 1));
  };
  const auto wrong = [&] { return wired(caller, "/Answers", "{}", &self); };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(behind_proxy(wrong()).code, "bad-signature");
  EXPECT_EQ(behind_proxy(wired(caller)).code, "ok");
  EXPECT_EQ(lines.count("a proxy does not say who calls"), 1U) << lines.text();
  EXPECT_TRUE(lines.has("proxy=127.0.0.1")) << lines.text();

  const std::string attacker = "X-Forwarded-For: 192.0.2.66, 203.0.113.66\r\n";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(behind_proxy(wrong(), attacker).code, "bad-signature");
  }
  EXPECT_EQ(behind_proxy(wired(caller), attacker).code, "quota");
  EXPECT_EQ(behind_proxy(wired(caller), "Forwarded: for=203.0.113.7\r\n").code, "ok");
  EXPECT_EQ(behind_proxy(wired(caller)).code, "ok");
}

TEST_F(AdmissionTest, LetsNobodyInFromOtherMachinesUnlessItIsSaidWhom) {
  config.http.address = "0.0.0.0";
  start();
  const auto got = call(caller);
  EXPECT_EQ(got.code, "blacklisted");
  EXPECT_TRUE(lines.has("who may call who=\"nobody may call but")) << lines.text();
  ctl("allow", {caller.address()});
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_EQ(call(miner).code, "blacklisted");

  auto changed = config;
  changed.written["access.default"] = "'allow'";
  changed.http.address = "127.0.0.1";  // needs a restart: it counts for nothing yet
  ASSERT_TRUE(server->apply(changed));
  EXPECT_EQ(call(miner).code, "ok");
  changed.written.clear();
  ASSERT_TRUE(server->apply(changed));
  EXPECT_EQ(call(miner).code, "blacklisted");
}

TEST_F(AdmissionTest, LetsEverybodyInByDefault) {
  start();
  EXPECT_EQ(call(stranger).code, "ok");
}

TEST_F(AdmissionTest, RefusesByRuleWith200AndTheReason) {
  config.access.rules.push_back(
      {.name = "host.toml:7", .hotkeys = {stranger.public_key()}, .note = "a secret of ours"});
  start();
  const auto got = call(stranger);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.code, "blacklisted");
  EXPECT_THAT(got.body, AllOf(HasSubstr(R"("error":"Blacklisted: )"), Not(HasSubstr("secret"))));
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_TRUE(lines.has("rule=host.toml:7"));
}

TEST_F(AdmissionTest, RefusesAStrangerWithoutLookingAtTheSignature) {
  register_caller();
  config.access.rules = {
      {.name = "validators", .action = policy::Action::allow, .validator_permit = true}};
  config.access.otherwise = policy::Action::deny;
  start_with_metagraph();
  EXPECT_EQ(send(wired(stranger, "/Answers", "{}", &self)).code, "blacklisted");
  EXPECT_EQ(call(miner).code, "blacklisted");
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_EQ(impostor().code, "bad-signature");
}

TEST_F(AdmissionTest, RulesMayBeForARouteAlone) {
  config.access.rules.push_back({.name = "r", .routes = {"Answers"}});
  start();
  EXPECT_EQ(call(caller, "/Answers").code, "blacklisted");
  EXPECT_EQ(call(caller, "/Describes").code, "ok");
}

TEST_F(AdmissionTest, TakesOverAConfigThatHasChanged) {
  start();
  EXPECT_EQ(call(caller).code, "ok");
  auto changed = config;
  changed.access.rules.push_back({.name = "new", .hotkeys = {caller.public_key()}});
  ASSERT_TRUE(server->apply(changed));
  EXPECT_EQ(call(caller).code, "blacklisted");
  changed = config;
  changed.auth.dialects = {wire::Dialect::legacy};
  ASSERT_TRUE(server->apply(changed));
  EXPECT_EQ(call(caller).code, "malformed");
  changed.auth = config.auth;
  changed.quota.hotkey_requests = {0.001, 1};
  ASSERT_TRUE(server->apply(changed));
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_EQ(call(caller).code, "quota");
}

TEST_F(AdmissionTest, TakesOverNothingOfAConfigThatAPluginRefuses) {
  add("test_versioned_1");
  add("test_rival");
  start();
  const auto generations = [&] { return lines.count("plugin serves"); };
  const auto before = generations();
  auto changed = config;
  changed.access.rules.push_back({.name = "new", .hotkeys = {caller.public_key()}});
  changed.plugins["behaviours"].config = R"({"new":1})";               // takes it
  changed.plugins["versioned"] = {R"({"new":1})", "dojo.toml:7", {}};  // takes none
  const auto refused = server->apply(changed);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("plugin versioned refuses dojo.toml:7: "));
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_EQ(generations(), before);
  changed.plugins.erase("versioned");
  ASSERT_TRUE(server->apply(changed));
  EXPECT_EQ(call(caller).code, "blacklisted");
  EXPECT_EQ(generations(), before + 1);
}

TEST_F(AdmissionTest, TakesOverNothingOfAConfigWithWhichAPluginDoesNotStart) {
  std::filesystem::remove(folder / "test_behaviours.so");
  add("test_perilous");
  add("test_versioned_1");
  start();
  auto changed = config;
  changed.access.rules.push_back({.name = "new", .hotkeys = {caller.public_key()}});
  changed.plugins["perilous"].config = R"({"word":"no_start"})";  // which its trial does not show
  changed.plugins["versioned"].run.workers = 1;
  ASSERT_FALSE(server->apply(changed));
  EXPECT_EQ(call(caller, "/Echo").code, "ok");
  EXPECT_EQ(lines.count("plugin serves plugin=versioned"), 3u) << "at first, anew, and as before";
}

TEST_F(AdmissionTest, ClosedWithoutAMetagraphOpenWhereConfigured) {
  register_caller();
  std::filesystem::remove(config.metagraph.file);
  config.access.rules = {{.name = "v", .action = policy::Action::allow, .validator_permit = true}};
  config.access.otherwise = policy::Action::deny;
  start();
  EXPECT_EQ(call(caller).code, "blacklisted");
  EXPECT_THAT(ctl("test", {caller.address(), "10.0.0.1", "Answers"}),
              HasSubstr(R"("rule":"metagraph")"));
  config.metagraph.when_stale = policy::Stale::open;
  ASSERT_TRUE(server->apply(config));
  EXPECT_EQ(call(caller).code, "ok");
}

// ---- at run time

TEST_F(AdmissionTest, BansAtRunTimeUntilTheRuleIsRemoved) {
  start();
  EXPECT_EQ(ctl("deny", {caller.address(), "note=spam"}), R"("rule ctl-1 is in force")");
  EXPECT_EQ(call(caller).code, "blacklisted");
  EXPECT_THAT(ctl("rules"), AllOf(HasSubstr(R"("name":"ctl-1","action":"deny")"),
                                  HasSubstr(R"("matched":1)"), HasSubstr(R"("note":"spam")")));
  EXPECT_EQ(ctl("remove", {"ctl-1"}), R"("rule ctl-1 is gone")");
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_THAT(ctl("remove", {"ctl-1"}), HasSubstr("refused: "));
}

TEST_F(AdmissionTest, KeepsWhatWasMadeAtRunTimeOverARestart) {
  start();
  ctl("deny", {caller.address()});
  server.reset();
  start();
  EXPECT_EQ(call(caller).code, "blacklisted");
}

TEST_F(AdmissionTest, LetsABanRunOut) {
  start();
  EXPECT_THAT(ctl("ban", {caller.address()}), HasSubstr("refused: "));
  ctl("ban", {caller.address(), "for=2s"});
  EXPECT_EQ(call(caller).code, "blacklisted");
  EXPECT_TRUE(test::eventually([&] { return call(caller).code == "ok"; }));
}

TEST_F(AdmissionTest, AllowsOverTheConfigsRules) {
  config.access.otherwise = policy::Action::deny;
  start();
  EXPECT_EQ(call(caller).code, "blacklisted");
  ctl("allow", {"127.0.0.0/8", "route=/Answers"});
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_EQ(call(caller, "/Describes").code, "blacklisted");
}

TEST_F(AdmissionTest, CountsOnlyWhomADryRuleWouldRefuse) {
  start();
  ctl("deny", {caller.address(), "dry-run"});
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_TRUE(lines.has("would be refused hotkey=" + caller.address() + " rule=ctl-1"));
  EXPECT_THAT(ctl("rules"), AllOf(HasSubstr(R"("dry_run":true)"), HasSubstr(R"("matched":1)")));
  EXPECT_THAT(ctl("metrics"), HasSubstr("dojo_rule_matches_total{rule=\\\"ctl-1\\\""));
}

TEST_F(AdmissionTest, SaysWhatIsWrongWithARule) {
  start();
  EXPECT_THAT(ctl("deny", {"5Nonsense"}), HasSubstr("refused: "));
  EXPECT_THAT(ctl("deny", {"10.0.0.0/33"}), HasSubstr("refused: "));
  EXPECT_THAT(ctl("deny", {caller.address(), "for=soon"}), HasSubstr("refused: "));
  EXPECT_THAT(ctl("deny", {caller.address(), "route="}), HasSubstr("is no route"));
  EXPECT_THAT(ctl("deny", {caller.address(), "route=/a/b"}), HasSubstr("is no route"));
  EXPECT_THAT(ctl("deny", {"uid:3"}), HasSubstr("add [metagraph]"));
  EXPECT_THAT(ctl("deny", {caller.address(), "whatever"}), HasSubstr("is none of for=, route="));
  EXPECT_EQ(ctl("rules"), "[]");
}

// ---- quotas

TEST_F(AdmissionTest, RefusesOverTheQuotaAndSaysWhenToComeAgain) {
  config.quota.hotkey_requests = {0.1, 2};
  start();
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_EQ(call(caller).code, "ok");
  const auto got = call(caller);
  EXPECT_EQ(got.status, 429);
  EXPECT_EQ(got.code, "quota");
  EXPECT_THAT(got.head, HasSubstr("retry-after: 10\r\n"));
  EXPECT_EQ(call(stranger).code, "ok");
}

TEST_F(AdmissionTest, LetsNobodySpendAnothersQuota) {
  config.quota.hotkey_requests = {0.1, 2};
  start();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(impostor().code, "bad-signature");
  EXPECT_EQ(call(caller).code, "ok");
}

TEST_F(AdmissionTest, DoesNotComputeACurveForOneOverItsQuota) {
  config.quota.hotkey_requests = {0.1, 1};
  start();
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_EQ(impostor().code, "quota");
}

TEST_F(AdmissionTest, LimitsBytesAsTheHeadTellsThem) {
  config.quota.hotkey_bytes = {1, 100'000};
  start();
  const auto body = R"({"a":")" + std::string(80'000, 'x') + "\"}";
  EXPECT_EQ(send(wired(caller, "/Answers", body)).code, "ok");
  auto client = net::Client::to(server->port());
  auto large = wired(caller, "/Answers", body);
  client.send(large.substr(0, large.find("\r\n\r\n") + 4));  // before a byte of the body
  EXPECT_EQ(client.read_reply()->status, 429);
}

TEST_F(AdmissionTest, LimitsRequestsOfOneHotkeyAtOnce) {
  config.quota.concurrent = 2;
  start();
  auto first = net::Client::to(server->port());
  first.send(wired(caller, "/KeepsLong"));
  auto second = net::Client::to(server->port());
  second.send(wired(caller, "/KeepsLong"));
  ASSERT_TRUE(test::eventually([&] { return server->pipeline().dispatcher().in_flight() == 2; }));
  EXPECT_EQ(call(caller).code, "quota");
  EXPECT_EQ(call(stranger, "/Releases").code, "ok");
  EXPECT_EQ(first.read_reply()->status, 200);
  EXPECT_EQ(second.read_reply()->status, 200);
  EXPECT_TRUE(test::eventually([&] { return call(caller).code == "ok"; }));
}

TEST_F(AdmissionTest, ShutsOutAnAddressWhoseRequestsFail) {
  config.quota.failed = {0.01, 5};
  start();
  auto kept = net::Client::to(server->port());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(impostor().code, "bad-signature") << i;
  auto late = net::Client::to(server->port());
  EXPECT_TRUE(late.at_end());  // not a byte was read of it
  kept.send(wired(caller));    // it was there before
  const auto reply = kept.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 429);
  EXPECT_TRUE(kept.at_end());
  EXPECT_THAT(ctl("metrics"), HasSubstr("dojo_connections_shut_out_total 1"));
}

TEST_F(AdmissionTest, DoesNotHoldItsQuotaAgainstAnAddress) {
  config.quota.failed = {0.01, 5};
  config.quota.hotkey_requests = {0.01, 1};
  start();
  EXPECT_EQ(call(caller).code, "ok");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(call(caller).code, "quota") << i;
}

TEST_F(AdmissionTest, ShutsOutAnAddressWhoseBtauthRequestsComeAgain) {
  config.quota.failed = {0.01, 5};
  start();
  auto statement = test::btauth_statement(caller, self.address(), request::Moment());
  statement.nonce = wire::make_btauth_nonce();
  std::string headers = "Content-Length: 2\r\n";
  for (const auto& field : test::btauth(caller, statement, "{}").fields) {
    headers += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
  }
  const auto bytes = net::request("/Answers", headers, "{}", "POST");
  EXPECT_EQ(send(bytes).code, "ok");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send(bytes).code, "replayed") << i;
  EXPECT_TRUE(net::Client::to(server->port()).at_end());
}

// ---- why

TEST_F(AdmissionTest, TellsWhyACallerWasRefused) {
  start();
  ctl("deny", {caller.address()});
  for (int i = 0; i < 3; ++i) call(caller);
  const auto why = ctl("why", {caller.address()});
  EXPECT_THAT(why, AllOf(HasSubstr(R"("count":3,"code":"blacklisted","rule":"ctl-1")"),
                         HasSubstr(R"("route":"Answers")")));
  EXPECT_EQ(ctl("why", {"127.0.0.1", "10m"}), why);
  EXPECT_EQ(ctl("why", {stranger.address()}), "[]");
  EXPECT_THAT(ctl("why", {"nobody"}), HasSubstr("refused: "));
}

TEST_F(AdmissionTest, TellsOfPluginsRefusalsLikeOfItsOwn) {
  add("test_hooks");
  start();
  const auto got = call(caller, "/Blacklists");
  EXPECT_EQ(got.code, "blacklisted");
  EXPECT_EQ(send(wired(caller, "/Verifies", R"({"word":"now"})")).code, "bad-signature");
  EXPECT_THAT(ctl("why", {caller.address()}),
              AllOf(HasSubstr(R"("code":"blacklisted","rule":"plugin test_hooks")"),
                    HasSubstr("not on this route"),
                    HasSubstr(R"("code":"bad-signature","rule":"plugin test_hooks")"),
                    HasSubstr("the word is missing")));
}

TEST_F(AdmissionTest, TellsWhatWouldHappenAndChargesNobody) {
  register_caller();
  config.quota.hotkey_requests = {0.1, 1};
  start_with_metagraph();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(ctl("test", {caller.address(), "10.0.0.1", "/Answers"}),
                AllOf(HasSubstr(R"("code":"ok")"), HasSubstr(R"("uid":0)"),
                      HasSubstr(R"("validator_permit":true)"), HasSubstr(R"("stake":1000)")));
  }
  EXPECT_THAT(ctl("test", {caller.address(), "10.0.0.1", "NoSuch"}),
              HasSubstr(R"("code":"not-found")"));
  EXPECT_EQ(call(caller).code, "ok");
  EXPECT_THAT(ctl("test", {caller.address(), "10.0.0.1", "Answers"}),
              HasSubstr(R"("code":"quota")"));
  ctl("deny", {"10.0.0.0/8"});
  EXPECT_THAT(ctl("test", {caller.address(), "10.0.0.1", "Answers"}),
              AllOf(HasSubstr(R"("code":"blacklisted","rule":"ctl-1")")));
  EXPECT_THAT(ctl("test", {caller.address(), "11.0.0.1", "Answers"}),
              HasSubstr(R"("code":"quota")"));
  EXPECT_THAT(ctl("test", {"x", "10.0.0.1", "Answers"}), HasSubstr("refused: no hotkey"));
  EXPECT_THAT(ctl("test", {caller.address(), "x", "Answers"}), HasSubstr("refused: "));
}

TEST_F(AdmissionTest, TellsHowOldTheMetagraphIs) {
  register_caller();
  start_with_metagraph();
  EXPECT_THAT(ctl("metagraph"), AllOf(HasSubstr(R"("state":"fresh")"), HasSubstr(R"("block":100)"),
                                      HasSubstr(R"("neurons":2)")));
  EXPECT_THAT(ctl("metrics"), HasSubstr("dojo_metagraph_neurons 2"));
}

TEST_F(AdmissionTest, CountsInItsMetrics) {
  start();
  call(caller);
  impostor();
  EXPECT_THAT(ctl("metrics"),
              AllOf(HasSubstr("dojo_answers_total{code=\\\"ok\\\"} 1"),
                    HasSubstr("dojo_refusals_total{code=\\\"bad-signature\\\",rule=\\\"\\\"} 1"),
                    HasSubstr("dojo_requests_total{dialect=\\\"dojo/1\\\"} 1")));
}

// ---- replay, with the whole host

TEST_F(AdmissionTest, RefusesAReplayAlsoAfterARestart) {
  start();
  const auto request = wired(caller);
  EXPECT_EQ(send(request).code, "ok");
  EXPECT_EQ(send(request).code, "replayed");
  server.reset();
  start();
  EXPECT_EQ(send(request).code, "replayed");
  EXPECT_EQ(call(caller).code, "ok");
}

}  // namespace
}  // namespace dojo::host
