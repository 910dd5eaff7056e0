#include "plugins/run/output.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dojo::plugins {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

class OutputTest : public testing::Test {
 protected:
  std::vector<std::string> lines_;
  Output output_{[this](std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(OutputTest, TellsWholeLines) {
  output_.add("one\ntw", seconds(1));
  EXPECT_THAT(lines_, ElementsAre("one"));
  output_.add("o\n\n\nthree", seconds(1));
  EXPECT_THAT(lines_, ElementsAre("one", "two"));
  output_.end();
  EXPECT_THAT(lines_, ElementsAre("one", "two", "three"));
}

TEST_F(OutputTest, CutsLongLines) {
  output_.add(std::string(Output::kLongestLine, 'x') + "\n", seconds(1));
  for (int i = 0; i < 3; ++i) output_.add(std::string(Output::kLongestLine, 'y'), seconds(1));
  output_.add("\nz\n", seconds(1));
  EXPECT_THAT(lines_,
              ElementsAre(std::string(Output::kLongestLine, 'x'),
                          std::string(Output::kLongestLine, 'y') + " (2048 bytes more)", "z"));
}

TEST_F(OutputTest, LeavesOutWhatIsTooMuchForASecondAndSaysHowMuch) {
  for (std::uint64_t i = 0; i < Output::kLinesPerSecond + 7; ++i) output_.add("x\n", seconds(1));
  EXPECT_EQ(lines_.size(), Output::kLinesPerSecond);
  output_.add("next\n", seconds(2));
  EXPECT_EQ(lines_.size(), Output::kLinesPerSecond + 2);
  EXPECT_EQ(lines_[Output::kLinesPerSecond], "(lines left out: 7)");
  EXPECT_EQ(lines_.back(), "next");
  for (std::uint64_t i = 0; i < Output::kLinesPerSecond; ++i) output_.add("x\n", seconds(2));
  output_.end();
  EXPECT_EQ(lines_.back(), "(lines left out: 1)");
}

}  // namespace
}  // namespace dojo::plugins
