#include "check_start.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/descriptor.hpp"
#include "base/files.hpp"
#include "host/host_test.hpp"
#include "host/scratch_folder.hpp"
#include "where.hpp"

namespace dojo::host {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CheckStart : public test::HostTest {
 protected:
  CheckStart() {
    fs::remove(folder / "test_behaviours.so");
    config.reload.probe = 60s;
    put("good");
  }
  void put(const std::string& animal) {
    fs::copy_file(fs::path(test::where::kZoo) / (animal + ".so"), folder / (animal + ".so"));
  }
  [[nodiscard]] std::vector<std::string> faults() const { return check_start(config).faults; }
  [[nodiscard]] std::vector<std::string> warnings() const { return check_start(config).warnings; }
};

TEST_F(CheckStart, LeavesNothingBehind) {
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("wallet: none")));
  EXPECT_FALSE(fs::exists(config.state_dir));
}

TEST_F(CheckStart, BindsTheAddress) {
  config.http.address = "192.0.2.1";
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("listen: cannot listen on 192.0.2.1")));
  config.http.address = "example.org";
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("write an IPv4 or IPv6 address")));
}

TEST_F(CheckStart, TellsTheHostThatRunsFromAnother) {
  start();
  config.http.port = server->port();
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("Address already in use, by another program: ")));
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("wallet: none")));

  const auto opened = base::open_private_folder(config.state_dir);
  ASSERT_TRUE(opened) << opened.error().message;
  const base::Descriptor control(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  (config.state_dir / "control").native().copy(&address.sun_path[0], sizeof address.sun_path - 1);
  ASSERT_EQ(bind(control.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("by another program"))) << "it does not answer";
  ASSERT_EQ(listen(control.get(), 8), 0);
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("wallet: none"),
                                      HasSubstr("Address already in use, by the host that runs")));
}

TEST_F(CheckStart, ReadsTheWallet) {
  config.wallet = folder / "no_such_key";
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("wallet: ")));
}

TEST_F(CheckStart, SaysWhoMayCall) {
  EXPECT_EQ(check_start(config).callers, "everybody may call");
  config.http.address = "0.0.0.0";
  EXPECT_THAT(check_start(config).callers, HasSubstr("nobody may call but"));
}

TEST_F(CheckStart, WarnsOfLegacyTextsOfAnyKind) {
  config.auth.any_legacy_text = true;
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("wallet"), HasSubstr("auth.legacy_text: ")));
  start();
  EXPECT_EQ(lines.count("key=auth.legacy_text"), 1U);
}

TEST_F(CheckStart, LooksAtTheFolders) {
  config.plugins_dir = folder / "nowhere";
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("plugins_dir: ")));
  config.plugins_dir = folder;
  config.state_dir = folder / "good.so" / "state";
  EXPECT_THAT(faults(), Contains(AllOf(HasSubstr("state_dir: "), HasSubstr("is no folder"))));
  config.state_dir = folder / "open";
  fs::create_directory(config.state_dir);
  fs::permissions(config.state_dir, fs::perms::all);
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("is open to others")));
}

TEST_F(CheckStart, TriesEachPluginWithItsConfig) {
  put("refuses_its_config");
  config.plugins["refuses_its_config"].config = R"({"mode":"bad"})";
  config.plugins["refuses_its_config"].where = "dojo-host.toml:7";
  EXPECT_THAT(faults(), ElementsAre(AllOf(HasSubstr("dojo-host.toml:7: "),
                                          HasSubstr("refuses_its_config.so: create failed"))));
}

TEST_F(CheckStart, FindsRoutesThatTwoClaim) {
  put("newer_minor");
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("route /Zoo is ")));
}

TEST_F(CheckStart, WarnsOfWhatIsSaidAboutNobody) {
  config.plugins["god"].where = "dojo-host.toml:3";
  config.auth.routes["Zoo"];
  config.auth.routes["Zo"];
  policy::Rule rule;
  rule.name = "dojo-host.toml:9";
  rule.routes = {"Zoo", "Zu"};
  config.access.rules.push_back(rule);
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_THAT(
      warnings(),
      ElementsAre(HasSubstr("wallet"), HasSubstr("dojo-host.toml:3: there is no plugin god"),
                  "routes.Zo: no plugin serves /Zo", "dojo-host.toml:9: no plugin serves /Zu"));
}

}  // namespace
}  // namespace dojo::host
