#include "plugins/run/sandbox_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dojo::plugins {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SandboxGaps, AreNamedForEachKernel) {
  EXPECT_THAT(sandbox_gaps(0), ElementsAre(HasSubstr("has no Landlock")));
  EXPECT_THAT(sandbox_gaps(1), ElementsAre(HasSubstr("between folders"), HasSubstr("ioctl()"),
                                           HasSubstr("abstract sockets")));
  EXPECT_THAT(sandbox_gaps(2), ElementsAre(HasSubstr("ioctl()"), HasSubstr("abstract sockets")));
  EXPECT_THAT(sandbox_gaps(4), ElementsAre(HasSubstr("ioctl()"), HasSubstr("abstract sockets")));
  EXPECT_THAT(sandbox_gaps(5), ElementsAre(HasSubstr("abstract sockets")));
  EXPECT_THAT(sandbox_gaps(6), IsEmpty());
  EXPECT_THAT(sandbox_gaps(1'000), IsEmpty());
}

}  // namespace
}  // namespace dojo::plugins
