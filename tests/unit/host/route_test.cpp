#include "pipeline/route.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::pipeline {
namespace {

using testing::HasSubstr;

class RouteTableTest : public testing::Test {
 protected:
  test::NoServices services;
  RouteTable table;
};

TEST_F(RouteTableTest, FindsARouteByItsPath) {
  ASSERT_TRUE(table.add(test::load("test_behaviours", services)));
  const auto route = table.find("/Answers");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->info().name, "Answers");
  for (const char* path :
       {"", "/", "Answers", "//Answers", "/Answers/", "/answers", "/Answers?x", "/../Answers"}) {
    EXPECT_FALSE(table.find(path)) << path;
  }
}

TEST_F(RouteTableTest, GivesAGateToLimitedRoutesAlone) {
  ASSERT_TRUE(table.add(test::load("test_behaviours", services)));
  EXPECT_EQ(table.find("/Answers")->gate, nullptr);
  const auto limited = table.find("/KeepsOne");
  ASSERT_NE(limited->gate, nullptr);
  EXPECT_EQ(limited->gate->limit, 1u);
  EXPECT_EQ(table.find("/KeepsOne")->gate, limited->gate) << "one gate for all requests";
}

TEST_F(RouteTableTest, TakesAllOfAPluginOrNothing) {
  ASSERT_TRUE(table.add(test::load("test_behaviours", services)));
  const auto before = table.all().size();
  const auto status = table.add(test::load("test_rival", services));
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("route /Answers is claimed by both behaviours ("));
  EXPECT_THAT(status.error().message, HasSubstr("and rival ("));
  EXPECT_FALSE(table.find("/OnlyHere"));
  EXPECT_EQ(table.all().size(), before);
}

TEST_F(RouteTableTest, LetsGoOfItsGenerations) {
  auto generation = test::load("test_rival", services);
  const std::weak_ptr<const plugins::Generation> seen = generation;
  ASSERT_TRUE(table.add(generation));
  generation.reset();
  EXPECT_FALSE(seen.expired());
  table.clear();
  EXPECT_TRUE(seen.expired());
  EXPECT_FALSE(table.find("/Answers"));
}

}  // namespace
}  // namespace dojo::pipeline
