#include "request/authenticate.hpp"

#include <array>
#include <atomic>
#include <barrier>
#include <csignal>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/scratch_folder.hpp"
#include "host/signed_head.hpp"
#include "request/route.hpp"
#include "where.hpp"

namespace dojo::request {
namespace {

using namespace std::chrono_literals;
using test::dojo1;
using test::epistula;
using test::legacy;
using testing::HasSubstr;
using testing::Not;

const WallTime kStart{1'800'000'000'000ms};

class AuthenticatorTest : public testing::Test {
 protected:
  /// The host starts at kStart; its clock goes on to an hour later.
  Authenticator& start() {
    now = kStart;
    auth.reset();
    seen = std::make_unique<policy::ReplayMemory>(
        replay, policy::ReplayClocks{[this] { return now.load(); },
                                     [this] { return now.load() - kStart; }});
    auth = std::make_unique<Authenticator>(options, self.public_key(), *seen,
                                           [this] { return now.load(); });
    now = kStart + 1h;
    return *auth;
  }
  [[nodiscard]] wire::DojoMessage statement() const {
    return test::statement(self, "/Answers", "body", now);
  }
  /// All steps in their order.
  Expected<Caller, Refusal> check(const test::SignedHead& head,
                                  std::optional<std::string_view> body = {}) {
    const auto made = head.head();
    auto claim = auth->read(made, route_of(made.path()));
    if (!claim) return Unexpected(claim.error());
    if (auto refusal = auth->look_at(*claim, made)) return Unexpected(*refusal);
    if (auto refusal = auth->prove(*claim, made)) return Unexpected(*refusal);
    if (body) {
      if (auto refusal = auth->prove_body(*claim, *body)) return Unexpected(*refusal);
    }
    return claim->caller;
  }
  Code code_of(const test::SignedHead& head, std::optional<std::string_view> body = {}) {
    const auto who = check(head, body);
    if (who) return Code::ok;
    EXPECT_FALSE(who.error().told.empty());
    return who.error().code;
  }
  Code code_of(const wire::DojoMessage& message) { return code_of(dojo1(caller, message)); }
  std::string told(const test::SignedHead& head, std::optional<std::string_view> body = {}) {
    const auto who = check(head, body);
    return who ? "" : who.error().told;
  }

  const wire::Keypair self = wire::Keypair::generate();
  const wire::Keypair caller = wire::Keypair::generate();
  AuthOptions options;
  policy::ReplayOptions replay;
  std::atomic<WallTime> now{kStart};
  std::unique_ptr<policy::ReplayMemory> seen;
  std::unique_ptr<Authenticator> auth;
};

TEST_F(AuthenticatorTest, KnowsWhoSignedDojo1) {
  start();
  const auto who = check(dojo1(caller, statement()), "body");
  ASSERT_TRUE(who);
  EXPECT_EQ(who->key, caller.public_key());
  EXPECT_EQ(who->hotkey, caller.address());
  EXPECT_EQ(who->dialect, wire::Dialect::dojo1);
}

TEST_F(AuthenticatorTest, KnowsWhoSignedLegacy) {
  start();
  const auto who = check(legacy(caller), "whatever");
  ASSERT_TRUE(who);
  EXPECT_EQ(who->dialect, wire::Dialect::legacy);
}

TEST_F(AuthenticatorTest, NamesTheCallerByOnePrefixAlone) {
  start();
  auto head = legacy(caller);
  head.set("x-hotkey", caller.address(0));
  const auto who = check(head);
  ASSERT_TRUE(who);
  EXPECT_EQ(who->hotkey, caller.address());
}

TEST_F(AuthenticatorTest, TakesEd25519AndPolkadotsWrapping) {
  start();
  EXPECT_EQ(code_of(legacy(wire::Keypair::generate(wire::Scheme::ed25519))), Code::ok);
  auto head = legacy(caller);
  const auto text = wire::legacy_message(caller.address());
  head.set("x-signature", wire::format_signature(caller.sign("<Bytes>" + text + "</Bytes>")));
  EXPECT_EQ(code_of(head), Code::ok);
}

TEST_F(AuthenticatorTest, MissesEachHeader) {
  start();
  for (const char* name : {"x-hotkey", "x-message", "x-signature"}) {
    auto head = legacy(caller);
    head.fields.erase(name);
    EXPECT_EQ(code_of(head), Code::no_signature) << name;
    head.set(name, "");
    EXPECT_EQ(code_of(head), Code::no_signature) << name;
  }
}

TEST_F(AuthenticatorTest, TakesEachHeaderOnceOnly) {
  start();
  for (const char* name : {"x-hotkey", "x-message", "X-SIGNATURE"}) {
    auto head = legacy(caller);
    head.fields.insert(name, head.fields[name]);
    EXPECT_EQ(code_of(head), Code::no_signature) << name;
  }
}

TEST_F(AuthenticatorTest, RefusesWhatIsMalformed) {
  start();
  const auto with = [&](const char* name, const char* value) {
    auto head = dojo1(caller, statement());
    head.set(name, value);
    return code_of(head);
  };
  EXPECT_EQ(with("x-hotkey", "5Nonsense"), Code::malformed);
  EXPECT_EQ(with("x-signature", "0x12"), Code::malformed);
  EXPECT_EQ(with("x-signature", "none"), Code::malformed);
  EXPECT_EQ(with("x-message", "dojo/1 POST /Answers"), Code::malformed);
  EXPECT_EQ(with("x-message", "dojo/1 x"), Code::malformed);
}

TEST_F(AuthenticatorTest, RefusesAWrongSignature) {
  start();
  auto head = legacy(caller);
  head.set("x-signature", wire::format_signature(caller.sign("another text")));
  EXPECT_EQ(code_of(head), Code::bad_signature);
  head = dojo1(caller, statement());
  head.set("x-hotkey", self.address());
  EXPECT_EQ(code_of(head), Code::bad_signature);
}

TEST_F(AuthenticatorTest, GetsToKnowWhoSignsAgain) {
  start();
  auto wrong = legacy(self);
  wrong.set("x-signature", wire::format_signature(caller.sign("another text")));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code_of(wrong), Code::bad_signature);
  EXPECT_EQ(code_of(legacy(caller)), Code::ok);
  EXPECT_EQ(auth->known_keys().known, 0U);
  EXPECT_EQ(code_of(statement()), Code::ok);
  EXPECT_EQ(auth->known_keys().known, 1U);
  EXPECT_EQ(auth->known_keys().proven_once, 0U);
  EXPECT_EQ(code_of(statement()), Code::ok);
  wrong = legacy(caller);
  wrong.set("x-signature", wire::format_signature(self.sign("another text")));
  EXPECT_EQ(code_of(wrong), Code::bad_signature);
}

TEST_F(AuthenticatorTest, TakesOnlyTheDialectsItIsTold) {
  options.dialects = {wire::Dialect::dojo1};
  start();
  EXPECT_EQ(code_of(legacy(caller)), Code::malformed);
  EXPECT_EQ(told(legacy(caller)), "the legacy dialect is turned off here; accepted: dojo/1");
  EXPECT_EQ(code_of(statement()), Code::ok);
  options.dialects = {wire::Dialect::legacy};
  start();
  EXPECT_EQ(code_of(legacy(caller)), Code::ok);
  EXPECT_EQ(code_of(statement()), Code::malformed);
}

TEST_F(AuthenticatorTest, TakesARoutesOwnDialects) {
  options.routes["Closed"].dialects = {wire::Dialect::dojo1};
  options.routes["Open"].dialects = DialectSet(wire::kDialects);
  start();
  EXPECT_EQ(code_of(legacy(caller, "/Closed")), Code::malformed);
  EXPECT_EQ(code_of(legacy(caller, "/Open")), Code::ok);
  EXPECT_EQ(code_of(legacy(caller, "/Closed/x")), Code::ok);  // another route
  auto head = epistula(caller, test::epistula_statement("", now), "");
  EXPECT_EQ(code_of(head, ""), Code::malformed);
  head.path = "/Open";
  EXPECT_EQ(code_of(head, ""), Code::ok);
}

TEST_F(AuthenticatorTest, TakesOtherOptionsWhileItRuns) {
  start();
  auto message = statement();
  message.time = now.load() - 31s;
  EXPECT_EQ(code_of(message), Code::stale);
  options.window = 60s;
  options.dialects = {wire::Dialect::dojo1};
  auth->apply(options);
  EXPECT_EQ(code_of(message), Code::ok);
  EXPECT_EQ(code_of(legacy(caller)), Code::malformed);
}

TEST_F(AuthenticatorTest, DoesNotForgetForAWiderWindow) {
  start();
  const auto message = statement();
  EXPECT_EQ(code_of(message), Code::ok);
  now = now.load() + 70s;  // stale, and forgotten
  seen->tidy();
  options.window = 600s;
  auth->apply(options);
  EXPECT_EQ(code_of(message), Code::stale);
  EXPECT_EQ(code_of(statement()), Code::ok);
}

TEST_F(AuthenticatorTest, LooksWithoutProvingOrStoring) {
  start();
  const auto head = dojo1(caller, statement());
  for (int i = 0; i < 3; ++i) {
    auto claim = auth->read(head.head(), route_of(head.path));
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->caller.key, caller.public_key());
    EXPECT_EQ(auth->look_at(*claim, head.head()), std::nullopt);
  }
  EXPECT_EQ(code_of(head), Code::ok);
}

TEST_F(AuthenticatorTest, LooksAtReceiverAndTimeBeforeTheCurve) {
  start();
  auto message = statement();
  message.time = now.load() - 31s;
  auto head = dojo1(caller, message);
  head.set("x-signature", wire::format_signature(self.sign("x")));
  EXPECT_EQ(code_of(head), Code::stale);
  message.path = "/Other";
  head = dojo1(caller, message);
  head.path = "/Answers";
  head.set("x-signature", wire::format_signature(self.sign("x")));
  EXPECT_EQ(code_of(head), Code::wrong_receiver);
}

// ---- receiver

TEST_F(AuthenticatorTest, RefusesWhatIsMeantForAnother) {
  start();
  auto message = statement();
  message.to = caller.public_key();
  EXPECT_EQ(code_of(message), Code::wrong_receiver);
  EXPECT_THAT(told(dojo1(caller, message)), HasSubstr(self.address()));
  EXPECT_EQ(code_of(statement()), Code::ok);
}

TEST_F(AuthenticatorTest, TakesAnyReceiverOnlyWhereThatIsConfigured) {
  start();
  auto message = statement();
  message.to = std::nullopt;
  EXPECT_EQ(code_of(message), Code::wrong_receiver);
  options.any_receiver = true;
  start();
  EXPECT_EQ(code_of(message), Code::ok);
  message = statement();
  message.to = caller.public_key();
  EXPECT_EQ(code_of(message), Code::wrong_receiver);
}

TEST_F(AuthenticatorTest, BindsMethodAndPath) {
  start();
  auto head = dojo1(caller, statement());
  head.path = "/Other";
  EXPECT_EQ(code_of(head), Code::wrong_receiver);
  head = dojo1(caller, statement());
  head.method = "HEAD";
  EXPECT_EQ(code_of(head), Code::wrong_receiver);
}

TEST_F(AuthenticatorTest, DoesNotEchoWhatWasSigned) {
  start();
  auto message = statement();
  message.path = "/" + std::string(5'000, 'x');
  auto head = dojo1(caller, message);
  head.path = "/Answers";
  EXPECT_THAT(told(head), Not(HasSubstr("xxx")));
}

// ---- freshness

TEST_F(AuthenticatorTest, TakesTimesUpToTheWindowAndNotBeyond) {
  start();
  const std::chrono::milliseconds window = 30s;
  for (const auto& [offset, code] : {std::pair{-window, Code::ok},
                                     {window, Code::ok},
                                     {-window - 1ms, Code::stale},
                                     {window + 1ms, Code::stale},
                                     {0ms, Code::ok}}) {
    auto message = statement();
    message.time = now.load() + offset;
    EXPECT_EQ(code_of(message), code) << offset.count();
  }
}

TEST_F(AuthenticatorTest, TakesTheFarthestTimesForWhatTheyAre) {
  start();
  for (const auto time : {0ms, 1ms, std::chrono::milliseconds(999'999'999'999'999)}) {
    auto message = statement();
    message.time = WallTime(time);
    EXPECT_THAT(code_of(message), testing::AnyOf(Code::stale, Code::malformed)) << time.count();
  }
  auto message = statement();
  message.time = now.load() + 18'446'744'073'710ms;  // 2^64 ns: once around
  EXPECT_EQ(code_of(message), Code::stale);
}

// ---- replay

TEST_F(AuthenticatorTest, RefusesANonceThatWasSeen) {
  start();
  const auto message = statement();
  EXPECT_EQ(code_of(message), Code::ok);
  EXPECT_EQ(code_of(message), Code::replayed);  // a new signature over the same statement
  auto other = statement();
  other.nonce = message.nonce;
  EXPECT_EQ(code_of(other), Code::replayed);
}

TEST_F(AuthenticatorTest, CountsNoncesPerCaller) {
  start();
  const auto message = statement();
  EXPECT_EQ(code_of(message), Code::ok);
  EXPECT_EQ(code_of(dojo1(wire::Keypair::generate(), message)), Code::ok);
}

TEST_F(AuthenticatorTest, RemembersANonceOnlyOnceItsSignatureIsGood) {
  start();
  const auto message = statement();
  auto forged = dojo1(caller, message);
  forged.set("x-signature", wire::format_signature(caller.sign("x")));
  EXPECT_EQ(code_of(forged), Code::bad_signature);
  EXPECT_EQ(code_of(message), Code::ok);
}

TEST_F(AuthenticatorTest, RefusesALegacySignatureThatWasSeen) {
  start();
  auto head = legacy(caller);
  EXPECT_EQ(code_of(head), Code::ok);
  EXPECT_EQ(code_of(head), Code::replayed);
  // However it is written, and for whatever path.
  auto text = std::string(head.fields["x-signature"]);
  for (auto& digit : text) digit = static_cast<char>(digit == 'x' ? 'x' : std::toupper(digit));
  head.set("x-signature", text);
  EXPECT_EQ(code_of(head), Code::replayed);
  head.set("x-signature", "0x01" + text.substr(2));
  EXPECT_EQ(code_of(head), Code::replayed);
  head.path = "/Other";
  EXPECT_EQ(code_of(head), Code::replayed);
  EXPECT_EQ(code_of(legacy(caller)), Code::ok);
}

TEST_F(AuthenticatorTest, LetsExactlyOneThreadIn) {
  start();
  for (int round = 0; round < 20; ++round) {
    const auto head = dojo1(caller, statement());
    std::atomic<int> admitted{0};
    std::barrier together(4);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        together.arrive_and_wait();
        admitted += check(head) ? 1 : 0;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(admitted, 1);
  }
}

TEST_F(AuthenticatorTest, RefusesASignatureOfAnotherDialectAsLegacy) {
  // A captured request of theirs must not count once more, as one that is bound to nothing.
  options.dialects = DialectSet(wire::kDialects);
  start();
  const auto text = wire::format_dojo_message(statement());
  test::SignedHead head;
  head.sign(caller, "<Bytes>" + text + "</Bytes>");
  options.any_legacy_text = true;
  auth->apply(options);
  EXPECT_EQ(code_of(head), Code::malformed);
  head.set("x-message", text);
  EXPECT_EQ(code_of(head), Code::ok);
  const auto epistula_text = wire::format_epistula(test::epistula_statement("", now), "");
  head.sign(caller, epistula_text);
  EXPECT_EQ(code_of(head), Code::malformed);
  head.sign(caller, "<Bytes>" + epistula_text + "</Bytes>");
  EXPECT_EQ(code_of(head), Code::malformed);
}

TEST_F(AuthenticatorTest, TakesNothingElseThatAHotkeyHasSignedAsLegacy) {
  start();
  const auto another = wire::Keypair::generate();
  const std::vector<std::string> signed_elsewhere{
      // an axon's call: nonce, dendrite, axon, uuid, body hash
      "1732616400000000000." + caller.address() + "." + another.address() + ".9f1c.",
      "Sign in to dashboard.example with " + caller.address(),
      std::string(32, '\x9c'),
      wire::legacy_message(another.address()),
      wire::legacy_message(caller.address()) + ".",
      "<Bytes>" + wire::legacy_message(caller.address()) + "</Bytes>"};
  test::SignedHead head;
  for (const auto& text : signed_elsewhere) {
    head.sign(caller, text);
    EXPECT_EQ(code_of(head), Code::malformed) << text;
    EXPECT_THAT(told(head), HasSubstr("text is \"" + wire::legacy_message("<hotkey>") + "\""));
    EXPECT_THAT(told(head), Not(HasSubstr("auth.")));
    EXPECT_THAT(check(head).error().reason, HasSubstr("auth.legacy_text"));
  }
  head.sign(caller, wire::legacy_message(caller.address(0)));
  EXPECT_EQ(code_of(head), Code::ok) << "its own, under another prefix";
  options.any_legacy_text = true;
  auth->apply(options);
  for (const auto& text : signed_elsewhere) {
    head.sign(caller, text);
    EXPECT_EQ(code_of(head), Code::ok) << text;
  }
}

TEST_F(AuthenticatorTest, ForgetsALegacySignatureAfterItsTime) {
  start();
  const auto head = legacy(caller);
  EXPECT_EQ(code_of(head), Code::ok);
  now = now.load() + 24h - 1s;
  seen->tidy();
  EXPECT_EQ(code_of(head), Code::replayed);
  now = now.load() + 3s;
  seen->tidy();
  EXPECT_EQ(code_of(head), Code::ok);
}

TEST_F(AuthenticatorTest, RemembersNoLegacySignaturesIfItIsTold) {
  start();
  const auto known = legacy(caller);
  EXPECT_EQ(code_of(known), Code::ok);
  options.legacy_memory = 0h;
  auth->apply(options);
  const auto head = legacy(caller);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code_of(head), Code::ok);
  EXPECT_EQ(code_of(known), Code::ok);
  const auto message = statement();
  EXPECT_EQ(code_of(message), Code::ok);
  EXPECT_EQ(code_of(message), Code::replayed);
}

TEST_F(AuthenticatorTest, RemembersANonceForTwiceTheWindow) {
  start();
  auto message = statement();
  message.time = now.load() + 30s;
  EXPECT_EQ(code_of(message), Code::ok);
  for (int i = 0; i < 60; ++i) {
    now = now.load() + 1s;
    seen->tidy();
    EXPECT_EQ(code_of(message), Code::replayed) << i;
  }
  now = now.load() + 1ms;
  EXPECT_EQ(code_of(message), Code::stale);
}

TEST_F(AuthenticatorTest, RemembersANonceForTwiceTheWindowFromWhenItCame) {
  start();
  EXPECT_EQ(code_of(statement()), Code::ok);
  const auto remembered = [&] {
    seen->tidy();
    return seen->sizes(policy::ReplayMemory::Kind::nonce).entries;
  };
  now = now.load() + 60s;
  EXPECT_EQ(remembered(), 1u);
  now = now.load() + 3s;
  EXPECT_EQ(remembered(), 0u);
}

TEST_F(AuthenticatorTest, RefusesAsStaleWhatAHotkeyHadToGiveUpAndNobodyElses) {
  replay.nonces = 0;  // a nonce of each in a shard
  start();
  const auto other = wire::Keypair::generate();
  const auto others = statement();
  std::vector<wire::DojoMessage> messages;
  for (int i = 0; i < 20; ++i) {
    now = now.load() + 1s;
    for (int j = 0; j < 10; ++j) {
      messages.push_back(statement());
      if (code_of(messages.back()) != Code::ok) messages.pop_back();  // in the same second
    }
  }
  const auto given_up = seen->sizes(policy::ReplayMemory::Kind::nonce).evicted;
  EXPECT_GT(given_up, 0U);
  std::map<Code, std::size_t> again;
  for (const auto& message : messages) ++again[code_of(message)];
  EXPECT_EQ(again[Code::stale], given_up);
  EXPECT_EQ(again[Code::replayed], messages.size() - given_up);
  EXPECT_EQ(code_of(dojo1(other, others)), Code::ok);
  now = now.load() + 1s;
  EXPECT_EQ(code_of(statement()), Code::ok);
}

TEST_F(AuthenticatorTest, TakesNothingTwiceWhenTheClockGoesBack) {
  start();
  const auto message = statement();
  EXPECT_EQ(code_of(message), Code::ok);
  now = now.load() + 1h;
  seen->tidy();
  now = now.load() - 1h;
  EXPECT_EQ(code_of(message), Code::stale);
  now = now.load() + 2s;
  EXPECT_EQ(code_of(statement()), Code::ok);
}

// ---- across restarts

/// A host that is killed while it accepts, and the next one with the same folder.
class KilledHostTest : public AuthenticatorTest {
 protected:
  KilledHostTest() { options.dialects = DialectSet(wire::kDialects); }
  ~KilledHostTest() override {
    auth.reset();
    seen.reset();  // while there is a folder
  }
  void start_in(const std::filesystem::path& state) {
    auth.reset();
    seen.reset();
    auto opened = policy::ReplayMemory::open(
        {}, state, {[this] { return now.load(); }, [this] { return now.load() - kStart; }},
        [this](auto what, auto why) { warned += std::string(what) + std::string(why); });
    ASSERT_TRUE(opened) << opened.error().message;
    seen = std::move(*opened);
    auth = std::make_unique<Authenticator>(options, self.public_key(), *seen,
                                           [this] { return now.load(); });
  }
  /// Heads of all dialects, signed now.
  [[nodiscard]] std::vector<test::SignedHead> heads(std::size_t count) const {
    std::vector<test::SignedHead> made;
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 3 == 0) made.push_back(legacy(caller));
      if (i % 3 == 1) made.push_back(dojo1(caller, statement()));
      if (i % 3 == 2) made.push_back(epistula(caller, test::epistula_statement("", now), "body"));
    }
    return made;
  }
  /// Accepts one after the other, telling which through the pipe, for ever.
  void accept_and_tell(const std::vector<test::SignedHead>& all, int pipe) {
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      if (check(all[i], "body") && write(pipe, &i, sizeof i) != sizeof i) return;
    }
  }
  test::ScratchFolder folder;
  std::string warned;
};

TEST_F(KilledHostTest, TakesNothingTwiceOfWhatItHadAccepted) {
  now = kStart + 1h;
  const auto all = heads(3'000);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    now = kStart;  // the very first start
    start_in(folder / "state");
    now = kStart + 1h;
    accept_and_tell(all, ends[1]);
    pause();
    _exit(1);
  }
  close(ends[1]);
  std::vector<std::uint32_t> accepted;
  std::uint32_t index = 0;
  while (read(ends[0], &index, sizeof index) == sizeof index) {
    accepted.push_back(index);
    if (accepted.size() == 500) kill(child, SIGKILL);
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  ASSERT_GE(accepted.size(), 500u);

  now = now.load() + 1s;
  start_in(folder / "state");
  EXPECT_EQ(warned, "");
  for (const auto each : accepted) {
    EXPECT_EQ(code_of(all[each], "body"), Code::replayed) << each;
  }
  // An honest caller whose clock is slow, and has signed before this start, is not refused.
  EXPECT_EQ(code_of(all.back(), "body"), Code::ok);
  EXPECT_EQ(code_of(all[all.size() - 2], "body"), Code::ok);
}

TEST_F(KilledHostTest, TakesNothingThatMayHaveBeenTakenIfItsJournalIsLost) {
  now = kStart;
  start_in(folder / "state");
  now = kStart + 1h;
  auto ahead = statement();
  ahead.time = now.load() + 20s;
  auto ahead_a_little = test::epistula_statement("", now.load() + 2s);
  EXPECT_EQ(code_of(ahead), Code::ok);
  EXPECT_EQ(code_of(epistula(caller, ahead_a_little, ""), ""), Code::ok);
  seen.reset();
  std::filesystem::remove(folder / "state/access/replay/nonces.mdb");
  start_in(folder / "state");
  EXPECT_NE(warned, "");
  for (; now.load() <= ahead.time + 30s; now = now.load() + 1s) {
    EXPECT_EQ(code_of(ahead), Code::stale);
    EXPECT_EQ(code_of(epistula(caller, ahead_a_little, ""), ""), Code::stale);
  }
  EXPECT_EQ(code_of(statement()), Code::ok);
}

TEST_F(KilledHostTest, RefusesOnItsFirstStartWhatWasSignedBefore) {
  now = kStart;
  start_in(folder / "state");
  now = kStart + 5s;
  auto message = statement();
  message.time = kStart - 1ms;
  EXPECT_EQ(code_of(message), Code::stale);
  EXPECT_THAT(told(dojo1(caller, message)), HasSubstr("before this host started"));
  message.time = kStart;
  EXPECT_EQ(code_of(message), Code::ok);
}

// ---- body

TEST_F(AuthenticatorTest, BindsTheBody) {
  start();
  for (const char* body : {"bodY", "", "body "}) {
    EXPECT_EQ(code_of(dojo1(caller, statement()), body), Code::bad_signature) << body;
  }
  EXPECT_EQ(code_of(dojo1(caller, statement()), "body"), Code::ok);
}

// ---- epistula/2

/// A request of another implementation's.
struct ForeignRequest {
  test::SignedHead head;
  std::string body;
  WallTime time;
};

std::string unhex(std::string_view digits) {
  std::string bytes(digits.size() / 2, '\0');
  sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), digits.data(),
                 digits.size(), nullptr, nullptr, nullptr);
  return bytes;
}

std::vector<ForeignRequest> foreign_requests() {
  simdjson::dom::parser parser;
  std::vector<ForeignRequest> requests;
  const simdjson::dom::element file =
      parser.load(std::string(test::where::kData) + "/host/vectors/epistula2.json");
  for (const simdjson::dom::object vector : file["vectors"]) {
    ForeignRequest request;
    for (const auto field : simdjson::dom::object(vector["headers"])) {
      request.head.set(field.key, std::string_view(field.value));
    }
    if (vector["body_repeat"].is_null()) {
      request.body = unhex(vector["body_hex"]);
    } else {
      const std::uint64_t count = vector["body_repeat"]["count"];
      for (std::uint64_t i = 0; i < count; ++i)
        request.body += unhex(vector["body_repeat"]["byte"]);
    }
    request.time = WallTime(std::chrono::milliseconds(
        std::stoll(std::string(request.head.fields["Epistula-Timestamp"]))));
    requests.push_back(std::move(request));
  }
  return requests;
}

class EpistulaTest : public AuthenticatorTest {
 protected:
  EpistulaTest() { options.dialects = DialectSet(wire::kDialects); }
  /// A host whose hotkey is the one that the vectors are signed for.
  void start_as_the_vectors_receiver() {
    start();
    const auto address = wire::decode_ss58("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty");
    auth = std::make_unique<Authenticator>(options, address->key, *seen,
                                           [this] { return now.load(); });
  }
  [[nodiscard]] test::SignedHead request(const std::string& body = "body") const {
    return epistula(caller, test::epistula_statement(self.address(), now), body);
  }
};

TEST_F(EpistulaTest, TakesWhatAnotherImplementationSigns) {
  start_as_the_vectors_receiver();
  const auto requests = foreign_requests();
  EXPECT_EQ(requests.size(), 6u);
  for (const auto& request : requests) {
    now = request.time;
    EXPECT_EQ(told(request.head, request.body), "");
    EXPECT_EQ(code_of(request.head, request.body), Code::replayed);
  }
}

TEST_F(EpistulaTest, TakesNoneOfThemWithAnythingChanged) {
  start_as_the_vectors_receiver();
  for (const auto& request : foreign_requests()) {
    now = request.time;
    for (const char* name : {"Epistula-Timestamp", "Epistula-Uuid", "Epistula-Signed-By",
                             "Epistula-Signed-For", "Epistula-Request-Signature"}) {
      if (request.head.fields.count(name) == 0) continue;
      const auto value = std::string(request.head.fields[name]);
      for (std::size_t i = 0; i < value.size(); ++i) {
        auto head = request.head;
        auto changed = value;
        changed[i] = changed[i] == '1' ? '2' : '1';
        head.set(name, changed);
        // The case of a signature's digits means nothing; there is none of that here.
        EXPECT_NE(code_of(head, request.body), Code::ok) << name << " " << changed;
      }
    }
    auto head = request.head;
    if (head.fields.erase("Epistula-Signed-For") == 0) {
      head.set("Epistula-Signed-For", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty");
    }
    EXPECT_EQ(code_of(head, request.body), Code::bad_signature);
    EXPECT_EQ(code_of(request.head, request.body + "x"), Code::bad_signature);
    if (!request.body.empty()) {
      auto body = request.body;
      body.back() ^= 1;
      EXPECT_EQ(code_of(request.head, body), Code::bad_signature);
      EXPECT_EQ(code_of(request.head, request.body.substr(1)), Code::bad_signature);
    }
    EXPECT_EQ(told(request.head, request.body), "");
  }
}

TEST_F(EpistulaTest, NamesItsCaller) {
  start();
  const auto who = check(request(), "body");
  ASSERT_TRUE(who);
  EXPECT_EQ(who->key, caller.public_key());
  EXPECT_EQ(who->hotkey, caller.address());
  EXPECT_EQ(to_string(who->dialect), "epistula/2");
}

TEST_F(EpistulaTest, IsProvenByItsBodyAlone) {
  start();
  auto head = request();
  head.set("Epistula-Request-Signature", wire::format_signature(caller.sign("x")));
  auto claim = auth->read(head.head(), route_of(head.path));
  ASSERT_TRUE(claim);
  EXPECT_EQ(auth->look_at(*claim, head.head()), std::nullopt);
  EXPECT_EQ(auth->prove(*claim, head.head()), std::nullopt);
  EXPECT_EQ(auth->prove_body(*claim, "body")->code, Code::bad_signature);
  // And a forger uses up nobody's uuid.
  auto honest = head;
  honest.set("Epistula-Request-Signature",
             wire::format_signature(caller.sign(wire::format_epistula(*claim->epistula, "body"))));
  EXPECT_EQ(code_of(honest, "body"), Code::ok);
}

TEST_F(EpistulaTest, MissesEachHeader) {
  start();
  for (const char* name : {"Epistula-Timestamp", "Epistula-Uuid", "Epistula-Signed-By",
                           "Epistula-Request-Signature"}) {
    auto head = request();
    head.fields.insert(name, head.fields[name]);
    EXPECT_EQ(code_of(head, "body"), Code::no_signature) << name;
    head.fields.erase(name);
    EXPECT_EQ(code_of(head, "body"), Code::no_signature) << name;
    EXPECT_THAT(told(head, "body"), HasSubstr(name));
  }
}

TEST_F(EpistulaTest, SpeaksVersion2Only) {
  start();
  for (const char* version : {"1", "3", "", "02", "2.0"}) {
    auto head = request();
    head.set("Epistula-Version", version);
    EXPECT_EQ(code_of(head, "body"), Code::malformed) << version;
    EXPECT_THAT(told(head, "body"), HasSubstr("this host reads version 2"));
  }
  auto head = request();
  head.fields.insert("Epistula-Version", "2");
  EXPECT_EQ(code_of(head, "body"), Code::malformed);
  head = request();
  head.fields.insert("Epistula-Signed-For", self.address());
  EXPECT_EQ(code_of(head, "body"), Code::malformed);
}

TEST_F(EpistulaTest, TakesNoTwoProofsAtOnce) {
  start();
  auto head = request();
  head.set("x-hotkey", caller.address());  // proves nothing
  EXPECT_EQ(code_of(head, "body"), Code::ok);
  head = legacy(caller);
  const auto other = request();
  for (const auto& field : other.fields) head.fields.set(field.name_string(), field.value());
  EXPECT_EQ(code_of(head, "body"), Code::malformed);
  EXPECT_THAT(told(head, "body"), HasSubstr("two dialects at once"));
}

TEST_F(EpistulaTest, IsForThisHostOrForNobodyInParticular) {
  start();
  const auto signed_for = [&](const std::string& to) {
    return code_of(epistula(caller, test::epistula_statement(to, now), "body"), "body");
  };
  EXPECT_EQ(signed_for(""), Code::ok);
  EXPECT_EQ(signed_for(self.address()), Code::ok);
  EXPECT_EQ(signed_for(self.address(0)), Code::ok);
  EXPECT_EQ(signed_for(caller.address()), Code::wrong_receiver);
  EXPECT_EQ(signed_for("5Bad"), Code::malformed);
  options.epistula_receiver = true;
  auth->apply(options);
  EXPECT_EQ(signed_for(""), Code::wrong_receiver);
  EXPECT_EQ(signed_for(self.address()), Code::ok);
}

TEST_F(EpistulaTest, LooksAtReceiverAndTimeBeforeTheBody) {
  start();
  auto statement = test::epistula_statement(caller.address(), now);
  EXPECT_EQ(code_of(epistula(caller, statement, "body")), Code::wrong_receiver);
  statement = test::epistula_statement(self.address(), now.load() - 9s);
  EXPECT_EQ(code_of(epistula(caller, statement, "body")), Code::stale);
}

TEST_F(EpistulaTest, HasAWindowOfItsOwn) {
  start();
  for (const auto& [offset, code] : {std::pair<std::chrono::milliseconds, Code>{-8'000ms, Code::ok},
                                     {-8'001ms, Code::stale},
                                     {2'000ms, Code::ok},
                                     {2'001ms, Code::stale}}) {
    const auto statement = test::epistula_statement("", now.load() + offset);
    EXPECT_EQ(code_of(epistula(caller, statement, "body"), "body"), code) << offset.count();
  }
  options.epistula_past = 100ms;
  options.epistula_future = 0ms;
  auth->apply(options);
  for (const auto offset : {-101ms, 1ms}) {
    const auto statement = test::epistula_statement("", now.load() + offset);
    EXPECT_EQ(code_of(epistula(caller, statement, "body"), "body"), Code::stale);
  }
}

TEST_F(EpistulaTest, CountsOnceWhateverItsPath) {
  start();
  auto head = request();
  EXPECT_EQ(code_of(head, "body"), Code::ok);
  head.path = "/Other";
  head.method = "HEAD";
  EXPECT_EQ(code_of(head), Code::replayed);  // without waiting for the body
  auto other = test::epistula_statement(self.address(), now);
  other.uuid = std::string(head.fields["Epistula-Uuid"]);
  EXPECT_EQ(code_of(epistula(caller, other, "another body")), Code::replayed);
  EXPECT_EQ(code_of(epistula(self, other, "body"), "body"), Code::ok);  // a uuid counts per caller
}

TEST_F(EpistulaTest, CountsOnceOfTwoWhoseBodiesCome) {
  start();
  const auto head = request();
  auto claim = auth->read(head.head(), route_of(head.path));
  auto copy = auth->read(head.head(), route_of(head.path));
  EXPECT_EQ(auth->look_at(*claim, head.head()), std::nullopt);
  EXPECT_EQ(auth->look_at(*copy, head.head()), std::nullopt);
  EXPECT_EQ(auth->prove_body(*claim, "body"), std::nullopt);
  EXPECT_EQ(auth->prove_body(*copy, "body")->code, Code::replayed);
}

TEST_F(EpistulaTest, CountsOnceHoweverLongABodyTakes) {
  start();
  const auto head = request();
  auto copy = auth->read(head.head(), route_of(head.path));
  EXPECT_EQ(auth->look_at(*copy, head.head()), std::nullopt);
  EXPECT_EQ(code_of(head, "body"), Code::ok);
  now = now.load() + 10min;  // what was seen is forgotten by now
  seen->tidy();
  EXPECT_EQ(auth->prove_body(*copy, "body")->code, Code::stale);
}

// ---- btauth/1; tests/conformance/btauth has the rest

class BtauthTest : public AuthenticatorTest {
 protected:
  [[nodiscard]] wire::BtauthStatement stated() const {
    // Of two requests in a test no two have the same nonce, though its clock stands still.
    return test::btauth_statement(caller, self.address(),
                                  now.load() - std::chrono::nanoseconds(++given_));
  }
  [[nodiscard]] test::SignedHead request(std::string_view body = "body") const {
    return test::btauth(caller, stated(), body);
  }
  Code at(std::chrono::nanoseconds offset) {
    const auto statement =
        test::btauth_statement(caller, self.address(), Moment(now.load()) + offset);
    return code_of(test::btauth(caller, statement, "body"), "body");
  }
  mutable std::int64_t given_ = 0;
};

TEST_F(BtauthTest, NamesItsCaller) {
  start();
  const auto who = check(request(), "body");
  ASSERT_TRUE(who) << who.error().told;
  EXPECT_EQ(who->key, caller.public_key());
  EXPECT_EQ(who->hotkey, caller.address());
  EXPECT_EQ(to_string(who->dialect), "btauth/1");
}

TEST_F(BtauthTest, SignsTheTargetAsItWasSent) {
  start();
  auto statement = stated();
  statement.target = "/Answers?a=%20b&c=%2F";
  auto head = test::btauth(caller, statement, "body");
  EXPECT_EQ(code_of(head, "body"), Code::ok);
  for (const auto* path :
       {"/Answers?a=%20b&c=/", "/Answers", "/Answers?a=+b&c=%2F", "/Answers?a=%20b&c=%2f"}) {
    head.path = path;
    EXPECT_EQ(code_of(head, "body"), Code::bad_signature) << path;
  }
  head = request();
  head.method = "HEAD";
  EXPECT_EQ(code_of(head, "body"), Code::bad_signature);
}

TEST_F(BtauthTest, MissesEachHeader) {
  start();
  for (const char* name : {"X-Bittensor-Version", "X-Bittensor-Hotkey", "X-Bittensor-Nonce",
                           "X-Bittensor-Signature"}) {
    auto head = request();
    head.fields.erase(name);
    EXPECT_EQ(code_of(head, "body"), Code::no_signature) << name;
    EXPECT_THAT(told(head, "body"), HasSubstr(name));
  }
}

TEST_F(BtauthTest, TakesNoHeaderOfItsFamilyTwice) {
  start();
  for (const char* name : {"X-Bittensor-Version", "X-Bittensor-Hotkey", "X-Bittensor-Receiver",
                           "X-Bittensor-Nonce", "X-BITTENSOR-signature", "X-Bittensor-Whatever"}) {
    auto head = request();
    const auto value = std::string(head.fields[name]);
    head.set(name, value);
    EXPECT_EQ(code_of(head, "body"), Code::ok) << name;
    head.fields.insert(name, value);
    EXPECT_EQ(code_of(head, "body"), Code::malformed) << name;
    EXPECT_THAT(told(head, "body"), HasSubstr("more than once"));
  }
}

TEST_F(BtauthTest, TakesNoTwoProofsAtOnce) {
  options.dialects = DialectSet(wire::kDialects);
  start();
  for (const auto& other : {legacy(caller), dojo1(caller, statement()),
                            epistula(caller, test::epistula_statement("", now), "body")}) {
    auto head = request();
    for (const auto& field : other.fields) head.fields.set(field.name_string(), field.value());
    EXPECT_EQ(code_of(head, "body"), Code::malformed);
    EXPECT_THAT(told(head, "body"), HasSubstr("two dialects at once"));
  }
  auto head = request();
  head.set(wire::kSessionHeader, "whatever");
  EXPECT_EQ(code_of(head, "body"), Code::malformed);
  head = request();
  head.set("x-hotkey", caller.address());  // proves nothing
  EXPECT_EQ(code_of(head, "body"), Code::ok);
}

TEST_F(BtauthTest, IsForThisHostUnlessTold) {
  start();
  const auto signed_for = [&](std::optional<std::string> to) {
    auto statement = stated();
    statement.receiver = std::move(to);
    return code_of(test::btauth(caller, statement, "body"), "body");
  };
  EXPECT_EQ(signed_for(self.address()), Code::ok);
  EXPECT_EQ(signed_for({}), Code::wrong_receiver);
  options.btauth.require_receiver = false;
  auth->apply(options);
  EXPECT_EQ(signed_for({}), Code::ok);
  EXPECT_EQ(signed_for(self.address()), Code::ok);
  for (const auto& to : {std::string(), std::string("-"), caller.address(), self.address(0)}) {
    EXPECT_EQ(signed_for(to), Code::wrong_receiver) << to;
  }
}

TEST_F(BtauthTest, HasAWindowToTheNanosecond) {
  start();
  EXPECT_EQ(at(-10s), Code::ok);
  EXPECT_EQ(at(-10s - 1ns), Code::stale);
  EXPECT_EQ(at(2s), Code::ok);
  EXPECT_EQ(at(2s + 1ns), Code::stale);
  auto statement = stated();
  for (const auto nonce : {std::uint64_t{0}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    statement.nonce = nonce;
    EXPECT_EQ(code_of(test::btauth(caller, statement, "body"), "body"), Code::stale) << nonce;
  }
}

TEST_F(BtauthTest, MayBeTakenOtherwiseOnARoute) {
  auto& route = options.routes["Answers"];
  route.btauth.max_age = 30s;
  route.btauth.skew = 0s;
  route.btauth.require_receiver = false;
  start();
  EXPECT_EQ(at(-30s), Code::ok);
  EXPECT_EQ(at(-30s - 1ns), Code::stale);
  EXPECT_EQ(at(0s), Code::ok);
  EXPECT_EQ(at(1ns), Code::stale);
  auto statement = stated();
  statement.receiver.reset();
  statement.target = "/Answers?query";
  EXPECT_EQ(code_of(test::btauth(caller, statement, "body"), "body"), Code::ok);
  statement.target = "/Other";
  EXPECT_EQ(code_of(test::btauth(caller, statement, "body"), "body"), Code::wrong_receiver);
}

TEST_F(BtauthTest, MayBePinnedToAScheme) {
  options.btauth.scheme = wire::Scheme::ed25519;
  options.routes["Any"];
  start();
  EXPECT_EQ(code_of(request(), "body"), Code::malformed);
  EXPECT_EQ(told(request(), "body"), "sr25519 is turned off here; accepted: ed25519");
  const auto other = wire::Keypair::generate(wire::Scheme::ed25519);
  auto statement = test::btauth_statement(other, self.address(), now.load());
  EXPECT_EQ(code_of(test::btauth(other, statement, "body"), "body"), Code::ok);
  statement = stated();
  statement.target = "/Any";
  EXPECT_EQ(code_of(test::btauth(caller, statement, "body"), "body"), Code::ok);
  EXPECT_EQ(code_of(legacy(caller)), Code::ok);  // which declares none
}

TEST_F(BtauthTest, IsCheckedInTheDeclaredSchemeAlone) {
  start();
  for (const auto scheme : {wire::Scheme::sr25519, wire::Scheme::ed25519}) {
    const auto key = wire::Keypair::generate(scheme);
    auto statement = test::btauth_statement(key, self.address(), now.load());
    EXPECT_EQ(code_of(test::btauth(key, statement, "body"), "body"), Code::ok);
    statement.scheme =
        scheme == wire::Scheme::sr25519 ? wire::Scheme::ed25519 : wire::Scheme::sr25519;
    ++statement.nonce;
    EXPECT_EQ(code_of(test::btauth(key, statement, "body"), "body"), Code::bad_signature);
  }
}

TEST_F(BtauthTest, CountsOnceAndOnlyWithItsSignature) {
  start();
  const auto head = request();
  auto forged = head;
  forged.set("X-Bittensor-Signature", wire::format_signature(caller.sign("x")));
  EXPECT_EQ(code_of(forged, "body"), Code::bad_signature);
  EXPECT_EQ(code_of(head, "another body"), Code::bad_signature);
  EXPECT_EQ(code_of(head, "body"), Code::ok);  // nobody has used up its nonce
  EXPECT_EQ(code_of(head, "body"), Code::replayed);
  EXPECT_EQ(code_of(forged, "body"), Code::bad_signature);  // the signature comes first
  auto zeros = head;
  zeros.set("X-Bittensor-Nonce", "0" + std::string(head.fields["X-Bittensor-Nonce"]));
  EXPECT_EQ(code_of(zeros, "body"), Code::replayed);
}

TEST_F(BtauthTest, IsKeptForTwiceTheWidestWindow) {
  options.routes["Answers"].btauth.max_age = 600s;
  start();
  const auto head = request();
  EXPECT_EQ(code_of(head, "body"), Code::ok);
  for (int minute = 0; minute < 20; ++minute) {
    now = now.load() + 1min;
    seen->tidy();
    EXPECT_EQ(seen->sizes(policy::ReplayMemory::Kind::nonce).entries, 1U) << minute;
  }
  now = now.load() - 15min;  // the clock is set back, by less than is remembered
  EXPECT_EQ(code_of(head, "body"), Code::replayed);
}

TEST_F(BtauthTest, IsNobodysFaultWhereTheClockWasSetBack) {
  start();
  const auto head = request();
  EXPECT_EQ(code_of(head, "body"), Code::ok);
  now = now.load() + 5min;
  seen->tidy();  // the request is stale, and forgotten
  now = now.load() - 5min;
  const auto again = check(head, "body");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::stale);
  EXPECT_EQ(again.error().status, 503);
  EXPECT_EQ(again.error().retry_after, 1s);
  EXPECT_EQ(at(2s), Code::ok);  // later than any that was forgotten
}

TEST_F(BtauthTest, IsToTryAgainWhereItHadToGiveUpWhatItSigned) {
  replay.nonces = 0;
  start();
  const auto head = request();
  EXPECT_EQ(code_of(head, "body"), Code::ok);
  now = now.load() + 5s;
  for (int i = 0; i < 1'000; ++i) code_of(request(), "body");
  const auto again = check(head, "body");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::stale);
  EXPECT_EQ(again.error().status, 503);
  EXPECT_EQ(again.error().retry_after, 1s);
}

TEST_F(BtauthTest, CountsOnceHoweverLongABodyTakes) {
  start();
  const auto head = request();
  auto copy = auth->read(head.head(), route_of(head.path));
  EXPECT_EQ(auth->look_at(*copy, head.head()), std::nullopt);
  EXPECT_EQ(code_of(head, "body"), Code::ok);
  now = now.load() + 10min;  // what was seen is forgotten by now
  seen->tidy();
  const auto late = auth->prove_body(*copy, "body");
  ASSERT_TRUE(late);
  EXPECT_EQ(late->code, Code::stale);
  EXPECT_EQ(late->status, 503);
}

}  // namespace
}  // namespace dojo::request
