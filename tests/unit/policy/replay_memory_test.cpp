#include "policy/replay/replay_memory.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/scratch_folder.hpp"

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = ReplayMemory::Kind;

const WallTime kStart{1'800'000'000'000ms};

class ReplayMemoryTest : public testing::Test {
 protected:
  ReplayMemoryTest() {
    options.nonces = options.legacy = std::size_t{1} << 20;
    wall = kStart;
  }
  [[nodiscard]] ReplayClocks clocks() {
    return {[this] { return wall.load(); }, [this] { return steady.load(); }};
  }
  void pass(std::chrono::milliseconds time) {
    wall = wall.load() + time;
    steady = steady.load() + time;
  }
  Result<std::unique_ptr<ReplayMemory>> open() {
    warnings.clear();
    auto memory =
        ReplayMemory::open(options, folder.path() / "state", clocks(),
                           [this](std::string_view what, std::string_view why) {
                             warnings.push_back(std::string(what) + ": " + std::string(why));
                           });
    if (memory) {
      (*memory)->keep(Kind::nonce, 61s);
      (*memory)->keep(Kind::legacy, 24h);
    }
    return memory;
  }
  std::unique_ptr<ReplayMemory> start() {
    auto memory = open();
    EXPECT_TRUE(memory) << memory.error().message;
    return memory ? std::move(*memory) : nullptr;
  }
  static Seen insert_of(ReplayMemory& memory, Kind kind, const std::string& signer,
                        const std::string& what, WallTime time, Enrolment enrolment = {}) {
    return memory.insert(kind, memory.name(kind, signer, what), time, {signer, enrolment});
  }
  static bool insert(ReplayMemory& memory, Kind kind, const std::string& what, WallTime time = {}) {
    return insert_of(memory, kind, "signer", what, time) == Seen::fresh;
  }
  static bool knows(const ReplayMemory& memory, Kind kind, const std::string& what,
                    const std::string& signer = "signer") {
    return memory.look(kind, memory.name(kind, signer, what)) == Seen::known;
  }
  /// What a process leaves behind that is killed after `act`.
  template <class Act>
  void be_killed_after(const Act& act) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      {
        auto memory =
            ReplayMemory::open(options, folder.path() / "state", clocks(), [](auto, auto) {});
        if (!memory) _exit(1);
        act(**memory);
        raise(SIGKILL);
      }
      _exit(1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }
  [[nodiscard]] std::filesystem::path file(const std::string& name) const {
    return folder.path() / "state/access/replay" / name;
  }

  test::ScratchFolder folder;
  ReplayOptions options;
  std::atomic<WallTime> wall{kStart};
  std::atomic<std::chrono::milliseconds> steady{5'000ms};
  std::vector<std::string> warnings;
};

TEST_F(ReplayMemoryTest, KnowsWhatItHasSeen) {
  const auto memory = start();
  for (const auto kind : {Kind::nonce, Kind::legacy}) {
    EXPECT_FALSE(knows(*memory, kind, "a"));
    EXPECT_TRUE(insert(*memory, kind, "a", kStart));
    EXPECT_FALSE(insert(*memory, kind, "a", kStart));
    EXPECT_TRUE(knows(*memory, kind, "a"));
    EXPECT_FALSE(knows(*memory, kind, "b"));
    EXPECT_EQ(memory->sizes(kind).entries, 1u);
    EXPECT_EQ(memory->sizes(kind).journal, 1u);
  }
}

TEST_F(ReplayMemoryTest, NamesWhatWasUsedByASecretOfItsOwn) {
  const ReplayMemory one(options, clocks());
  const ReplayMemory two(options, clocks());
  const auto [key, holder] = one.name(Kind::nonce, "signer", "a");
  EXPECT_EQ(one.name(Kind::nonce, "signer", "a").key, key);
  EXPECT_NE(two.name(Kind::nonce, "signer", "a").key, key);
  EXPECT_NE(one.name(Kind::legacy, "signer", "a").key, key);
  EXPECT_NE(one.name(Kind::nonce, "another", "a").key, key);
  EXPECT_NE(one.name(Kind::nonce, "signer", "b").key, key);
  EXPECT_EQ(one.name(Kind::nonce, "signer", "b").holder, holder);
  EXPECT_NE(one.name(Kind::nonce, "another", "a").holder, holder);
  EXPECT_NE(two.name(Kind::nonce, "signer", "a").holder, holder);
}

TEST_F(ReplayMemoryTest, MakesANewSecretWhereItsJournalBeginsAnew) {
  const auto [key, holder] = start()->name(Kind::nonce, "signer", "a");
  EXPECT_EQ(start()->name(Kind::nonce, "signer", "a").key, key);
  EXPECT_EQ(start()->name(Kind::nonce, "signer", "a").holder, holder);
  std::filesystem::remove(file("secret"));
  EXPECT_NE(start()->name(Kind::nonce, "signer", "a").key, key);
}

TEST_F(ReplayMemoryTest, KnowsItAfterARestart) {
  {
    const auto memory = start();
    insert(*memory, Kind::nonce, "a", kStart);
    insert(*memory, Kind::legacy, "b");
  }
  const auto memory = start();
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_TRUE(knows(*memory, Kind::nonce, "a"));
  EXPECT_TRUE(knows(*memory, Kind::legacy, "b"));
  EXPECT_FALSE(insert(*memory, Kind::nonce, "a", kStart));
  EXPECT_EQ(memory->sizes(Kind::nonce).journal, 1u);
}

TEST_F(ReplayMemoryTest, KnowsItAfterBeingKilled) {
  be_killed_after([](ReplayMemory& memory) {
    for (int i = 0; i < 1'000; ++i) {
      insert(memory, Kind::nonce, std::to_string(i), kStart);
      insert(memory, Kind::legacy, std::to_string(i));
    }
  });
  const auto memory = start();
  EXPECT_THAT(warnings, IsEmpty());
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(knows(*memory, Kind::nonce, std::to_string(i))) << i;
    EXPECT_TRUE(knows(*memory, Kind::legacy, std::to_string(i))) << i;
  }
}

TEST_F(ReplayMemoryTest, DropsWhatHasExpiredMeanwhile) {
  {
    const auto memory = start();
    insert(*memory, Kind::nonce, "old", kStart);
    insert(*memory, Kind::legacy, "old");
    pass(100s);
    insert(*memory, Kind::nonce, "young", wall);
  }
  const auto memory = start();
  memory->tidy();
  EXPECT_FALSE(knows(*memory, Kind::nonce, "old"));
  EXPECT_TRUE(knows(*memory, Kind::nonce, "young"));
  EXPECT_TRUE(knows(*memory, Kind::legacy, "old"));
}

TEST_F(ReplayMemoryTest, KeepsItsJournalAsSmallAsItsMemory) {
  const auto memory = start();
  for (int i = 0; i < 10'000; ++i) insert(*memory, Kind::nonce, std::to_string(i), wall);
  pass(62s);
  insert(*memory, Kind::nonce, "last", wall);
  memory->tidy();
  EXPECT_EQ(memory->sizes(Kind::nonce).entries, 1u);
  EXPECT_LE(memory->sizes(Kind::nonce).journal, 1'100u);
  EXPECT_EQ(memory->sizes(Kind::nonce).evicted, 0u);
}

TEST_F(ReplayMemoryTest, TidiesByItself) {
  const auto memory = start();
  insert(*memory, Kind::nonce, "a", wall);
  pass(70s);
  for (int i = 0; i < 1'000 && memory->sizes(Kind::nonce).entries > 0; ++i) usleep(10'000);
  EXPECT_EQ(memory->sizes(Kind::nonce).entries, 0u);
}

TEST_F(ReplayMemoryTest, StaysFlatWhenThereIsTooMuch) {
  options.nonces = 100'000;
  const auto memory = start();
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_TRUE(insert(*memory, Kind::nonce, std::to_string(i), kStart + i * 10ms));
  }
  const auto sizes = memory->sizes(Kind::nonce);
  EXPECT_LE(sizes.bytes, 100'000u);
  EXPECT_EQ(sizes.evicted, 50'000 - sizes.entries);
  EXPECT_TRUE(knows(*memory, Kind::nonce, "49999"));
  EXPECT_EQ(sizes.crowded_out, 0u);
}

// ---- who signs more than can be remembered

TEST_F(ReplayMemoryTest, NamesWhoSignsTooMuchOnceInAWhile) {
  options.legacy = 100'000;
  const auto memory = start();
  for (int i = 0; i < 10'000; ++i) insert(*memory, Kind::legacy, std::to_string(i));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("signer signs too much for auth.legacy_mb")));
  pass(11min);
  insert(*memory, Kind::legacy, "one more");
  insert(*memory, Kind::legacy, "and one");
  EXPECT_EQ(warnings.size(), 2u);
}

TEST_F(ReplayMemoryTest, SaysThatTooManySign) {
  options.nonces = 100'000;
  const auto memory = start();
  for (int i = 0; i < 2'000; ++i) {
    insert_of(*memory, Kind::nonce, std::to_string(i), "a", wall, {false, 1});
  }
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("auth.replay_mb is too small for so many")));
  EXPECT_GT(memory->sizes(Kind::nonce).crowded_out, 0u);
}

TEST_F(ReplayMemoryTest, KnowsEverybodyElsesAfterAFloodAndBeingKilled) {
  options.nonces = options.legacy = std::size_t{1} << 20;
  constexpr int kOthers = 3'000;
  be_killed_after([this](ReplayMemory& memory) {
    memory.keep(Kind::nonce, 61s);
    for (int i = 0; i < kOthers; ++i) {
      for (const auto kind : {Kind::nonce, Kind::legacy}) {
        insert_of(memory, kind, "honest" + std::to_string(i % 20), std::to_string(i), kStart);
      }
    }
    for (int i = 0; i < 100'000; ++i) {
      insert(memory, Kind::nonce, std::to_string(i), kStart + i * 100us / 1ms * 1ms);
      insert(memory, Kind::legacy, std::to_string(i));
      if (i % 5'000 == 0) memory.tidy();
    }
  });
  const auto memory = start();
  EXPECT_THAT(warnings, IsEmpty());
  for (int i = 0; i < kOthers; ++i) {
    for (const auto kind : {Kind::nonce, Kind::legacy}) {
      ASSERT_TRUE(knows(*memory, kind, std::to_string(i), "honest" + std::to_string(i % 20))) << i;
    }
  }
}

TEST_F(ReplayMemoryTest, TakesNothingTwiceThatWasGivenUpBeforeItWasKilled) {
  constexpr int kFlood = 100'000;
  const auto time = [](int i) { return kStart + std::chrono::milliseconds(i / 4); };
  be_killed_after([&](ReplayMemory& memory) {
    memory.keep(Kind::nonce, 61s);
    for (int i = 0; i < kFlood; ++i) insert(memory, Kind::nonce, std::to_string(i), time(i));
    memory.tidy();
  });
  // And once more, by the next process.
  be_killed_after([&](ReplayMemory& memory) {
    for (int i = 0; i < kFlood / 4; ++i) {
      if (insert(memory, Kind::nonce, std::to_string(i), time(i))) _exit(1);
    }
  });
  options.nonces = std::size_t{8} << 20;  // more than is left: taking it up gives up nothing
  const auto memory = start();
  EXPECT_EQ(memory->sizes(Kind::nonce).evicted, 0u);
  EXPECT_LT(memory->sizes(Kind::nonce).entries, kFlood / 2u);
  std::size_t given_up = 0;
  for (int i = 0; i < kFlood; ++i) {
    const auto name = memory->name(Kind::nonce, "signer", std::to_string(i));
    const auto seen = memory->look(Kind::nonce, name, time(i));
    ASSERT_NE(seen, Seen::fresh) << i;
    ASSERT_EQ(memory->insert(Kind::nonce, name, time(i), {}), seen) << i;
    if (seen == Seen::given_up) ++given_up;
  }
  EXPECT_GT(given_up, 0u);
  EXPECT_EQ(insert_of(*memory, Kind::nonce, "another", "0", time(0)), Seen::fresh);
  EXPECT_TRUE(insert(*memory, Kind::nonce, "new", time(kFlood) + 1s));
}

TEST_F(ReplayMemoryTest, TakesNothingTwiceOfWhoWasNotRegisteredWhenItWasGivenUp) {
  options.persist = false;
  options.nonces = 100'000;
  const auto memory = start();
  insert_of(*memory, Kind::nonce, "late", "a", kStart, {false, 1});
  for (int i = 0; i < 5'000; ++i) {
    insert_of(*memory, Kind::nonce, std::to_string(i), "a", kStart, {false, 1});
  }
  ASSERT_FALSE(knows(*memory, Kind::nonce, "a", "late"));
  EXPECT_EQ(insert_of(*memory, Kind::nonce, "late", "a", kStart, {true, 2}), Seen::given_up);
  EXPECT_EQ(insert_of(*memory, Kind::nonce, "late", "b", kStart + 1s, {true, 2}), Seen::fresh);
}

TEST_F(ReplayMemoryTest, TakesASmallerBudgetAtTheNextStart) {
  {
    const auto memory = start();
    for (int i = 0; i < 20'000; ++i) {
      insert(*memory, Kind::nonce, std::to_string(i), kStart + i * 10ms);
    }
  }
  options.nonces = 100'000;
  const auto memory = start();
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_LE(memory->sizes(Kind::nonce).bytes, 100'000u);
  EXPECT_TRUE(knows(*memory, Kind::nonce, "19999"));
  EXPECT_TRUE(insert(*memory, Kind::nonce, "new", kStart + 201s));
}

// ---- what is not known

TEST_F(ReplayMemoryTest, IsBlindForWhatCameBeforeTheVeryFirstStart) {
  const auto memory = start();
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(memory->blind_until(30s), kStart - 1ms);
  EXPECT_TRUE(std::filesystem::exists(file("nonces.mdb")));
}

TEST_F(ReplayMemoryTest, IsNotBlindBeforeTheVeryFirstStartOfAHotkeyOfItsOwn) {
  options.fresh_identity = true;
  EXPECT_LT(start()->blind_until(30s), kStart - 1h);
  ASSERT_TRUE(std::filesystem::remove(file("nonces.mdb")));
  EXPECT_EQ(start()->blind_until(30s), wall.load() + 30s);
}

TEST_F(ReplayMemoryTest, IsNotBlindWithItsJournal) {
  start();
  pass(1s);
  {
    const auto memory = start();
    EXPECT_LE(memory->blind_until(30s), wall.load() - 61s);
  }
  be_killed_after([](ReplayMemory&) {});
  EXPECT_LE(start()->blind_until(30s), wall.load() - 61s);
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ReplayMemoryTest, IsBlindForWhatTheLastProcessMayHaveForgotten) {
  start();
  pass(1h);
  options.fresh_identity = true;
  be_killed_after([](ReplayMemory& memory) { memory.keep(Kind::nonce, 61s); });
  const auto memory = start();
  memory->keep(Kind::nonce, 1h);  // the window is wider now: what was old is fresh again
  EXPECT_EQ(memory->blind_until(30s), wall.load() - 61s);
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ReplayMemoryTest, IsBlindAWindowLongIfItsJournalIsLost) {
  for (const char* name : {"nonces.mdb", "secret", "mark.json"}) {
    start();
    pass(1h);
    ASSERT_TRUE(std::filesystem::remove(file(name)));
    const auto memory = start();
    EXPECT_EQ(memory->blind_until(30s), wall.load() + 30s) << name;
    EXPECT_EQ(memory->blind_until(2s), wall.load() + 2s) << name;
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("is not known any more"))) << name;
  }
}

TEST_F(ReplayMemoryTest, BeginsAnewIfItsFilesAreBroken) {
  for (const char* name : {"nonces.mdb", "legacy.mdb", "mark.json", "secret"}) {
    {
      const auto memory = start();
      insert(*memory, Kind::nonce, "a", wall);
    }
    test::write_file(file(name), std::string(20'000, '\xff'));
    const auto memory = start();
    ASSERT_TRUE(memory);
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("is not known any more"))) << name;
    EXPECT_TRUE(insert(*memory, Kind::nonce, "b", wall)) << name;
    EXPECT_EQ(memory->blind_until(30s), wall.load() + 30s) << name;
    pass(1h);
  }
}

TEST_F(ReplayMemoryTest, TrustsNoJournalOfAMachineThatWentDown) {
  be_killed_after([](ReplayMemory& memory) { insert(memory, Kind::nonce, "a", kStart); });
  auto mark = test::read_file(file("mark.json"));
  const auto at = mark.find("\"boot\":\"") + 8;
  mark[at] = mark[at] == '0' ? '1' : '0';
  test::write_file(file("mark.json"), mark);
  const auto memory = start();
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("the machine went down")));
  EXPECT_EQ(memory->blind_until(30s), kStart + 30s);
  EXPECT_EQ(memory->sizes(Kind::nonce).entries, 0u);
}

TEST_F(ReplayMemoryTest, TrustsTheJournalOfAMachineThatWentDownAfterIt) {
  {
    const auto memory = start();
    insert(*memory, Kind::nonce, "a", kStart);
  }
  auto mark = test::read_file(file("mark.json"));
  const auto at = mark.find("\"boot\":\"") + 8;
  mark[at] = mark[at] == '0' ? '1' : '0';
  test::write_file(file("mark.json"), mark);
  EXPECT_TRUE(knows(*start(), Kind::nonce, "a"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ReplayMemoryTest, WithoutAJournalKnowsWhenItWasLastAtWork) {
  options.persist = false;
  EXPECT_EQ(start()->blind_until(30s), kStart - 1ms);
  EXPECT_FALSE(std::filesystem::exists(file("nonces.mdb")));
  {
    const auto memory = start();
    insert(*memory, Kind::nonce, "a", kStart + 20s);  // ahead of us
    insert(*memory, Kind::nonce, "b", kStart);
  }
  pass(1s);
  {
    const auto memory = start();
    EXPECT_THAT(warnings, IsEmpty());
    EXPECT_FALSE(knows(*memory, Kind::nonce, "a"));
    EXPECT_EQ(memory->blind_until(30s), kStart + 20s);
  }
  // Also if nothing was taken meanwhile.
  EXPECT_EQ(start()->blind_until(30s), kStart + 20s);
}

TEST_F(ReplayMemoryTest, WithoutAJournalIsBlindAWindowLongAfterBeingKilled) {
  options.persist = false;
  be_killed_after([](ReplayMemory&) {});
  pass(1s);
  EXPECT_EQ(start()->blind_until(30s), kStart + 1s + 30s);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("auth.persist is off")));
}

TEST_F(ReplayMemoryTest, TrustsNoJournalFromBeforeItWasTurnedOff) {
  {
    const auto memory = start();
    insert(*memory, Kind::nonce, "a", kStart);
  }
  options.persist = false;
  {
    const auto memory = start();
    EXPECT_EQ(memory->blind_until(30s), kStart);
    EXPECT_FALSE(std::filesystem::exists(file("nonces.mdb")));
    insert(*memory, Kind::nonce, "b", kStart + 5s);
  }
  options.persist = true;
  const auto memory = start();
  EXPECT_EQ(memory->blind_until(30s), kStart + 5s);
}

// ---- clocks

TEST_F(ReplayMemoryTest, IsBlindForWhatItForgotIfTheClockGoesBack) {
  const auto memory = start();
  insert(*memory, Kind::nonce, "a", kStart + 10s);
  pass(1h);
  memory->tidy();
  wall = kStart;
  EXPECT_EQ(memory->blind_until(30s), kStart + 10s);
}

TEST_F(ReplayMemoryTest, IsStillBlindForItAfterARestart) {
  {
    const auto memory = start();
    insert(*memory, Kind::nonce, "a", kStart + 10s);
    pass(1h);
    memory->tidy();
  }
  const auto memory = start();
  memory->tidy();
  wall = kStart;
  EXPECT_GE(memory->blind_until(30s), kStart + 10s);
}

TEST_F(ReplayMemoryTest, IsNotBlindForAClockThatWasAheadWhileNobodyCalled) {
  const auto memory = start();
  insert(*memory, Kind::nonce, "a", kStart);
  wall = kStart + 24h;
  memory->tidy();
  wall = kStart + 5s;
  EXPECT_LE(memory->blind_until(30s), kStart);
}

TEST_F(ReplayMemoryTest, KeepsLegacySignaturesHoweverTheClockIsSet) {
  const auto memory = start();
  insert(*memory, Kind::legacy, "a");
  wall = kStart + 240h;
  memory->tidy();
  EXPECT_TRUE(knows(*memory, Kind::legacy, "a"));
  wall = kStart - 240h;
  pass(24h - 1s);
  memory->tidy();
  EXPECT_TRUE(knows(*memory, Kind::legacy, "a"));
  pass(3s);
  memory->tidy();
  EXPECT_FALSE(knows(*memory, Kind::legacy, "a"));
}

TEST_F(ReplayMemoryTest, KeepsLegacySignaturesNoLongerForAClockThatWasAhead) {
  wall = kStart + 240h;
  insert(*start(), Kind::legacy, "a");
  wall = kStart;
  const auto memory = start();
  EXPECT_TRUE(knows(*memory, Kind::legacy, "a"));
  pass(24h + 3s);
  memory->tidy();
  EXPECT_FALSE(knows(*memory, Kind::legacy, "a"));
}

// ---- the folder

TEST_F(ReplayMemoryTest, IsForOneProcessAtATime) {
  const auto memory = start();
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another dojo-host uses this state folder"));
  EXPECT_THAT(second.error().message, HasSubstr("state_dir"));
}

TEST_F(ReplayMemoryTest, HasAFolderThatNobodyElseReads) {
  const auto memory = start();
  for (const char* name : {"state", "state/access", "state/access/replay"}) {
    EXPECT_EQ(std::filesystem::status(folder / name).permissions(),
              std::filesystem::perms::owner_all)
        << name;
  }
}

TEST_F(ReplayMemoryTest, SaysWhyAFolderCannotBeHad) {
  std::filesystem::create_directories(folder / "state/access");
  std::filesystem::permissions(folder / "state", std::filesystem::perms::owner_all);
  std::filesystem::permissions(folder / "state/access", std::filesystem::perms::owner_all);
  test::write_file(folder / "state/access/replay", "a file");
  const auto memory = open();
  ASSERT_FALSE(memory);
  EXPECT_THAT(memory.error().message, HasSubstr("access/replay cannot be opened"));
}

TEST_F(ReplayMemoryTest, SaysWhyItsLockCannotBeHad) {
  start();
  std::filesystem::remove(file("lock"));
  std::filesystem::create_directory(file("lock"));
  const auto memory = open();
  ASSERT_FALSE(memory);
  EXPECT_THAT(memory.error().message,
              HasSubstr("access/replay/lock cannot be opened: Is a directory"));
}

TEST_F(ReplayMemoryTest, SaysWhatToDoIfTheDiskIsFull) {
  const test::SmallDisk disk(folder / "state");
  if (!disk.mounted()) GTEST_SKIP() << "may not mount";
  std::filesystem::permissions(folder / "state", std::filesystem::perms::owner_all);
  const auto memory = open();
  ASSERT_FALSE(memory);
  EXPECT_THAT(memory.error().message, HasSubstr("no room on the disk"));
  EXPECT_THAT(memory.error().message, HasSubstr("auth.persist = false does without"));
  options.persist = false;
  EXPECT_TRUE(open());
}

}  // namespace
}  // namespace dojo::policy
