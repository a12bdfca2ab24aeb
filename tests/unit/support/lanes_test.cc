// SPDX-License-Identifier: Apache-2.0
#include "support/lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace lk {
namespace {

TEST(Lanes, TasksInALaneRunInOrder) {
  constexpr int kTasks = 200;
  std::vector<std::vector<int>> seen(3);
  {
    Lanes lanes;
    for (int task = 0; task < kTasks; ++task) {
      for (size_t lane = 0; lane < seen.size(); ++lane) {
        lanes.Post(std::to_string(lane), [&seen, lane, task] { seen[lane].push_back(task); });
      }
    }
  }
  std::vector<int> in_order(kTasks);
  std::iota(in_order.begin(), in_order.end(), 0);
  for (const auto& tasks : seen) EXPECT_EQ(tasks, in_order);
}

// Blocks far more lanes than any thread pool has threads; another lane still runs.
TEST(Lanes, BlockedLanesDoNotBlockOthers) {
  Mutex mutex;
  bool destroyed = false;
  int stuck = 0;
  {
    Lanes lanes;
    for (int i = 0; i < 64; ++i) {
      lanes.Post("stuck-" + std::to_string(i), [&] {
        const MutexLock lock(&mutex);
        stuck += mutex.AwaitWithTimeout(absl::Condition(&destroyed), absl::Minutes(1)) ? 0 : 1;
      });
    }
    lanes.Post("other", [&] {
      const MutexLock lock(&mutex);
      destroyed = true;
    });
  }
  EXPECT_EQ(stuck, 0);
}

TEST(Lanes, AnEmptiedLaneIsReusable) {
  Mutex mutex;
  int done = 0;
  Lanes lanes;
  for (int i = 1; i <= 50; ++i) {
    lanes.Post("lane", [&] {
      const MutexLock lock(&mutex);
      ++done;
    });
    const auto reached = [&] { return done == i; };
    const MutexLock lock(&mutex);
    ASSERT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&reached), absl::Minutes(1)));
  }
}

}  // namespace
}  // namespace lk
