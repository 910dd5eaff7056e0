#include "plugins/deploy/libraries.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/scratch_folder.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class Libraries : public testing::Test {
 protected:
  Libraries() {
    for (const std::string place : {"lib", "elsewhere"}) {
      fs::create_directory(folder_ / place);
      for (const std::string name : {"liba.so", "libc.so.6"}) {
        test::write_file(folder_ / place / name, "no ELF file");
      }
    }
  }
  [[nodiscard]] std::vector<fs::path> brought(const std::string& name, const std::string& path,
                                              bool by_rpath = false) const {
    ElfNames names;
    names.needed = {name};
    (by_rpath ? names.rpath : names.runpath) = path;
    std::vector<fs::path> files;
    for (const auto& library : find_brought(names, {folder_.path()})) files.push_back(library.file);
    return files;
  }
  [[nodiscard]] std::string elsewhere() const { return folder_ / "elsewhere"; }

  const test::ScratchFolder folder_;
};

TEST_F(Libraries, AreFoundBesideTheObject) {
  const auto file = folder_ / "lib" / "liba.so";
  for (const std::string path : {"$ORIGIN/lib", "${ORIGIN}/lib", "lib", "./lib", "none:$ORIGIN/lib",
                                 "/nowhere:$ORIGIN/lib", "$ORIGIN/elsewhere/../lib"}) {
    EXPECT_THAT(brought("liba.so", path), ElementsAre(file)) << path;
    EXPECT_THAT(brought("liba.so", path, true), ElementsAre(file)) << path;
  }
  EXPECT_THAT(brought("lib/liba.so", ""), ElementsAre(file));
  EXPECT_THAT(brought("$ORIGIN/lib/liba.so", ""), ElementsAre(file));
}

TEST_F(Libraries, AreLeftWhereAnAbsolutePathLeads) {
  EXPECT_THAT(brought("liba.so", elsewhere()), IsEmpty());
  EXPECT_THAT(brought("liba.so", elsewhere() + ":$ORIGIN/lib"), IsEmpty()) << "the first counts";
  EXPECT_THAT(brought(elsewhere() + "/liba.so", "$ORIGIN/lib"), IsEmpty());
  EXPECT_THAT(brought("liba.so", "::"), IsEmpty()) << "wherever the host was started";
  EXPECT_THAT(brought("libb.so", "$ORIGIN/lib"), IsEmpty());
}

TEST_F(Libraries, AreNotWhatAProcessHasOnceAlone) {
  EXPECT_THAT(brought("libc.so.6", "$ORIGIN/lib"), IsEmpty());
}

TEST_F(Libraries, AreTakenByNameFromWhereTheyAreKept) {
  ElfNames names;
  names.needed = {"../x/liba.so", "libb.so"};
  test::write_file(folder_ / kept_as("../x/liba.so"), "no ELF file");
  const auto found = find_brought(names, {folder_.path()}, folder_.path());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "../x/liba.so");
  EXPECT_EQ(found[0].file, folder_ / "..%2Fx%2Fliba.so");
}

TEST(Anchored, LeadsFromAnywhereToTheSamePlace) {
  EXPECT_EQ(anchored("$ORIGIN/lib:/opt/lib::more", {"/a"}), "/a/lib:/opt/lib:/a/more");
  EXPECT_EQ(anchored("$ORIGIN/../lib", {"/a/b", "/c/d"}), "/a/lib:/c/lib");
  EXPECT_FALSE(leads_beside("/opt/lib::", {"/a"}));
  EXPECT_TRUE(leads_beside("/opt/lib:$ORIGIN", {"/a"}));
}

}  // namespace
}  // namespace dojo::plugins
