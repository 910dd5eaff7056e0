#include "request/route.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::request {
namespace {

using testing::HasSubstr;

class RouteTableTest : public testing::Test {
 protected:
  std::shared_ptr<Crew> crew(const std::string& plugin) {
    return test::crew(test::load(plugin, services));
  }
  Status add(const std::string& plugin) { return table.swap(crew(plugin), nullptr); }

  test::NoServices services;
  RouteTable table;
};

TEST_F(RouteTableTest, FindsARouteByItsPath) {
  ASSERT_TRUE(add("test_behaviours"));
  const auto route = table.find("/Answers");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->info().name, "Answers");
  for (const char* path :
       {"", "/", "Answers", "//Answers", "/Answers/", "/answers", "/Answers?x", "/../Answers"}) {
    EXPECT_FALSE(table.find(path)) << path;
  }
}

TEST_F(RouteTableTest, GivesAGateToLimitedRoutesAlone) {
  ASSERT_TRUE(add("test_behaviours"));
  EXPECT_EQ(table.find("/Answers")->gate, nullptr);
  const auto limited = table.find("/KeepsOne");
  ASSERT_NE(limited->gate, nullptr);
  EXPECT_EQ(limited->gate->limit, 1u);
  EXPECT_EQ(table.find("/KeepsOne")->gate, limited->gate) << "one gate for all requests";
}

TEST_F(RouteTableTest, TakesAllOfAPluginOrNothing) {
  ASSERT_TRUE(add("test_behaviours"));
  const auto status = add("test_rival");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message,
              HasSubstr("route /Answers is claimed by both behaviours and rival"));
  EXPECT_FALSE(table.has("OnlyHere"));
  EXPECT_EQ(table.find("/Answers")->generation().name(), "behaviours");
}

TEST_F(RouteTableTest, SwapsOneCrewForTheNext) {
  const auto first = crew("test_behaviours");
  ASSERT_TRUE(table.swap(first, nullptr));
  const auto second = crew("test_rival");
  ASSERT_TRUE(table.swap(second, first.get())) << "what the one before has is free to take";
  EXPECT_EQ(table.find("/Answers")->crew, second);
  EXPECT_TRUE(table.has("OnlyHere"));
  EXPECT_FALSE(table.has("KeepsOne")) << "a route that the next one does not have is gone";
}

TEST_F(RouteTableTest, GivesEachRequestAPlace) {
  const auto here = crew("test_behaviours");
  ASSERT_TRUE(table.swap(here, nullptr));
  EXPECT_TRUE(table.has("Answers"));
  EXPECT_EQ(here->open(), 0u);
  {
    auto route = table.find("/Answers");
    EXPECT_EQ(here->open(), 1u);
    const auto moved = std::move(*route);
    EXPECT_EQ(here->open(), 1u);
    EXPECT_FALSE(here->wait_until_idle(std::chrono::milliseconds(1)));
  }
  EXPECT_TRUE(here->wait_until_idle(std::chrono::milliseconds(0)));
}

TEST_F(RouteTableTest, LetsGoOfACrew) {
  auto here = crew("test_rival");
  const std::weak_ptr<Crew> seen = here;
  ASSERT_TRUE(table.swap(here, nullptr));
  table.remove(*here);
  here.reset();
  EXPECT_TRUE(seen.expired());
  EXPECT_FALSE(table.has("Answers"));
}

}  // namespace
}  // namespace dojo::request
