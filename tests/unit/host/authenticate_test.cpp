#include "pipeline/authenticate.hpp"

#include <atomic>
#include <barrier>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/signed_head.hpp"

namespace dojo::pipeline {
namespace {

using namespace std::chrono_literals;
using test::dojo1;
using test::legacy;
using testing::HasSubstr;
using testing::Not;

const WallTime kStart{1'800'000'000'000ms};

class AuthenticatorTest : public testing::Test {
 protected:
  /// The host starts at kStart; its clock goes on to an hour later.
  Authenticator& start() {
    now = kStart;
    auth =
        std::make_unique<Authenticator>(options, self.public_key(), [this] { return now.load(); });
    now = kStart + 1h;
    return *auth;
  }
  [[nodiscard]] wire::DojoMessage statement() const {
    return test::statement(self, "/Answers", "body", now);
  }
  Code code_of(const test::SignedHead& head) {
    const auto who = auth->check(head.head());
    if (who) return Code::ok;
    EXPECT_FALSE(who.error().told.empty());
    return who.error().code;
  }
  Code code_of(const wire::DojoMessage& message) { return code_of(dojo1(caller, message)); }
  std::string told(const test::SignedHead& head) {
    const auto who = auth->check(head.head());
    return who ? "" : who.error().told;
  }

  const wire::Keypair self = wire::Keypair::generate();
  const wire::Keypair caller = wire::Keypair::generate();
  AuthOptions options;
  std::atomic<WallTime> now{kStart};
  std::unique_ptr<Authenticator> auth;
};

TEST_F(AuthenticatorTest, KnowsWhoSignedDojo1) {
  start();
  const auto who = auth->check(dojo1(caller, statement()).head());
  ASSERT_TRUE(who);
  EXPECT_EQ(who->key, caller.public_key());
  EXPECT_EQ(who->hotkey, caller.address());
  EXPECT_EQ(who->dialect, wire::Dialect::dojo1);
  EXPECT_EQ(Authenticator::check_body(*who, "body"), std::nullopt);
}

TEST_F(AuthenticatorTest, KnowsWhoSignedLegacy) {
  start();
  const auto who = auth->check(legacy(caller).head());
  ASSERT_TRUE(who);
  EXPECT_EQ(who->dialect, wire::Dialect::legacy);
  EXPECT_EQ(Authenticator::check_body(*who, "whatever"), std::nullopt);
}

TEST_F(AuthenticatorTest, NamesTheCallerByOnePrefixAlone) {
  start();
  auto head = legacy(caller);
  head.set("x-hotkey", caller.address(0));
  const auto who = auth->check(head.head());
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

TEST_F(AuthenticatorTest, TakesOnlyTheDialectsItIsTold) {
  options.accept_legacy = false;
  start();
  EXPECT_EQ(code_of(legacy(caller)), Code::malformed);
  EXPECT_EQ(code_of(statement()), Code::ok);
  options.accept_legacy = true;
  options.accept_dojo1 = false;
  start();
  EXPECT_EQ(code_of(legacy(caller)), Code::ok);
  EXPECT_EQ(code_of(statement()), Code::malformed);
}

// ---- the deny list

TEST_F(AuthenticatorTest, RefusesAHotkeyThatIsDenied) {
  options.deny.insert(caller.public_key());
  start();
  EXPECT_EQ(code_of(legacy(caller)), Code::blacklisted);
  EXPECT_EQ(code_of(statement()), Code::blacklisted);
  EXPECT_EQ(told(legacy(caller)), "Blacklisted: hotkey is on the deny list");
  auto head = legacy(caller);
  head.set("x-hotkey", caller.address(7));  // the same key in another coat
  EXPECT_EQ(code_of(head), Code::blacklisted);
  EXPECT_EQ(code_of(legacy(self)), Code::ok);
}

TEST_F(AuthenticatorTest, LooksAtTheDenyListBeforeAnythingDear) {
  options.deny.insert(caller.public_key());
  start();
  // Wrong receiver, stale, badly signed: the deny list speaks first.
  auto message = statement();
  message.to = caller.public_key();
  message.time = kStart - 1h;
  auto head = dojo1(caller, message);
  head.set("x-signature", wire::format_signature(self.sign("x")));
  EXPECT_EQ(code_of(head), Code::blacklisted);
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
}

TEST_F(AuthenticatorTest, RefusesWhatWasSignedBeforeItStarted) {
  start();
  now = kStart + 5s;
  auto message = statement();
  message.time = kStart - 1ms;
  EXPECT_EQ(code_of(message), Code::stale);
  EXPECT_THAT(told(dojo1(caller, message)), HasSubstr("before this host started"));
  message.time = kStart;
  EXPECT_EQ(code_of(message), Code::ok);
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
        admitted += auth->check(head.head()) ? 1 : 0;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(admitted, 1);
  }
}

// ---- body

TEST_F(AuthenticatorTest, BindsTheBody) {
  start();
  const auto who = auth->check(dojo1(caller, statement()).head());
  ASSERT_TRUE(who);
  for (const char* body : {"bodY", "", "body "}) {
    const auto refusal = Authenticator::check_body(*who, body);
    ASSERT_TRUE(refusal) << body;
    EXPECT_EQ(refusal->code, Code::bad_signature);
  }
}

}  // namespace
}  // namespace dojo::pipeline
