// Plugins that are replaced while the host serves.
#include "plugins/deploy/reloader.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/threads.hpp"
#include "host/host_test.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::eventually;
using testing::HasSubstr;

class ReloaderTest : public test::HostTest {
 protected:
  ReloaderTest() {
    fs::remove(folder / "test_behaviours.so");
    config.reload.rescan = 200ms;
    config.reload.probation_requests = 5;
  }
  /// Puts a version where the host looks for it, as `mv` does.
  void put(int version) { put(test::plugin("test_versioned_" + std::to_string(version))); }
  void put(const fs::path& file) {
    fs::copy_file(file, folder / "versioned.part", fs::copy_options::overwrite_existing);
    fs::rename(folder / "versioned.part", folder / "versioned.so");
  }
  /// What answers now: the version, or 0.
  int version() {
    const auto reply = ask("/Which");
    if (!reply || reply->status != 200) return 0;
    const auto at = reply->body.find("\"version\":");
    return at == std::string::npos ? 0 : reply->body[at + 10] - '0';
  }
  std::vector<PluginRow> rows(const std::string& state) {
    auto all = server->plugins().list();
    std::erase_if(all, [&](const auto& row) {
      return row.state != state || row.file.find("/zz-") != std::string::npos;
    });
    return all;
  }
  /// Waits until all that has been done to the folder has been seen: a file that no host takes, and
  /// that is looked at last, has been refused.
  void look_around() {
    const auto name = "zz-" + std::to_string(++looks_) + ".so";
    std::ofstream(folder / name) << "no plugin: " << name;
    EXPECT_TRUE(eventually([&] { return lines.has(name); })) << lines.text();
  }
  bool unloaded(int generation) {
    const auto line =
        "generation unloaded plugin=versioned generation=" + std::to_string(generation);
    return eventually([&] { return lines.has(line); });
  }

 private:
  int looks_ = 0;
};

TEST_F(ReloaderTest, ReplacesAPluginByItsFile) {
  put(1);
  start();
  EXPECT_EQ(version(), 1);
  put(2);
  EXPECT_TRUE(eventually([&] { return version() == 2; }));
  EXPECT_TRUE(unloaded(1)) << lines.text();
  EXPECT_EQ(rows("active").at(0).version, "2.0.0");
}

TEST_F(ReloaderTest, TakesUpAFileThatComesLater) {
  start();
  EXPECT_EQ(version(), 0);
  put(1);
  EXPECT_TRUE(eventually([&] { return version() == 1; }));
}

TEST_F(ReloaderTest, LooksAtAFileOnceWhenItStarts) {
  put(1);
  start();
  look_around();
  EXPECT_EQ(lines.count("plugin serves"), 1U);
  put(2);
  ASSERT_TRUE(eventually([&] { return version() == 2; }));
  EXPECT_EQ(rows("active").at(0).generation, 3u) << "each copy has a number, refused ones too";
}

TEST_F(ReloaderTest, KeepsServingWhenTheFileGoes) {
  put(1);
  start();
  fs::remove(folder / "versioned.so");
  look_around();
  EXPECT_EQ(version(), 1);
}

TEST_F(ReloaderTest, HandsItsStateOver) {
  put(1);
  start();
  for (int i = 0; i < 4; ++i) version();
  put(2);
  ASSERT_TRUE(eventually([&] { return version() == 2; }));
  EXPECT_THAT(ask("/Which")->body, HasSubstr("\"calls\":"));
  EXPECT_THAT(ask("/Which")->body, testing::Not(HasSubstr("\"calls\":1}")));
  EXPECT_THAT(server->metrics().text(), HasSubstr("dojo_plugin_calls{plugin=\"versioned\"}"));
}

TEST_F(ReloaderTest, ReplacesOneThatCannotHandItsStateOver) {
  put(3);
  start();
  EXPECT_EQ(rows("active").at(0).version, "3.0.0");
  put(1);
  EXPECT_TRUE(eventually([&] { return version() == 1; })) << lines.text();
  EXPECT_TRUE(lines.has("the old generation hands nothing over"));
}

TEST_F(ReloaderTest, NamesTheGenerationInItsAnswers) {
  put(1);
  start();
  EXPECT_TRUE(ask("/Which")->has("x-dojo-generation: 1"));
  put(2);
  ASSERT_TRUE(eventually([&] { return version() == 2; }));
  EXPECT_FALSE(ask("/Which")->has("x-dojo-generation: 1"));
}

TEST_F(ReloaderTest, LetsTheOldGenerationFinishWhatItHas) {
  put(1);
  config.reload.drain = 300ms;
  start();
  auto client = net::Client::to(server->port());
  client.send(request("/Which", R"({"wait":"until cancelled"})"));
  ASSERT_TRUE(eventually([&] { return rows("active").at(0).tally.in_flight == 1; }));
  put(2);
  ASSERT_TRUE(eventually([&] { return version() == 2; }));
  EXPECT_TRUE(eventually([&] { return rows("draining").size() == 1; }));
  const auto reply = client.read_reply();  // at the drain limit it is cancelled, and answers
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->body, HasSubstr("\"version\":1"));
  EXPECT_TRUE(unloaded(1));
}

TEST_F(ReloaderTest, RefusesABadFileAndSaysWhy) {
  put(1);
  start();
  std::ofstream(folder / "versioned.so") << "not a plugin";
  EXPECT_TRUE(eventually([&] { return lines.has("plugin refused"); }));
  EXPECT_TRUE(eventually([&] { return rows("quarantined").size() == 1; }));
  EXPECT_EQ(version(), 1);
  put(2);
  EXPECT_TRUE(eventually([&] { return version() == 2; }));
}

TEST_F(ReloaderTest, TriesAQuarantinedFileAgainOnlyWhenTold) {
  put(1);
  start();
  ASSERT_TRUE(server->plugins().unload("versioned"));
  EXPECT_EQ(version(), 0);
  EXPECT_TRUE(unloaded(1));
  put(1);
  look_around();
  EXPECT_EQ(version(), 0);
  EXPECT_EQ(rows("quarantined").at(0).reason, "unloaded by the operator");
  const auto status = server->plugins().reload("versioned");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(version(), 1);
  EXPECT_TRUE(rows("quarantined").empty());
}

TEST_F(ReloaderTest, RollsBackWhatFailsOnProbation) {
  put(1);
  start();
  put(3);
  ASSERT_TRUE(eventually([&] {
    const auto active = rows("active");
    return active.size() == 1 && active[0].version == "3.0.0";
  }));
  const auto another = wire::Keypair::generate();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(version(), 0);
    EXPECT_TRUE(ask_as(another, "/Which"));
  }
  EXPECT_TRUE(eventually([&] { return version() == 1; })) << lines.text();
  EXPECT_TRUE(lines.has("plugin is rolled back"));
  EXPECT_THAT(rows("quarantined").at(0).reason, HasSubstr("requests failed, of 2 callers"));
}

TEST_F(ReloaderTest, RollsNothingBackForOneCaller) {
  config.reload.probation = 1s;
  put(1);
  start();
  put(3);
  ASSERT_TRUE(eventually([&] { return lines.has("version=3.0.0"); }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(version(), 0);
  EXPECT_TRUE(eventually([&] { return lines.has("plugin has passed its probation"); }));
  EXPECT_FALSE(lines.has("rolled back")) << lines.text();
}

TEST_F(ReloaderTest, GoesOnWithoutThreadsForAnother) {
  put(1);
  start();
  threads::limit_starts(0);
  const auto status = server->plugins().reload("versioned");
  EXPECT_EQ(version(), 1);
  ASSERT_TRUE(server->plugins().unload("versioned"));
  EXPECT_EQ(version(), 0);
  threads::limit_starts(-1);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("no thread can be had"));
  EXPECT_TRUE(unloaded(1)) << "once there is one";
  ASSERT_TRUE(server->plugins().reload("versioned"));
  EXPECT_EQ(version(), 1);
}

TEST_F(ReloaderTest, RollsBackWhenTold) {
  put(1);
  start();
  EXPECT_FALSE(server->plugins().rollback("versioned")) << "to what?";
  put(2);
  ASSERT_TRUE(eventually([&] { return version() == 2; }));
  const auto status = server->plugins().rollback("versioned");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(version(), 1);
  look_around();
  EXPECT_EQ(version(), 1) << "the file is still there, and quarantined";
}

TEST_F(ReloaderTest, ServesTheLastGoodCopyAfterARestart) {
  put(1);
  start();
  put(2);
  ASSERT_TRUE(eventually([&] { return version() == 2; }));
  const auto status = server->plugins().rollback("versioned");
  ASSERT_TRUE(status) << status.error().message;
  server.reset();
  start();
  EXPECT_EQ(version(), 1) << lines.text();
}

TEST_F(ReloaderTest, TakesOneOfTwoFilesOfOneName) {
  put(1);
  fs::copy_file(test::plugin("test_versioned_2"), folder / "another.so");
  start();
  EXPECT_EQ(version(), 2) << "the first by name";
  EXPECT_TRUE(lines.has("remove one of the two files"));
}

TEST_F(ReloaderTest, StopsTheOldOneFirstIfThereCanBeOne) {
  config.plugins["versioned"].run.replacement = Replacement::exclusive;
  put(1);
  start();
  for (int i = 0; i < 3; ++i) version();
  put(2);
  EXPECT_TRUE(eventually([&] { return version() == 2; }));
  const auto text = lines.text();
  EXPECT_LT(text.find("generation unloaded plugin=versioned generation=1"),
            text.find("version=2.0.0"));
}

TEST_F(ReloaderTest, AppliesANewConfig) {
  add("test_behaviours");
  start();
  EXPECT_THAT(ask("/Describes")->body, HasSubstr(R"("config":{})"));
  auto changed = config;
  changed.plugins["behaviours"].config = R"({"new":1})";
  ASSERT_TRUE(server->apply(changed));
  EXPECT_THAT(ask("/Describes")->body, HasSubstr(R"("config":{"new":1})"));
  EXPECT_EQ(lines.count("plugin serves"), 2u);
  ASSERT_TRUE(server->apply(changed));
  EXPECT_EQ(lines.count("plugin serves"), 2u) << "nothing has changed";
}

TEST_F(ReloaderTest, TriesARefusedFileAgainWhenItsConfigHasChanged) {
  add("test_rival");
  const auto good = config;
  config.plugins["rival"].config = R"({"a":1})";
  start();
  ASSERT_TRUE(lines.has("config: this plugin takes none"));
  EXPECT_EQ(ask("/OnlyHere")->status, 404);
  ASSERT_TRUE(server->apply(good));
  EXPECT_NE(ask("/OnlyHere")->status, 404) << "while the host runs";

  ASSERT_TRUE(server->plugins().unload("rival"));
  ASSERT_TRUE(server->plugins().reload("rival"));
  server.reset();
  start();
  EXPECT_EQ(ask("/OnlyHere")->status, 404);
  server.reset();
  config = good;
  start();
  EXPECT_NE(ask("/OnlyHere")->status, 404) << "after a restart";
}

TEST_F(ReloaderTest, LeavesNothingBehind) {
  const auto count = [](const char* what) {
    std::ifstream maps("/proc/self/maps");
    std::size_t found = 0;
    for (std::string line; std::getline(maps, line);) found += line.find(what) != std::string::npos;
    return found;
  };
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  put(1);
  start();
  ASSERT_EQ(version(), 1);
  const auto maps_before = count("/staged/");
  const auto descriptors_before = descriptors();
  for (int round = 0; round < 10; ++round) {
    put(round % 2 == 0 ? 2 : 1);
    ASSERT_TRUE(eventually([&] { return version() == (round % 2 == 0 ? 2 : 1); }));
  }
  const auto files = [&] {
    const auto staged = fs::directory_iterator(folder / "state/plugins/staged");
    return std::distance(staged, fs::directory_iterator());
  };
  EXPECT_TRUE(eventually([&] { return count("/staged/") == maps_before; }));
  EXPECT_TRUE(eventually([&] { return descriptors() <= descriptors_before; }));
  EXPECT_TRUE(eventually([&] { return files() == 1; }));
  EXPECT_TRUE(rows("pinned").empty());
}

}  // namespace
}  // namespace dojo::plugins
