// Facts are read here in the test's own process, which is what the host never does.
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/names.hpp>
#include <dojo/plugin.h>

#include "host/scratch_folder.hpp"
#include "plugins/abi/elf.hpp"
#include "where.hpp"

namespace dojo::plugins {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::filesystem::path zoo(const std::string& name) {
  return std::filesystem::path(test::where::kZoo) / (name + ".so");
}

ElfFacts facts_of(const std::string& name) {
  auto facts = inspect_elf(zoo(name));
  EXPECT_TRUE(facts) << facts.error().message;
  return facts.value_or(ElfFacts());
}

TEST(InspectElf, ReadsWhatAGoodPluginSaysOfItself) {
  const auto facts = facts_of("good");
  EXPECT_TRUE(facts.note);
  EXPECT_TRUE(facts.entry);
  EXPECT_EQ(facts.name, "good");
  EXPECT_EQ(facts.abi_major, DOJO_ABI_MAJOR);
  EXPECT_EQ(facts.abi_minor, DOJO_ABI_MINOR);
  EXPECT_FALSE(facts.nodelete);
  EXPECT_THAT(facts.unique_symbols, IsEmpty());
  EXPECT_THAT(facts.needed, Contains(HasSubstr("libc.so")));
  EXPECT_THAT(loading_faults(facts), IsEmpty());
  EXPECT_THAT(sharing_faults(facts), IsEmpty());
  EXPECT_TRUE(check_facts(facts, false));
}

TEST(InspectElf, FindsUniqueSymbolsAndSaysWhatToDo) {
  const auto facts = facts_of("unique_symbols");
  EXPECT_THAT(facts.unique_symbols, Contains(HasSubstr("calls")));
  const auto status = check_facts(facts, false);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("-fno-gnu-unique"));
  EXPECT_TRUE(check_facts(facts, true)) << "it has a process of its own, which ends";
}

TEST(InspectElf, FindsNodelete) {
  const auto facts = facts_of("nodelete");
  EXPECT_TRUE(facts.nodelete);
  EXPECT_THAT(sharing_faults(facts), ElementsAre(HasSubstr("-z nodelete")));
  EXPECT_TRUE(check_facts(facts, true));
}

TEST(InspectElf, FindsWhatMakesStacksExecutable) {
  EXPECT_FALSE(facts_of("good").executable_stack);
  const auto facts = facts_of("executable_stack");
  EXPECT_THAT(sharing_faults(facts), ElementsAre(HasSubstr("-z noexecstack")));
  EXPECT_TRUE(check_facts(facts, true));
  const test::ScratchFolder folder;
  auto bytes = test::read_file(zoo("good"));
  Elf64_Ehdr header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto at = header.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr segment{};
    std::memcpy(&segment, bytes.data() + at, sizeof segment);
    if (segment.p_type != PT_GNU_STACK) continue;
    segment.p_type = PT_NULL;
    std::memcpy(bytes.data() + at, &segment, sizeof segment);
  }
  test::write_file(folder / "silent.so", bytes);
  EXPECT_TRUE(inspect_elf(folder / "silent.so").value_or(ElfFacts()).executable_stack)
      << "the loader takes it for granted";
}

TEST(InspectElf, AdvisesAProcessOfItsOwnToGo) {
  ElfFacts facts = facts_of("nodelete");
  facts.go = true;
  EXPECT_THAT(sharing_faults(facts), ElementsAre(HasSubstr("isolation = \"process\"")));
}

TEST(InspectElf, WantsANote) {
  const auto facts = facts_of("no_note");
  EXPECT_FALSE(facts.note);
  EXPECT_TRUE(facts.entry);
  EXPECT_THAT(loading_faults(facts), ElementsAre(HasSubstr("DOJO_NOTE")));
}

TEST(InspectElf, WantsItsOwnAbiMajorAndTakesANewerMinor) {
  EXPECT_THAT(loading_faults(facts_of("wrong_major")),
              ElementsAre(HasSubstr("plugin ABI 99.1, this host has 1.1: build it anew")));
  const auto newer = facts_of("newer_minor");
  EXPECT_EQ(newer.abi_minor, 99);
  EXPECT_THAT(loading_faults(newer), IsEmpty());
}

TEST(InspectElf, WantsANameThatIsSafeAsAFilesName) {
  EXPECT_EQ(facts_of("bad_name").name, "../bad name");
  EXPECT_THAT(loading_faults(facts_of("bad_name")), ElementsAre(HasSubstr("1 to 64 letters")));
  EXPECT_TRUE(is_plugin_name("a-B_9"));
  EXPECT_TRUE(is_plugin_name(std::string(64, 'a')));
  for (const auto& name : {std::string(), std::string(65, 'a'), std::string("."),
                           std::string("a/b"), std::string("a\0b", 3), std::string("\xc3\xa9")}) {
    EXPECT_FALSE(is_plugin_name(name)) << name;
  }
}

TEST(InspectElf, TellsAllFaultsAtOnce) {
  ElfFacts facts;
  facts.note = true;
  facts.abi_major = 7;
  facts.unique_symbols = {"u"};
  facts.nodelete = true;
  EXPECT_THAT(loading_faults(facts), SizeIs(3));
  EXPECT_THAT(sharing_faults(facts), SizeIs(2));
  const auto status = check_facts(facts, false);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, AllOf(HasSubstr("build it anew"), HasSubstr("nodelete")));
}

TEST(InspectElf, FindsTheNoteAlsoWithoutItsSegmentAndWithoutItsSection) {
  const test::ScratchFolder folder;
  const auto whole = test::read_file(zoo("good"));
  const auto name = whole.find(".note.dojo");
  ASSERT_NE(name, std::string::npos);
  auto unnamed = whole;
  unnamed[name] = 'x';
  test::write_file(folder / "unnamed.so", unnamed);
  EXPECT_EQ(inspect_elf(folder / "unnamed.so").value_or(ElfFacts()).name, "good");

  auto bare = whole;  // every PT_NOTE (4) becomes PT_NULL
  for (std::size_t i = 0, at = 64; i < static_cast<unsigned char>(whole[56]); ++i, at += 56) {
    if (bare[at] == 4 && bare[at + 1] == 0) bare[at] = 0;
  }
  ASSERT_NE(bare, whole);
  test::write_file(folder / "bare.so", bare);
  EXPECT_EQ(inspect_elf(folder / "bare.so").value_or(ElfFacts()).name, "good");
}

TEST(InspectElf, TakesNoNoteThatIsShortOrAnothers) {
  const test::ScratchFolder folder;
  const auto whole = test::read_file(zoo("good"));
  const auto note = whole.find(std::string("dojo\0\0\0\0", 8)) - 12;  // sizes and type before it
  ASSERT_EQ(whole[note + 4], 68);
  for (const auto& [at, byte] : {std::pair(note + 4, '\x08'), std::pair(note + 8, 'x'),
                                 std::pair(note + 12, 'x'), std::pair(note, '\x04')}) {
    auto other = whole;
    other[at] = byte;
    test::write_file(folder / "other.so", other);
    const auto facts = inspect_elf(folder / "other.so");
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_FALSE(facts->note) << at - note;
  }
}

// The loader would map each of these and die of it.
TEST(CheckElf, RefusesAFileThatIsCutShort) {
  const test::ScratchFolder folder;
  const auto whole = test::read_file(zoo("good"));
  for (const std::size_t percent : {0U, 1U, 5U, 20U, 50U, 65U}) {
    test::write_file(folder / "cut.so", whole.substr(0, whole.size() * percent / 100));
    const auto status = check_elf(folder / "cut.so");
    ASSERT_FALSE(status) << percent;
    EXPECT_THAT(status.error().message, AnyOf(HasSubstr("it is cut short"), HasSubstr("bytes")));
  }
}

TEST(InspectElf, BelievesNoOffset) {
  const test::ScratchFolder folder;
  const auto whole = test::read_file(zoo("good"));
  std::size_t read = 0;
  // Every byte of the headers, and a sample of the rest, set to what makes numbers large.
  for (std::size_t at = 0; at < whole.size(); at += at < 704 ? 1 : 97) {
    auto broken = whole;
    broken[at] = static_cast<char>(0xff);
    test::write_file(folder / "broken.so", broken);
    if (inspect_elf(folder / "broken.so")) ++read;
  }
  EXPECT_GT(read, 100U);
  for (std::size_t cut = 0; cut < 60; ++cut) {
    test::write_file(folder / "cut.so", whole.substr(0, whole.size() * cut / 60));
    (void)inspect_elf(folder / "cut.so");
  }
}

}  // namespace
}  // namespace dojo::plugins
