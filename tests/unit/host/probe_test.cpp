#include "plugins/deploy/probe.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "host/scratch_folder.hpp"
#include "plugins/deploy/probe_line.hpp"
#include "plugins/deploy/probe_report.hpp"
#include "plugins/deploy/shortage.hpp"
#include "sanitized.hpp"
#include "text/terminal.hpp"
#include "where.hpp"

namespace dojo::plugins {
namespace {

using namespace std::chrono_literals;
using test::kSanitized;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::filesystem::path zoo(const std::string& name) {
  return std::filesystem::path(test::where::kZoo) / (name + ".so");
}

class Probe : public testing::Test {
 protected:
  Result<Probed> probe(const std::string& name) { return probe_file(zoo(name)); }
  Result<Probed> probe_file(const std::filesystem::path& file) {
    return plugins::probe(
        file,
        [this](const std::string& plugin) {
          asked_.push_back(plugin);
          return TrialSettings{config_, isolated_};
        },
        options_);
  }
  std::string refusal(const std::string& name) {
    const auto probed = probe(name);
    return probed ? "it is taken" : probed.error().message;
  }

  ProbeOptions options_{test::where::kWorker, 60s, 0};
  std::string config_ = "{}";
  bool isolated_ = false;
  std::vector<std::string> asked_;
};

TEST_F(Probe, TakesAGoodPlugin) {
  const auto probed = probe("good");
  ASSERT_TRUE(probed) << probed.error().message;
  EXPECT_EQ(probed->name, "good");
  EXPECT_EQ(probed->version, "1.0.0");
  EXPECT_THAT(probed->routes, ElementsAre("Zoo"));
  EXPECT_THAT(probed->notes, IsEmpty());
  EXPECT_THAT(asked_, ElementsAre("good"));
}

TEST_F(Probe, GivesAPluginItsOwnConfig) {
  config_ = R"({"model": "é\n", "list": [1, 2]})" + std::string(300'000, ' ');
  EXPECT_THAT(refusal("refuses_its_config"), HasSubstr(R"({"model": "é)"));
  EXPECT_THAT(asked_, ElementsAre("refuses_its_config"));
}

TEST_F(Probe, RunsNothingOfAFileWithAFault) {
  EXPECT_THAT(refusal("no_note"), HasSubstr("DOJO_NOTE"));
  EXPECT_THAT(refusal("bad_name"), HasSubstr("1 to 64 letters"));
  EXPECT_THAT(asked_, IsEmpty()) << "there is no name to ask with";
  EXPECT_THAT(refusal("wrong_major"), HasSubstr("build it anew"));
  EXPECT_THAT(refusal("nodelete"), HasSubstr("-z nodelete"));
  EXPECT_THAT(refusal("unique_symbols"), HasSubstr("-fno-gnu-unique"));
}

TEST_F(Probe, NamesTheStageInWhichAPluginEndedItsProcess) {
  EXPECT_THAT(refusal("aborts_in_constructor"),
              HasSubstr("it ended the process that tried it: killed by signal 6 (Aborted) in its "
                        "constructors. The last it wrote: the model file is missing"));
  EXPECT_THAT(refusal("exits_in_create"),
              HasSubstr("it ended the process that tried it: exit code 0 in create"));
  EXPECT_THAT(refusal("crashes_in_create"),
              HasSubstr("killed by signal 11 (Segmentation fault) in create"));
}

TEST_F(Probe, NamesTheStageInWhichAPluginHangs) {
  options_.limit = 2s;
  EXPECT_EQ(refusal("hangs_in_constructor"),
            "it did not come back from its constructors within 2 s");
  EXPECT_EQ(refusal("hangs_in_destroy"), "it did not come back from destroy within 2 s");
}

TEST_F(Probe, PassesOnWhatThePluginSays) {
  EXPECT_EQ(refusal("fails_create"), "create failed (1): there is no GPU");
  EXPECT_EQ(refusal("fails_selftest"), "selftest failed (1): two and two are five");
  EXPECT_THAT(refusal("missing_symbol"),
              AllOf(HasSubstr("it cannot be loaded"), HasSubstr("nobody_defines_this")));
}

TEST_F(Probe, RefusesAPluginWithTwoNames) {
  EXPECT_EQ(refusal("two_names"),
            "it has two names: \"one_name\" in its entry, \"another_name\" in its note");
}

TEST_F(Probe, SparesAPluginWithAProcessOfItsOwnWhatOnlyUnloadingNeeds) {
  isolated_ = true;
  for (const auto* name : {"nodelete", "unique_symbols"}) {
    const auto probed = probe(name);
    ASSERT_TRUE(probed) << probed.error().message;
    EXPECT_THAT(probed->notes, testing::Contains(HasSubstr("it stays loaded after dlclose()")));
  }
}

TEST_F(Probe, RemarksWhatRefusesNothing) {
  const auto newer = probe("newer_minor");
  ASSERT_TRUE(newer) << newer.error().message;
  EXPECT_THAT(newer->notes,
              ElementsAre(HasSubstr("plugin ABI 1.99"), HasSubstr("it has no health check")));
  const auto left = probe("leaves_a_thread");
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_THAT(left->notes, testing::Contains(HasSubstr("1 thread of it outlives destroy()")));
}

TEST_F(Probe, LimitsMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer maps more than any limit";
  options_.memory_bytes = std::uint64_t{1} << 30;
  EXPECT_THAT(refusal("eats_memory_in_create"), HasSubstr("there is no more memory"));
  EXPECT_TRUE(probe("good"));
  options_.memory_bytes = 0;
  EXPECT_TRUE(probe("eats_memory_in_create"));
}

TEST_F(Probe, DoesNotWaitForAProcessThatAPluginLeavesBehind) {
  options_.limit = 1h;  // longer than any test may take
  EXPECT_THAT(refusal("forks_in_create"), HasSubstr("signal 6 (Aborted) in create"));
}

TEST_F(Probe, DoesNotListenForEverToNonsense) {
  EXPECT_EQ(refusal("shouts_in_create"), "it wrote to what is not its own, in create");
}

TEST_F(Probe, SaysWhatIsWrongWithTheProgram) {
  options_.program = "/no/such/dojo-worker";
  EXPECT_THAT(refusal("good"), HasSubstr("/no/such/dojo-worker cannot be started"));
}

TEST_F(Probe, LeavesNeitherDescriptorsNorProcesses) {
  const auto descriptors = [] {
    std::size_t count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1u : 0u;
    return count;
  };
  const auto before = descriptors();
  (void)probe("good");
  (void)probe("crashes_in_create");
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST_F(Probe, APluginThatIsCutShortIsNeverTaken) {
  const test::ScratchFolder folder;
  const auto whole = test::read_file(zoo("good"));
  const auto file = folder / "cut.so";
  for (std::size_t cut = 0; cut <= 50; ++cut) {
    test::write_file(file, whole.substr(0, whole.size() * cut / 51));
    EXPECT_FALSE(probe_file(file))
        << "cut at " << whole.size() * cut / 51 << " of " << whole.size();
  }
}

TEST_F(Probe, ReportsAllFaultsToThePluginsAuthor) {
  const auto settings_for = [](const std::string&) { return TrialSettings(); };
  const auto bad = report_probe(zoo("unique_symbols"), settings_for, options_);
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.text, AllOf(HasSubstr("unique_symbols.so: the host would refuse this file"),
                              HasSubstr("fault   it could never be unloaded")));
  const auto good = report_probe(zoo("good"), settings_for, options_);
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_THAT(good.text, AllOf(HasSubstr("good.so: good"), HasSubstr("plugin  good 1.0.0"),
                               HasSubstr("routes  Zoo"), Not(HasSubstr("fault"))));
}

TEST_F(Probe, FindsWhatAPluginBringsAsTheHostDoes) {
  const auto settings_for = [](const std::string&) { return TrialSettings(); };
  const test::ScratchFolder folder;
  std::filesystem::copy_file(zoo("brings_libraries"), folder / "score.so");
  EXPECT_THAT(report_probe(folder / "score.so", settings_for, options_).text,
              HasSubstr("libzoo_number.so: cannot open shared object file"));
  std::filesystem::copy(zoo("brings_libraries").parent_path() / "release_1", folder / "lib");
  const auto report = report_probe(folder / "score.so", settings_for, options_);
  EXPECT_EQ(report.exit_code, 0) << report.text;
}

TEST_F(Probe, TellsTheHostsConditionFromThePlugins) {
  const auto tried = [&](const std::string& name) {
    return try_plugin(zoo(name), [](const auto&) { return TrialSettings(); }, options_);
  };
  EXPECT_TRUE(tried("kills_itself").shortage);
  EXPECT_FALSE(tried("exits_in_create").shortage);
  EXPECT_FALSE(tried("aborts_in_constructor").shortage);
  EXPECT_FALSE(tried("fails_create").shortage);
  options_.program = "/no/such/dojo-worker";
  EXPECT_TRUE(tried("good").shortage);
  options_.program = "/bin/false";
  EXPECT_TRUE(tried("good").shortage);
}

TEST_F(Probe, RemarksWhatAPluginDoesToAProcessOfItsOwn) {
  isolated_ = true;
  const auto probed = probe("changes_umask");
  ASSERT_TRUE(probed) << probed.error().message;
  EXPECT_THAT(probed->notes, testing::Contains(HasSubstr("the umask (")));
  const auto tls = probe("initial_exec");
  ASSERT_TRUE(tls) << tls.error().message;
  EXPECT_THAT(tls->notes, testing::Contains(HasSubstr("initial-exec")));
}

TEST_F(Probe, KeepsToItselfWhatAVariableSays) {
  EXPECT_THAT(refusal("changes_environment"),
              AllOf(HasSubstr("DOJO_ZOO_SECRET"), Not(HasSubstr("a_password"))));
}

TEST(Shortage, IsToldFromAFault) {
  EXPECT_TRUE(
      tells_of_shortage("it cannot be loaded: x.so: cannot allocate memory in static TLS block"));
  EXPECT_TRUE(tells_of_shortage("dojo-worker cannot be started: Resource temporarily unavailable"));
  EXPECT_TRUE(tells_of_shortage("it cannot be read: Too many open files"));
  EXPECT_TRUE(tells_of_shortage("it cannot be copied: No space left on device"));
  EXPECT_TRUE(tells_of_shortage("std::bad_alloc"));
  EXPECT_FALSE(tells_of_shortage("its process ended while it started: killed by signal 11"));
  EXPECT_FALSE(tells_of_shortage("it is no plugin: it does not export dojo_plugin_entry"));
}

TEST(ProbeLineText, ComesBackAsItWasWritten) {
  ProbeLine line;
  line.kind = ProbeLine::Kind::good;
  line.name = "a";
  line.version = "1";
  line.routes = {"A", "B"};
  line.notes = {"n"};
  auto text = write_probe_line(line);
  ASSERT_EQ(text.back(), '\n');
  text.pop_back();
  const auto read = read_probe_line(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->kind, line.kind);
  EXPECT_EQ(read->routes, line.routes);
  EXPECT_EQ(read->notes, line.notes);
}

TEST(Printable, LeavesWhatPeopleWrite) {
  const std::string text = "a \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \xd7\xa9";
  EXPECT_EQ(text::printable(text, 100), text);
}

TEST(Printable, LeavesNothingThatATerminalObeys) {
  EXPECT_EQ(text::printable("a\n\x1b[31mb\x7f", 100), "a  [31mb ");
  EXPECT_EQ(text::printable("a\xc2\x9b[31mb", 100), "a  [31mb") << "C1";
  EXPECT_EQ(text::printable("a\xe2\x80\xae\xd8\x9c\xe2\x81\xa6z", 100), "a        z") << "bidi";
  EXPECT_EQ(text::printable("\xc3\xa9\xff\xc3z", 100), "\xc3\xa9  z") << "no UTF-8";
}

TEST(Printable, CutsNoCharacterInTwo) {
  EXPECT_EQ(text::printable("a\xc3\xa9", 2), "a");
  EXPECT_EQ(text::printable("a\xc3\xa9", 3), "a\xc3\xa9");
  EXPECT_EQ(text::printable(std::string(200, '\n'), 100), std::string(100, ' '));
  EXPECT_EQ(text::printable("a", 0), "");
}

TEST(ProbeLineText, IsBoundedAndPrintable) {
  const auto read =
      read_probe_line(R"({"kind": "refused", "faults": [")" + std::string(10'000, 'x') + R"("]})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->faults.front().size(), 4096U);
  EXPECT_EQ(read_probe_line(R"({"kind": "facts", "name": "a\u009bb"})")->name, "a  b");
  EXPECT_FALSE(read_probe_line("{}"));
  EXPECT_FALSE(read_probe_line(R"({"kind": "stage", "stage": "nowhere"})"));
  EXPECT_FALSE(read_probe_line(R"({"kind": "refused"})"));
  EXPECT_FALSE(read_probe_line(std::string(kLongestProbeLine + 1, ' ')));
}

}  // namespace
}  // namespace dojo::plugins
