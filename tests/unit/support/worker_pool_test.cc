// SPDX-License-Identifier: Apache-2.0
#include "support/worker_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

namespace lk {
namespace {

TEST(WorkerPool, TasksWithTheSameKeyRunInOrderOneAtATime) {
  constexpr int kKeys = 4;
  constexpr int kTasks = 500;
  std::vector<std::vector<int>> seen(kKeys);
  std::vector<std::atomic<int>> at_work(kKeys);
  std::atomic<bool> overlap = false;
  {
    WorkerPool pool(4);
    for (int task = 0; task < kTasks; ++task) {
      for (int key = 0; key < kKeys; ++key) {
        pool.Post(std::to_string(key), [&, key, task] {
          if (at_work[key].fetch_add(1) != 0) overlap = true;
          seen[key].push_back(task);
          at_work[key].fetch_sub(1);
        });
      }
    }
  }
  EXPECT_FALSE(overlap);
  std::vector<int> in_order(kTasks);
  std::iota(in_order.begin(), in_order.end(), 0);
  for (const auto& tasks : seen) EXPECT_EQ(tasks, in_order);
}

TEST(WorkerPool, ABlockedKeyDoesNotBlockOthers) {
  Mutex mutex;
  bool go = false;
  bool held_up = true;
  {
    WorkerPool pool(2);
    pool.Post("slow", [&] {
      const MutexLock lock(&mutex);
      held_up = !mutex.AwaitWithTimeout(absl::Condition(&go), absl::Minutes(1));
    });
    pool.Post("quick", [&] {
      const MutexLock lock(&mutex);
      go = true;
    });
  }
  EXPECT_FALSE(held_up);
}

TEST(WorkerPool, TheDestructorRunsAllPostedTasks) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(2);
    for (int i = 0; i < 100; ++i) pool.Post([&] { ++done; });
    for (int i = 0; i < 100; ++i) pool.Post("key", [&] { ++done; });
  }
  EXPECT_EQ(done, 200);
}

}  // namespace
}  // namespace lk
