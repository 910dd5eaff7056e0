#include "plugins/abi/elf.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "host/support.hpp"
#include "plugins/run/generation.hpp"

namespace dojo::plugins {
namespace {

using testing::HasSubstr;

class Elf : public testing::Test {
 protected:
  Elf() {
    std::ifstream in(test::plugin("test_rival"), std::ios::binary);
    whole_.assign(std::istreambuf_iterator<char>(in), {});
  }
  ~Elf() override { std::filesystem::remove(file_); }
  void write(const std::string& bytes) {
    std::filesystem::remove(file_);  // never over a file that may be mapped
    std::ofstream(file_, std::ios::binary) << bytes;
  }
  std::string refusal() {
    const auto status = check_elf(file_);
    return status ? "" : status.error().message;
  }

  std::string whole_;
  const std::filesystem::path file_ =
      std::filesystem::path(testing::TempDir()) / ("elf_test_" + std::to_string(getpid()) + ".so");
};

TEST_F(Elf, TakesAWholeSharedObject) {
  write(whole_);
  EXPECT_EQ(refusal(), "");
}

TEST_F(Elf, RefusesWhatIsNone) {
  write("");
  EXPECT_THAT(refusal(), HasSubstr("it has 0 bytes"));
  write(std::string(1000, 'x'));
  EXPECT_THAT(refusal(), HasSubstr("no ELF file"));
  auto foreign = whole_;
  foreign[18] = 40;  // e_machine: EM_ARM
  write(foreign);
  EXPECT_THAT(refusal(), HasSubstr("another kind of machine"));
  auto program = whole_;
  program[16] = 2;  // e_type: ET_EXEC
  write(program);
  EXPECT_THAT(refusal(), HasSubstr("no shared object"));
}

// Each of these would end the process with SIGBUS if it were mapped.
TEST_F(Elf, APluginThatIsCutShortIsRefusedOrLoadsWhole) {
  test::NoServices services;
  std::size_t refused = 0;
  for (std::size_t cut = 1; cut <= 50; ++cut) {
    write(whole_.substr(0, whole_.size() * cut / 51));
    InProcess generation(test::blueprint(file_), services);
    if (!generation.load()) ++refused;
  }
  EXPECT_GT(refused, 5u);
}

}  // namespace
}  // namespace dojo::plugins
