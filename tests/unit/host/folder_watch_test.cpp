#include "plugins/deploy/folder_watch.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "host/scratch_folder.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kLong = 20s;     // until something comes that must
constexpr auto kShort = 300ms;  // in which nothing comes

class FolderWatchTest : public testing::Test {
 protected:
  FolderWatchTest() { fs::create_directory(folder_); }
  static std::vector<std::string> names(const std::vector<fs::path>& files) {
    std::vector<std::string> list;
    for (const auto& file : files) list.push_back(file.filename());
    return list;
  }
  static std::vector<std::string> soon(FolderWatch& watch) {
    return names(watch.wait(Clock::now() + kLong));
  }
  static std::vector<std::string> now(FolderWatch& watch) {
    return names(watch.wait(Clock::now() + kShort));
  }
  /// Puts a file in place as `install` does.
  void put(const std::string& name, const std::string& bytes) const {
    fs::remove(folder_ / name);
    test::write_file(folder_ / name, bytes);
  }

  const test::ScratchFolder scratch_;
  const fs::path folder_ = scratch_ / "plugins";
  // What comes before the next look without being asked for has been told by the kernel.
  const FolderWatch::Options by_events_{50ms, 1h};
  const FolderWatch::Options by_looking_{50ms, 60ms, false};
};

TEST_F(FolderWatchTest, ReturnsFirstWhatIsThere) {
  put("b.so", "1");
  put("a.so", "1");
  put("readme.txt", "1");
  put(".hidden.so", "1");
  fs::create_directory(folder_ / "folder.so");
  ASSERT_EQ(mkfifo((folder_ / "fifo.so").c_str(), 0600), 0);
  fs::create_symlink("nowhere", folder_ / "dangling.so");
  FolderWatch watch(folder_, by_events_);
  EXPECT_THAT(names(watch.present()), ElementsAre("a.so", "b.so"));
  EXPECT_THAT(soon(watch), ElementsAre("a.so", "b.so"));
  EXPECT_THAT(now(watch), IsEmpty());
  EXPECT_THAT(watch.take_notes(), IsEmpty());
}

TEST_F(FolderWatchTest, ReturnsWhatIsNewReplacedOrWrittenTo) {
  for (const auto& options : {by_events_, by_looking_}) {
    FolderWatch watch(folder_, options);
    EXPECT_THAT(now(watch), IsEmpty());
    put("a.so", "1");
    EXPECT_THAT(soon(watch), ElementsAre("a.so"));
    put("a.so", "2");
    EXPECT_THAT(soon(watch), ElementsAre("a.so"));
    test::write_file(folder_ / "a.so", "3");
    EXPECT_THAT(soon(watch), ElementsAre("a.so"));
    test::write_file(scratch_ / "next", "4");
    fs::rename(scratch_ / "next", folder_ / "a.so");
    EXPECT_THAT(soon(watch), ElementsAre("a.so"));
    fs::remove(folder_ / "a.so");
    EXPECT_THAT(now(watch), IsEmpty());
  }
}

TEST_F(FolderWatchTest, WaitsUntilAFileHasComeToRest) {
  FolderWatch watch(folder_, {400ms, 1h});
  EXPECT_THAT(now(watch), IsEmpty());
  Clock::time_point last;
  Clock::duration longest{};  // pause, which a busy machine may draw out
  std::thread writer([&] {
    std::ofstream file(folder_ / "a.so");
    for (int i = 0; i < 15; ++i) {  // for longer than the debounce, in steps that are shorter
      file << "more" << std::flush;
      const auto now = Clock::now();
      if (i > 0) longest = std::max(longest, now - last);
      last = now;
      std::this_thread::sleep_for(50ms);
    }
  });
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
  const auto returned = Clock::now();
  writer.join();
  EXPECT_TRUE(returned - last >= 400ms || longest >= 400ms) << "returned while it was written to";
  if (longest < 400ms) {
    EXPECT_THAT(now(watch), IsEmpty());
  }
}

TEST_F(FolderWatchTest, ForgetsAFileThatGoesBeforeItHasComeToRest) {
  FolderWatch watch(folder_, {1s, 1h});
  put("a.so", "1");
  EXPECT_THAT(now(watch), IsEmpty());
  fs::remove(folder_ / "a.so");
  EXPECT_THAT(names(watch.wait(Clock::now() + 1500ms)), IsEmpty());
}

TEST_F(FolderWatchTest, NoticesThatALinkLeadsElsewhere) {
  test::write_file(scratch_ / "v1", "1");
  test::write_file(scratch_ / "v2", "2");
  fs::create_symlink(scratch_ / "v1", folder_ / "a.so");
  FolderWatch watch(folder_, by_events_);
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
  fs::create_symlink(scratch_ / "v2", folder_ / "next");
  fs::rename(folder_ / "next", folder_ / "a.so");
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
}

TEST_F(FolderWatchTest, NoticesByLookingThatALinksTargetHasChanged) {
  test::write_file(scratch_ / "v1", "1");
  fs::create_symlink(scratch_ / "v1", folder_ / "a.so");
  FolderWatch watch(folder_, {50ms, 60ms});
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
  test::write_file(scratch_ / "v1", "2");
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
}

TEST_F(FolderWatchTest, GoesOnInAFolderThatTakesItsPlace) {
  fs::create_directory(scratch_ / "other");
  test::write_file(scratch_ / "other" / "a.so", "2");
  fs::create_directory_symlink("plugins", scratch_ / "link");
  put("a.so", "1");
  FolderWatch watch(scratch_ / "link", by_events_);
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
  fs::create_directory_symlink("other", scratch_ / "next");
  fs::rename(scratch_ / "next", scratch_ / "link");
  put("told.so", "1");  // in the old one, of which the kernel still tells: so it is looked at
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
  EXPECT_THAT(test::read_file(watch.present().at(0)), "2");
  // From now on the kernel tells of the new one: the next look is an hour away.
  test::write_file(scratch_ / "other" / "b.so", "1");
  EXPECT_THAT(soon(watch), ElementsAre("b.so"));
}

TEST_F(FolderWatchTest, WaitsForAFolderThatIsMissing) {
  fs::remove(folder_);
  FolderWatch watch(folder_, {50ms, 100ms});
  EXPECT_THAT(now(watch), IsEmpty());
  EXPECT_THAT(watch.take_notes(), ElementsAre(HasSubstr("is missing")));
  EXPECT_THAT(now(watch), IsEmpty());
  EXPECT_THAT(watch.take_notes(), IsEmpty()) << "once is enough";
  fs::create_directory(folder_);
  put("a.so", "1");
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
  fs::remove_all(folder_);
  EXPECT_THAT(now(watch), IsEmpty());
  fs::create_directory(folder_);
  put("b.so", "1");
  EXPECT_THAT(soon(watch), ElementsAre("b.so"));
  EXPECT_THAT(watch.take_notes(), ElementsAre(HasSubstr("is missing")));
}

TEST_F(FolderWatchTest, ReturnsWhenItIsWoken) {
  FolderWatch watch(folder_, by_events_);
  watch.wake();
  const auto never = Clock::now() + 1h;  // longer than any test may take
  EXPECT_THAT(watch.wait(never), IsEmpty());
  std::thread other([&] { watch.wake(); });
  EXPECT_THAT(watch.wait(never), IsEmpty());
  other.join();
}

TEST_F(FolderWatchTest, SaysOnceThatTheKernelTellsNothingAndTriesAgain) {
  FolderWatch watch(folder_, {50ms, 60ms});
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  (void)now(watch);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(watch.take_notes(),
              ElementsAre(HasSubstr("the kernel does not tell what happens in")));
  put("a.so", "1");
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
  EXPECT_THAT(watch.take_notes(), IsEmpty());
}

TEST_F(FolderWatchTest, ReturnsTheLastOfAStorm) {
  put("one", "");
  put("two", "");
  FolderWatch watch(folder_, by_events_);
  EXPECT_THAT(now(watch), IsEmpty());
  std::thread writer([&] {
    // More than the kernel keeps, while nobody reads them.
    for (int i = 0; i < 10'000; ++i) {
      for (const auto* other : {"one", "two"}) {
        fs::permissions(folder_ / other, fs::perms(i % 2 == 0 ? 0600 : 0640));
      }
    }
    put("a.so", "last");
  });
  writer.join();
  EXPECT_THAT(soon(watch), ElementsAre("a.so"));
}

}  // namespace
}  // namespace dojo::plugins
