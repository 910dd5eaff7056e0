#include <filesystem>
#include <fstream>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/support.hpp"
#include "plugins/run/in_process.hpp"

namespace dojo::plugins {
namespace {

using testing::HasSubstr;

test::NoServices no_services;

std::string refusal(const std::filesystem::path& file, const std::string& config = "{}") {
  InProcess generation(test::blueprint(file, config), no_services);
  const auto status = generation.load();
  return status ? "" : status.error().message;
}

TEST(Generation, IsNamedAndHasItsRoutes) {
  const auto generation = test::load("test_behaviours", no_services);
  EXPECT_EQ(generation->name(), "behaviours");
  EXPECT_EQ(generation->version(), "1.0.0");
  EXPECT_EQ(generation->blueprint().file, test::plugin("test_behaviours"));
  EXPECT_FALSE(generation->isolated());
  ASSERT_GT(generation->routes().size(), 5u);
  EXPECT_EQ(generation->routes()[0].name, "Answers");
  EXPECT_EQ(generation->routes()[0].description, "for a test");
  EXPECT_EQ(generation->routes()[0].request_schema, "{}");
  EXPECT_EQ(generation->routes()[0].response_schema, "");
}

TEST(Generation, IsNamedBeforeItIsLoadedIfItsNameIsKnown) {
  auto plan = test::blueprint(test::plugin("test_rival"));
  plan.name = "rival";
  EXPECT_EQ(InProcess(plan, no_services).name(), "rival");
}

TEST(Generation, AsksForHealthWithoutWaiting) {
  const auto generation = test::load("test_behaviours", no_services);
  std::optional<Status> answer;
  EXPECT_TRUE(test::eventually([&] {
    answer = generation->ask_health();
    return answer.has_value();
  }));
  EXPECT_TRUE(answer && *answer);
}

TEST(Generation, MayBeWrittenInC) {
  EXPECT_EQ(test::load("test_plugin_c", no_services)->routes()[0].name, "CEcho");
}

TEST(Generation, SaysWhyAPluginTakesNoConfig) {
  EXPECT_EQ(refusal(test::plugin("test_rival"), R"({"a":1})"),
            "create failed (1): config: this plugin takes none");
}

TEST(Generation, SaysWhyAPluginIsRefused) {
  EXPECT_THAT(refusal(test::plugin("no_such")), HasSubstr("cannot be loaded"));
  EXPECT_THAT(refusal(test::plugin("test_no_plugin")),
              HasSubstr("does not export dojo_plugin_entry"));
  EXPECT_THAT(refusal(test::plugin("test_faulty_abi")),
              HasSubstr("built for plugin ABI 2.1, this host has 1.1"));
  EXPECT_THAT(refusal(test::plugin("test_faulty_name")), HasSubstr("its name \"not a name\""));
  EXPECT_EQ(refusal(test::plugin("test_faulty_start")), "start failed (1): the GPU is on fire");
  EXPECT_THAT(refusal(test::plugin("test_faulty_create")),
              HasSubstr("create failed (1): it let an exception out"));
  EXPECT_THAT(refusal(test::plugin("test_faulty_routes")),
              HasSubstr("route One: it declares this route twice"));
  EXPECT_THAT(refusal(test::plugin("test_faulty_route_name")), HasSubstr("route \"a/b\""));
  EXPECT_THAT(refusal(test::plugin("test_faulty_schema")),
              HasSubstr("its request schema is not valid JSON"));
  EXPECT_THAT(refusal(test::plugin("test_faulty_holes")), HasSubstr("has holes"));
}

TEST(Generation, RefusesAFileThatIsNoSharedObject) {
  const auto file = std::filesystem::path(testing::TempDir()) / "text.so";
  std::ofstream(file) << "not an ELF file\n";
  EXPECT_THAT(refusal(file), HasSubstr("it is no shared object"));
  std::filesystem::remove(file);
}

TEST(Generation, IsUnloadedAtTheEnd) {
  const auto generation = test::load("test_rival", no_services);
  EXPECT_TRUE(is_mapped(test::plugin("test_rival")));
  const auto ending = generation->end(std::chrono::seconds(20));
  EXPECT_TRUE(ending.unloaded) << ending.why;
  EXPECT_FALSE(is_mapped(test::plugin("test_rival")));
}

}  // namespace
}  // namespace dojo::plugins
