#include "plugins/deploy/reputation.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/scratch_folder.hpp"
#include "host/support.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class ReputationTest : public testing::Test {
 protected:
  Candidate candidate(char digit) {
    return {folder_ / "score.so",   folder_ / "score.so",  false, "score",
            std::string(64, digit), fingerprint(settings_)};
  }
  void keep(char digit) {
    test::write_file(folder_ / "staged", std::string(1, digit));
    ASSERT_TRUE(store_.keep_good("score", "1.0.0", folder_ / "staged", std::string(64, digit)));
  }

  const test::ScratchFolder folder_;
  const fs::path state_ = folder_ / "state";
  test::Lines lines_;
  std::vector<std::string> remarks_;
  PluginSettings settings_;
  const SettingsOf settings_of_ = [this](std::string_view) { return settings_; };
  Store store_ = Store::open(state_, remarks_).value();
  Reputation reputation_{store_, settings_of_, lines_.log()};
};

TEST_F(ReputationTest, HoldsAFileBackByItsHash) {
  auto again = candidate('a');
  again.plugin.clear();
  EXPECT_TRUE(reputation_.check(again));
  reputation_.quarantine(candidate('a'), "it crashed");
  const auto status = reputation_.check(again);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message,
              AllOf(HasSubstr("it crashed"), HasSubstr("`dojo-host ctl reload score.so`")));
  EXPECT_EQ(again.plugin, "score");
  auto other = candidate('b');
  EXPECT_TRUE(reputation_.check(other));
}

TEST_F(ReputationTest, SaysTheSameOfAFileOnce) {
  EXPECT_FALSE(reputation_.is_told(candidate('a')));
  reputation_.quarantine(candidate('a'), "it crashed");
  EXPECT_TRUE(reputation_.is_told(candidate('a')));
  EXPECT_FALSE(reputation_.is_told(candidate('b')));
  reputation_.forget_told();
  EXPECT_FALSE(reputation_.is_told(candidate('a')));
  auto again = candidate('a');
  EXPECT_FALSE(reputation_.check(again));
  EXPECT_TRUE(reputation_.is_told(again));
}

TEST_F(ReputationTest, HoldsNothingAgainstWhatServes) {
  reputation_.quarantine(candidate('a'), "it crashed");
  reputation_.clear(candidate('a'));
  auto again = candidate('a');
  EXPECT_TRUE(reputation_.check(again));
  EXPECT_FALSE(reputation_.is_told(again));
}

TEST_F(ReputationTest, LetsGoOfAFileWhoseSettingsHaveChanged) {
  reputation_.quarantine(candidate('a'), "a key is missing");
  auto by_its_code = candidate('b');
  by_its_code.settings.clear();
  reputation_.quarantine(by_its_code, "it is no plugin");
  settings_.config = R"({"key":1})";
  auto again = candidate('a');
  EXPECT_TRUE(reputation_.check(again));
  EXPECT_FALSE(reputation_.check(by_its_code)) << "which settings had no part in";
}

TEST_F(ReputationTest, TellsSettingsApartAndNotTheirWords) {
  settings_.config = R"({"password":"hunter2"})";
  const auto first = fingerprint(settings_);
  EXPECT_EQ(first.find("hunter2"), std::string::npos);
  settings_.run.isolation = Isolation::process;
  EXPECT_NE(fingerprint(settings_), first);
}

TEST_F(ReputationTest, GoesBackToTheNewestGoodCopyThatIsNotHeldBack) {
  EXPECT_FALSE(reputation_.good_copy("score", ""));
  keep('a');
  keep('b');
  EXPECT_EQ(reputation_.good_copy("score", "")->sha256, std::string(64, 'b'));
  EXPECT_EQ(reputation_.good_copy("score", std::string(64, 'b'))->sha256, std::string(64, 'a'));
  reputation_.quarantine(candidate('b'), "it crashed");
  EXPECT_EQ(reputation_.good_copy("score", "")->sha256, std::string(64, 'a'));
}

TEST_F(ReputationTest, GoesByWhatItCannotWriteDown) {
  fs::remove_all(state_);
  reputation_.quarantine(candidate('a'), "it crashed");
  EXPECT_TRUE(lines_.has("a quarantine cannot be written down")) << lines_.text();
  auto again = candidate('a');
  EXPECT_FALSE(reputation_.check(again));
}

}  // namespace
}  // namespace dojo::plugins
