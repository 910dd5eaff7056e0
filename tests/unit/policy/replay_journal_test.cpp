#include "policy/replay/replay_journal.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <unistd.h>

#include "host/scratch_folder.hpp"

namespace {
std::atomic<long> page_bytes{0};  // of the system, as it tells; 0: as it is
}

#ifndef __SANITIZE_THREAD__  // which asks before anything could be looked up
/// In the place of the C library's, for LMDB too, which takes its pages' size from here.
extern "C" long sysconf(int name) noexcept {
  if (name == _SC_PAGESIZE && page_bytes != 0) return page_bytes;
  static const auto kReal = reinterpret_cast<long (*)(int)>(dlsym(RTLD_NEXT, "sysconf"));
  return kReal(name);
}
#endif

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const std::chrono::sys_seconds kStart{1'800'000'000s};

ReplayRecord record(std::uint64_t number) {
  ReplayRecord made{{}, kStart + std::chrono::seconds(number), number % 5, number % 2 == 0};
  std::memcpy(made.key.data(), &number, sizeof number);
  return made;
}

std::vector<std::uint64_t> numbers_in(const std::filesystem::path& file) {
  std::vector<std::uint64_t> numbers;
  const auto status = read_journal(file, [&](std::span<const ReplayRecord> records) {
    for (const auto& each : records) {
      std::memcpy(&numbers.emplace_back(), each.key.data(), 8);
      const auto expected = record(numbers.back());
      EXPECT_EQ(each.time, expected.time);
      EXPECT_EQ(each.holder, expected.holder);
      EXPECT_EQ(each.registered, expected.registered);
    }
  });
  EXPECT_TRUE(status) << status.error().message;
  return numbers;
}

std::vector<std::uint64_t> from_to(std::uint64_t first, std::uint64_t end) {
  std::vector<std::uint64_t> numbers;
  for (auto number = first; number < end; ++number) numbers.push_back(number);
  return numbers;
}

class ReplayJournalTest : public testing::Test {
 protected:
  std::unique_ptr<ReplayJournal> begin(std::size_t records, ReplayJournal::Judge judge = {}) {
    auto journal = ReplayJournal::begin(file, records, std::move(judge));
    EXPECT_TRUE(journal) << journal.error().message;
    EXPECT_TRUE((*journal)->publish());
    return std::move(*journal);
  }
  static void append(ReplayJournal& journal, std::uint64_t first, std::uint64_t end) {
    for (auto number = first; number < end; ++number) {
      const auto one = record(number);
      const auto status = journal.append({&one, 1});
      ASSERT_TRUE(status) << number << status.error().message;
    }
  }
  test::ScratchFolder folder;
  const std::filesystem::path file = folder / "journal.mdb";
};

TEST_F(ReplayJournalTest, IsReadInTheOrderOfItsRecords) {
  append(*begin(100'000), 0, 10'000);
  EXPECT_EQ(numbers_in(file), from_to(0, 10'000));
}

TEST_F(ReplayJournalTest, TakesManyAtOnce) {
  std::vector<ReplayRecord> records;
  for (std::uint64_t i = 0; i < 50'000; ++i) records.push_back(record(i));
  auto journal = begin(100'000);
  EXPECT_TRUE(journal->append(records));
  EXPECT_EQ(journal->size(), 50'000u);
  append(*journal, 50'000, 50'010);
  journal.reset();
  EXPECT_EQ(numbers_in(file), from_to(0, 50'010));
}

TEST_F(ReplayJournalTest, MayBeEmpty) {
  begin(10);
  EXPECT_TRUE(numbers_in(file).empty());
}

TEST_F(ReplayJournalTest, LeavesTheOldOneUntilItIsPublished) {
  append(*begin(10), 0, 5);
  auto next = ReplayJournal::begin(file, 10);
  ASSERT_TRUE(next);
  append(**next, 5, 7);
  EXPECT_EQ(numbers_in(file), from_to(0, 5));
  EXPECT_TRUE((*next)->publish());
  next->reset();
  EXPECT_EQ(numbers_in(file), from_to(5, 7));
}

TEST_F(ReplayJournalTest, IsPrunedFromItsOldEndABatchAtATime) {
  auto journal = begin(1'000);
  append(*journal, 0, 1'000);
  EXPECT_TRUE(journal->prune_to(100, 500).value());
  EXPECT_EQ(journal->size(), 500u);
  EXPECT_FALSE(journal->prune_to(100, 500).value());
  EXPECT_FALSE(journal->prune_to(100, 500).value());
  EXPECT_EQ(journal->evicted(), 0u);
  journal.reset();
  EXPECT_EQ(numbers_in(file), from_to(900, 1'000));
}

TEST_F(ReplayJournalTest, IsNotPrunedWhereItHoldsLess) {
  auto journal = begin(1'000);
  append(*journal, 0, 10);
  const auto pruned = journal->prune_to(100, 500);
  ASSERT_TRUE(pruned) << pruned.error().message;
  EXPECT_FALSE(*pruned);
  EXPECT_EQ(journal->size(), 10u);
  journal.reset();
  EXPECT_EQ(numbers_in(file), from_to(0, 10));
}

TEST_F(ReplayJournalTest, MakesRoomOfTheOldestWhenItIsFull) {
  auto journal = begin(1'000);
  append(*journal, 0, 20'000);
  EXPECT_LE(journal->size(), 1'000u);
  EXPECT_EQ(journal->evicted(), 20'000 - journal->size());
  const auto size = journal->size();
  journal.reset();
  EXPECT_GE(size, 900u);
  EXPECT_EQ(numbers_in(file), from_to(20'000 - size, 20'000));
}

using Fate = ReplayJournal::Fate;

std::uint64_t number_of(const ReplayRecord& record) {
  std::uint64_t number = 0;
  std::memcpy(&number, record.key.data(), sizeof number);
  return number;
}

/// What was given up by each, as a file tells it.
std::map<HolderId, std::int64_t> given_up_in(const std::filesystem::path& file) {
  std::map<HolderId, std::int64_t> found;
  const auto status = read_journal(
      file, [](auto) {},
      [&](const GivenUp::Place& place) { found[place.holder] = (place.until - kStart).count(); });
  EXPECT_TRUE(status) << status.error().message;
  return found;
}

TEST_F(ReplayJournalTest, WritesAgainWhatIsNeededStill) {
  auto journal = begin(3'000, [](const ReplayRecord& record) {
    return number_of(record) % 10 == 0 ? Fate::keep : Fate::drop;
  });
  append(*journal, 0, 20'000);
  EXPECT_EQ(journal->evicted(), 20'000 - journal->size());
  while (*journal->prune_to(2'100, 128)) {
  }
  EXPECT_EQ(journal->size(), 2'100u);
  journal.reset();
  auto numbers = numbers_in(file);
  std::ranges::sort(numbers);
  EXPECT_EQ(std::ranges::unique(numbers).size(), 0u);
  EXPECT_EQ(std::ranges::count_if(numbers, [](auto number) { return number % 10 == 0; }), 2'000);
}

TEST_F(ReplayJournalTest, IsFullOfWhatIsNeededOnlyIfItIsTooSmall) {
  auto journal = begin(1'000, [](const auto&) { return Fate::keep; });
  append(*journal, 0, 3'000);
  EXPECT_LE(journal->size(), 1'000u);
  EXPECT_GE(journal->size(), 900u);
  journal.reset();
  EXPECT_EQ(given_up_in(file).size(), 5u);  // of everybody, and the four who have a name
}

TEST_F(ReplayJournalTest, NotesWhoseKeysItDrops) {
  auto journal = begin(10'000, [](const ReplayRecord& record) {
    if (number_of(record) < 10) return Fate::note_for_everybody;
    return number_of(record) < 100 ? Fate::note : Fate::drop;
  });
  append(*journal, 0, 1'000);
  EXPECT_TRUE(given_up_in(file).empty());
  while (*journal->prune_to(500, 128)) {
  }
  using Expected = std::map<HolderId, std::int64_t>;
  EXPECT_EQ(given_up_in(file), (Expected{{kNobody, 95}, {1, 96}, {2, 97}, {3, 98}, {4, 99}}));
  ASSERT_TRUE(journal->note({2, kStart + 200s}));
  ASSERT_TRUE(journal->note({1, kStart + 1s}));
  journal.reset();
  EXPECT_EQ(given_up_in(file), (Expected{{kNobody, 95}, {1, 96}, {2, 200}, {3, 98}, {4, 99}}));
  EXPECT_EQ(numbers_in(file), from_to(500, 1'000));
}

TEST_F(ReplayJournalTest, IsReadAsEarlierVersionsWroteIt) {
  MDB_env* env = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi records = 0;
  ASSERT_EQ(mdb_env_create(&env), 0);
  ASSERT_EQ(mdb_env_open(env, file.c_str(), MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &transaction), 0);
  ASSERT_EQ(mdb_dbi_open(transaction, nullptr, MDB_INTEGERKEY, &records), 0);
  for (std::uint64_t number = 0; number < 3'000; ++number) {
    std::array<std::uint8_t, 20> stored{};
    const auto time = static_cast<std::uint32_t>((kStart + 1s).time_since_epoch().count());
    std::memcpy(stored.data(), &number, sizeof number);
    std::memcpy(stored.data() + 16, &time, sizeof time);
    MDB_val key{sizeof number, &number};
    MDB_val value{stored.size(), stored.data()};
    ASSERT_EQ(mdb_put(transaction, records, &key, &value, MDB_APPEND), 0);
  }
  ASSERT_EQ(mdb_txn_commit(transaction), 0);
  mdb_env_close(env);
  std::uint64_t next = 0;
  const auto status = read_journal(file, [&](std::span<const ReplayRecord> read) {
    for (const auto& each : read) {
      EXPECT_EQ(number_of(each), next++);
      EXPECT_EQ(each.time, kStart + 1s);
      EXPECT_EQ(each.holder, kNobody);
    }
  });
  EXPECT_TRUE(status);
  EXPECT_EQ(next, 3'000u);
}

TEST_F(ReplayJournalTest, StaysWithinItsFileForAsLongAsItIsUsed) {
  auto journal = begin(20'000);
  std::uint64_t next = 0;
  for (int round = 0; round < 20; ++round) {
    append(*journal, next, next + 15'000);
    next += 15'000;
    while (*journal->prune_to(1'000, 128)) {
    }
  }
  EXPECT_EQ(journal->evicted(), 0u);
  journal.reset();
  EXPECT_EQ(numbers_in(file), from_to(next - 1'000, next));
}

/// What a system with pages of another size tells, for as long as it lives.
class Pages {
 public:
  explicit Pages(long bytes) { page_bytes = bytes; }
  ~Pages() { page_bytes = 0; }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
};

class ReplayJournalPages : public ReplayJournalTest, public testing::WithParamInterface<long> {};

TEST_P(ReplayJournalPages, OfAnySizeStayWithinTheFile) {
  const Pages pages(GetParam());
  auto journal = begin(5'000);
  std::uint64_t next = 0;
  for (int round = 0; round < 5; ++round) {
    append(*journal, next, next + 6'000);
    next += 6'000;
    for (bool more = true; more;) {
      const auto pruned = journal->prune_to(1'000, 128);
      ASSERT_TRUE(pruned) << pruned.error().message;
      more = *pruned;
    }
  }
  journal.reset();
  EXPECT_EQ(numbers_in(file), from_to(next - 1'000, next));
}

TEST_P(ReplayJournalPages, OfAnotherSystemAreReadHere) {
  {
    const Pages pages(GetParam());
    append(*begin(10'000), 0, 5'000);
  }
  constexpr std::streamoff kPageSizeAt = 40;  // in LMDB's first page: mm_dbs[FREE_DBI].md_pad
  std::uint32_t written = 0;
  std::ifstream bytes(file, std::ios::binary);
  bytes.seekg(kPageSizeAt).read(reinterpret_cast<char*>(&written), sizeof written);
  EXPECT_EQ(written, std::min(GetParam(), 32'768L)) << "else this tests nothing";
  EXPECT_EQ(numbers_in(file), from_to(0, 5'000));
}

TEST_P(ReplayJournalPages, OfThisSystemAreReadThere) {
  append(*begin(10'000), 0, 5'000);
  const Pages pages(GetParam());
  EXPECT_EQ(numbers_in(file), from_to(0, 5'000));
}

#ifdef __SANITIZE_THREAD__
INSTANTIATE_TEST_SUITE_P(Sizes, ReplayJournalPages, testing::Values(4'096));
#else
INSTANTIATE_TEST_SUITE_P(Sizes, ReplayJournalPages, testing::Values(4'096, 16'384, 65'536));
#endif

TEST_F(ReplayJournalTest, TakesNoMoreOfTheDiskThanItNeeds) {
  const auto journal = begin(1'000'000);
  struct stat found{};
  ASSERT_EQ(stat(file.c_str(), &found), 0);
  EXPECT_LT(found.st_blocks * 512, 10 << 20);
  EXPECT_EQ(found.st_mode & 0777u, 0600u);
}

TEST_F(ReplayJournalTest, SaysThatTheDiskIsFullInsteadOfDying) {
  const test::SmallDisk disk(folder / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "may not mount";
  const auto journal = ReplayJournal::begin(folder / "disk" / "journal.mdb", 1'000);
  ASSERT_FALSE(journal);
  EXPECT_THAT(journal.error().message, HasSubstr("no room on the disk"));
}

TEST_F(ReplayJournalTest, ThatIsMissingIsAnError) {
  const auto status = read_journal(file, [](auto) {});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("No such file"));
}

TEST_F(ReplayJournalTest, ThatIsBrokenIsAnErrorWhateverIsWrong) {
  append(*begin(10'000), 0, 5'000);
  const auto whole = test::read_file(file);
  const auto broken = [&](const std::string& bytes) {
    test::write_file(file, bytes);
    std::size_t read = 0;
    const auto status = read_journal(file, [&](auto records) { read += records.size(); });
    return !status || read == 5'000;  // a byte that means nothing may be changed
  };
  EXPECT_TRUE(broken(""));
  EXPECT_TRUE(broken("no journal at all"));
  EXPECT_TRUE(broken(std::string(100'000, '\xff')));
  EXPECT_TRUE(broken(std::string(1 << 20, '\0')));
  EXPECT_TRUE(broken(whole.substr(0, 8'192)));
  EXPECT_TRUE(broken(whole.substr(0, 12'288 + 100)));
  for (std::size_t page = 2; page < 12; ++page) {
    auto bytes = whole;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(page * 4'096), 4'096, '\xa5');
    broken(bytes);  // which pages are in use is LMDB's affair; what matters is to come back
  }
  test::write_file(file, whole);
  EXPECT_EQ(numbers_in(file).size(), 5'000u);
}

}  // namespace
}  // namespace dojo::policy
