#include <gtest/gtest.h>

#include <dojo/readings.hpp>

namespace dojo::detail {
namespace {

dojo_request request(std::uint64_t call, std::uint64_t deadline_ns = 100) {
  dojo_request made{};
  made.deadline_ns = deadline_ns;
  made.call = call;
  return made;
}

class ReadingsTest : public testing::Test {
 protected:
  void keep(const dojo_request& request, std::size_t bytes = 1, std::uint64_t now = 0) {
    readings.keep(request, std::make_shared<int>(static_cast<int>(request.call)), bytes, now);
  }
  [[nodiscard]] bool has(const dojo_request& request) const {
    const auto found = readings.find<int>(request);
    return found && static_cast<std::uint64_t>(*found) == request.call;
  }
  Readings readings;
};

TEST_F(ReadingsTest, AreFoundUntilTheyAreTaken) {
  keep(request(1));
  keep(request(2));
  EXPECT_TRUE(has(request(1)));
  EXPECT_TRUE(has(request(1)));
  EXPECT_EQ(*readings.take<int>(request(1)), 1);
  EXPECT_FALSE(has(request(1)));
  EXPECT_EQ(readings.take<int>(request(1)), nullptr);
  EXPECT_TRUE(has(request(2)));
  readings.drop(request(2));
  EXPECT_FALSE(has(request(2)));
}

TEST_F(ReadingsTest, AreNotTakenForAnotherType) {
  keep(request(1));
  EXPECT_EQ(readings.find<double>(request(1)), nullptr);
  EXPECT_EQ(readings.take<double>(request(1)), nullptr);
}

TEST_F(ReadingsTest, AreNotKeptOfARequestThatIsNotKnownAgain) {
  keep(request(0));
  EXPECT_FALSE(has(request(0)));
}

TEST_F(ReadingsTest, GoWithTheirDeadline) {
  keep(request(1, 100));
  keep(request(2, 101));
  keep(request(3, 300), 1, 100);
  EXPECT_FALSE(has(request(1, 100)));
  EXPECT_TRUE(has(request(2, 101)));
  EXPECT_TRUE(has(request(3, 300)));
}

TEST_F(ReadingsTest, TakeNoMoreThanTheirMemory) {
  keep(request(1), Readings::kMost / 2);
  keep(request(2), Readings::kMost / 2);
  keep(request(3));
  EXPECT_TRUE(has(request(2)));
  EXPECT_FALSE(has(request(3))) << "there is no room";
  readings.drop(request(1));
  keep(request(3), Readings::kMost / 2);
  EXPECT_TRUE(has(request(3)));
  readings.drop(request(2));
  keep(request(4), SIZE_MAX);
  EXPECT_FALSE(has(request(4)));
}

TEST_F(ReadingsTest, KeepOneAloneHoweverLargeItIs) {
  keep(request(1), Readings::kMost + 1);
  EXPECT_TRUE(has(request(1)));
  keep(request(2));
  EXPECT_FALSE(has(request(2)));
}

}  // namespace
}  // namespace dojo::detail
