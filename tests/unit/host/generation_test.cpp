#include "plugins/generation.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::plugins {
namespace {

using testing::HasSubstr;

test::NoServices no_services;

std::string refusal(const std::filesystem::path& file) {
  const auto generation =
      Generation::load(file, no_services, [](const std::string&) { return "{}"; });
  return generation ? "" : generation.error().message;
}

TEST(Generation, IsNamedAndHasItsRoutes) {
  const auto generation = test::load("test_behaviours", no_services);
  EXPECT_EQ(generation->name(), "behaviours");
  EXPECT_EQ(generation->version(), "1.0.0");
  EXPECT_EQ(generation->file(), test::plugin("test_behaviours"));
  ASSERT_GT(generation->routes().size(), 5u);
  EXPECT_EQ(generation->routes()[0].name, "Answers");
  EXPECT_EQ(generation->routes()[0].description, "for a test");
  EXPECT_EQ(generation->routes()[0].request_schema, "{}");
  EXPECT_EQ(generation->routes()[0].response_schema, "");
}

TEST(Generation, MayBeWrittenInC) {
  EXPECT_EQ(test::load("test_plugin_c", no_services)->routes()[0].name, "CEcho");
}

TEST(Generation, AsksForTheConfigByTheNameInTheFile) {
  std::string asked;
  (void)Generation::load(test::plugin("test_rival"), no_services, [&](const std::string& name) {
    asked = name;
    return std::string("{}");
  });
  EXPECT_EQ(asked, "rival");
}

TEST(Generation, SaysWhyAPluginTakesNoConfig) {
  const auto generation = Generation::load(test::plugin("test_rival"), no_services,
                                           [](const std::string&) { return R"({"a":1})"; });
  ASSERT_FALSE(generation);
  EXPECT_EQ(generation.error().message, "create failed (1): config: this plugin takes none");
}

TEST(Generation, SaysWhyAPluginIsRefused) {
  EXPECT_THAT(refusal(test::plugin("no_such")), HasSubstr("cannot be loaded"));
  EXPECT_THAT(refusal(test::plugin("test_no_plugin")),
              HasSubstr("does not export dojo_plugin_entry"));
  EXPECT_THAT(refusal(test::plugin("test_faulty_abi")),
              HasSubstr("built for plugin ABI 2.0, this host has 1.0"));
  EXPECT_THAT(refusal(test::plugin("test_faulty_name")), HasSubstr("its name \"not a name\""));
  EXPECT_EQ(refusal(test::plugin("test_faulty_start")), "start failed (1): the GPU is on fire");
  EXPECT_THAT(refusal(test::plugin("test_faulty_create")),
              HasSubstr("create let an exception out"));
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
  const auto mapped = [] {
    std::ifstream maps("/proc/self/maps");
    const std::string all{std::istreambuf_iterator<char>(maps), {}};
    return all.find("test_rival.so") != std::string::npos;
  };
  auto generation = test::load("test_rival", no_services);
  EXPECT_TRUE(mapped());
  generation.reset();
  EXPECT_FALSE(mapped());
}

}  // namespace
}  // namespace dojo::plugins
