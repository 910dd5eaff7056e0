// What a plugin's hooks have read its handler need not read again, in the host's process and in one
// of the plugin's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/host_test.hpp"

namespace dojo {
namespace {

using testing::HasSubstr;

class Hooks : public test::HostTest, public testing::WithParamInterface<plugins::Isolation> {
 protected:
  Hooks() {
    add("test_hooks");
    config.plugins["test_hooks"].run.isolation = GetParam();
    start();
  }
  /// What a request is answered whose model three hooks and the handler take.
  std::string counted(const std::string& body) { return ask("/Counted", body)->body; }
};

TEST_P(Hooks, ReadABodyOnceForAllAndTheHandler) {
  for (const auto* const read : {"1", "2", "3"})
    EXPECT_THAT(counted(R"({"word":"please"})"), HasSubstr(R"("read":)" + std::string(read)));
}

TEST_P(Hooks, ReadABodyOnceThatIsRefusedOrNoModel) {
  EXPECT_THAT(counted(R"({"word":""})"), HasSubstr("Blacklisted: no word"));
  EXPECT_THAT(counted(R"({"word":7})"), HasSubstr("Invalid Counted: word"));
  EXPECT_THAT(counted(R"({"word":"please"})"), HasSubstr(R"("read":3)"));
}

INSTANTIATE_TEST_SUITE_P(Isolation, Hooks,
                         testing::Values(plugins::Isolation::thread, plugins::Isolation::process),
                         [](const auto& tested) {
                           return tested.param == plugins::Isolation::thread ? "Thread" : "Process";
                         });

}  // namespace
}  // namespace dojo
