#include "base/snapshot.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace dojo::threads {
namespace {

struct Pair {
  int a = 0;
  int b = 0;
};

std::shared_ptr<const Pair> pair_of(int number) {
  return std::make_shared<const Pair>(Pair{number, number});
}

TEST(Snapshot, IsWhatWasPublishedLast) {
  base::Snapshot<Pair> snapshot(pair_of(1));
  EXPECT_EQ(snapshot.read().a, 1);
  snapshot.publish(pair_of(2));
  EXPECT_EQ(snapshot.read().a, 2);
}

TEST(Snapshot, IsNotTakenForAnother) {
  base::Snapshot<Pair> first(pair_of(1));
  base::Snapshot<Pair> second(pair_of(2));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(first.read().a, 1);
    EXPECT_EQ(second.read().a, 2);
  }
  for (int i = 0; i < 3; ++i) {  // at the same address
    const base::Snapshot<Pair> next(pair_of(i));
    EXPECT_EQ(next.read().a, i);
  }
}

TEST(Snapshot, IsReadWholeWhileItChanges) {
  base::Snapshot<Pair> snapshot(pair_of(0));
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (int last = 0; last < 2'000;) {
        const auto& pair = snapshot.read();
        ASSERT_EQ(pair.a, pair.b);
        ASSERT_GE(pair.a, last) << "an older one than was read before";
        last = pair.a;
      }
    });
  }
  for (int i = 1; i <= 2'000; ++i) snapshot.publish(pair_of(i));
  for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace dojo::threads
