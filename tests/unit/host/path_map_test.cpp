#include "request/path_map.hpp"

#include <gtest/gtest.h>

namespace dojo::request {
namespace {

std::string found(const PathMap<std::string>& map, std::string_view path) {
  const auto* value = map.find(path);
  return value == nullptr ? "" : *value;
}

TEST(PathMap, PrefersThePathThenTheLongestBeginning) {
  PathMap<std::string> map;
  for (const char* path : {"/v1/*", "/v1/a", "/v1/a/*", "/v1/%41/*", "/b"})
    map.insert_or_assign(path, path);
  EXPECT_EQ(found(map, "/v1/a"), "/v1/a");
  EXPECT_EQ(found(map, "/v1/a/"), "/v1/a/*");
  EXPECT_EQ(found(map, "/v1/a/b/c"), "/v1/a/*");
  EXPECT_EQ(found(map, "/v1/%41/x"), "/v1/%41/*") << "though % comes before the star";
  EXPECT_EQ(found(map, "/v1/ab"), "/v1/*");
  EXPECT_EQ(found(map, "/v1/"), "/v1/*");
  EXPECT_EQ(found(map, "/v1/*"), "/v1/*");
  EXPECT_EQ(found(map, "/b"), "/b");
  for (const char* path : {"", "/", "/v1", "/v10/a", "/b/", "/B", "v1/a"})
    EXPECT_EQ(found(map, path), "") << path;
}

TEST(PathMap, MayStandForEverything) {
  PathMap<std::string> map;
  map.insert_or_assign("/*", "all");
  map.insert_or_assign("/a", "a");
  EXPECT_EQ(found(map, "/"), "all");
  EXPECT_EQ(found(map, "/x/y"), "all");
  EXPECT_EQ(found(map, "/a"), "a");
  EXPECT_EQ(found(map, "*"), "") << "OPTIONS * is no path";
}

TEST(PathMap, ForgetsWhatItIsTold) {
  PathMap<std::string> map;
  map.insert_or_assign("/a", "one");
  map.insert_or_assign("/b/*", "one");
  map.insert_or_assign("/c", "two");
  map.erase_if([](const std::string& value) { return value == "one"; });
  EXPECT_EQ(found(map, "/a") + found(map, "/b/x"), "");
  std::string left;
  map.for_each([&](const std::string& value) { left += value; });
  EXPECT_EQ(left, "two");
}

}  // namespace
}  // namespace dojo::request
