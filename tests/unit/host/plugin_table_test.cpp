#include "plugins/deploy/plugin_table.hpp"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/idle_generation.hpp"

namespace dojo::plugins {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Plugin serving(const std::string& name, const std::string& sha256) {
  Plugin plugin;
  plugin.active.generation = std::make_shared<test::IdleGeneration>(name, sha256);
  plugin.source = "/plugins/" + name + ".so";
  return plugin;
}

class PluginTableTest : public testing::Test {
 protected:
  PluginTable table;
  test::CountedRoster roster;
};

TEST_F(PluginTableTest, ShowsWhatServes) {
  roster.counted = {.in_flight = 1, .answered = 20, .failed = 3};
  EXPECT_FALSE(table.put("score", serving("score", "aa")).generation);
  const auto rows = table.rows(roster);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].name, "score");
  EXPECT_EQ(rows[0].version, "1.0.0");
  EXPECT_EQ(rows[0].sha256, "aa");
  EXPECT_EQ(rows[0].state, "active");
  EXPECT_EQ(rows[0].isolation, "thread");
  EXPECT_EQ(rows[0].file, "/plugins/score.so");
  EXPECT_EQ(rows[0].tally.answered, 20u);
}

TEST_F(PluginTableTest, GivesBackWhatServedBefore) {
  (void)table.put("score", serving("score", "aa"));
  table.set_health("score", "unwell", {});
  const auto old = table.put("score", serving("score", "bb"));
  EXPECT_EQ(old.generation->blueprint().sha256, "aa");
  EXPECT_THAT(table.rows(roster), SizeIs(1));
  EXPECT_EQ(table.rows(roster)[0].reason, "") << "of the one before";
  EXPECT_EQ(table.take("score").generation->blueprint().sha256, "bb");
  EXPECT_THAT(table.rows(roster), IsEmpty());
}

TEST_F(PluginTableTest, KnowsWhatHasServed) {
  EXPECT_EQ(table.find("score"), nullptr);
  (void)table.put("score", serving("score", "aa"));
  EXPECT_TRUE(table.find_serving("score"));
  (void)table.take("score");
  ASSERT_NE(table.find("score"), nullptr);
  EXPECT_EQ(table.find("score")->source, "/plugins/score.so");
  const auto none = table.find_serving("score");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no plugin \"score\" that serves"));
}

TEST_F(PluginTableTest, TellsAFileByItsPathAndItsHash) {
  (void)table.put("score", serving("score", "aa"));
  EXPECT_TRUE(table.serves("/plugins/score.so", "aa"));
  EXPECT_FALSE(table.serves("/plugins/score.so", "bb"));
  EXPECT_FALSE(table.serves("/plugins/other.so", "aa"));
  (void)table.take("score");
  EXPECT_FALSE(table.serves("/plugins/score.so", "aa"));
}

}  // namespace
}  // namespace dojo::plugins
