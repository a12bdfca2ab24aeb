// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/lost_time.h"

#include <gtest/gtest.h>

namespace lk::scheduler {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1800000000);

absl::Time At(int seconds) {
  return kStart + absl::Seconds(seconds);
}

std::vector<absl::Duration> Totals(std::initializer_list<int> seconds) {
  std::vector<absl::Duration> totals;
  for (const int one : seconds) totals.push_back(absl::Seconds(one));
  return totals;
}

TEST(LostTime, NamesTheVcpuThatLostTheMost) {
  LostTime lost;
  lost.Add(At(0), {});
  lost.Add(At(10), Totals({1, 1}));
  lost.Add(At(20), Totals({3, 8}));
  lost.Add(At(30), Totals({9, 8}));
  EXPECT_EQ(lost.Most(At(12), At(18)), (LostTime::Loss{1, absl::Seconds(7), absl::Seconds(10)}));
  EXPECT_EQ(lost.Most(At(20), At(30)), (LostTime::Loss{0, absl::Seconds(6), absl::Seconds(10)}));
  EXPECT_EQ(lost.Most(At(-5), At(99)), (LostTime::Loss{0, absl::Seconds(9), absl::Seconds(30)}));
  EXPECT_EQ(lost.Total(), absl::Seconds(17));
  EXPECT_EQ(lost.last(), At(30));
}

TEST(LostTime, KnowsNothingFromOneSample) {
  LostTime lost;
  EXPECT_TRUE(lost.empty());
  EXPECT_EQ(lost.Most(At(0), At(9)), LostTime::Loss());
  lost.Add(At(9), Totals({9}));
  EXPECT_FALSE(lost.empty());
  EXPECT_EQ(lost.Most(At(0), At(9)).lost, absl::ZeroDuration());
}

TEST(LostTime, StartsOverWithTheNextBoot) {
  LostTime lost;
  lost.Add(At(0), Totals({5}));
  lost.Add(At(10), Totals({1}));
  lost.Add(At(20), Totals({4}));
  EXPECT_EQ(lost.Most(At(0), At(20)), (LostTime::Loss{0, absl::Seconds(3), absl::Seconds(10)}));
}

TEST(LostTime, ManySamplesAtOnceDoNotPushOutTheEarlierOnes) {
  LostTime lost(absl::Seconds(1));
  for (int i = 0; i < 10; ++i) lost.Add(At(i), Totals({i}));
  for (int i = 0; i < 1000; ++i) lost.Add(At(9) + absl::Milliseconds(i), Totals({9}));
  EXPECT_EQ(lost.Most(At(2), At(9)).lost, absl::Seconds(7));
  EXPECT_EQ(lost.last(), At(9) + absl::Milliseconds(999));
}

}  // namespace
}  // namespace lk::scheduler
