#include "plugins/deploy/store.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "host/scratch_folder.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using std::chrono::system_clock;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string hash(char digit) {
  return std::string(64, digit);
}

class StoreTest : public testing::Test {
 protected:
  Store open() {
    auto store = Store::open(state_, remarks_);
    if (!store) ADD_FAILURE() << store.error().message;
    return std::move(store.value());
  }
  fs::path serving(const std::string& bytes) {
    const auto file = folder_ / ("staged_" + bytes);
    test::write_file(file, bytes);
    return file;
  }
  static std::vector<std::string> versions(const Store& store) {
    std::vector<std::string> list;
    for (const auto& good : store.good("score")) list.push_back(good.version);
    return list;
  }

  const test::ScratchFolder folder_;
  const fs::path state_ = folder_ / "state";
  std::vector<std::string> remarks_;
};

TEST_F(StoreTest, RemembersAQuarantineOverARestart) {
  const system_clock::time_point since{std::chrono::seconds(1'700'000'000)};
  {
    auto store = open();
    EXPECT_FALSE(store.find(hash('a')));
    ASSERT_TRUE(store.quarantine(
        {hash('a'), "score", "/plugins/score.so", "it \"failed\"\n", since, "fingerprint"}));
    EXPECT_TRUE(store.find(hash('a')));
  }
  const auto store = open();
  const auto found = store.find(hash('a'));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->plugin, "score");
  EXPECT_EQ(found->file, "/plugins/score.so");
  EXPECT_EQ(found->reason, "it \"failed\" ");
  EXPECT_EQ(found->since, since);
  EXPECT_THAT(store.all(), SizeIs(1));
  EXPECT_THAT(remarks_, IsEmpty());
}

TEST_F(StoreTest, ReleasesForGood) {
  {
    auto store = open();
    ASSERT_TRUE(store.quarantine({hash('a'), "score", "f", "r", {}, {}}));
    EXPECT_TRUE(store.release(hash('a')));
    EXPECT_FALSE(store.find(hash('a')));
    EXPECT_TRUE(store.release(hash('a')));
  }
  EXPECT_FALSE(open().find(hash('a')));
}

TEST_F(StoreTest, TakesNoHashThatIsNone) {
  auto store = open();
  for (const std::string& none : {std::string("../../x"), std::string(), hash('A'), hash('g')}) {
    EXPECT_FALSE(store.quarantine({none, "score", "f", "r", {}, {}})) << none;
    EXPECT_FALSE(store.release(none)) << none;
    EXPECT_FALSE(store.begin_start(none, "score", "f")) << none;
    EXPECT_FALSE(store.keep_good("score", "1", serving("x"), none)) << none;
  }
  EXPECT_FALSE(store.keep_good("../score", "1", serving("x"), hash('a')));
  EXPECT_THAT(store.good("../score"), IsEmpty());
}

TEST_F(StoreTest, SkipsFilesThatAreBrokenAndSaysSo) {
  {
    auto store = open();
    ASSERT_TRUE(store.quarantine({hash('a'), "score", "f", "r", {}, {}}));
  }
  const auto quarantine = state_ / "plugins" / "quarantine";
  const auto whole = test::read_file(quarantine / (hash('a') + ".json"));
  for (std::size_t cut = 0; cut < whole.size() - 2; ++cut) {
    test::write_file(quarantine / (hash('b') + ".json"), whole.substr(0, cut));
    remarks_.clear();
    const auto store = open();
    EXPECT_THAT(store.all(), SizeIs(1)) << cut;
    EXPECT_THAT(remarks_, ElementsAre(HasSubstr("is not used"))) << cut;
  }
  test::write_file(quarantine / (hash('b') + ".json"), whole);
  test::write_file(quarantine / (hash('c') + ".json"), std::string(100'000, ' '));
  fs::create_symlink("/etc/passwd", quarantine / (hash('d') + ".json"));
  ASSERT_EQ(mkfifo((quarantine / (hash('e') + ".json")).c_str(), 0600), 0);
  fs::create_directory(quarantine / (hash('f') + ".json"));
  remarks_.clear();
  EXPECT_THAT(open().all(), SizeIs(1));
  EXPECT_THAT(remarks_, AllOf(SizeIs(5), Contains(HasSubstr("it is of another hash")),
                              Contains(HasSubstr("is too long"))));
}

TEST_F(StoreTest, ForgetsTheOldestOfVeryMany) {
  auto store = open();
  for (std::size_t i = 0; i <= Store::kMostQuarantined; ++i) {
    auto sha256 = std::to_string(i);
    sha256.insert(0, 64 - sha256.size(), '0');
    ASSERT_TRUE(store.quarantine(
        {sha256, "score", "f", "r", system_clock::time_point(std::chrono::seconds(i + 1))}));
  }
  EXPECT_THAT(store.all(), SizeIs(Store::kMostQuarantined));
  EXPECT_FALSE(store.find(hash('0')));
  EXPECT_THAT(open().all(), SizeIs(Store::kMostQuarantined));
}

TEST_F(StoreTest, KeepsTheTwoNewestGoodCopies) {
  {
    auto store = open();
    EXPECT_THAT(store.good("score"), IsEmpty());
    for (const auto& [version, digit] :
         {std::pair("1", 'a'), std::pair("2", 'b'), std::pair("1", 'a'), std::pair("3", 'c')}) {
      const auto kept = store.keep_good("score", version, serving(version), hash(digit));
      ASSERT_TRUE(kept) << kept.error().message;
      test::write_file(state_ / "plugins" / "good" / "score" / ".x.so.part", "half");
    }
    ASSERT_TRUE(store.keep_good("score", "3", serving("3"), hash('c')));
    ASSERT_TRUE(store.keep_good("other", "9", serving("9"), hash('a')));
    EXPECT_THAT(versions(store), ElementsAre("3", "1"));
  }
  const auto store = open();
  EXPECT_THAT(versions(store), ElementsAre("3", "1"));
  const auto newest = store.good("score").front();
  EXPECT_EQ(newest.sha256, hash('c'));
  EXPECT_EQ(test::read_file(newest.file), "3");
  const fs::directory_iterator entries(newest.file.parent_path());
  EXPECT_EQ(std::distance(fs::begin(entries), fs::end(entries)), 4) << "two files each";
}

TEST_F(StoreTest, KeepsTheOrderOfGoodCopiesThoughTheClockGoesBack) {
  auto store = open();
  ASSERT_TRUE(store.keep_good("score", "1", serving("1"), hash('a')));
  const auto record = state_ / "plugins" / "good" / "score" / (hash('a') + ".json");
  auto text = test::read_file(record);
  text.replace(text.find("\"since\":") + 8, std::string::npos, "4000000000000}");
  test::write_file(record, text);
  ASSERT_TRUE(store.keep_good("score", "2", serving("2"), hash('b')));
  EXPECT_THAT(versions(store), ElementsAre("2", "1"));
}

TEST_F(StoreTest, CopiesWhatItCannotLinkTo) {
  const test::SmallDisk disk(state_);
  if (!disk.mounted()) GTEST_SKIP() << "mounting is not allowed here";
  auto store = open();
  const auto kept = store.keep_good("score", "1", serving("abc"), hash('a'));
  EXPECT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(test::read_file(store.good("score").at(0).file), "abc");
  // Missing, or too large: nothing half is left, and what was there still is.
  EXPECT_FALSE(store.keep_good("score", "2", folder_ / "missing", hash('b')));
  test::write_file(folder_ / "large", std::string(2 << 20, 'x'));
  const auto full = store.keep_good("score", "2", folder_ / "large", hash('b'));
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().message, HasSubstr("No space left on device"));
  EXPECT_THAT(versions(store), ElementsAre("1"));
  // A quarantine that cannot be written counts all the same.
  test::write_file(state_ / "fill", std::string(2 << 20, 'x'));
  EXPECT_FALSE(store.quarantine({hash('c'), "score", "f", std::string(8000, 'r'), {}, {}}));
  EXPECT_TRUE(store.find(hash('c')));
}

TEST_F(StoreTest, QuarantinesWhatEndedTheHostWhileItWasBeingStarted) {
  {
    auto store = open();
    ASSERT_TRUE(store.begin_start(hash('a'), "score", "/plugins/score.so"));
  }
  {
    auto store = open();
    const auto found = store.find(hash('a'));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->reason, "it ended the host while it was being started");
    EXPECT_EQ(found->plugin, "score");
    EXPECT_THAT(remarks_,
                ElementsAre(HasSubstr("plugin score (/plugins/score.so) is quarantined")));
    ASSERT_TRUE(store.release(hash('a')));
  }
  EXPECT_FALSE(open().find(hash('a'))) << "the mark has been seen to";
}

TEST_F(StoreTest, DoesNotBlameWhatHasStarted) {
  {
    auto store = open();
    ASSERT_TRUE(store.begin_start(hash('a'), "score", "f"));
    ASSERT_TRUE(store.end_start());
  }
  EXPECT_THAT(open().all(), IsEmpty());
}

TEST_F(StoreTest, DoesNotBlameAPluginForAPowerFailure) {
  {
    auto store = open();
    ASSERT_TRUE(store.begin_start(hash('a'), "score", "f"));
  }
  const auto mark = state_ / "plugins" / "starting.json";
  auto text = test::read_file(mark);
  const auto boot = text.find("\"boot\":\"") + 8;
  text[boot] = text[boot] == '0' ? '1' : '0';
  test::write_file(mark, text);
  EXPECT_THAT(open().all(), IsEmpty());
  EXPECT_THAT(remarks_, ElementsAre(HasSubstr("when the machine went down")));
  EXPECT_FALSE(fs::exists(mark));
}

TEST_F(StoreTest, SkipsAMarkThatIsBroken) {
  (void)open();
  for (const auto* broken : {"", "{", R"({"sha256":"x","plugin":"p","file":"f","boot":"b"})"}) {
    test::write_file(state_ / "plugins" / "starting.json", broken);
    remarks_.clear();
    EXPECT_THAT(open().all(), IsEmpty());
    EXPECT_THAT(remarks_, ElementsAre(HasSubstr("starting.json is not used")));
  }
}

}  // namespace
}  // namespace dojo::plugins
