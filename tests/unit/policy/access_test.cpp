#include "policy/access.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include "host/scratch_folder.hpp"
#include "policy/kami.hpp"

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using test::key_of;

class AccessTest : public testing::Test {
 protected:
  std::unique_ptr<Access> open(const MetagraphOptions& metagraph) {
    auto access = Access::open({{}, metagraph, {}}, folder.path() / "state", log, [] {
      return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    });
    EXPECT_TRUE(access) << access.error().message;
    return std::move(*access);
  }
  /// With so many neurons, of the file as it is then.
  std::unique_ptr<Access> open(std::uint32_t neurons) {
    MetagraphOptions options;
    options.file = folder.path() / "metagraph.json";
    options.netuid = 52;
    test::write_file(options.file, test::kami_answer(test::some_neurons(neurons), 52, 100));
    auto access = open(options);
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (access->metagraph().status().neurons != neurons &&
           std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(1ms);
    }
    return access;
  }
  const base::Log log{
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::null_sink_mt>()),
      base::LogFormat::text};
  test::ScratchFolder folder;
};

TEST_F(AccessTest, TakesEverybodyForRegisteredWhereThereIsNoMetagraph) {
  const auto access = open(MetagraphOptions());
  EXPECT_TRUE(access->enrolment(key_of(1)).registered);
  EXPECT_EQ(access->enrolment(key_of(1)).roll, access->enrolment(key_of(99)).roll);
}

TEST_F(AccessTest, KnowsWhoIsRegisteredAndWhenOthersAre) {
  const auto four = open(4);
  EXPECT_TRUE(four->enrolment(key_of(3)).registered);
  EXPECT_FALSE(four->enrolment(key_of(4)).registered);
  EXPECT_EQ(four->enrolment(key_of(3)).roll, four->enrolment(key_of(4)).roll);
  const auto five = open(5);
  EXPECT_TRUE(five->enrolment(key_of(4)).registered);
  EXPECT_NE(five->enrolment(key_of(4)).roll, four->enrolment(key_of(4)).roll);
  EXPECT_EQ(open(4)->enrolment(key_of(4)).roll, four->enrolment(key_of(4)).roll);
}

}  // namespace
}  // namespace dojo::policy
