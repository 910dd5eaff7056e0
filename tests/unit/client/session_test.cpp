// Sessions: asked for once, used by all, and never a reason for a request to fail.
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <dojo/wire/session.hpp>

#include "models.hpp"

namespace dojo::testing {
namespace {

Reply refusal(int status, std::string_view code) {
  return {.status = status,
          .headers = {{"x-dojo-code", std::string(code)}},
          .body = R"({"body":{},"error":"no","metadata":{}})"};
}

/// A host that gives sessions, as docs/wire.md has it, and judges all that comes.
class Miner {
 public:
  Miner() : peer_([this](const Seen& seen) { return answer(seen); }) {}

  [[nodiscard]] ScriptedPeer& peer() { return peer_; }
  [[nodiscard]] const wire::Keypair& hotkey() const { return hotkey_; }
  [[nodiscard]] SendOptions options() const {
    auto options = quick();
    options.to = hotkey_.public_key();
    options.max_retries = 1;  // what fails, fails
    return options;
  }

  /// What signs for the host; another's key: it is somebody in the middle.
  void sign_as(const wire::Keypair& key) {
    const std::lock_guard lock(mutex_);
    signer_ = key;
  }
  void live_for(std::chrono::milliseconds lifetime) {
    const std::lock_guard lock(mutex_);
    lifetime_ = lifetime;
  }
  /// As a restart does.
  void forget() {
    const std::lock_guard lock(mutex_);
    sessions_.clear();
  }
  /// Becomes one that knows no sessions. @param reply to whoever asks for one
  void know_none(Reply reply) {
    const std::lock_guard lock(mutex_);
    sessions_.clear();
    no_sessions_ = std::move(reply);
  }
  void hold_openings() { openings_held_ = true; }
  /// Requests that name no receiver.
  void hold_unnamed() { unnamed_held_ = true; }

  [[nodiscard]] int opened() const { return opened_; }
  [[nodiscard]] int asked() const { return asked_; }
  [[nodiscard]] int tagged() const { return tagged_; }        // and right
  [[nodiscard]] int signed_() const { return signed_well_; }  // and right
  [[nodiscard]] int wrong() const { return wrong_; }

 private:
  struct Open {
    wire::SessionKey key;
    std::set<std::uint64_t> counts;
  };

  Reply answer(const Seen& seen) {
    if (seen.path == wire::kSessionPath) return open(seen);
    if (seen.has(wire::kSessionHeader)) return judge(seen);
    const auto statement = seen.statement();
    if (unnamed_held_ && statement && !statement->to) peer_.wait_until_released();
    ++(seen.signed_well() && statement && statement->to == hotkey_.public_key() ? signed_well_
                                                                                : wrong_);
    return {};
  }

  Reply open(const Seen& seen) {
    ++asked_;
    if (openings_held_) peer_.wait_until_released();
    const std::lock_guard lock(mutex_);
    if (no_sessions_) return *no_sessions_;
    const auto hello = from_json<wire::OpenSession>(seen.json());
    const auto statement = seen.statement();
    if (!hello || !seen.signed_well() || !statement || statement->to != hotkey_.public_key()) {
      ++wrong_;
      return refusal(403, "bad-signature");
    }
    const wire::ExchangeSecret secret;
    wire::SessionTerms terms{
        .host = hotkey_.public_key(),
        .client = wire::decode_ss58(seen.header(wire::kHotkeyHeader))->key,
        .host_key = secret.public_key(),
        .client_key = wire::parse_exchange_key(hello->key).value(),
        .id = wire::make_session_id(),
        .expires = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) +
                   lifetime_};
    sessions_.emplace(terms.id,
                      Open{wire::SessionKey::derive(secret, terms.client_key, terms).value(), {}});
    ++opened_;
    const wire::OpenedSession opened{
        wire::format_exchange_key(terms.host_key), wire::format_session_id(terms.id),
        terms.expires.time_since_epoch().count(),
        wire::format_signature(signer_.sign(wire::format_session(terms)))};
    return {.body = fmt::format(R"({{"body":{},"error":null,"metadata":{{}}}})",
                                to_json(opened).value())};
  }

  Reply judge(const Seen& seen) {
    const std::lock_guard lock(mutex_);
    const auto value = seen.header(wire::kSessionHeader);
    const auto claim = wire::parse_session_header(value);
    if (!claim || seen.has(wire::kHotkeyHeader) || seen.has(wire::kSignatureHeader)) {
      ++wrong_;
      return refusal(400, "malformed");
    }
    // Of what knows no sessions, or is no dojo host at all.
    if (no_sessions_) return no_sessions_->status == 404 ? refusal(400, "unsigned") : *no_sessions_;
    const auto found = sessions_.find(claim->statement.id);
    if (found == sessions_.end()) return refusal(403, "no-session");
    auto& [key, counts] = found->second;
    const auto tag = key.tag(seen.method, seen.path, hotkey_.address(),
                             std::string_view(value).substr(0, claim->stated));
    const bool right = wire::same_tag(tag, claim->tag) &&
                       claim->statement.body == wire::hash_body(seen.body) &&
                       counts.insert(claim->statement.count).second;
    ++(right ? tagged_ : wrong_);
    return right ? Reply{} : refusal(403, "bad-signature");
  }

  const wire::Keypair hotkey_ = wire::Keypair::generate();
  std::mutex mutex_;
  wire::Keypair signer_ = hotkey_;                 // mutex_
  std::chrono::milliseconds lifetime_{3'600'000};  // mutex_
  std::optional<Reply> no_sessions_;               // mutex_
  std::map<wire::SessionId, Open> sessions_;       // mutex_
  std::atomic<bool> openings_held_{false};
  std::atomic<bool> unnamed_held_{false};
  std::atomic<int> opened_{0};
  std::atomic<int> asked_{0};
  std::atomic<int> tagged_{0};
  std::atomic<int> signed_well_{0};
  std::atomic<int> wrong_{0};
  ScriptedPeer peer_;  // last: its threads end first
};

ClientOptions with_sessions() {
  ClientOptions options;
  options.sessions = true;
  return options;
}

/// Sends until a request goes on a session. @return whether none failed on the way
bool come_to_a_session(Client& client, Miner& miner) {
  for (int tries = 0; tries < 100'000; ++tries) {
    const auto answer = client.send(miner.peer().url(), Echo{"hi"}, miner.options());
    if (!answer.ok()) return false;
    if (answer.client_response.on_session) return true;
  }
  return false;
}

bool send_so_often(Client& client, Miner& miner, int times) {
  for (int i = 0; i < times; ++i) {
    if (!client.send(miner.peer().url(), Echo{"hi"}, miner.options()).ok()) return false;
  }
  return true;
}

TEST(Session, IsNotAskedForUnlessWanted) {
  Miner miner;
  Client client(key());
  EXPECT_TRUE(send_so_often(client, miner, 10));
  EXPECT_EQ(miner.asked(), 0);
  EXPECT_EQ(miner.signed_(), 10);
}

TEST(Session, TakesThePlaceOfSignatures) {
  Miner miner;
  Client client(key(), with_sessions());
  ASSERT_TRUE(come_to_a_session(client, miner));
  const int signatures = miner.signed_();
  EXPECT_TRUE(send_so_often(client, miner, 20));
  EXPECT_EQ(miner.opened(), 1);
  EXPECT_EQ(miner.tagged(), 21);
  EXPECT_EQ(miner.signed_(), signatures);
  EXPECT_EQ(miner.wrong(), 0);
}

TEST(Session, CountsThePreflightApart) {
  Miner miner;
  Client client(key(), with_sessions());
  ASSERT_TRUE(come_to_a_session(client, miner));
  auto options = miner.options();
  options.preflight = Preflight::always;
  EXPECT_TRUE(client.send(miner.peer().url(), Echo{}, options).ok());
  EXPECT_EQ(miner.tagged(), 3);
  EXPECT_EQ(miner.wrong(), 0);
}

TEST(Session, IsSharedByRequestsSideBySide) {
  Miner miner;
  Client client(key(), with_sessions());
  ASSERT_TRUE(come_to_a_session(client, miner));
  BatchOptions<Echo> batch;
  batch.send = miner.options();
  const std::vector<std::string> urls(200, miner.peer().url());
  for (const auto& answer : client.batch_send(urls, Echo{"hi"}, batch)) {
    EXPECT_TRUE(answer.ok() && answer.client_response.on_session) << answer.reason();
  }
  EXPECT_EQ(miner.opened(), 1);
  EXPECT_EQ(miner.wrong(), 0);
}

TEST(Session, IsAskedForOnceWhileManySign) {
  Miner miner;
  miner.hold_openings();
  Client client(key(), with_sessions());
  BatchOptions<Echo> batch;
  batch.send = miner.options();
  const std::vector<std::string> urls(50, miner.peer().url());
  for (const auto& answer : client.batch_send(urls, Echo{"hi"}, batch)) {
    EXPECT_TRUE(answer.ok()) << answer.reason();
  }
  EXPECT_EQ(miner.signed_(), 50);
  EXPECT_EQ(miner.asked(), 1);
  miner.peer().release();
  EXPECT_TRUE(come_to_a_session(client, miner));
  EXPECT_EQ(miner.asked(), 1);
}

TEST(Session, GoesBeforeWhatWaitsForTheSameHost) {
  Miner miner;
  miner.hold_unnamed();
  auto one_by_one = with_sessions();
  one_by_one.max_connections_per_host = 1;
  Client client(key(), one_by_one);
  auto unnamed = miner.options();
  unnamed.to.reset();
  auto held = client.send_async(miner.peer().url(), Echo{}, unnamed);
  ASSERT_TRUE(miner.peer().wait_for(1));
  BatchOptions<Echo> batch;
  batch.send = miner.options();
  auto waiting =
      client.batch_send_async(std::vector<std::string>(100, miner.peer().url()), Echo{"hi"}, batch);
  miner.peer().release();
  for (const auto& answer : waiting.get()) EXPECT_TRUE(answer.ok()) << answer.reason();
  EXPECT_TRUE(held.valid());
  EXPECT_EQ(miner.peer().seen()[2].path, wire::kSessionPath);
}

TEST(Session, NeedsAReceiverAndDojo1) {
  Miner miner;
  Client client(key(), with_sessions());
  auto unnamed = miner.options();
  unnamed.to.reset();
  EXPECT_TRUE(client.send(miner.peer().url(), Echo{}, unnamed).ok());
  auto legacy = miner.options();
  legacy.dialect = wire::Dialect::legacy;
  EXPECT_TRUE(client.send(miner.peer().url(), Echo{}, legacy).ok());
  EXPECT_TRUE(client.send(miner.peer().url(), Echo{}, unnamed).ok());
  EXPECT_EQ(miner.asked(), 0);
}

class Unknown : public ::testing::TestWithParam<int> {};

TEST_P(Unknown, IsAskedForOnceAndThenSigned) {
  Miner miner;
  miner.know_none(GetParam() == 0 ? Reply{.cut_after = 0} : refusal(GetParam(), "not-found"));
  Client client(key(), with_sessions());
  EXPECT_TRUE(send_so_often(client, miner, 30));
  EXPECT_EQ(miner.signed_(), 30);
  EXPECT_LE(miner.asked(), 1);  // it may still be on its way
  EXPECT_EQ(miner.wrong(), 0);
}

INSTANTIATE_TEST_SUITE_P(Status, Unknown,
                         ::testing::Values(0, 200, 400, 403, 404, 405, 429, 500, 503));

TEST(Session, IsNotTakenFromAnotherThanTheReceiver) {
  Miner miner;
  miner.sign_as(wire::Keypair::generate());
  Client client(key(), with_sessions());
  EXPECT_TRUE(send_so_often(client, miner, 30));
  ASSERT_TRUE(miner.peer().wait_for(31));
  EXPECT_TRUE(send_so_often(client, miner, 30));
  EXPECT_EQ(miner.asked(), 1);
  EXPECT_EQ(miner.tagged(), 0);
  EXPECT_EQ(miner.signed_(), 60);
}

TEST(Session, IsOpenedAnewWhereTheHostHasForgottenIt) {
  Miner miner;
  Client client(key(), with_sessions());
  for (int restarts = 0; restarts < 3; ++restarts) {
    ASSERT_TRUE(come_to_a_session(client, miner));
    ASSERT_TRUE(send_so_often(client, miner, 10));
    miner.forget();
    const auto answer = client.send(miner.peer().url(), Echo{"hi"}, miner.options());
    EXPECT_TRUE(answer.ok()) << answer.reason();
    EXPECT_EQ(answer.client_response.attempts, 1);
    EXPECT_FALSE(answer.client_response.on_session);
  }
  ASSERT_TRUE(come_to_a_session(client, miner));
  EXPECT_EQ(miner.opened(), 4);
  EXPECT_EQ(miner.wrong(), 0);
}

TEST(Session, FailsNoneOfManyWhereTheHostHasForgottenIt) {
  Miner miner;
  Client client(key(), with_sessions());
  ASSERT_TRUE(come_to_a_session(client, miner));
  ASSERT_TRUE(send_so_often(client, miner, 10));
  BatchOptions<Echo> batch;
  batch.send = miner.options();
  batch.send.preflight = Preflight::always;
  batch.on_result = [&](std::size_t i, const auto&) {
    if (i % 50 == 0) miner.forget();
  };
  const std::vector<std::string> urls(300, miner.peer().url());
  for (const auto& answer : client.batch_send(urls, Echo{"hi"}, batch)) {
    EXPECT_TRUE(answer.ok()) << answer.reason();
    EXPECT_EQ(answer.client_response.attempts, 1);
  }
  EXPECT_EQ(miner.wrong(), 0);
}

TEST(Session, IsNotAskedForAgainWhereItSavesNothing) {
  Miner miner;
  Client client(key(), with_sessions());
  ASSERT_TRUE(come_to_a_session(client, miner));
  miner.forget();  // as where another host behind the address answers
  EXPECT_TRUE(send_so_often(client, miner, 50));
  EXPECT_EQ(miner.opened(), 1);
}

class Without : public ::testing::TestWithParam<bool> {};

TEST_P(Without, SessionsItIsSignedAgain) {
  Miner miner;
  Client client(key(), with_sessions());
  ASSERT_TRUE(come_to_a_session(client, miner));
  ASSERT_TRUE(send_so_often(client, miner, 10));
  // An older dojo-host, and a Python miner, which has no codes.
  miner.know_none(GetParam() ? refusal(404, "not-found")
                             : Reply{.status = 400, .body = R"({"error":"missing headers"})"});
  const int signatures = miner.signed_();
  EXPECT_TRUE(send_so_often(client, miner, 10));
  EXPECT_EQ(miner.signed_(), signatures + 10);
}

INSTANTIATE_TEST_SUITE_P(AHostThatKnows, Without, ::testing::Bool());

TEST(Session, IsNotUsedAfterItsEnd) {
  Miner miner;
  miner.live_for(0ms);
  Client client(key(), with_sessions());
  EXPECT_TRUE(send_so_often(client, miner, 20));
  ASSERT_TRUE(miner.peer().wait_for(21));
  EXPECT_TRUE(send_so_often(client, miner, 20));
  EXPECT_EQ(miner.asked(), 1);
  EXPECT_EQ(miner.tagged(), 0);
  EXPECT_EQ(miner.signed_(), 40);
}

TEST(Session, IsOneForEachReceiver) {
  Miner one;
  Miner other;
  Client client(key(), with_sessions());
  ASSERT_TRUE(come_to_a_session(client, one));
  ASSERT_TRUE(come_to_a_session(client, other));
  EXPECT_TRUE(send_so_often(client, one, 5) && send_so_often(client, other, 5));
  // At the first one's address, but for the other.
  EXPECT_TRUE(client.send(one.peer().url(), Echo{}, other.options()).ok());
  EXPECT_EQ(one.tagged(), 6);
  EXPECT_EQ(other.tagged(), 6);
}

TEST(Session, StandsBehindThePathOfTheUrl) {
  Miner miner;
  Client client(key(), with_sessions());
  EXPECT_TRUE(client.send(miner.peer().url() + "/a/b", Echo{}, miner.options()).ok());
  ASSERT_TRUE(miner.peer().wait_for(2));
  std::set<std::string> paths;
  for (const auto& seen : miner.peer().seen()) paths.insert(seen.path);
  EXPECT_EQ(paths, (std::set<std::string>{"/a/b/Echo", "/a/b/dojo/session"}));
}

TEST(Session, GoesWithTheClientWhileItIsAskedFor) {
  Miner miner;
  miner.hold_openings();
  {
    Client client(key(), with_sessions());
    EXPECT_TRUE(client.send(miner.peer().url(), Echo{}, miner.options()).ok());
  }
  miner.peer().release();
}

}  // namespace
}  // namespace dojo::testing
