#include "policy/metagraph/metagraph_copy.hpp"

#include <chrono>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "host/scratch_folder.hpp"
#include "policy/kami.hpp"
#include "policy/metagraph/metagraph_json.hpp"

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kThen(1'700'000'000'123ms);

class MetagraphCopyTest : public testing::Test {
 protected:
  MetagraphCopyTest() {
    options_.url = "http://127.0.0.1:3000";
    options_.netuid = 52;
  }
  MetagraphReading reading() {
    return {std::make_shared<const Metagraph>(
                parse_metagraph(test::kami_answer(test::some_neurons(8))).value()),
            kThen};
  }

  const test::ScratchFolder folder_;
  MetagraphOptions options_;
  const MetagraphCopy copy_{base::open_private_folder(folder_ / "access").value()};
};

TEST_F(MetagraphCopyTest, IsAsItWas) {
  ASSERT_TRUE(copy_.read(options_)) << "nothing is there, which is no error";
  EXPECT_FALSE(copy_.read(options_)->metagraph);
  ASSERT_TRUE(copy_.save(options_, reading()));
  const auto again = copy_.read(options_);
  ASSERT_TRUE(again);
  ASSERT_TRUE(again->metagraph);
  EXPECT_EQ(again->at, kThen);
  EXPECT_EQ(again->metagraph->block(), 5'000'000u);
  EXPECT_EQ(again->metagraph->find(test::key_of(7))->stake, 70);
}

TEST_F(MetagraphCopyTest, IsOfItsSourceAlone) {
  ASSERT_TRUE(copy_.save(options_, reading()));
  auto other = options_;
  other.url += '/';
  EXPECT_TRUE(copy_.read(other)->metagraph) << "the same one";
  other.url += "another";
  EXPECT_FALSE(copy_.read(other)->metagraph);
  other = options_;
  other.netuid = 53;
  EXPECT_FALSE(copy_.read(other)->metagraph);
  other.url.clear();
  EXPECT_FALSE(copy_.read(other)->metagraph) << "none is wanted";
}

TEST_F(MetagraphCopyTest, IsNotTakenIfItIsBroken) {
  const auto write = [&](const std::string& text) {
    test::write_file(folder_ / "access/metagraph.json", text);
  };
  const auto at = [](int ms) {
    return fmt::format(R"({{"read_at_ms":{},"source":"http://127.0.0.1:3000","metagraph":{}}})", ms,
                       test::kami_answer(test::some_neurons(8)));
  };
  write(at(1));
  EXPECT_TRUE(copy_.read(options_));
  for (const auto& text : {std::string(), std::string("{}"), at(-1)}) {
    write(text);
    EXPECT_FALSE(copy_.read(options_)) << text;
  }
}

}  // namespace
}  // namespace dojo::policy
