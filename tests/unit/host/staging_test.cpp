#include "plugins/deploy/staging.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/scratch_folder.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

// printf abc | sha256sum
constexpr char kHashOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class StagingTest : public testing::Test {
 protected:
  Staging& staging() {
    if (!staging_) {
      auto opened = Staging::open(state_);
      if (!opened) ADD_FAILURE() << opened.error().message;
      staging_.emplace(std::move(opened.value()));
    }
    return *staging_;
  }
  std::string refusal() {
    const auto opened = Staging::open(state_);
    return opened ? "" : opened.error().message;
  }
  [[nodiscard]] std::size_t left() const {
    const fs::directory_iterator entries(state_ / "plugins" / "staged");
    return static_cast<std::size_t>(std::distance(fs::begin(entries), fs::end(entries)));
  }

  const test::ScratchFolder folder_;
  const fs::path state_ = folder_ / "state";
  const fs::path source_ = folder_ / "score.so";
  std::optional<Staging> staging_;
};

TEST_F(StagingTest, CopiesAFileUnderItsHash) {
  test::write_file(source_, "abc");
  const auto staged = staging().stage(source_, 7);
  ASSERT_TRUE(staged) << staged.error().message;
  EXPECT_EQ(staged->sha256(), kHashOfAbc);
  EXPECT_EQ(staged->file(), state_ / "plugins" / "staged" / (std::string(kHashOfAbc) + "-7.so"));
  EXPECT_EQ(test::read_file(staged->file()), "abc");
  EXPECT_EQ(fs::status(staged->file()).permissions(),
            fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
  struct stat copy{};
  struct stat original{};
  ASSERT_EQ(stat(staged->file().c_str(), &copy), 0);
  ASSERT_EQ(stat(source_.c_str(), &original), 0);
  EXPECT_NE(copy.st_ino, original.st_ino);
}

TEST_F(StagingTest, CopiesMoreThanABlock) {
  const std::string large(3'500'001, 'x');
  test::write_file(source_, large);
  const auto staged = staging().stage(source_, 1);
  ASSERT_TRUE(staged) << staged.error().message;
  EXPECT_EQ(test::read_file(staged->file()), large);
}

TEST_F(StagingTest, RemovesACopyWithItsOwner) {
  test::write_file(source_, "abc");
  {
    auto first = staging().stage(source_, 1);
    auto second = staging().stage(source_, 2);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(left(), 2U);
    *first = std::move(*second);
    EXPECT_EQ(left(), 1U);
    EXPECT_THAT(first->file().native(), EndsWith("-2.so"));
  }
  EXPECT_EQ(left(), 0U);
}

TEST_F(StagingTest, FollowsLinksAndTakesRegularFilesAlone) {
  test::write_file(source_, "abc");
  fs::create_symlink(source_, folder_ / "link.so");
  EXPECT_TRUE(staging().stage(folder_ / "link.so", 1));
  ASSERT_EQ(mkfifo((folder_ / "fifo.so").c_str(), 0600), 0);
  for (const auto& none : {folder_ / "fifo.so", folder_.path(), fs::path("/dev/zero")}) {
    const auto staged = staging().stage(none, 2);
    ASSERT_FALSE(staged) << none;
    EXPECT_EQ(staged.error().message, "it is no regular file");
  }
  const auto missing = staging().stage(folder_ / "missing.so", 3);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "it cannot be read: No such file or directory");
}

TEST_F(StagingTest, RefusesWhatIsTooLarge) {
  auto small = Staging::open(state_, 10);
  ASSERT_TRUE(small);
  test::write_file(source_, "0123456789");
  EXPECT_TRUE(small->stage(source_, 1));
  test::write_file(source_, "0123456789a");
  const auto staged = small->stage(source_, 2);
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().message, "it is larger than 10 bytes");
}

TEST_F(StagingTest, SaysThatAFileChangedWhileItWasRead) {
  test::write_file(source_, std::string(32 << 20, 'x'));
  std::atomic<bool> over = false;
  std::thread writer([&] {
    std::fstream file(source_, std::ios::binary | std::ios::in | std::ios::out);
    while (!over) file.seekp(0).write("y", 1).flush();
  });
  const auto staged = staging().stage(source_, 1);
  over = true;
  writer.join();
  ASSERT_FALSE(staged);
  EXPECT_TRUE(Staging::is_changing(staged.error())) << staged.error().message;
  EXPECT_EQ(left(), 0U);
}

TEST_F(StagingTest, MakesItsFoldersForItselfAlone) {
  staging();
  for (const auto& made : {state_ / "plugins", state_ / "plugins" / "staged"}) {
    EXPECT_EQ(fs::status(made).permissions(), fs::perms::owner_all) << made;
  }
}

TEST_F(StagingTest, RefusesAFolderThatOthersMayUse) {
  fs::create_directories(state_ / "plugins");
  fs::permissions(state_ / "plugins", fs::perms(0755));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("open to others (mode 0755)"), HasSubstr("chmod 700")));
  fs::permissions(state_ / "plugins", fs::perms(0700));
  EXPECT_EQ(refusal(), "");
  fs::remove_all(state_ / "plugins" / "staged");
  fs::create_directory_symlink(folder_.path(), state_ / "plugins" / "staged");
  EXPECT_THAT(refusal(), HasSubstr("staged cannot be opened"));
}

TEST_F(StagingTest, RefusesAnothersFolder) {
  fs::create_directories(state_ / "plugins");
  fs::permissions(state_ / "plugins", fs::perms(0700));
  if (chown((state_ / "plugins").c_str(), 12345, static_cast<gid_t>(-1)) != 0) {
    GTEST_SKIP() << "only root can give a folder away";
  }
  EXPECT_THAT(refusal(), HasSubstr("belongs to user 12345"));
}

TEST_F(StagingTest, RefusesAPluginThatOthersCanWrite) {
  test::write_file(source_, "abc");
  const auto why_not = [&](const fs::path& source) {
    const auto staged = staging().stage(source, 1);
    return staged ? "" : staged.error().message;
  };
  fs::permissions(source_, fs::perms(0646));
  EXPECT_THAT(why_not(source_), HasSubstr("(mode 0646): chmod go-w " + source_.string()));
  fs::permissions(source_, fs::perms(0644));
  fs::create_directory(folder_ / "links");
  fs::create_symlink(source_, folder_ / "links/score.so");
  EXPECT_EQ(why_not(folder_ / "links/score.so"), "");
  fs::permissions(folder_ / "links", fs::perms(0757));
  EXPECT_THAT(why_not(folder_ / "links/score.so"), HasSubstr("links can be written by others"));
  fs::permissions(folder_ / "links", fs::perms(0755));
  fs::permissions(folder_.path(), fs::perms(0757));
  EXPECT_THAT(why_not(folder_ / "links/score.so"),
              HasSubstr("chmod go-w " + folder_.path().string()));
  fs::permissions(folder_.path(), fs::perms(0755));
  if (chown(source_.c_str(), 12345, static_cast<gid_t>(-1)) != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  EXPECT_THAT(why_not(source_), HasSubstr("belongs to user 12345"));
}

TEST_F(StagingTest, RemovesWhatEarlierRunsLeft) {
  staging();
  staging_.reset();
  test::write_file(state_ / "plugins" / "staged" / "old-1.so", "x");
  test::write_file(state_ / "plugins" / "staged" / ".3.part", "x");
  staging();
  EXPECT_EQ(left(), 0U);
}

TEST_F(StagingTest, SaysThatAnotherHostUsesTheFolder) {
  test::write_file(source_, "abc");
  const auto staged = staging().stage(source_, 1);
  EXPECT_THAT(refusal(), HasSubstr("another dojo-host (pid " + std::to_string(getpid()) +
                                   ") uses this state folder"));
  EXPECT_EQ(left(), 1U) << "it has removed the other one's copies";
  staging_.reset();
  EXPECT_EQ(refusal(), "");
}

TEST_F(StagingTest, SaysThatTheFolderIsMountedNoexec) {
  const test::SmallDisk disk(state_, MS_NOEXEC);
  if (!disk.mounted()) GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("is mounted noexec"), HasSubstr("set state_dir")));
}

TEST_F(StagingTest, LeavesNothingBehindWhenTheDiskIsFull) {
  const test::SmallDisk disk(state_);
  if (!disk.mounted()) GTEST_SKIP() << "mounting is not allowed here";
  test::write_file(source_, std::string(2 << 20, 'x'));
  const auto staged = staging().stage(source_, 1);
  EXPECT_FALSE(staged);
  EXPECT_THAT(staged.error().message, HasSubstr("it cannot be copied: No space left on device"));
  EXPECT_EQ(left(), 0U);
}

}  // namespace
}  // namespace dojo::plugins
