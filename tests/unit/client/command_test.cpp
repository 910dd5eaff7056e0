// The `dojo` command as a shell sees it: output, complaints, exit codes.
#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "btauth_peer.hpp"
#include "where.hpp"

namespace dojo::testing {
namespace {

using ::testing::HasSubstr;

std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class Command : public ::testing::Test {
 protected:
  Command() {
    std::string name = (std::filesystem::temp_directory_path() / "dojo-command-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    unsetenv("DOJO_WALLET");
    unsetenv("DOJO_WALLET_PASSWORD");
    unsetenv("BT_WALLET_PASSWORD");
  }
  ~Command() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string file(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    std::ofstream(path) << text;
    return path.string();
  }

  // A path that is free for the command to write.
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }

  // Puts the command's name in front. The pointers are the arguments' own.
  static std::vector<char*> argv_of(std::vector<std::string>& arguments) {
    arguments.insert(arguments.begin(), test::where::kCommand);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    return argv;
  }

  // Starts the command with its three streams in files. @param out stdout's, if not one of its own
  // @return its process id.
  pid_t start(std::vector<std::string> arguments, const std::string& input = {},
              const std::string& out = {}) {
    file("stdin", input);
    auto argv = argv_of(arguments);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, path("stdin").c_str(), O_RDONLY, 0);
    constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 1, (out.empty() ? path("stdout") : out).c_str(),
                                     kWrite, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, path("stderr").c_str(), kWrite, 0600);
    pid_t child = -1;
    EXPECT_EQ(posix_spawn(&child, test::where::kCommand, &actions, nullptr, argv.data(), environ),
              0);
    posix_spawn_file_actions_destroy(&actions);
    return child;
  }

  [[nodiscard]] Outcome finish(pid_t child) const {
    int status = 0;
    waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, slurp(path("stdout")),
            slurp(path("stderr"))};
  }

  Outcome run(std::vector<std::string> arguments, const std::string& input = {}) {
    return finish(start(std::move(arguments), input));
  }

  // With a terminal for stdin, stdout and stderr. @param typed is typed once `prompt` is shown
  // @return its exit code, and all that the terminal was sent
  Outcome run_on_terminal(std::vector<std::string> arguments, const std::string& prompt = {},
                          const std::string& typed = {}) {
    auto argv = argv_of(arguments);
    int terminal = -1;
    const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) {
      execv(test::where::kCommand, argv.data());
      _exit(127);
    }
    Outcome outcome;
    bool asked = false;
    std::array<char, 4096> chunk{};
    for (ssize_t got = 0; (got = read(terminal, chunk.data(), chunk.size())) > 0;) {
      outcome.out.append(chunk.data(), static_cast<std::size_t>(got));
      if (asked || prompt.empty() || outcome.out.find(prompt) == std::string::npos) continue;
      asked = true;
      EXPECT_EQ(write(terminal, typed.data(), typed.size()), static_cast<ssize_t>(typed.size()));
    }
    close(terminal);
    int status = 0;
    waitpid(child, &status, 0);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }

  // A new wallet. @return its file.
  std::string wallet() {
    EXPECT_EQ(run({"keygen", path("key")}).exit_code, 0);
    return path("key");
  }

 private:
  std::filesystem::path folder_;
};

std::string line_of(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

Reply ok(const Seen&) {
  return {};
}

TEST_F(Command, TellsItsVersionAndItsHelp) {
  EXPECT_THAT(run({"--version"}).out, ::testing::StartsWith("dojo "));
  const auto help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_THAT(help.out, HasSubstr("130"));
}

TEST_F(Command, OutputThatIsLostIsFour) {
  ScriptedPeer peer(ok);
  const auto key_file = wallet();
  const auto hotkey = line_of(run({"address", key_file}).out);
  const auto signature = line_of(run({"sign", "--wallet", key_file, "text"}).out);
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--version"},
           {"--help"},
           {"send", "--help"},
           {"keygen", path("another")},
           {"keygen", path("a third"), "--show-mnemonic"},
           {"address", key_file},
           {"sign", "--wallet", key_file, "text"},
           {"verify", hotkey, "text", signature},
           {"send", peer.url(), "Echo", "{}"},
           {"call", "GET", peer.url()},
           {"batch", "--url", peer.url(), "Echo", "{}"},
           {"batch", "--url", peer.url(), "Echo", "{}", "--output", "jsonl"}}) {
    const auto lost = finish(start(arguments, {}, "/dev/full"));
    EXPECT_EQ(lost.exit_code, 4) << arguments.front();
    EXPECT_THAT(lost.err, HasSubstr("could not be")) << arguments.front();
  }
  EXPECT_EQ(finish(start({"verify", hotkey, "x", signature}, {}, "/dev/full")).exit_code, 1)
      << "what was wrong before stays so";
}

// U+009B begins an escape sequence, U+202E turns the writing, DEL and ESC are old hands.
constexpr std::string_view kHostile =
    "\xc2\x9b"
    "2J\xe2\x80\xae\x7f\xd8\x9c";
constexpr std::string_view kHostileJson =
    "{\"body\":{\"text\":\"\xc2\x9b"
    "2J\xe2\x80\xae\x7f\xd8\x9c \\u001b[2J \xc3\xa9\"}}";

bool is_clean(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) {
                               return static_cast<unsigned char>(c) >= 0x20 || c == '\n' ||
                                      c == '\r' || c == '\t';
                             }) &&
         text.find('\x7f') == std::string_view::npos &&
         text.find("\xc2\x9b") == std::string_view::npos &&
         text.find("\xe2\x80\xae") == std::string_view::npos &&
         text.find("\xd8\x9c") == std::string_view::npos;
}

TEST_F(Command, NothingThatAPeerSendsReachesATerminalRaw) {
  ScriptedPeer peer([](const Seen& seen) {
    if (seen.path == "/no/Echo") {
      return Reply{.headers = {{"x-dojo-code", "blacklisted"},
                               {"x-other",
                                "a\xc2\x9b"
                                "2J"}},
                   .body = "{\"body\":{},\"error\":\"" + std::string(kHostile) + "\"}"};
    }
    return Reply{.body = std::string(kHostileJson)};
  });
  const auto sent = run_on_terminal({"send", peer.url(), "Echo", "{}", "-v"});
  EXPECT_EQ(sent.exit_code, 0) << sent.out;
  EXPECT_TRUE(is_clean(sent.out)) << sent.out;
  EXPECT_THAT(sent.out, HasSubstr("\\u009b2J\\u202e\\u007f\\u061c \\u001B[2J \xc3\xa9"));
  const auto refused = run_on_terminal({"send", peer.url() + "/no", "Echo", "{}", "-v"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(is_clean(refused.out)) << refused.out;
  const auto called = run_on_terminal({"call", "POST", peer.url() + "/no/Echo", "-v"});
  EXPECT_TRUE(is_clean(called.out)) << called.out;
  for (const char* output : {"table", "jsonl"}) {
    const auto batch = run_on_terminal({"batch", "--url", peer.url(), "--url", peer.url() + "/no",
                                        "Echo", "{}", "--output", output});
    EXPECT_EQ(batch.exit_code, 1);
    auto shown = batch.out;
    for (const std::string own : {"\r\x1b[K"}) {  // the progress bar's
      for (auto at = shown.find(own); at != std::string::npos; at = shown.find(own)) {
        shown.erase(at, own.size());
      }
    }
    EXPECT_TRUE(is_clean(shown)) << batch.out;
  }
}

TEST_F(Command, KeepsAProofAndTellsWhatItProves) {
  const auto miner = wire::Keypair::generate();
  ScriptedPeer peer([&](const Seen& seen) {
    return sign_reply(seen, seen.path == "/other/Echo" ? key() : miner, {.body = seen.body});
  });
  const auto key_file = wallet();
  const auto kept = path("proof.json");
  const auto send = [&](const std::string& url, const std::string& proof) {
    return run({"send", url, "Echo", R"({"text":"hi"})", "--dialect", "btauth/1", "--to",
                miner.address(), "--wallet", key_file, "--proof", proof});
  };
  auto sent = send(peer.url(), kept);
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_EQ(sent.out, "{\"text\":\"hi\"}\n");
  const auto told = run({"verify-proof", kept});
  EXPECT_EQ(told.exit_code, 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr(line_of(run({"address", key_file}).out) + " has asked " +
                                  miner.address() + "\n  20"));
  EXPECT_THAT(told.out, HasSubstr("POST /Echo\n  13 bytes: {\"text\":\"hi\"}\n"));
  EXPECT_THAT(told.out,
              HasSubstr(miner.address() + " has answered\n  HTTP status 200\n  13 bytes"));
  EXPECT_EQ(run({"verify-proof", "-"}, slurp(kept)).exit_code, 0);

  sent = send(peer.url(), kept);
  EXPECT_EQ(sent.exit_code, 2);
  EXPECT_THAT(sent.err, HasSubstr("never overwritten"));
  EXPECT_EQ(peer.seen().size(), 1U) << "nothing is asked that could not be kept";
  sent = send(peer.url() + "/other", path("other.json"));
  EXPECT_EQ(sent.exit_code, 1);
  EXPECT_THAT(sent.err, HasSubstr("is signed by another hotkey than " + miner.address()));
  EXPECT_EQ(sent.out, "");
  EXPECT_FALSE(std::filesystem::exists(path("other.json")));
  sent = send(peer.url(), path("nowhere/proof.json"));
  EXPECT_EQ(sent.exit_code, 4);
  EXPECT_EQ(sent.out, "{\"text\":\"hi\"}\n") << "what there is, is not lost";
  sent = run({"send", peer.url(), "Echo", "{}", "--to", miner.address(), "--proof", path("x")});
  EXPECT_EQ(sent.exit_code, 2);
  EXPECT_THAT(sent.err, HasSubstr("btauth/1"));

  auto changed = slurp(kept);
  changed.replace(changed.find("/Echo"), 5, "/Evil");
  const auto refused = run({"verify-proof", file("changed.json", changed)});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("proves nothing: the request's signature is wrong"));
  EXPECT_EQ(run({"verify-proof", path("none.json")}).exit_code, 2);
}

TEST_F(Command, CallsAnyPathWithAnyBytes) {
  ScriptedPeer peer([](const Seen& seen) {
    return Reply{.status = seen.method == "GET" ? 404 : 200, .body = seen.body + "\xff"};
  });
  const std::string bytes("\xef\xbb\xbf a\0b", 7);
  const auto body = file("body", bytes);
  auto called = run({"call", "PUT", peer.url() + "/v1/x?y=%2F", "@" + body, "--content-type", "x/y",
                     "--dialect", "btauth/1"});
  EXPECT_EQ(called.exit_code, 0) << called.err;
  EXPECT_EQ(called.out, bytes + "\xff");
  EXPECT_EQ(peer.seen().back().method, "PUT");
  EXPECT_EQ(peer.seen().back().path, "/v1/x?y=%2F");
  EXPECT_EQ(peer.seen().back().body, bytes);
  EXPECT_EQ(peer.seen().back().header("content-type"), "x/y");
  EXPECT_TRUE(signed_in_btauth(peer.seen().back()));
  EXPECT_EQ(run({"call", "POST", peer.url(), "-"}, bytes).exit_code, 0);
  EXPECT_EQ(peer.seen().back().json(), bytes);
  called = run({"call", "GET", peer.url() + "/none", "-v"});
  EXPECT_EQ(called.exit_code, 1);
  EXPECT_EQ(called.out, "\xff");
  EXPECT_THAT(called.err, HasSubstr("HTTP status 404"));
  EXPECT_EQ(run({"call", "get", peer.url()}).exit_code, 2);
  EXPECT_EQ(run({"call", "GET", "127.0.0.1:1"}).exit_code, 3);
}

TEST_F(Command, AFileGetsTheJsonAsItIs) {
  ScriptedPeer peer([](const Seen&) { return Reply{.body = std::string(kHostileJson)}; });
  const auto sent = run({"send", peer.url(), "Echo", "{}"});
  EXPECT_THAT(sent.out, HasSubstr(kHostile));
  const auto batch = run({"batch", "--url", peer.url(), "Echo", "{}", "--output", "jsonl"});
  EXPECT_THAT(batch.out, HasSubstr(kHostile));
}

TEST_F(Command, FilesMayBeginWithAByteOrderMark) {
  ScriptedPeer peer(ok);
  const std::string mark = "\xef\xbb\xbf";
  const auto body = file("body.json", mark + R"({"text":"marked"})");
  EXPECT_EQ(run({"send", peer.url(), "Echo", "@" + body}).exit_code, 0);
  EXPECT_EQ(peer.seen().back().json(), R"({"text":"marked"})");
  EXPECT_EQ(run({"send", peer.url(), "Echo", "-"}, mark + "{}").exit_code, 0);
  const auto urls = file("urls", mark + "# miners\n" + peer.url() + "\n");
  EXPECT_EQ(run({"batch", urls, "Echo", "{}"}).exit_code, 0);
  const auto key_file = wallet();
  const auto address = run({"address", key_file}).out;
  EXPECT_EQ(run({"address", file("marked.key", mark + slurp(key_file))}).out, address);
  // What is signed is signed as it is.
  EXPECT_NE(run({"verify", line_of(address), "text",
                 line_of(run({"sign", "--wallet", key_file, "-"}, mark + "text").out)})
                .exit_code,
            0);
}

// bittensor-wallet's legacy_encrypt_keyfile_data() of a seed of 32 times 0x33, with "long
// Passw0rd".
constexpr std::string_view kEncrypted =
    R"($ANSIBLE_VAULT;1.1;AES256
63313332346566663862396361346633623361383033323266306664383635323665396235383763
3336663465323065356538333738353430303838346664650a343133326266396334326137626638
32363066653164633939366139393832626435643965373262636261303631306362633639343866
3437323536383766360a633436303864356664303039613166653334633335636433383930376332
66613636353132643138653965323862643130343635633532356564636661656466363138633835
32646562376466653031656136353333346330333564383937323230353562656632623136613866
34626135653737396136306266346332326438353262306536333532313533316165663032363265
38623061663239636464613736373534663037326132373435336631313963366165666335373433
3733
)";
constexpr std::string_view kPassword = "long Passw0rd";

TEST_F(Command, AnEncryptedWalletIsOpenedByItsPassword) {
  const auto key_file = file("encrypted", std::string(kEncrypted));
  const auto plain = file("plain", R"({"secretSeed":"0x)" + std::string(64, '3') + R"("})");
  const auto address = run({"address", plain}).out;
  const auto password = file("password", "\xef\xbb\xbf" + std::string(kPassword) + "\n");
  EXPECT_EQ(run({"address", key_file, "--password-file", password}).out, address);
  EXPECT_EQ(run({"sign", "--wallet", key_file, "--password-file", password, "x"}).exit_code, 0);

  const auto without = run({"address", key_file});
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_THAT(without.err, HasSubstr("is encrypted ($ANSIBLE_VAULT)"));
  EXPECT_THAT(without.err, HasSubstr("DOJO_WALLET_PASSWORD"));
  const auto wrong = run({"address", key_file, "--password-file", file("wrong", "x")});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("password is wrong"));

  setenv("DOJO_WALLET_PASSWORD", std::string(kPassword).c_str(), 1);
  EXPECT_EQ(run({"address", key_file}).out, address);
  unsetenv("DOJO_WALLET_PASSWORD");
}

TEST_F(Command, APasswordIsAskedForOnATerminalAndNotShown) {
  const auto key_file = file("encrypted", std::string(kEncrypted));
  std::filesystem::permissions(key_file,
                               std::filesystem::perms::owner_read);  // no warning of others
  const std::string typed = "nonsense\x15" + std::string(kPassword) + "\xc3\xa9\x7f\n";
  const auto shown = run_on_terminal({"address", key_file}, "Password of ", typed);
  EXPECT_EQ(shown.exit_code, 0) << shown.out;
  EXPECT_THAT(shown.out, HasSubstr("Password of " + key_file + ": \r\n5"));
  EXPECT_THAT(shown.out, ::testing::Not(HasSubstr("Passw0rd")));
  const auto broken_off = run_on_terminal({"address", key_file}, "Password of ", "lo\x03");
  EXPECT_EQ(broken_off.exit_code, 2);
  EXPECT_THAT(broken_off.out, HasSubstr("no password was given"));
}

TEST_F(Command, WrongUsageIsTwo) {
  EXPECT_EQ(run({}).exit_code, 2);
  EXPECT_EQ(run({"nonsense"}).exit_code, 2);
  EXPECT_EQ(run({"send", "127.0.0.1:1"}).exit_code, 2);
  EXPECT_EQ(run({"send", "127.0.0.1:1", "Echo", "[1]"}).exit_code, 2);
  EXPECT_EQ(run({"send", "127.0.0.1:1", "Echo", "@/nowhere"}).exit_code, 2);
  EXPECT_EQ(run({"send", "127.0.0.1:1", "Echo", "@/"}).exit_code, 2);
  EXPECT_EQ(run({"send", "ftp://x", "Echo", "{}"}).exit_code, 2);
  EXPECT_EQ(run({"send", "127.0.0.1:1", "Echo", "{}", "--to", "5Fake"}).exit_code, 2);
  EXPECT_EQ(run({"send", "127.0.0.1:1", "Echo", "{}", "-H", "no colon"}).exit_code, 2);
  EXPECT_EQ(run({"send", "127.0.0.1:1", "Echo", "{}", "--wallet", "/nowhere"}).exit_code, 2);
  EXPECT_EQ(run({"send", "127.0.0.1:1", "Echo", "{}", "--dialect", "legacy", "--message", "mine"})
                .exit_code,
            2);
  EXPECT_EQ(run({"batch", "Echo", "{}"}).exit_code, 2);
}

TEST_F(Command, KeygenMakesAKeyAndNeverOverwritesOne) {
  const auto made = run({"keygen", path("key")});
  EXPECT_EQ(made.exit_code, 0);
  EXPECT_EQ(made.out.front(), '5');
  EXPECT_EQ(made.out, run({"address", path("key")}).out);
  const auto before = slurp(path("key"));
  EXPECT_EQ(run({"keygen", path("key")}).exit_code, 2);
  EXPECT_EQ(slurp(path("key")), before);
}

TEST_F(Command, KeygenKeepsTheMnemonicToItselfUnlessAsked) {
  const auto silent = run({"keygen", path("a")});
  EXPECT_EQ(silent.out.find(' '), std::string::npos);
  const auto shown = run({"keygen", path("b"), "--show-mnemonic"});
  const auto phrase = line_of(shown.out.substr(shown.out.find('\n') + 1));
  EXPECT_EQ(std::ranges::count(phrase, ' '), 11);
  const auto again = run({"keygen", path("c"), "--mnemonic", "-"}, phrase + "\n");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(again.out, shown.out.substr(0, shown.out.find('\n') + 1));
  EXPECT_EQ(run({"keygen", path("d"), "--mnemonic", "-"}, "not a phrase").exit_code, 2);
  EXPECT_EQ(run({"keygen", path("d"), "--mnemonic", phrase}).exit_code, 2);
}

TEST_F(Command, AddressTakesAPrefix) {
  const auto key_file = wallet();
  const auto generic = run({"address", key_file}).out;
  const auto polkadot = run({"address", key_file, "--prefix", "0"});
  EXPECT_EQ(polkadot.out.front(), '1');
  EXPECT_EQ(wire::decode_ss58(line_of(polkadot.out))->key,
            wire::decode_ss58(line_of(generic))->key);
}

TEST_F(Command, SignAndVerifyAgree) {
  const auto key_file = wallet();
  const auto hotkey = line_of(run({"address", key_file}).out);
  const auto signature = line_of(run({"sign", "--wallet", key_file, "a message"}).out);
  EXPECT_EQ(signature.size(), 130U);
  EXPECT_EQ(run({"verify", hotkey, "a message", signature}).exit_code, 0);
  EXPECT_EQ(run({"verify", hotkey, "-", signature}, "a message").exit_code, 0);
  EXPECT_EQ(run({"verify", hotkey, "another", signature}).exit_code, 1);
  EXPECT_EQ(run({"verify", hotkey, "a message", "0x12"}).exit_code, 2);
  EXPECT_EQ(run({"verify", "5Fake", "a message", signature}).exit_code, 2);
  const auto of_stdin = line_of(run({"sign", "--wallet", key_file, "-"}, "a message").out);
  EXPECT_EQ(run({"verify", hotkey, "a message", of_stdin}).exit_code, 0);
}

TEST_F(Command, SendPrintsTheEnvelopeOnOneLineInAPipe) {
  ScriptedPeer peer([](const Seen&) {
    return Reply{.body = "{\n \"body\": {\"text\": \"hi\", \"big\": 12345678901234567890123}}"};
  });
  const auto sent = run({"send", peer.url(), "Echo", R"({"text":"x"})", "--wallet", wallet()});
  EXPECT_EQ(sent.exit_code, 0);
  EXPECT_EQ(sent.out, "{\"body\":{\"text\":\"hi\",\"big\":12345678901234567890123}}\n");
  EXPECT_EQ(sent.err, "");
  EXPECT_EQ(peer.seen().at(0).json(), R"({"text":"x"})");
}

TEST_F(Command, SendSignsWithTheWalletOrWithAFreshKeyAndSaysSo) {
  ScriptedPeer peer(ok);
  const auto key_file = wallet();
  const auto hotkey = line_of(run({"address", key_file}).out);
  EXPECT_THAT(run({"send", peer.url(), "Echo", "{}"}).err, HasSubstr("made for this call"));
  setenv("DOJO_WALLET", key_file.c_str(), 1);
  EXPECT_EQ(run({"send", peer.url(), "Echo", "{}", "--to", hotkey}).err, "");
  unsetenv("DOJO_WALLET");
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[0].header("x-hotkey"), hotkey);
  EXPECT_EQ(seen[1].header("x-hotkey"), hotkey);
  EXPECT_TRUE(seen[0].signed_well() && seen[1].signed_well());
  EXPECT_EQ(seen[1].statement()->to, wire::decode_ss58(hotkey)->key);
}

TEST_F(Command, SendTakesItsOptions) {
  ScriptedPeer peer(ok);
  const auto body = file("body.json", R"({"text":"from a file"})");
  const auto sent = run({"send", peer.url(), "Echo", "@" + body, "--dialect", "legacy",
                         "--preflight", "--no-compress", "-H", "X-A: b", "-H", "X-C: d",
                         "--request-id", "id", "--timeout", "2.5", "-v"});
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].method, "HEAD");
  EXPECT_EQ(seen[1].body, R"({"text":"from a file"})");
  EXPECT_EQ(seen[1].header("x-a"), "b");
  EXPECT_EQ(seen[1].header("x-c"), "d");
  EXPECT_EQ(seen[1].header("x-request-id"), "id");
  EXPECT_EQ(seen[1].header("x-message"), wire::legacy_message(seen[1].header("x-hotkey")));
  EXPECT_THAT(sent.err, HasSubstr("first byte"));
  EXPECT_THAT(sent.err, ::testing::Not(HasSubstr(seen[1].header("x-signature"))));
  EXPECT_EQ(run({"send", peer.url(), "Echo", "-"}, R"({"text":"piped"})").exit_code, 0);
  EXPECT_EQ(peer.seen().back().json(), R"({"text":"piped"})");
}

TEST_F(Command, SendExitsOneIfItIsRefused) {
  ScriptedPeer peer([](const Seen& seen) {
    if (seen.path == "/status/Echo") {
      return Reply{.status = 403, .body = R"({"body":{},"error":"Forbidden"})"};
    }
    if (seen.path == "/html/Echo") return Reply{.body = "<html>"};
    if (seen.path == "/object/Echo") return Reply{.body = "{}"};
    if (seen.path == "/bare/Echo") return Reply{.raw = Reply().body, .close = true};
    if (seen.path == "/upgrade/Echo") {
      return Reply{.raw = "HTTP/1.1 101 Switching Protocols\r\n\r\n" + Reply().body, .close = true};
    }
    if (seen.path == "/cut/Echo") return Reply{.claimed_length = 10'000, .close = true};
    if (seen.path == "/ssh/Echo") return Reply{.raw = "SSH-2.0-OpenSSH_9.2p1\r\n", .close = true};
    return Reply{.headers = {{"x-dojo-code", "blacklisted"}},
                 .body = "{\"body\":{},\"error\":\"Blacklisted: \\u001b[2J\"}"};
  });
  const auto listed = run({"send", peer.url(), "Echo", "{}"});
  EXPECT_EQ(listed.exit_code, 1);
  EXPECT_THAT(listed.out, HasSubstr("\"error\":\"Blacklisted: "));
  EXPECT_THAT(listed.err, HasSubstr("blacklisted: Blacklisted: \\x1b[2J"));
  const auto forbidden = run({"send", peer.url() + "/status", "Echo", "{}"});
  EXPECT_EQ(forbidden.exit_code, 1);
  EXPECT_THAT(forbidden.err, HasSubstr("Forbidden"));
  for (const auto* path : {"/html", "/object", "/ssh", "/bare", "/upgrade", "/cut"}) {
    const auto unreadable = run({"send", peer.url() + path, "Echo", "{}", "--retries", "1"});
    EXPECT_EQ(unreadable.exit_code, 1) << path;
    EXPECT_EQ(unreadable.out, "") << path;
  }
}

TEST_F(Command, ARefusalForLackOfAReceiverHintsAtTo) {
  ScriptedPeer peer([](const Seen&) {
    return Reply{.status = 403,
                 .headers = {{"x-dojo-code", "wrong-receiver"}},
                 .body = R"({"body":{},"error":"Forbidden"})"};
  });
  const auto hotkey = key().address();
  EXPECT_THAT(run({"send", peer.url(), "Echo", "{}"}).err, HasSubstr("--to"));
  EXPECT_THAT(run({"send", peer.url(), "Echo", "{}", "--to", hotkey}).err,
              ::testing::Not(HasSubstr("--to")));
  EXPECT_THAT(run({"batch", "--url", peer.url(), "Echo", "{}"}).err, HasSubstr("--to"));
  EXPECT_THAT(run({"batch", "-", "Echo", "{}"}, peer.url() + " " + hotkey + "\n").err,
              ::testing::Not(HasSubstr("--to")));
}

TEST_F(Command, SendExitsThreeIfThereIsNoOne) {
  EXPECT_EQ(run({"send", "127.0.0.1:1", "Echo", "{}", "--retries", "1"}).exit_code, 3);
  ScriptedPeer silent([&](const Seen&) {
    silent.wait_until_released();
    return Reply{};
  });
  EXPECT_EQ(
      run({"send", silent.url(), "Echo", "{}", "--retries", "1", "--timeout", "0.1"}).exit_code, 3);
}

TEST_F(Command, CtrlCCancelsSend) {
  ScriptedPeer silent([&](const Seen&) {
    silent.wait_until_released();
    return Reply{};
  });
  const auto child = start({"send", silent.url(), "Echo", "{}"});
  ASSERT_TRUE(silent.wait_for(1));
  kill(child, SIGINT);
  EXPECT_EQ(finish(child).exit_code, 130);
}

TEST_F(Command, BatchSumsUp) {
  ScriptedPeer peer([](const Seen& seen) {
    return seen.path == "/no/Echo" ? Reply{.headers = {{"x-dojo-code", "blacklisted"}},
                                           .body = R"({"body":{},"error":"Blacklisted"})"}
                                   : Reply{};
  });
  const auto urls =
      file("urls", "# miners\n" + peer.url() + "\n\n" + peer.url() + "/no   # banned there\n");
  const auto sent = run({"batch", urls, "Echo", "{}", "--repeat", "3", "--concurrency", "2"});
  EXPECT_EQ(sent.exit_code, 1);
  EXPECT_THAT(sent.out, HasSubstr("requests   6\n"));
  EXPECT_THAT(sent.out, HasSubstr("answered   3\n"));
  EXPECT_THAT(sent.out, HasSubstr("refused    3\n"));
  EXPECT_THAT(sent.out, HasSubstr("blacklisted 3"));
  EXPECT_THAT(sent.out, HasSubstr("p99"));
  EXPECT_EQ(peer.seen().size(), 6U);
  EXPECT_LE(peer.most_at_once(), 2);
  EXPECT_EQ(sent.err.find('\r'), std::string::npos) << "no progress bar in a pipe";
}

TEST_F(Command, BatchAsksForASessionIfToldTo) {
  ScriptedPeer peer([](const Seen&) { return Reply{}; });
  const auto urls = file("urls", peer.url() + " " + key().address() + "\n");
  const auto asked = [&] {
    const auto seen = peer.seen();
    return std::ranges::count(seen, "/dojo/session", &Seen::path);
  };
  EXPECT_EQ(run({"batch", urls, "Echo", "{}", "--repeat", "50"}).exit_code, 0);
  EXPECT_EQ(asked(), 0);
  EXPECT_EQ(run({"batch", urls, "Echo", "{}", "--repeat", "50", "--session"}).exit_code, 0);
  EXPECT_EQ(asked(), 1);
}

TEST_F(Command, BatchWritesJsonLinesInOrder) {
  ScriptedPeer peer([](const Seen& seen) {
    return Reply{.body = "{\"body\":" + seen.json() + ",\n\"error\":null}"};
  });
  const auto bodies = file("bodies.jsonl", "{\"text\":\"a\"}\n\n{\"text\":\"b\"}\n");
  const auto sent = run({"batch", "--url", peer.url(), "--url", peer.url(), "Echo", "@" + bodies,
                         "--each", "--output", "jsonl"});
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  std::istringstream lines(sent.out);
  std::string line;
  for (const char* text : {"a", "b"}) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_TRUE(check_json(line)) << line;
    EXPECT_THAT(line, HasSubstr(std::string(R"("body":{"text":")") + text));
  }
  EXPECT_FALSE(std::getline(lines, line));
  const auto one = run({"batch", "--url", peer.url(), "Echo", "@" + bodies, "--each", "--repeat",
                        "2", "--output", "jsonl"});
  EXPECT_EQ(std::ranges::count(one.out, '\n'), 4);
  EXPECT_EQ(one.exit_code, 0);
}

TEST_F(Command, BatchReadsReceiversBehindTheUrls) {
  ScriptedPeer peer(ok);
  const auto to = key().address();
  EXPECT_EQ(run({"batch", "-", "Echo", "{}"}, peer.url() + " " + to + "\n").exit_code, 0);
  EXPECT_EQ(peer.seen().at(0).statement()->to, key().public_key());
}

TEST_F(Command, BatchNamesTheLineThatIsWrong) {
  const auto bad_url = file("bad_url", "127.0.0.1:1\nftp://x\n");
  const auto wrong = run({"batch", bad_url, "Echo", "{}"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr(bad_url + ":2: "));
  const auto bad_key = file("bad_key", "127.0.0.1:1 5Fake\n");
  EXPECT_THAT(run({"batch", bad_key, "Echo", "{}"}).err, HasSubstr(bad_key + ":1: receiver"));
  const auto bodies = file("bodies", "{}\n{\n");
  EXPECT_THAT(run({"batch", "--url", "127.0.0.1:1", "Echo", "@" + bodies, "--each"}).err,
              HasSubstr(bodies + ":2: "));
  EXPECT_EQ(run({"batch", file("empty", "# none\n"), "Echo", "{}"}).exit_code, 2);
  EXPECT_EQ(run({"batch", "--url", "127.0.0.1:1", "Echo", "[]"}).exit_code, 2);
}

TEST_F(Command, BatchExitsThreeIfNoneCouldBeReached) {
  ScriptedPeer peer(ok);
  EXPECT_EQ(run({"batch", "--url", "127.0.0.1:1", "Echo", "{}", "--retries", "1"}).exit_code, 3);
  EXPECT_EQ(
      run({"batch", "--url", "127.0.0.1:1", "--url", peer.url(), "Echo", "{}", "--retries", "1"})
          .exit_code,
      1);
}

TEST_F(Command, CtrlCPrintsWhatBatchHas) {
  ScriptedPeer peer([&](const Seen& seen) {
    if (seen.path != "/quick/Echo") peer.wait_until_released();
    return Reply{};
  });
  const auto child = start({"batch", "--url", peer.url() + "/quick", "--url", peer.url(), "Echo",
                            "{}", "--concurrency", "1"});
  ASSERT_TRUE(peer.wait_for(2));
  kill(child, SIGINT);
  const auto outcome = finish(child);
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_THAT(outcome.out, HasSubstr("answered   1\n"));
  EXPECT_THAT(outcome.out, HasSubstr("cancelled  1\n"));
}

}  // namespace
}  // namespace dojo::testing
