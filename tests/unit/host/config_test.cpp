#include "config/config.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <dojo/model.hpp>
#include <dojo/wire/keypair.hpp>

#include "host/scratch_folder.hpp"
#include "where.hpp"

namespace dojo::host {
namespace {

using testing::HasSubstr;

Result<Config> parse(std::string_view text) {
  return parse_config(text, "dojo.toml", "/folder");
}
std::string wrong(std::string_view text) {
  const auto config = parse(text);
  return config ? "" : config.error().message;
}

std::string text_of(const request::BtauthOptions& btauth) {
  return fmt::format("{} {} {} {} {}\n", btauth.require_receiver, btauth.max_age.count(),
                     btauth.skew.count(), btauth.scheme ? to_string(*btauth.scheme) : "any",
                     btauth.sign_answers);
}

/// Every setting of a configuration, to compare two.
std::string all_of(const Config& config) {
  const auto& http = config.http;
  const auto& limits = http.limits;
  const auto& auth = config.auth;
  const auto& dispatch = config.dispatch;
  std::string text = fmt::format("{} {} {} {} {} {} {} {} {}\n", config.plugins_dir.string(),
                                 config.state_dir.string(), config.wallet.string(),
                                 config.wallet_password_file.string(), config.drain.count(),
                                 config.compression_level, config.log_level,
                                 static_cast<int>(config.log_format), config.plugins.size());
  text += fmt::format("{} {} {} {} {}\n", http.address, http.port, http.threads, http.backlog,
                      fmt::join(http.proxies, ","));
  text +=
      fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {}\n", limits.max_connections,
                  limits.max_connections_per_ip, limits.max_requests_per_connection,
                  limits.max_head, limits.max_target, limits.max_headers, limits.max_body,
                  limits.max_request_bytes, limits.max_response_bytes, limits.head_timeout.count(),
                  limits.idle_timeout.count(), limits.body_grace.count(),
                  limits.write_grace.count(), limits.linger.count(), limits.min_rate);
  text +=
      fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {}\n", auth.dialects.text(),
                  auth.routes.size(), auth.any_legacy_text, auth.any_receiver, auth.window.count(),
                  auth.epistula_receiver, auth.epistula_past.count(), auth.epistula_future.count(),
                  auth.legacy_memory.count(), config.replay.nonces >> 20,
                  config.replay.legacy >> 20, config.replay.persist, config.access.rules.size());
  text += text_of(auth.btauth);
  const auto& sessions = config.sessions;
  text += fmt::format("{} {} {} {}\n", sessions.offered, sessions.lifetime.count(),
                      sessions.per_hotkey, sessions.total);
  text +=
      fmt::format("{} {} {} {} {} {} {}\n", config.reload.workers, dispatch.queue,
                  dispatch.in_flight, dispatch.deadline.count(), dispatch.decompression.max_output,
                  dispatch.decompression.max_window_log, dispatch.decompressed);
  const auto& metagraph = config.metagraph;
  text += fmt::format("{} {} {} {} {} {} {} {} {}\n", static_cast<int>(config.access.otherwise),
                      config.access.dry_run, metagraph.url, metagraph.file.string(),
                      metagraph.netuid, metagraph.refresh.count(), metagraph.timeout.count(),
                      metagraph.max_age.count(), static_cast<int>(metagraph.when_stale));
  const auto& quota = config.quota;
  for (const auto& rate : {quota.hotkey_requests, quota.hotkey_bytes, quota.ip_requests,
                           quota.ip_bytes, quota.failed}) {
    text += fmt::format("{}/{} ", rate.per_s, rate.burst);
  }
  text += fmt::format("{} {} {}\n", quota.concurrent, quota.by_stake, quota.entries);
  const auto& reload = config.reload;
  text += fmt::format("{} {} {} {} {} {} {} {} {} {} {} {}\n", reload.debounce.count(),
                      reload.rescan.count(), reload.probe.count(), reload.probe_memory >> 20,
                      reload.start.count(), reload.drain.count(), reload.grace.count(),
                      reload.stop.count(), reload.probation.count(), reload.probation_requests,
                      reload.probation_failures, reload.health.count());
  return text;
}

TEST(Config, WithoutAFileServesLoopbackOnPort8091) {
  const auto config = default_config();
  EXPECT_EQ(config.http.address, "127.0.0.1");
  EXPECT_EQ(config.http.port, 8091);
  EXPECT_TRUE(config.wallet.empty());
  EXPECT_TRUE(config.plugins_dir.is_absolute());
}

TEST(Config, OfAnEmptyTextIsTheDefault) {
  EXPECT_EQ(all_of(*parse("")), all_of(default_config()));
  EXPECT_EQ(all_of(*parse(
                "[http]\n[auth]\n[access]\n[dispatch]\n[stream]\n[compression]\n[log]\n[plugins]")),
            all_of(default_config()));
}

TEST(Config, OfTheExampleFileIsTheDefault) {
  const auto config = load_config(test::where::kExampleConfig);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(all_of(*config), all_of(default_config()));
}

TEST(Config, TakesEveryKey) {
  const auto key = wire::Keypair::generate();
  const auto config = parse(R"(
listen = "[::1]:9000"
plugins_dir = "p"
state_dir = "/s"
wallet = "w/key"
wallet_password_file = "w/password"
[http]
threads = 3
backlog = 5
proxies = ["10.0.0.0/8", "::1"]
max_connections = 1
max_connections_per_ip = 2
max_requests_per_connection = 3
max_head_bytes = 600
max_target_bytes = 70
max_headers = 9
max_body_bytes = 4
max_request_bytes = 5
max_response_bytes = 6
head_timeout_ms = 7
idle_timeout_ms = 8
body_grace_ms = 9
write_grace_ms = 10
linger_ms = 0
min_rate_bytes_per_s = 12
[auth]
dialects = ["dojo/1", "epistula/2"]
legacy_text = "any"
any_receiver = true
window_ms = 100
epistula_receiver = true
epistula_past_ms = 101
epistula_future_ms = 0
btauth_require_receiver = false
btauth_max_age_ms = 102
btauth_skew_ms = 1
btauth_scheme = "ed25519"
btauth_sign_answers = true
legacy_memory_h = 0
replay_mb = 1
legacy_mb = 2
persist = false
sessions = false
session_ttl_s = 10
sessions_per_hotkey = 1
sessions_total = 1
[routes.Echo]
dialects = ["legacy"]
[access]
deny = [")" + key.address() +
                            R"("]
[metagraph]
file = "m"
netuid = 7
[quota]
hotkey_requests_per_s = 10
hotkey_requests_burst = 20
hotkey_bytes_per_s = 0.5
ip_requests_per_s = 2.5
ip_bytes_per_s = 1e6
ip_bytes_burst = 1e7
concurrent_per_hotkey = 3
by_stake = true
failed_per_ip_per_s = 4
failed_per_ip_burst = 5
entries = 16
[dispatch]
workers = 1
queue = 2
in_flight = 3
deadline_ms = 4
drain_ms = 0
[stream]
idle_ms = 13
max_ms = 14
max_bytes = 15
[compression]
level = 22
max_body_bytes = 2
max_window_log = 10
max_request_bytes = 3
[log]
level = "debug"
format = "json"
[reload]
debounce_ms = 1
rescan_ms = 10
probe_ms = 20
probe_memory_mb = 30
start_ms = 40
drain_ms = 50
grace_ms = 60
stop_ms = 70
probation_s = 80
probation_requests = 90
probation_failures_percent = 100
health_s = 11
[plugins.one]
[run.one]
workers = 3
isolation = "process"
reload = "exclusive"
memory_mb = 4
cpu_s = 5
open_files = 6
read = ["/usr/share", "/etc/passwd"]
write = ["/dev/null"]
user = "root"
env = { A = "1", B_2 = "x=y" }
restart_most_ms = 70
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(all_of(*config),
            "/folder/p /s /folder/w/key /folder/w/password 0 22 debug 1 1\n"
            "::1 9000 3 5 10.0.0.0/8,::1\n"
            "1 2 3 600 70 9 4 5 6 7 8 9 10 0 12\n"
            "dojo/1, epistula/2 1 true true 100 true 101 0 0 1 2 false 1\n"
            "false 102 1 ed25519 true\n"
            "false 10 1 1\n"
            "1 2 3 4 2 10 3\n"
            "0 false  /folder/m 7 120 20 3600 0\n"
            "10/20 0.5/1 2.5/2.5 1000000/10000000 4/5 3 true 16\n"
            "1 10 20 30 40 50 60 70 80 90 100 11\n");
  EXPECT_EQ(settings_of(*config, "one").run, (plugins::RunOptions{3,
                                                                  plugins::Isolation::process,
                                                                  plugins::Replacement::exclusive,
                                                                  std::uint64_t{4} << 20,
                                                                  5,
                                                                  6,
                                                                  {true,
                                                                   {"/usr/share", "/etc/passwd"},
                                                                   {"/dev/null"},
                                                                   plugins::User{0, 0},
                                                                   {"A=1", "B_2=x=y"}},
                                                                  std::chrono::milliseconds(70)}));
  EXPECT_EQ(settings_of(*config, "another").run, plugins::RunOptions());
  EXPECT_EQ(config->access.rules.at(0).hotkeys.at(0), key.public_key());
  EXPECT_EQ(config->metagraph.netuid, 7);
  EXPECT_EQ(config->http.limits.stream_idle.count(), 13);
  EXPECT_EQ(config->http.limits.stream_time.count(), 14);
  EXPECT_EQ(config->dispatch.stream, 15U);
  EXPECT_EQ(config->auth.routes.at("Echo").dialects.text(), "legacy");
}

TEST(Config, NamesFileAndLineOfEachMistake) {
  EXPECT_EQ(wrong("\nlisten = 5"), "dojo.toml:2: listen must be a string");
  EXPECT_EQ(wrong("[http]\nthreads = \"x\""),
            "dojo.toml:2: http.threads must be an integer from 0 to 1024");
  EXPECT_EQ(wrong("[http]\nthreads = 1.0"),
            "dojo.toml:2: http.threads must be an integer from 0 to 1024");
  EXPECT_EQ(wrong("[http]\nmax_connections = 0"),
            "dojo.toml:2: http.max_connections must be an integer of 1 or more");
  EXPECT_EQ(wrong("[auth]\nany_receiver = 1"),
            "dojo.toml:2: auth.any_receiver must be true or false");
  EXPECT_EQ(wrong("[http]\nproxies = \"10.0.0.1\""),
            "dojo.toml:2: http.proxies must be a list of strings");
  EXPECT_EQ(wrong("[http]\nproxies = [\n\"a\",\n5]"),
            "dojo.toml:4: http.proxies[1] must be a string");
  EXPECT_EQ(wrong("http = 5"), "dojo.toml:1: http must be a table: [http]");
  EXPECT_EQ(wrong("[[http]]"), "dojo.toml:1: http must be a table: [http]");
  EXPECT_EQ(wrong("plugins_dir = \"\""),
            "dojo.toml:1: plugins_dir: an empty path; leave the key out for the default");
  EXPECT_EQ(wrong("[plugins]\nscore = 5"),
            "dojo.toml:2: plugins.score must be a table: [plugins.score]");
}

TEST(Config, RefusesNumbersOutOfRange) {
  for (const char* text : {"[http]\nthreads = -1",
                           "[http]\nthreads = 1025",
                           "[http]\nbacklog = 65536",
                           "[http]\nmax_head_bytes = 511",
                           "[http]\nhead_timeout_ms = 0",
                           "[http]\nlinger_ms = -1",
                           "[http]\nidle_timeout_ms = 1000000001",
                           "[auth]\nwindow_ms = 99",
                           "[auth]\nwindow_ms = 600001",
                           "[auth]\nlegacy_memory_h = 8761",
                           "[auth]\nlegacy_memory_h = -1",
                           "[auth]\nepistula_past_ms = 99",
                           "[auth]\nepistula_future_ms = 600001",
                           "[auth]\nbtauth_max_age_ms = 99",
                           "[auth]\nbtauth_skew_ms = 600001",
                           "[routes.Echo]\nmax_age_ms = 600001",
                           "[routes.Echo]\nskew_ms = -1",
                           "[routes.Echo]\nsign_answers = \"asked\"",
                           "[auth]\nreplay_mb = 0",
                           "[auth]\nlegacy_mb = 1048577",
                           "[auth]\nsessions = 1",
                           "[auth]\nsession_ttl_s = 9",
                           "[auth]\nsession_ttl_s = 86401",
                           "[auth]\nsessions_per_hotkey = 0",
                           "[auth]\nsessions_per_hotkey = 1001",
                           "[auth]\nsessions_total = 0",
                           "[auth]\nsessions_total = 7",
                           "[auth]\nsessions_total = 1000001",
                           "[dispatch]\nworkers = 4097",
                           "[reload]\nprobe_ms = 1",
                           "[run.one]\nisolation = \"jail\"",
                           "[dispatch]\nin_flight = 16777217",
                           "[dispatch]\nqueue = 0",
                           "[compression]\nlevel = 23",
                           "[compression]\nlevel = 0",
                           "[compression]\nmax_window_log = 28",
                           "[http]\nmax_body_bytes = -9223372036854775808"}) {
    EXPECT_THAT(wrong(text), testing::StartsWith("dojo.toml:2: ")) << text;
  }
}

TEST(Config, WantsAProcessForWhatOnlyAProcessHas) {
  for (const std::string key :
       {"memory_mb = 1", "cpu_s = 1", "open_files = 1", "sandbox = true", "read = [\"/usr\"]",
        "write = [\"/usr\"]", "user = \"root\"", "env = { A = \"1\" }", "restart_most_ms = 11"}) {
    const auto name = key.substr(0, key.find(' '));
    EXPECT_EQ(
        wrong("[run.one]\n" + key),
        "dojo.toml:2: run.one." + name + " counts for nothing without isolation = \"process\"");
    EXPECT_TRUE(parse("[run.one]\nisolation = \"process\"\n" + key));
  }
  EXPECT_TRUE(parse("[run.one]\nmemory_mb = 0"));
}

TEST(Config, TakesAHotkeyForItsWallet) {
  const auto key = wire::Keypair::generate();
  const auto line = "hotkey = \"" + key.address() + "\"";
  EXPECT_EQ(parse(line)->hotkey, key.public_key());
  EXPECT_FALSE(parse("")->hotkey);
  EXPECT_THAT(wrong("hotkey = \"5F\""), testing::StartsWith("dojo.toml:1: hotkey: "));
  EXPECT_EQ(wrong(line + "\nwallet = \"/key\""),
            "dojo.toml:1: hotkey and wallet both say who the host is: leave one of them out");
  const auto no_secret = testing::StartsWith("dojo.toml:1: hotkey has no secret");
  EXPECT_THAT(wrong(line + "\n[auth]\nbtauth_sign_answers = true"), no_secret);
  EXPECT_THAT(wrong(line + "\n[routes.Score]\nsign_answers = true"), no_secret);
}

TEST(Config, SandboxesWhatHasAProcess) {
  EXPECT_FALSE(settings_of(*parse("[run.one]\nworkers = 1"), "one").run.sandbox.user);
  const auto run = settings_of(*parse("[run.one]\nisolation = \"process\""), "one").run;
  EXPECT_TRUE(run.sandbox.on);
  EXPECT_EQ(run.sandbox.user.has_value(), plugins::can_become_others());
  if (run.sandbox.user) {
    EXPECT_NE(run.sandbox.user->user, 0U);
  }
  const auto off =
      settings_of(*parse("[run.one]\nisolation = \"process\"\nsandbox = false"), "one").run;
  EXPECT_EQ(off.sandbox, plugins::SandboxOptions());
}

TEST(Config, SaysWhatASandboxMayBeGranted) {
  const test::ScratchFolder scratch;
  for (const char* made : {"state/deep", "plugins", "models", "wallets"}) {
    std::filesystem::create_directories(scratch / made);
  }
  std::ofstream(scratch / "wallets/key") << "{}";
  std::filesystem::create_symlink(scratch / "state", scratch / "link");
  const auto wrong = [&](const std::string& line) {
    const auto config = parse_config(
        "state_dir = \"state\"\nplugins_dir = \"plugins\"\nwallet = \"wallets/key\"\n[run.one]\n"
        "isolation = \"process\"\n" +
            fmt::format(fmt::runtime(line), scratch.path().string()),
        scratch / "host.toml", scratch.path());
    if (config) return std::string();
    const auto& text = config.error().message;
    EXPECT_TRUE(text.starts_with((scratch / "host.toml").string() + ":6: ")) << text;
    return text;
  };
  EXPECT_EQ(wrong("read = [\"{0}/models\", \"{0}/plugins\"]"), "");
  EXPECT_EQ(wrong("write = [\"{0}/models\"]"), "");
  EXPECT_THAT(wrong("read = [\"models\"]"), HasSubstr("run.one.read[0]: must be an absolute path"));
  EXPECT_THAT(wrong("read = [\"/usr\", \"{0}/none\"]"),
              HasSubstr("run.one.read[1]: " + (scratch / "none").string() + ": No such file"));
  for (const char* text : {"read = [\"/\"]", "read = [\"{0}\"]", "read = [\"{0}/state\"]",
                           "read = [\"{0}/state/deep\"]", "read = [\"{0}/link\"]",
                           "read = [\"{0}/models/../state\"]", "write = [\"{0}/state\"]"}) {
    EXPECT_THAT(wrong(text), HasSubstr("would give a plugin the state folder")) << text;
  }
  EXPECT_THAT(wrong("read = [\"{0}/wallets\"]"), HasSubstr("would give a plugin the wallet, "));
  EXPECT_THAT(wrong("write = [\"{0}/plugins\"]"), HasSubstr("the plugins' folder"));
  EXPECT_THAT(wrong("user = \"nobody there\""),
              HasSubstr("run.one.user: there is no user \"nobody there\""));
  EXPECT_THAT(wrong("env = {{ A = 1 }}"), HasSubstr("run.one.env.A must be a string"));
  EXPECT_THAT(wrong("env = {{ \"A=B\" = \"1\" }}"), HasSubstr("run.one.env.A=B must be a string"));
  EXPECT_THAT(wrong("read = [\"/usr/share\"]\nsandbox = false"),
              HasSubstr("run.one.read counts for nothing without sandbox = true"));
}

TEST(Config, SaysWhatAQuotaMayBe) {
  EXPECT_EQ(wrong("[quota]\nip_bytes_per_s = \"x\""),
            "dojo.toml:2: quota.ip_bytes_per_s must be a number from 0 to 1000000000000");
  for (const char* text :
       {"[quota]\nhotkey_requests_per_s = -1", "[quota]\nhotkey_requests_per_s = nan",
        "[quota]\nhotkey_requests_per_s = inf", "[quota]\nhotkey_bytes_per_s = true",
        "[quota]\nfailed_per_ip_burst = 0.5", "[quota]\nentries = 15",
        "[quota]\nconcurrent_per_hotkey = -1", "[quota]\nby_stake = 1"}) {
    EXPECT_THAT(wrong(text), testing::StartsWith("dojo.toml:2: quota.")) << text;
  }
  EXPECT_EQ(wrong("[quota]\nip_requests_per_s = 1\nip_requests_burst = 0"),
            "dojo.toml:3: quota.ip_requests_burst must be a number from 1 to 1000000000000");
  EXPECT_EQ(wrong("[quota]\nip_requests_burst = 5"),
            "dojo.toml:2: quota.ip_requests_burst counts only with quota.ip_requests_per_s: set it "
            "too, and not to 0");
  EXPECT_EQ(wrong("[quota]\nfailed_per_ip_per_s = 0"), "");
}

TEST(Config, HasNoQuotasButForFailures) {
  const auto quota = default_config().quota;
  EXPECT_EQ(quota.hotkey_requests.per_s + quota.hotkey_bytes.per_s, 0);
  EXPECT_EQ(quota.ip_requests.per_s + quota.ip_bytes.per_s, 0);
  EXPECT_EQ(quota.failed.per_s, 1);
  EXPECT_EQ(quota.failed.burst, 100);
}

TEST(Config, NamesTheKeysThereAre) {
  EXPECT_THAT(wrong("[log]\nlvl = \"info\""),
              HasSubstr("dojo.toml:2: there is no key log.lvl; keys here are: format, level"));
  EXPECT_THAT(wrong("x = 1"), HasSubstr("there is no key x; keys here are: access, auth"));
  EXPECT_THAT(wrong("[metrics]\n"), HasSubstr("dojo.toml:1: there is no key metrics"));
}

TEST(Config, SaysWhatIsRightForTextsToo) {
  EXPECT_EQ(wrong("[log]\nformat = \"xml\""),
            "dojo.toml:2: log.format: must be \"text\" or \"json\"");
  EXPECT_THAT(wrong("[log]\nlevel = \"loud\""),
              HasSubstr("dojo.toml:2: log.level: log level \"loud\" is none of"));
  EXPECT_THAT(wrong("[auth]\ndialects = [\"legacy\", \"x\"]"),
              HasSubstr("dojo.toml:2: auth.dialects[1]: there is no dialect \"x\""));
  EXPECT_EQ(
      wrong("[routes.Echo]\ndialects = [\"dojo/2\"]"),
      "dojo.toml:2: routes.Echo.dialects[0]: there is no dialect \"dojo/2\"; there are legacy, "
      "dojo/1, epistula/2, btauth/1");
  EXPECT_THAT(wrong("[access]\ndeny = [\"5Bad\"]"),
              HasSubstr("dojo.toml:2: access.deny[0]: \"5Bad\" is no hotkey ("));
  EXPECT_THAT(wrong("listen = \"x\""), HasSubstr("dojo.toml:1: listen: \"x\" is not ADDRESS:PORT"));
}

TEST(Config, TellsAllMistakesAtOnceInOrder) {
  EXPECT_EQ(wrong("listen = 1\n[log]\nformat = 2\n[http]\nbacklog = 0\n"),
            "dojo.toml:1: listen must be a string\n"
            "dojo.toml:3: log.format must be a string\n"
            "dojo.toml:5: http.backlog must be an integer from 1 to 65535");
}

TEST(Config, SaysWhereItIsNoToml) {
  EXPECT_THAT(wrong("a = 1\nb = ="), HasSubstr("dojo.toml:2: "));
  EXPECT_THAT(wrong("[log]\nlevel = \"info\"\nlevel = \"info\""), HasSubstr("dojo.toml:3: "));
  EXPECT_NE(wrong("a = \"\xff\""), "");
  EXPECT_NE(wrong(std::string(100'000, '[')), "");
}

TEST(Config, GivesRoutesTheHostsDialectsUnlessTheyHaveTheirOwn) {
  const auto config = parse("[routes.A]\ndialects = [\"epistula/2\"]\n[routes.B]\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->auth.on("A").dialects.text(), "epistula/2");
  EXPECT_EQ(config->auth.on("B").dialects.text(), "legacy, dojo/1, btauth/1");
  EXPECT_EQ(config->auth.on("/A").dialects.text(), "legacy, dojo/1, btauth/1");
  EXPECT_EQ(wrong("[routes]\nEcho = 5"), "dojo.toml:2: routes.Echo must be a table: [routes.Echo]");
  EXPECT_THAT(wrong("[routes.Echo]\nx = 5"),
              HasSubstr("dojo.toml:2: there is no key routes.Echo.x"));
}

TEST(Config, GivesRoutesTheHostsBtauthUnlessTheyHaveTheirOwn) {
  const auto config = parse(R"(
[auth]
btauth_max_age_ms = 30000
btauth_scheme = "sr25519"
btauth_sign_answers = true
[routes.A]
require_receiver = false
[routes.B]
max_age_ms = 5000
skew_ms = 0
scheme = "any"
sign_answers = false
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(text_of(config->auth.on("A").btauth), "false 30000 2000 sr25519 true\n");
  EXPECT_EQ(config->auth.on("A").dialects.text(), "legacy, dojo/1, btauth/1");
  EXPECT_EQ(text_of(config->auth.on("B").btauth), "true 5000 0 any false\n");
  EXPECT_EQ(text_of(config->auth.on("C").btauth), "true 30000 2000 sr25519 true\n");
  EXPECT_EQ(wrong("[routes.A]\nscheme = \"mldsa\""),
            "dojo.toml:2: routes.A.scheme: must be \"any\" or \"sr25519\" or \"ed25519\"");
}

TEST(Config, DoesNotTakeAnEmptyListForAllDialects) {
  EXPECT_EQ(wrong("[auth]\ndialects = []"), "dojo.toml:2: auth.dialects must not be empty");
  EXPECT_EQ(wrong("[routes.Echo]\ndialects = []"),
            "dojo.toml:2: routes.Echo.dialects must not be empty");
}

TEST(PluginConfig, IsJsonThatItsPluginCanRead) {
  const auto config = parse(R"(
[plugins.score]
text = "q\"\\\n\té\u0001"
"odd \"key\"\n" = 1
hex = 0xff
big = 9223372036854775807
real = 1e300
flag = true
list = [1, [2.5, "x"], {a = 1}]
when = 1979-05-27T07:32:00Z
[plugins.score.inner.deep]
x = 1
[plugins.empty]
)");
  ASSERT_TRUE(config) << config.error().message;
  const auto& plugin = config->plugins.at("score");
  EXPECT_EQ(plugin.where, "dojo.toml:2");
  ASSERT_TRUE(check_json(plugin.config))
      << plugin.config << check_json(plugin.config).error().message;
  rapidjson::Document json;
  json.Parse(plugin.config.data(), plugin.config.size());
  EXPECT_STREQ(json["text"].GetString(), "q\"\\\n\t\xc3\xa9\x01");
  EXPECT_EQ(json["odd \"key\"\n"].GetInt(), 1);
  EXPECT_EQ(json["hex"].GetInt(), 255);
  EXPECT_EQ(json["big"].GetInt64(), INT64_MAX);
  EXPECT_EQ(json["real"].GetDouble(), 1e300);
  EXPECT_EQ(json["list"][1][0].GetDouble(), 2.5);
  EXPECT_EQ(json["inner"]["deep"]["x"].GetInt(), 1);
  EXPECT_STREQ(json["when"].GetString(), "1979-05-27T07:32:00Z");
  EXPECT_EQ(config->plugins.at("empty").config, "{}");
}

TEST(Listen, IsAddressAndPort) {
  net::Options http;
  for (const auto& [text, address, port] : {std::tuple{"127.0.0.1:8091", "127.0.0.1", 8091},
                                            {"[::]:0", "::", 0},
                                            {"[::1]:65535", "::1", 65535},
                                            {":80", "::", 80},
                                            {"0.0.0.0:1", "0.0.0.0", 1}}) {
    ASSERT_TRUE(set_listen(http, text)) << text;
    EXPECT_EQ(http.address, address);
    EXPECT_EQ(http.port, port);
  }
  for (const char* text :
       {"", "8091", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
        "127.0.0.1:80x", "::1:80", "127.0.0.1: 80", "[::1]", "127.0.0.1:99999999999999999999"}) {
    EXPECT_FALSE(set_listen(http, text)) << text;
  }
}

TEST(ConfigFile, ThatIsNoneIsNamed) {
  for (const auto& file : {std::string("/no/such.toml"), testing::TempDir()}) {
    const auto config = load_config(file);
    ASSERT_FALSE(config) << file;
    EXPECT_THAT(config.error().message, HasSubstr(file + ": cannot be read: "));
  }
}

TEST(ConfigFile, ThatOthersCanWriteIsRefused) {
  namespace fs = std::filesystem;
  const auto folder = fs::path(testing::TempDir()) / "config_of_others";
  const auto file = folder / "dojo.toml";
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::ofstream(file) << "state_dir = \"s\"\n";
  for (const auto& open : {file, folder}) {
    const auto before = fs::status(open).permissions();
    EXPECT_TRUE(load_config(file));
    fs::permissions(open, fs::perms::others_write, fs::perm_options::add);
    const auto config = load_config(file);
    const auto state = state_dir_of(file);
    ASSERT_TRUE(!config && !state) << open;
    for (const auto& message : {config.error().message, state.error().message}) {
      EXPECT_THAT(message, HasSubstr("chmod go-w " + open.string()));
    }
    fs::permissions(open, before);
  }
  fs::remove_all(folder);
}

TEST(ConfigFile, HasItsPathsBesideIt) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "config_test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "dojo.toml") << "plugins_dir = \"../plugins\"\nwallet = \"~/key\"\n";
  const auto config = load_config(folder / "dojo.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->plugins_dir, folder / "../plugins");
  EXPECT_EQ(config->wallet, std::filesystem::path(std::getenv("HOME")) / "key");
  std::ofstream(folder / "dojo.toml") << "\xef\xbb\xbfplugins_dir = \"p\"\n";
  const auto marked = load_config(folder / "dojo.toml");
  ASSERT_TRUE(marked) << marked.error().message;
  EXPECT_EQ(marked->plugins_dir, folder / "p");
  std::ofstream(folder / "dojo.toml") << "";
  EXPECT_TRUE(load_config(folder / "dojo.toml"));
  std::filesystem::remove_all(folder);
}

TEST(ExpandHome, KnowsItsOwnHomeAlone) {
  const std::filesystem::path home = std::getenv("HOME");
  EXPECT_EQ(expand_home("~"), home);
  EXPECT_EQ(expand_home("~/a"), home / "a");
  EXPECT_EQ(expand_home("~other/a"), "~other/a");
  EXPECT_EQ(expand_home("/a/~/b"), "/a/~/b");
}

}  // namespace
}  // namespace dojo::host
