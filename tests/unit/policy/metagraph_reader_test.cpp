#include "policy/metagraph/metagraph_reader.hpp"

#include <chrono>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/scripted_peer.hpp"
#include "host/scratch_folder.hpp"
#include "policy/kami.hpp"

namespace dojo::policy {
namespace {

using dojo::testing::Reply;
using dojo::testing::ScriptedPeer;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr WallTime kNow(1'700'000'000'000ms);

class MetagraphReaderTest : public ::testing::Test {
 protected:
  MetagraphReaderTest() { options_.netuid = 52; }
  void write(int netuid = 52) {
    options_.file = folder_ / "metagraph.json";
    test::write_file(options_.file, test::kami_answer(test::some_neurons(8), netuid));
  }
  std::string refusal() {
    const auto reading = reader_.read(options_, true);
    return reading && !*reading ? reading->error().message : "";
  }

  const test::ScratchFolder folder_;
  MetagraphOptions options_;
  MetagraphReader reader_{[] { return kNow; }};
};

TEST_F(MetagraphReaderTest, ReadsAFileWhenItHasChangedOrWhenForced) {
  write();
  const auto reading = reader_.read(options_, false);
  ASSERT_TRUE(reading);
  ASSERT_TRUE(*reading) << reading->error().message;
  EXPECT_EQ((*reading)->metagraph->registered(), 8u);
  EXPECT_EQ((*reading)->at, kNow) << "it is from the future";
  EXPECT_FALSE(reader_.read(options_, false));
  EXPECT_TRUE(reader_.read(options_, true));
  test::write_file(options_.file, "{}");
  const auto broken = reader_.read(options_, false);
  ASSERT_TRUE(broken);
  EXPECT_FALSE(*broken);
}

TEST_F(MetagraphReaderTest, IsAsOldAsTheFile) {
  write();
  const auto changed = std::filesystem::file_time_type::clock::from_sys(kNow - 60s);
  std::filesystem::last_write_time(options_.file, changed);
  EXPECT_EQ((*reader_.read(options_, false))->at, kNow - 60s);
}

TEST_F(MetagraphReaderTest, TakesNoOtherNetuid) {
  write(53);
  EXPECT_THAT(refusal(), HasSubstr("it is of netuid 53, not 52"));
}

TEST_F(MetagraphReaderTest, SaysThatAFileIsMissing) {
  options_.file = folder_ / "none.json";
  EXPECT_THAT(refusal(), HasSubstr("none.json: No such file"));
}

TEST_F(MetagraphReaderTest, AsksKamiUntilItIsToGiveUp) {
  ScriptedPeer kami([](const auto&) {
    Reply reply;
    reply.body = test::kami_answer(test::some_neurons(8));
    return reply;
  });
  options_.url = kami.url() + "//";
  const auto reading = reader_.read(options_, false);
  ASSERT_TRUE(reading && *reading);
  EXPECT_EQ((*reading)->at, kNow);
  reader_.give_up();
  EXPECT_NE(refusal(), "");
  reader_.arm();
  EXPECT_TRUE(*reader_.read(options_, false));
}

}  // namespace
}  // namespace dojo::policy
