#include "policy/rules/rulebook.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "host/scratch_folder.hpp"
#include "policy/kami.hpp"

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using test::key_of;
using test::read_file;
using test::ScratchFolder;
using test::write_file;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr WallTime kStart(std::chrono::milliseconds(1'700'000'000'000));

struct Books {
  ScratchFolder state;
  WallTime now = kStart;

  Result<std::unique_ptr<Rulebook>> try_open(RuleOptions options = {}) {
    return Rulebook::open(std::move(options), state.path(), [this] { return now; });
  }
  std::unique_ptr<Rulebook> open(RuleOptions options = {}) {
    auto book = try_open(std::move(options));
    if (!book) throw std::runtime_error(book.error().message);
    return std::move(*book);
  }
  [[nodiscard]] std::filesystem::path file() const { return state / "access/rules.json"; }
};

Rule denies(std::uint32_t hotkey) {
  return {.name = "", .hotkeys = {key_of(hotkey)}};
}
RuleOptions of_config(std::uint32_t hotkey) {
  auto rule = denies(hotkey);
  rule.name = "dojo-host.toml:3";
  return {.rules = {rule}};
}

std::string asked(const Rulebook& book, std::uint32_t hotkey) {
  const auto ruling = book.rules().judge({key_of(hotkey), {}, "Echo"}, {}, kStart);
  return ruling.allowed ? "allowed" : ruling.rule;
}
std::vector<std::string> names(const Rulebook& book) {
  std::vector<std::string> all;
  for (const auto& row : book.list()) all.push_back(row.rule.name);
  return all;
}

TEST(Rulebook, HasTheRulesOfTheConfig) {
  Books books;
  const auto book = books.open(of_config(1));
  EXPECT_EQ(asked(*book, 1), "dojo-host.toml:3");
  book->apply(of_config(2));
  EXPECT_EQ(asked(*book, 1), "allowed");
  EXPECT_EQ(asked(*book, 2), "dojo-host.toml:3");
  EXPECT_FALSE(std::filesystem::exists(books.file()));
}

TEST(Rulebook, PutsWhatIsMadeBeforeAllOthers) {
  Books books;
  const auto book = books.open(of_config(1));
  auto allow = denies(1);
  allow.action = Action::allow;
  EXPECT_EQ(*book->add(allow), "ctl-1");
  EXPECT_EQ(asked(*book, 1), "allowed");
  EXPECT_EQ(*book->add(denies(1)), "ctl-2");
  EXPECT_EQ(asked(*book, 1), "ctl-2");
  EXPECT_THAT(names(*book), ElementsAre("ctl-2", "ctl-1", "dojo-host.toml:3"));
  EXPECT_FALSE(book->list()[1].of_config);
  EXPECT_TRUE(book->list()[2].of_config);
}

TEST(Rulebook, StillHasWhatWasMadeAfterARestart) {
  Books books;
  Rule rule{.name = "chosen by nobody",
            .action = Action::allow,
            .hotkeys = {key_of(1), key_of(2)},
            .coldkeys = {key_of(3)},
            .uids = {0, 65535},
            .validator_permit = false,
            .min_stake = 0.1,
            .below_stake = 1e300,
            .networks = {*base::Network::parse("10.0.0.0/8"), *base::Network::parse("2001:db8::1")},
            .routes = {"Echo"},
            .until = kStart + 1h,
            .dry_run = true,
            .note = "he said \"no\"\n\xc3\xa9"};
  ASSERT_TRUE(books.open()->add(rule));
  ASSERT_TRUE(books.open()->add(denies(9)));
  const auto book = books.open(of_config(1));
  EXPECT_THAT(names(*book), ElementsAre("ctl-2", "ctl-1", "dojo-host.toml:3"));
  rule.name = "ctl-1";
  EXPECT_EQ(book->list()[1].rule, rule);
  EXPECT_EQ(asked(*book, 9), "ctl-2");
  struct stat found{};
  ASSERT_EQ(stat(books.file().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777u, 0600u);
}

TEST(Rulebook, GivesNoNameTwice) {
  Books books;
  auto book = books.open();
  EXPECT_EQ(*book->add(denies(1)), "ctl-1");
  EXPECT_EQ(*book->add(denies(2)), "ctl-2");
  ASSERT_TRUE(book->remove("ctl-2"));
  EXPECT_EQ(*book->add(denies(3)), "ctl-3");
  ASSERT_TRUE(book->remove("ctl-3"));
  book.reset();
  EXPECT_EQ(*books.open()->add(denies(4)), "ctl-4");
}

TEST(Rulebook, RemovesWhatWasMadeAndNothingElse) {
  Books books;
  const auto book = books.open(of_config(1));
  ASSERT_TRUE(book->add(denies(2)));
  EXPECT_EQ(book->remove("ctl-7").error().message, "there is no rule ctl-7");
  EXPECT_EQ(book->remove("dojo-host.toml:3").error().message,
            "dojo-host.toml:3 is a rule of the config's: change it there");
  EXPECT_EQ(asked(*book, 2), "ctl-1");
  ASSERT_TRUE(book->remove("ctl-1"));
  EXPECT_EQ(asked(*book, 2), "allowed");
  EXPECT_THAT(names(*books.open()), ElementsAre());
}

TEST(Rulebook, DropsRulesThatHaveRunOut) {
  Books books;
  const auto book = books.open();
  auto brief = denies(1);
  brief.until = kStart + 10s;
  ASSERT_TRUE(book->add(brief));
  ASSERT_TRUE(book->add(denies(2)));
  EXPECT_THAT(read_file(books.file()), HasSubstr("ctl-1"));
  books.now = kStart + 10s;
  EXPECT_THAT(names(*book), ElementsAre("ctl-2"));
  EXPECT_FALSE(book->remove("ctl-1"));
  ASSERT_TRUE(book->add(denies(3)));
  EXPECT_THAT(read_file(books.file()), testing::Not(HasSubstr("ctl-1")));
  EXPECT_EQ(book->add(brief).error().message, "the rule's time is over already");
}

TEST(Rulebook, CountsOnThroughChanges) {
  Books books;
  const auto book = books.open(of_config(1));
  EXPECT_EQ(asked(*book, 1), "dojo-host.toml:3");
  ASSERT_TRUE(book->add(denies(2)));
  EXPECT_EQ(asked(*book, 2), "ctl-1");
  book->apply(of_config(1));
  EXPECT_EQ(book->list()[0].matched, 1u);
  EXPECT_EQ(book->list()[1].matched, 1u);
  book->apply(of_config(3));
  EXPECT_EQ(book->list()[1].matched, 0u);
}

TEST(Rulebook, ChangesNothingWhereItCannotBeKept) {
  Books books;
  const auto book = books.open();
  ASSERT_TRUE(book->add(denies(1)));
  const auto before = read_file(books.file());
  // No file can be renamed over a folder.
  std::filesystem::rename(books.file(), books.state / "kept");
  std::filesystem::create_directories(books.file() / "in the way");
  const auto added = book->add(denies(2));
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().message, HasSubstr("rules.json cannot be written"));
  EXPECT_EQ(asked(*book, 2), "allowed");
  EXPECT_FALSE(book->remove("ctl-1"));
  EXPECT_EQ(asked(*book, 1), "ctl-1");
  std::filesystem::remove_all(books.file());
  EXPECT_EQ(*book->add(denies(2)), "ctl-2");
}

TEST(Rulebook, HoldsNoMoreThanItMay) {
  Books books;
  SavedRules full{.next = Rulebook::kMostRules + 1};
  for (std::size_t i = Rulebook::kMostRules; i > 0; --i) {
    full.rules.push_back(denies(static_cast<std::uint32_t>(i)));
    full.rules.back().name = "ctl-" + std::to_string(i);
  }
  std::filesystem::create_directory(books.state / "access");
  chmod((books.state / "access").c_str(), S_IRWXU);
  write_file(books.file(), *rules_json(full));
  const auto book = books.open();
  EXPECT_EQ(book->list().size(), Rulebook::kMostRules);
  EXPECT_THAT(book->add(denies(1)).error().message,
              StartsWith("there are 10000 rules made at run time, and no more are kept"));
  ASSERT_TRUE(book->remove("ctl-77"));
  EXPECT_EQ(*book->add(denies(77)), "ctl-10001");
}

TEST(Rulebook, TakesNoFileWithMoreThanItMayHold) {
  SavedRules full{.next = Rulebook::kMostRules + 2};
  for (std::size_t i = 1; i <= Rulebook::kMostRules + 1; ++i) {
    full.rules.push_back({.name = "ctl-" + std::to_string(i)});
  }
  EXPECT_EQ(parse_rules(*rules_json(full)).error().message, "rules: more than 10000");
  full.rules.pop_back();
  EXPECT_TRUE(parse_rules(*rules_json(full)));
}

TEST(Rulebook, BoundsARuleToo) {
  Books books;
  const auto book = books.open();
  auto wordy = denies(1);
  wordy.note.assign(Rulebook::kLongestNote + 1, 'x');
  EXPECT_EQ(book->add(wordy).error().message, "the note is longer than 1024 bytes");
  auto far = denies(1);
  far.routes = {std::string(Rulebook::kLongestNote + 1, 'x')};
  EXPECT_EQ(book->add(far).error().message, "a route is longer than 1024 bytes");
  auto many = denies(1);
  many.hotkeys.assign(400'000, key_of(1));
  EXPECT_THAT(book->add(many).error().message, HasSubstr("more than 16777216 bytes"));
  auto odd = denies(1);
  odd.note = "\xff";
  EXPECT_FALSE(book->add(odd));
  odd = denies(1);
  odd.min_stake = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(book->add(odd));
  EXPECT_THAT(names(*book), ElementsAre());
}

TEST(Rulebook, LeavesABrokenFileAloneAndSaysWhatIsWrong) {
  Books books;
  ASSERT_TRUE(books.open()->add(denies(1)));
  const auto good = read_file(books.file());
  const auto broken = [&](const std::string& text) {
    write_file(books.file(), text);
    const auto book = books.try_open();
    EXPECT_EQ(read_file(books.file()), text);
    if (book) return std::string("good");
    EXPECT_THAT(book.error().message, StartsWith(books.file().string() + ": "));
    EXPECT_THAT(book.error().message, HasSubstr("; mend it, or move it away"));
    return book.error().message.substr(books.file().string().size() + 2);
  };
  const auto with = [&](std::string_view from, std::string_view to) {
    auto text = good;
    EXPECT_NE(text.find(from), std::string::npos);
    return broken(text.replace(text.find(from), from.size(), to));
  };
  EXPECT_EQ(broken(good), "good");
  EXPECT_EQ(broken("\xef\xbb\xbf" + good), "good") << "some editors begin a file so";
  EXPECT_THAT(broken(good.substr(0, good.size() / 2)), HasSubstr("not valid JSON"));
  EXPECT_THAT(broken(""), StartsWith("not valid JSON"));
  EXPECT_THAT(with("\"version\":1", "\"version\":2"),
              StartsWith("version: 2, and this host knows 1"));
  EXPECT_THAT(with("\"next\":2", "\"next\":1"),
              StartsWith("rules[0].name: must be ctl-<number>, below ctl-1"));
  for (const char* name :
       {"ctl-2", "ctl-01", "ctl-", "ctl-x", "mine", "ctl-99999999999999999999"}) {
    EXPECT_THAT(with("ctl-1", name), StartsWith("rules[0].name: must be")) << name;
  }
  EXPECT_THAT(with("\"deny\"", "\"refuse\""), StartsWith("rules[0].action: expected one of"));
  EXPECT_THAT(with(wire::encode_ss58(key_of(1)), "5F"),
              StartsWith("rules[0].hotkeys[0]: no SS58 address: "));
  EXPECT_THAT(with("\"networks\":[]", "\"networks\":[\"::1\",\"10.1.1.1/8\"]"),
              StartsWith("rules[0].networks[1]: \"10.1.1.1/8\" has bits"));
  EXPECT_THAT(with("\"uids\":[]", "\"uids\":[65536]"), StartsWith("rules[0].uids[0]: expected"));
  const auto rule = good.substr(good.find("[{") + 1, good.find("}]") - good.find("[{"));
  EXPECT_THAT(with("}]", "}," + rule + "]"), StartsWith("rules[1].name: is another's too"));
}

TEST(Rulebook, NeedsAStateFolderOfItsOwn) {
  Books books;
  std::filesystem::create_directory(books.state / "access");
  chmod((books.state / "access").c_str(), 0755);
  EXPECT_THAT(books.try_open().error().message, HasSubstr("is open to others"));
}

TEST(Rulebook, AnswersWhileItChanges) {
  Books books;
  const auto book = books.open(of_config(1));
  std::atomic<bool> done{false};
  std::thread asking([&] {
    while (!done) {
      EXPECT_EQ(asked(*book, 1), "dojo-host.toml:3");
      EXPECT_GE(book->list().size(), 1u);
    }
  });
  for (int i = 0; i < 20; ++i) {
    const auto name = book->add(denies(5));
    ASSERT_TRUE(name);
    ASSERT_TRUE(book->remove(*name));
    book->apply(of_config(1));
  }
  done = true;
  asking.join();
}

}  // namespace
}  // namespace dojo::policy
