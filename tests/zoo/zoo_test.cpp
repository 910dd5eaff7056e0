// The whole host serves a good plugin; then a bad one is put in its place. Asked of each: does the
// old one go on, is the reason said, is nothing left behind?
//
// Where each hazard of loading plugins has its test:
//   a path that is loaded already   Zoo.TakesWhatIsCopiedOverAFileThatServes; reloader_test.cpp
//   cp over a mapped file           Zoo.TakesWhatIsCopiedOverAFileThatServes
//   a truncated file                Zoo.RefusesAPluginThatIsCutShort; probe_test.cpp, fuzz/elf.cpp
//   constructors                    Refused/aborts_in_constructor, hangs_in_constructor
//   STB_GNU_UNIQUE, NODELETE        Refused/unique_symbols, nodelete; Apart/… of the same names
//   thread_local with destructor    Accepted/thread_locals
//   a thread that outlives stop()   Zoo.KeepsInMemoryWhat…
//   pointers kept by the host       all of these, under AddressSanitizer; reloader_test.cpp
//   exceptions, exit()              Refused/throws_in_…, exits_in_create; Zoo.…Throws…, Deadly/…
//   symbols of two plugins          Zoo.KeepsTheGlobalsOfTwoPluginsApart
//   lazy binding                    Refused/missing_symbol
//   noexec staging                  staging_test.cpp
//   reloads at once, storms         Zoo.…StormOfReplacements, Zoo.ReplacesAPluginThatIsDraining
//   a bad or greedy worker process  isolated_test.cpp
//   libraries of one name           Zoo.…Libraries…
//   what the host lacks             Zoo.…Waits…
//   what belongs to the process     Refused/changes_…, executable_stack
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <elf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>
#include <stdlib.h>

#include "host/host_test.hpp"
#include "host/scratch_folder.hpp"
#include "plugins/deploy/reloader.hpp"
#include "sanitized.hpp"
#include "where.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::eventually;
using test::kSanitized;
using test::read_file;
using test::write_file;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kPlugin[] = "perilous";  // what all animals are called here

/// One of those that are built under the one name.
fs::path animal(const std::string& name) {
  return fs::path(test::where::kZoo) / kPlugin / (name + ".so");
}
fs::path perilous() {
  return test::plugin("test_perilous");
}

std::string sha256(const std::string& bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size());
  std::string hex;
  for (const auto byte : hash) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// What plugins could leave in this process.
struct Traces {
  std::size_t mappings = 0;  // of staged copies
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::size_t children = 0;  // zombies included

  static Traces now() {
    Traces found;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      found.mappings += line.find("/staged/") == std::string::npos ? 0u : 1u;
    }
    found.descriptors = entries("/proc/self/fd");
    found.threads = entries("/proc/self/task");
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
      std::ifstream file(task.path() / "children");
      for (std::string pid; file >> pid;) ++found.children;
    }
    return found;
  }
  /// Descriptors may have been more: a connection of before takes a moment to be gone.
  [[nodiscard]] bool no_more_than(const Traces& before) const {
    return mappings == before.mappings && descriptors <= before.descriptors &&
           threads <= before.threads && children == before.children;
  }
};

std::ostream& operator<<(std::ostream& out, const Traces& traces) {
  return out << traces.mappings << " mappings, " << traces.descriptors << " descriptors, "
             << traces.threads << " threads, " << traces.children << " children";
}

bool watches_folder() {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (fs::read_symlink(entry.path(), gone) == "anon_inode:inotify") return true;
  }
  return false;
}

class Zoo : public test::HostTest {
 protected:
  Zoo() {
    fs::remove_all(folder);
    std::string path = testing::TempDir() + "dojo_zoo_XXXXXX";
    if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("there is no folder");
    folder = path;
    config.plugins_dir = folder;
    config.state_dir = folder / "state";
    config.reload.rescan = 200ms;
    config.reload.drain = 300ms;
    config.reload.stop = 2s;
    config.reload.probe = 30s;
    config.reload.probe_memory = kSanitized ? 0 : std::uint64_t{1} << 30;
    config.reload.probation_failures = 101;
  }
  void configure(const std::string& mode) {
    config.plugins[kPlugin].config = "{\"mode\":\"" + mode + "\"}";
  }
  void isolate() { config.plugins[kPlugin].run.isolation = Isolation::process; }

  /// Puts bytes in the plugin's place, as `mv` does.
  void put_bytes(const std::string& bytes) {
    write_file(folder / "part", bytes);
    fs::rename(folder / "part", file());
  }
  /// @param tail goes behind the file's end, where nobody looks: the same plugin with another hash
  void put(const fs::path& plugin, const std::string& tail = "") {
    put_bytes(read_file(plugin) + tail);
  }
  [[nodiscard]] fs::path file() const { return folder / "animal.so"; }
  void start_with(const fs::path& plugin, const std::string& route = "Zoo") {
    put(plugin);
    start();
    ASSERT_EQ(serving(route), 1u) << lines.text();
    ASSERT_TRUE(eventually(watches_folder));  // which takes a descriptor
  }

  /// The number of the generation that answers, or 0.
  std::uint64_t serving(const std::string& route = "Zoo") {
    const auto reply = ask("/" + route);
    if (!reply || reply->status != 200) return 0;
    constexpr std::string_view kHeader = "x-dojo-generation: ";
    const auto at = reply->head.find(kHeader);
    return at == std::string::npos ? 0 : std::stoull(reply->head.substr(at + kHeader.size()));
  }
  bool comes_to_serve_after(std::uint64_t generation, const std::string& route = "Zoo") {
    return eventually([&] { return serving(route) > generation; });
  }
  std::vector<PluginRow> rows(const std::string& state) {
    auto all = server->plugins().list();
    std::erase_if(all, [&](const auto& row) { return row.state != state; });
    return all;
  }
  std::string active_sha256() {
    const auto active = rows("active");
    return active.empty() ? "" : active[0].sha256;
  }
  bool unloaded(std::uint64_t generation) {
    return eventually([&] {
      return lines.has(
          fmt::format("generation unloaded plugin={} generation={}", kPlugin, generation));
    });
  }
  /// The reason for which a generation was pinned, once it is.
  std::string pinned_for() {
    EXPECT_TRUE(eventually([&] { return rows("pinned").size() == 1; })) << lines.text();
    const auto pinned = rows("pinned");
    return pinned.empty() ? "" : pinned[0].reason;
  }
  /// Connections and threads that were ended may take a moment to be gone.
  void expect_nothing_left(const Traces& before) {
    Traces now;
    EXPECT_TRUE(eventually([&] { return (now = Traces::now()).no_more_than(before); }))
        << "before: " << before << ", now: " << now << "\n"
        << lines.text();
  }
  int status_of(const std::string& path, const std::string& body = "{}") {
    const auto reply = ask(path, body);
    return reply ? reply->status : 0;
  }
  /// Whether the caller is told that the handler failed, and no more than that.
  bool fails(const std::string& path, const std::string& body = "{}") {
    const auto reply = ask(path, body);
    return reply && reply->has("x-dojo-code: internal") &&
           reply->body.find("Internal server error (request ") != std::string::npos;
  }
};

/// Asks without end.
class Load {
 public:
  explicit Load(std::function<bool()> ask) : ask_(std::move(ask)) {
    for (auto& thread : threads_) thread = std::thread([this] { run(); });
  }
  ~Load() { end(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  void end() {
    done_ = true;
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  [[nodiscard]] int good() const { return good_; }
  [[nodiscard]] int bad() const { return bad_; }

 private:
  void run() {
    while (!done_) ++(ask_() ? good_ : bad_);
  }
  std::function<bool()> ask_;
  std::atomic<bool> done_{false};
  std::atomic<int> good_{0};
  std::atomic<int> bad_{0};
  std::array<std::thread, 2> threads_;
};

// ---- files that are no plugins

TEST_F(Zoo, RefusesWhatIsNoPlugin) {
  start_with(animal("good"));
  const auto before = Traces::now();
  const auto good = read_file(animal("good"));
  auto machine = good;
  machine[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_S390);
  machine[offsetof(Elf64_Ehdr, e_machine) + 1] = 0;
  auto narrow = good;
  narrow[EI_CLASS] = ELFCLASS32;
  auto program = good;
  program[offsetof(Elf64_Ehdr, e_type)] = ET_EXEC;
  const std::vector<std::pair<std::string, const char*>> files = {
      {"", "it has 0 bytes"},
      {std::string(4096, 'x'), "it is no ELF file"},
      {"#!/bin/sh\necho plugin\n", "it is no shared object"},
      {machine, "built for another kind of machine"},
      {narrow, "built for another kind of machine"},
      {program, "it is no shared object"}};
  for (std::size_t i = 0; i < files.size(); ++i) {
    put_bytes(files[i].first);
    ASSERT_TRUE(eventually([&] { return rows("quarantined").size() == i + 1; })) << lines.text();
    const auto quarantined = rows("quarantined");
    EXPECT_TRUE(std::ranges::any_of(quarantined,
                                    [&](const auto& row) {
                                      return row.sha256 == sha256(files[i].first) &&
                                             row.reason.find(files[i].second) != std::string::npos;
                                    }))
        << files[i].second << "\n"
        << lines.text();
    EXPECT_EQ(serving(), 1u);
  }
  expect_nothing_left(before);
}

TEST_F(Zoo, RefusesAPluginThatIsCutShort) {
  start_with(animal("good"));
  const auto before = Traces::now();
  const auto whole = read_file(animal("good"));
  constexpr std::size_t kCuts = 50;
  for (std::size_t cut = 1; cut <= kCuts; ++cut) {
    put_bytes(whole.substr(0, whole.size() * cut / (kCuts + 1)));
    ASSERT_TRUE(eventually([&] { return lines.count("plugin refused") == cut; })) << lines.text();
  }
  EXPECT_EQ(rows("quarantined").size(), kCuts);
  EXPECT_EQ(serving(), 1u);
  expect_nothing_left(before);
}

// ---- plugins that are refused

struct Bad {
  const char* name;
  const char* says;
  const char* mode = nullptr;  // of perilous.cpp
  bool hangs = false;
};
std::ostream& operator<<(std::ostream& out, const Bad& bad) {
  return out << bad.name;
}

class Refused : public Zoo, public testing::WithParamInterface<Bad> {};

TEST_P(Refused, WhileTheOldOneGoesOn) {
  const auto& bad = GetParam();
  if (kSanitized && std::string_view(bad.name) == "eats_memory_in_create") {
    GTEST_SKIP() << "a sanitizer maps more than any limit";
  }
  configure(bad.mode == nullptr ? "bad" : bad.mode);
  if (bad.hangs) config.reload.probe = kSanitized ? 10s : 2s;
  start_with(animal("good"));
  const auto before = Traces::now();
  put(bad.mode == nullptr ? animal(bad.name) : perilous());
  ASSERT_TRUE(eventually([&] { return lines.has("plugin refused"); })) << lines.text();
  EXPECT_EQ(serving(), 1u);
  ASSERT_EQ(rows("quarantined").size(), 1u);
  EXPECT_THAT(rows("quarantined")[0].reason, HasSubstr(bad.says));
  EXPECT_EQ(rows("active").size(), 1u);
  expect_nothing_left(before);
  put(animal("good"), "2");
  EXPECT_TRUE(comes_to_serve_after(1)) << lines.text();
}

const std::vector<Bad> kRefused = {
    {"aborts_in_constructor", "killed by signal 6 (Aborted) in its constructors"},
    {"crashes_in_create", "killed by signal 11 (Segmentation fault) in create"},
    {"eats_memory_in_create", "there is no more memory"},
    {"exits_in_create", "exit code 0 in create"},
    {"fails_create", "create failed (1): there is no GPU"},
    {"fails_selftest", "selftest failed (1): two and two are five"},
    {"hangs_in_constructor", "did not come back from its constructors within", nullptr, true},
    {"hangs_in_destroy", "did not come back from destroy within", nullptr, true},
    {"missing_symbol", "nobody_defines_this"},
    {"no_entry", "it does not export dojo_plugin_entry"},
    {"no_note", "it has no note"},
    {"nodelete", "it is linked with -z nodelete"},
    {"refuses_its_config", R"(create failed (1): {"mode":"bad"})"},
    {"short_entry", "its entry is too short"},
    {"short_plugin", "a table that is too short"},
    {"short_route", "its route table is too short"},
    {"shouts_in_create", "it wrote to what is not its own, in create"},
    {"two_names", "it has two names"},
    {"unique_symbols", "it defines unique symbols"},
    {"changes_environment", "the whole process: the environment variable DOJO_ZOO_SECRET. Leave"},
    {"changes_folder", "the whole process: the working folder ("},
    {"changes_limits", "the whole process: the limit RLIMIT_NOFILE. Leave"},
    {"changes_locale", "the whole process: the locale (C, then "},
    {"changes_rounding", "the whole process: the floating point mode, "},
    {"changes_signals", "the whole process: what SIGUSR1 does. Leave"},
    {"changes_timer", "the whole process: the timer that sends SIGALRM. Leave"},
    {"changes_umask", "the whole process: the umask ("},
    {"executable_stack", "it makes the stacks of the whole process executable"},
    {"wrong_major", "it was built for plugin ABI 99.1"},
    {"throws_in_create", "create failed (1): it let an exception out", "throws_in_create"},
    {"throws_in_start", "start failed (1): it let an exception out", "throws_in_start"},
    {"throws_in_destroy", "destroy let an exception out", "throws_in_destroy"},
    {"fails_start", "start failed (1): does not feel like it", "no_start"}};
INSTANTIATE_TEST_SUITE_P(All, Refused, testing::ValuesIn(kRefused),
                         [](const auto& test) { return std::string(test.param.name); });

// ---- plugins that are peculiar, and taken

class Accepted : public Zoo, public testing::WithParamInterface<const char*> {};

TEST_P(Accepted, AndGoneWithoutTraceWhenItIsReplaced) {
  start_with(animal("good"));
  const auto before = Traces::now();
  put(animal(GetParam()));
  ASSERT_TRUE(comes_to_serve_after(1)) << lines.text();
  for (int i = 0; i < 10; ++i)
    EXPECT_THAT(ask("/Zoo", R"({"i":1})")->body, HasSubstr(R"({"i":1})"));
  EXPECT_TRUE(unloaded(1));
  expect_nothing_left(before);
  const auto second = serving();
  put(animal("good"));
  ASSERT_TRUE(comes_to_serve_after(second)) << lines.text();
  EXPECT_TRUE(unloaded(second));
  EXPECT_THAT(rows("pinned"), IsEmpty());
  expect_nothing_left(before);
}
INSTANTIATE_TEST_SUITE_P(All, Accepted,
                         testing::Values("longer_tables", "newer_minor", "thread_locals"),
                         [](const auto& test) { return std::string(test.param); });

// ---- plugins that do not end well

TEST_F(Zoo, KeepsInMemoryWhatLeavesAThread) {
  const auto go = folder / "go";
  config.plugins[kPlugin].config = "{\"go\":\"" + go.string() + "\"}";
  start_with(animal("leaves_a_thread"));
  const auto before = Traces::now();
  put(animal("good"));
  ASSERT_TRUE(comes_to_serve_after(1)) << lines.text();
  EXPECT_THAT(pinned_for(), HasSubstr("it left threads running"));
  EXPECT_EQ(Traces::now().mappings, 2 * before.mappings) << "both are there";
  EXPECT_EQ(server->plugins().pinned_ever(), 1u);
  const auto second = serving();
  put(animal("good"), "3");
  ASSERT_TRUE(comes_to_serve_after(second));
  EXPECT_TRUE(unloaded(second));
  EXPECT_EQ(server->plugins().pinned_ever(), 1u);
  write_file(go, "");
  EXPECT_TRUE(unloaded(1)) << "it is tried again";
  EXPECT_THAT(rows("pinned"), IsEmpty());
}

TEST_F(Zoo, KeepsInMemoryAThreadThatIsCalledAsTheHostsOwn) {
  const auto go = folder / "go";
  config.plugins[kPlugin].config = "{\"go\":\"" + go.string() + "\"}";
  start_with(animal("names_its_thread"));
  put(animal("good"));
  ASSERT_TRUE(comes_to_serve_after(1)) << lines.text();
  EXPECT_THAT(pinned_for(), HasSubstr("it left threads running"));
  write_file(go, "");
  EXPECT_TRUE(unloaded(1)) << "it is tried again";
}

TEST_F(Zoo, KeepsInMemoryWhatAnswersAfterItsEnd) {
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  auto client = net::Client::to(server->port());
  const auto go = folder / "go";
  client.send(request("/AnswersAfterDestroy", go.string()));
  ASSERT_TRUE(eventually([&] { return Traces::now().threads > before.threads; }));
  put(animal("good"));
  ASSERT_TRUE(comes_to_serve_after(1)) << lines.text();
  EXPECT_THAT(pinned_for(), HasSubstr("it left threads running"));
  const auto reply = client.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 503);
  EXPECT_FALSE(lines.has("after destroy"));
  write_file(go, "");
  EXPECT_TRUE(eventually([&] { return lines.has("after destroy 2"); })) << lines.text();  // stale
  EXPECT_TRUE(unloaded(1)) << "it is tried again";
  EXPECT_GT(serving(), 1u);
  client.close();
  EXPECT_THAT(rows("pinned"), IsEmpty());
}

TEST_F(Zoo, TakesNoAnswerAfterStop) {
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  auto client = net::Client::to(server->port());
  client.send(request("/AnswersAfterStop"));
  ASSERT_TRUE(eventually([&] { return rows("active").at(0).tally.in_flight == 1; }));
  put(perilous(), "2");
  ASSERT_TRUE(comes_to_serve_after(1, "Echo"));
  const auto reply = client.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 503);
  EXPECT_TRUE(eventually([&] { return lines.has("after stop 2"); })) << lines.text();  // stale
  EXPECT_TRUE(unloaded(1));
  client.close();
  expect_nothing_left(before);
}

TEST_F(Zoo, ReplacesAPluginThatNeverAnswers) {
  config.dispatch.deadline = 200ms;
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  EXPECT_EQ(status_of("/Keeps"), 504);
  EXPECT_EQ(serving("Echo"), 1u);
  put(perilous(), "2");
  EXPECT_TRUE(comes_to_serve_after(1, "Echo"));
  EXPECT_TRUE(unloaded(1)) << lines.text();
  const auto second = serving("Echo");
  put(perilous(), "3");
  EXPECT_TRUE(comes_to_serve_after(second, "Echo"));
  EXPECT_TRUE(unloaded(second)) << lines.text();
  expect_nothing_left(before);
}

TEST_F(Zoo, KeepsInMemoryAHandlerThatDoesNotComeBack) {
  config.dispatch.deadline = 200ms;
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  const auto go = folder / "go";
  EXPECT_EQ(status_of("/IgnoresCancel", go.string()), 504);
  put(perilous(), "2");
  ASSERT_TRUE(comes_to_serve_after(1, "Echo"));
  EXPECT_EQ(pinned_for(), "a handler has not come back");
  EXPECT_GT(serving("Echo"), 1u);
  write_file(go, "");
  EXPECT_TRUE(unloaded(1)) << "it is tried again";
  EXPECT_THAT(rows("pinned"), IsEmpty());
  expect_nothing_left(before);
}

TEST_F(Zoo, EndsAHandlerThatDoesNotComeBackWithItsProcess) {
  isolate();
  config.dispatch.deadline = 200ms;
  config.reload.stop = 200ms;
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  EXPECT_EQ(status_of("/IgnoresAll"), 504);
  put(perilous(), "2");
  ASSERT_TRUE(comes_to_serve_after(1, "Echo"));
  EXPECT_TRUE(unloaded(1)) << lines.text();
  EXPECT_EQ(server->plugins().pinned_ever(), 0u);
  expect_nothing_left(before);
}

TEST_F(Zoo, UnloadsAPluginThatThrowsInStop) {
  configure("throws_in_stop");
  start_with(perilous(), "Echo");
  put(animal("good"));
  ASSERT_TRUE(comes_to_serve_after(1));
  EXPECT_TRUE(unloaded(1));
  EXPECT_TRUE(eventually([&] { return lines.has("stop let an exception out"); })) << lines.text();
  EXPECT_THAT(rows("pinned"), IsEmpty());
}

TEST_F(Zoo, ReplacesAPluginThatIsDraining) {
  config.reload.drain = 3s;
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  auto client = net::Client::to(server->port());
  client.send(request("/AwaitsCancel"));
  ASSERT_TRUE(eventually([&] { return rows("active").at(0).tally.in_flight == 1; }));
  put(perilous(), "2");
  ASSERT_TRUE(comes_to_serve_after(1, "Echo"));
  EXPECT_EQ(rows("draining").size(), 1u);
  const auto second = serving("Echo");
  put(perilous(), "3");
  ASSERT_TRUE(comes_to_serve_after(second, "Echo"));
  EXPECT_TRUE(unloaded(second)) << "it had nothing to wait for";
  EXPECT_FALSE(lines.has("plugin=perilous generation=1\n")) << "it still has a request";
  const auto reply = client.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->body, HasSubstr(R"({"cancelled":true})"));
  EXPECT_TRUE(unloaded(1));
  client.close();
  expect_nothing_left(before);
}

// ---- functions that do not come back

struct Hang {
  const char* where;
  bool isolated = false;
};
std::ostream& operator<<(std::ostream& out, const Hang& hang) {
  return out << hang.where;
}

class Hanging : public Zoo, public testing::WithParamInterface<Hang> {};

TEST_P(Hanging, HoldsUpNobodyElse) {
  const std::string where = GetParam().where;
  const auto signs = folder / "signs";
  fs::create_directory(signs);
  config.reload.start = config.reload.probe = 120s;
  config.reload.health = 1s;
  config.plugins["hangs"].config = "{\"hangs\":\"" + signs.string() + "\"}";
  if (GetParam().isolated) {
    auto& run = config.plugins["hangs"].run;
    run.isolation = Isolation::process;
    run.sandbox.write = {signs.string()};
  }
  fs::copy_file(fs::path(test::where::kZoo) / "hangs.so", folder / "hangs.so");
  start_with(animal("good"));
  const auto before = serving();
  ASSERT_GT(serving("Hangs"), 0u) << lines.text();

  write_file(signs / where, "");
  if (where != "health") {  // which it is asked of itself
    write_file(folder / "part", read_file(fs::path(test::where::kZoo) / "hangs.so") + "2");
    fs::rename(folder / "part", folder / "hangs.so");
  }
  ASSERT_TRUE(eventually([&] { return fs::exists(signs / (where + ".in")); })) << lines.text();
  put(animal("good"), "2");
  EXPECT_TRUE(comes_to_serve_after(before)) << lines.text();
  EXPECT_TRUE(server->plugins().reload(kPlugin));
  EXPECT_GT(serving("Hangs"), 0u);
  EXPECT_EQ(rows("active").size(), 2u);
  EXPECT_TRUE(server->plugins().unload(kPlugin));
  EXPECT_TRUE(fs::exists(signs / where)) << "it hangs still";

  const bool ended = server->plugins().stop();  // as a signal has it, and does not wait for ever
  EXPECT_EQ(ended, GetParam().isolated && where == "health") << lines.text();
  fs::remove(signs / where);
}
INSTANTIATE_TEST_SUITE_P(All, Hanging,
                         testing::Values(Hang{"health"}, Hang{"health", true}, Hang{"save"},
                                         Hang{"save", true}, Hang{"selftest"}, Hang{"create"},
                                         Hang{"start"}),
                         [](const auto& test) {
                           return std::string(test.param.where) +
                                  (test.param.isolated ? "_apart" : "");
                         });

// ---- handlers that do not keep to the rules

TEST_F(Zoo, AnswersForAHandlerThatBreaksTheRules) {
  start_with(perilous(), "Echo");
  EXPECT_TRUE(fails("/Throws"));
  EXPECT_TRUE(fails("/Declines"));
  EXPECT_TRUE(fails("/BadStatus"));
  EXPECT_TRUE(fails("/Hooked", "throw"));
  EXPECT_TRUE(fails("/BadJson"));
  EXPECT_EQ(status_of("/Twice"), 200);
  EXPECT_TRUE(eventually([&] { return lines.has("again 2") && lines.has("unknown 2"); }));
  const auto text = lines.text();
  EXPECT_THAT(text, AllOf(HasSubstr("handle returned 1"), HasSubstr("it answered with status 3"),
                          HasSubstr("blacklist failed (1): it let an exception out"),
                          HasSubstr("the body it answered with is ")));
  EXPECT_EQ(serving("Echo"), 1u);
  put(animal("good"));
  EXPECT_TRUE(comes_to_serve_after(1));
  EXPECT_TRUE(unloaded(1));
}

// ---- two plugins

TEST_F(Zoo, RefusesARouteThatAnotherPluginServes) {
  start_with(animal("good"));
  fs::copy_file(fs::path(test::where::kZoo) / "good.so", folder / "good.so");
  EXPECT_TRUE(eventually([&] {
    return lines.has("route /Zoo is claimed by both perilous and good; remove one of them");
  })) << lines.text();
  EXPECT_EQ(serving(), 1u);
  EXPECT_EQ(rows("active").size(), 1u);
  ASSERT_TRUE(eventually([&] { return rows("waiting").size() == 1; }));
  EXPECT_EQ(rows("waiting")[0].name, "good");
  EXPECT_THAT(rows("waiting")[0].reason, HasSubstr("/Zoo is claimed by both"));
  EXPECT_TRUE(server->plugins().unload(kPlugin));
  EXPECT_TRUE(comes_to_serve_after(1)) << "it is tried again";
  EXPECT_TRUE(eventually([&] { return rows("waiting").empty(); }));
}

TEST_F(Zoo, KeepsTheGlobalsOfTwoPluginsApart) {
  for (const std::string name : {"one", "another"}) {
    fs::copy_file(fs::path(test::where::kZoo) / ("globals_of_" + name + ".so"),
                  folder / (name + ".so"));
  }
  start();
  EXPECT_THAT(ask("/one")->body, HasSubstr(R"({"of":"one"})")) << lines.text();
  EXPECT_THAT(ask("/another")->body, HasSubstr(R"({"of":"another"})"));
}

// ---- its config

TEST_F(Zoo, GoesOnWithItsOldConfigIfItRefusesTheNew) {
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  const auto good = config;
  for (const auto* mode : {"throws_in_create", "dies_in_create", "no_start"}) {
    configure(mode);
    const auto status = server->apply(config);
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, AnyOf(HasSubstr("refuses its settings"),
                                              HasSubstr("goes on with its old settings")));
    EXPECT_EQ(serving("Echo"), 1u);
  }
  expect_nothing_left(before);
  EXPECT_THAT(rows("quarantined"), IsEmpty()) << "the file has served, and does";
  EXPECT_TRUE(server->apply(good));
  server.reset();
  config = good;
  start();
  EXPECT_GT(serving("Echo"), 0u) << lines.text();
}

// ---- libraries that a plugin brings

class ZooLibraries : public Zoo {
 protected:
  /// Puts those of a release in place, as `mv` does.
  void put_libraries(const std::string& release, const fs::path& to) {
    fs::create_directories(to);
    for (const std::string name : {"libzoo_number.so", "libzoo_word.so"}) {
      write_file(to / "part",
                 read_file(fs::path(test::where::kZoo) / ("release_" + release) / name));
      fs::rename(to / "part", to / name);
    }
  }
  std::string answer() {
    const auto reply = ask("/Zoo");
    return reply ? reply->body : "";
  }
  static std::string of(const std::string& release) {
    return R"({"number":")" + release + R"(","word":")" + release + R"("})";
  }
  void start_with_libraries() {
    put_libraries("1", folder / "lib");
    start_with(animal("brings_libraries"));
    ASSERT_THAT(answer(), HasSubstr(of("1")));
  }
};

TEST_F(ZooLibraries, ANewOneComesWithANewVersion) {
  start_with_libraries();
  const auto before = Traces::now();
  put_libraries("2", folder / "lib");
  EXPECT_THAT(answer(), HasSubstr(of("1"))) << "it is the copy's own";
  put(animal("brings_libraries"), "2");
  ASSERT_TRUE(comes_to_serve_after(1)) << lines.text();
  EXPECT_THAT(answer(), HasSubstr(of("2")));
  EXPECT_TRUE(unloaded(1));
  const auto second = serving();
  put_libraries("1", folder / "lib");
  put(animal("brings_libraries"), "2");
  ASSERT_TRUE(comes_to_serve_after(second))
      << "the same file with other libraries: " << lines.text();
  EXPECT_THAT(answer(), HasSubstr(of("1")));
  EXPECT_TRUE(unloaded(second));
  EXPECT_THAT(rows("pinned"), IsEmpty());
  expect_nothing_left(before);
}

TEST_F(ZooLibraries, GoBackWithTheGoodCopy) {
  start_with_libraries();
  put_libraries("2", folder / "lib");
  put(animal("brings_libraries"), "2");
  ASSERT_TRUE(comes_to_serve_after(1)) << lines.text();
  ASSERT_THAT(answer(), HasSubstr(of("2")));
  fs::remove_all(folder / "lib");
  const auto back = server->plugins().rollback(kPlugin);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_THAT(answer(), HasSubstr(of("1")));
  configure("another");
  const auto applied = server->apply(config);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_THAT(answer(), HasSubstr(of("1")));
  server.reset();
  start();
  EXPECT_THAT(answer(), HasSubstr(of("1"))) << lines.text();
}

TEST_F(ZooLibraries, AreNoPluginsBesideOne) {
  put_libraries("1", folder);
  start_with(animal("brings_libraries"));
  EXPECT_THAT(answer(), HasSubstr(of("1")));
  put_libraries("2", folder);
  put(animal("brings_libraries"), "2");
  ASSERT_TRUE(comes_to_serve_after(1)) << lines.text();
  EXPECT_THAT(answer(), HasSubstr(of("2")));
  EXPECT_THAT(rows("quarantined"), IsEmpty());
  EXPECT_FALSE(lines.has("plugin refused")) << lines.text();
}

TEST_F(ZooLibraries, ServeAPluginInAProcessOfItsOwn) {
  isolate();
  start_with_libraries();
  put_libraries("2", folder / "lib");
  put(animal("brings_libraries"), "2");
  ASSERT_TRUE(comes_to_serve_after(1)) << lines.text();
  EXPECT_THAT(answer(), HasSubstr(of("2")));
}

TEST_F(ZooLibraries, AreLookedAtBeforeTheyAreLoaded) {
  start_with_libraries();
  const auto word = read_file(folder / "lib" / "libzoo_word.so");
  write_file(folder / "lib" / "libzoo_word.so", word.substr(0, word.size() / 4));
  put(animal("brings_libraries"), "2");
  ASSERT_TRUE(eventually([&] { return lines.has("plugin refused"); })) << lines.text();
  EXPECT_THAT(lines.text(), HasSubstr("its library libzoo_word.so: "));
  EXPECT_THAT(answer(), HasSubstr(of("1")));
}

// ---- what the host lacks

class ZooWaits : public Zoo {
 protected:
  /// What is waited for, once something is.
  std::string waited_for() {
    EXPECT_TRUE(eventually([&] { return rows("waiting").size() == 1; })) << lines.text();
    const auto waiting = rows("waiting");
    return waiting.empty() ? "" : waiting[0].reason;
  }
};

TEST_F(ZooWaits, ForRoomOnTheDisk) {
  const auto state = config.state_dir / "plugins";
  const test::SmallDisk disk(state);
  if (!disk.mounted()) GTEST_SKIP() << "mounting is not allowed here";
  for (const auto& made : {config.state_dir, state}) fs::permissions(made, fs::perms::owner_all);
  start_with(animal("good"));
  const auto filler = state / "filler";
  write_file(filler, std::string(2 << 20, 'x'));  // as much of it as there is room for
  put(animal("good"), "2");
  EXPECT_THAT(waited_for(), HasSubstr("No space left on device"));
  EXPECT_EQ(serving(), 1u);
  EXPECT_THAT(rows("quarantined"), IsEmpty());
  EXPECT_FALSE(lines.has("plugin refused")) << lines.text();
  fs::remove(filler);
  EXPECT_TRUE(comes_to_serve_after(1)) << lines.text();
  EXPECT_THAT(rows("waiting"), IsEmpty());
}

TEST_F(ZooWaits, ForAWorkerToTryItWith) {
  config.worker = folder / "worker";
  put(animal("good"));
  start();
  EXPECT_THAT(waited_for(), HasSubstr("cannot be started: No such file"));
  EXPECT_THAT(rows("quarantined"), IsEmpty());
  fs::create_symlink(test::where::kWorker, config.worker);
  EXPECT_TRUE(comes_to_serve_after(0)) << lines.text();
}

TEST_F(ZooWaits, WhenItsTrialIsKilled) {
  start_with(animal("good"));
  put(animal("kills_itself"));
  EXPECT_THAT(waited_for(), HasSubstr("killed by signal 9 (Killed) in its constructors"));
  EXPECT_THAT(rows("quarantined"), IsEmpty());
  EXPECT_EQ(serving(), 1u);
  put(animal("good"), "3");
  EXPECT_TRUE(comes_to_serve_after(1));
  EXPECT_THAT(rows("waiting"), IsEmpty()) << "another file has come in its place";
}

TEST_F(ZooWaits, ForStaticTls) {
  start_with(animal("initial_exec"));
  auto now = serving();
  for (int i = 0; i < 20 && rows("waiting").empty(); ++i) {
    put(animal("initial_exec"), std::to_string(i));
    ASSERT_TRUE(eventually([&] { return serving() > now || !rows("waiting").empty(); }))
        << lines.text();
    now = serving();
    ASSERT_GT(now, 0u);
  }
  EXPECT_THAT(waited_for(), HasSubstr("cannot allocate memory in static TLS block"));
  EXPECT_THAT(rows("quarantined"), IsEmpty());
  isolate();
  EXPECT_TRUE(server->apply(config)) << lines.text();
  EXPECT_TRUE(comes_to_serve_after(now)) << lines.text();
  EXPECT_TRUE(eventually([&] { return rows("waiting").empty(); })) << lines.text();
}

// ---- how files are replaced

TEST_F(Zoo, TakesWhatIsCopiedOverAFileThatServes) {
  start_with(animal("good"));
  const auto before = Traces::now();
  const auto good = read_file(animal("good"));
  Load load([this] { return serving() > 0; });
  for (int round = 0; round < 5; ++round) {
    const auto next = good + std::to_string(round);
    write_file(file(), next);  // into the same inode, as cp does
    ASSERT_TRUE(eventually([&] { return active_sha256() == sha256(next); })) << lines.text();
    for (int again = 0; again < 10; ++again) write_file(file(), next);
    fs::resize_file(file(), 0);  // where a mapping of it would have been SIGBUS
    write_file(file(), next);
  }
  load.end();
  EXPECT_EQ(load.bad(), 0);
  EXPECT_GT(load.good(), 0);
  EXPECT_EQ(active_sha256(), sha256(good + "4"));
  expect_nothing_left(before);
}

TEST_F(Zoo, FollowsALinkThatIsSwapped) {
  const auto good = read_file(animal("good"));
  const auto releases = folder / "releases";
  fs::create_directory(releases);
  for (const std::string release : {"1", "2", "3"}) {
    fs::create_directory(releases / release);
    write_file(releases / release / "animal.so", good + release);
  }
  fs::create_symlink("releases/1/animal.so", file());
  start();
  EXPECT_EQ(active_sha256(), sha256(good + "1"));
  fs::create_symlink("releases/2/animal.so", folder / "next");
  fs::rename(folder / "next", file());
  EXPECT_TRUE(eventually([&] { return active_sha256() == sha256(good + "2"); })) << lines.text();
  fs::rename(releases / "3/animal.so", releases / "2/animal.so");  // where nobody watches
  EXPECT_TRUE(eventually([&] { return active_sha256() == sha256(good + "3"); })) << lines.text();
  EXPECT_GT(serving(), 2u);
}

TEST_F(Zoo, ComesThroughAStormOfReplacements) {
  start_with(animal("good"));
  const auto before = Traces::now();
  const auto good = read_file(animal("good"));
  constexpr std::size_t kReplacements = 100;
  Load load([this] { return serving() > 0; });
  for (std::size_t i = 1; i <= kReplacements; ++i) {
    put_bytes(good + std::to_string(i));
    std::this_thread::sleep_for(i % 10 == 0 ? 100ms : 5ms);  // some come to rest
  }
  EXPECT_TRUE(eventually([&] {
    return active_sha256() == sha256(good + std::to_string(kReplacements));
  })) << lines.text();
  load.end();
  EXPECT_EQ(load.bad(), 0);
  EXPECT_GT(load.good(), 0);
  EXPECT_GT(lines.count("plugin serves"), 1u);
  EXPECT_LT(lines.count("plugin serves"), kReplacements) << "they are not taken up one by one";
  EXPECT_THAT(rows("quarantined"), IsEmpty());
  EXPECT_EQ(server->plugins().pinned_ever(), 0u);
  expect_nothing_left(before);
  EXPECT_TRUE(eventually([&] { return entries(folder / "state/plugins/staged") == 1; }));
}

// ---- in a process of their own

class Apart : public Zoo, public testing::WithParamInterface<Bad> {};

TEST_P(Apart, TheHostOutlivesIt) {
  const auto& beast = GetParam();
  isolate();
  if (beast.mode != nullptr) configure(beast.mode);
  if (beast.hangs) config.reload.probe = config.reload.stop = kSanitized ? 10s : 1s;
  start_with(animal("good"));
  const auto before = Traces::now();
  put(beast.mode == nullptr ? animal(beast.name) : perilous());
  ASSERT_TRUE(eventually([&] {
    return lines.has("plugin refused") || lines.count("plugin serves") == 2;
  })) << lines.text();
  EXPECT_EQ(lines.has("plugin refused"), beast.says != nullptr) << lines.text();
  const auto now = serving(beast.says == nullptr && beast.mode != nullptr ? "Echo" : "Zoo");
  EXPECT_EQ(now == 1, beast.says != nullptr);
  EXPECT_GT(now, 0u);
  put(animal("good"), "3");
  EXPECT_TRUE(comes_to_serve_after(now)) << lines.text();
  EXPECT_TRUE(eventually([&] { return rows("draining").empty(); }));
  EXPECT_EQ(server->plugins().pinned_ever(), 0u) << lines.text();
  expect_nothing_left(before);
}

/// All of them. `says` stands for a refusal.
std::vector<Bad> everyone() {
  auto all = kRefused;
  std::erase_if(all, [](const Bad& bad) {
    return kSanitized && std::string_view(bad.name) == "eats_memory_in_create";
  });
  for (auto& bad : all) {
    const std::string_view name = bad.name;  // these are refused for what matters here alone
    if (name == "nodelete" || name == "unique_symbols" || name == "executable_stack" ||
        name.starts_with("changes_")) {
      bad.says = nullptr;
    }
  }
  for (const auto* name : {"leaves_a_thread", "longer_tables", "newer_minor", "thread_locals"}) {
    all.push_back({name, nullptr});
  }
  all.push_back({"throws_in_stop", nullptr, "throws_in_stop"});
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, Apart, testing::ValuesIn(everyone()),
                         [](const auto& test) { return std::string(test.param.name); });

class Deadly : public Zoo, public testing::WithParamInterface<const char*> {};

TEST_P(Deadly, TakesItsOwnProcessAlone) {
#ifdef __SANITIZE_THREAD__
  if (std::string_view(GetParam()) == "CorruptsHeap") {
    GTEST_SKIP() << "its allocator keeps nothing beside a block that could be overwritten";
  }
#endif
  isolate();
  fs::copy_file(fs::path(test::where::kZoo) / "good.so", folder / "good.so");
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  EXPECT_EQ(status_of(std::string("/") + GetParam()), 503);
  EXPECT_GT(serving(), 0u) << "another plugin, in the host's own process";
  const auto first = serving("Echo");
  EXPECT_GT(first, 0u) << "in a new process";
  EXPECT_TRUE(lines.has("its process ended: ")) << lines.text();
  EXPECT_TRUE(lines.has("a request was lost with its plugin's process request=")) << lines.text();
  EXPECT_TRUE(lines.has(std::string("route=") + GetParam()));
  put(perilous(), "3");
  EXPECT_TRUE(comes_to_serve_after(first, "Echo"));
  EXPECT_TRUE(unloaded(first));
  expect_nothing_left(before);
}
INSTANTIATE_TEST_SUITE_P(All, Deadly,
                         testing::Values("CorruptsHeap", "DiesInHandle", "ExitsInHandle",
                                         "Recurses"),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(Zoo, BoundsAnAnswerOfTwoGigabytes) {
  isolate();
  start_with(perilous(), "Echo");
  const auto before = Traces::now();
  EXPECT_TRUE(fails("/Answers2Gb"));
  EXPECT_THAT(lines.text(), HasSubstr("it answered with 2147483655 bytes"));
  EXPECT_EQ(serving("Echo"), 1u);
  expect_nothing_left(before);
}

TEST_F(Zoo, OutlivesEveryBadHandlerInAProcessOfItsOwn) {
  isolate();
  config.dispatch.deadline = 300ms;
  start_with(perilous(), "Echo");
  const auto never = (folder / "never").string();
  for (const std::string route : {"Throws", "Declines", "BadStatus", "BadJson"}) {
    EXPECT_TRUE(fails("/" + route)) << route;
    EXPECT_EQ(serving("Echo"), 1u) << route;
  }
  EXPECT_EQ(status_of("/Twice"), 200);
  for (const std::string route :
       {"Keeps", "AnswersAfterStop", "AnswersAfterDestroy", "IgnoresCancel"}) {
    EXPECT_EQ(status_of("/" + route, never), 504) << route;
    EXPECT_EQ(serving("Echo"), 1u) << route;
  }
  EXPECT_TRUE(fails("/Hooked", "throw"));
  put(perilous(), "2");
  EXPECT_TRUE(comes_to_serve_after(1, "Echo"));
  EXPECT_TRUE(unloaded(1)) << lines.text();
  EXPECT_EQ(server->plugins().pinned_ever(), 0u);
}

}  // namespace
}  // namespace dojo::plugins
