// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/pinned_threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <cerrno>

namespace lk::agent {
namespace {

TEST(RunPinned, RunsEachThreadOnItsCpu) {
  const std::vector<int> cpus = UsableCpus();
  std::vector<int> ran_on(cpus.size(), -1);
  EXPECT_EQ(RunPinned(cpus, [&](size_t i) { ran_on[i] = sched_getcpu(); }), cpus.size());
  EXPECT_EQ(ran_on, cpus);
}

TEST(RunPinned, ReportsACpuThatItCannotBindAThreadTo) {
  const int here = UsableCpus().front();
  std::atomic<int> calls = 0, index = -1, error = 0;
  const auto unbound = [&](size_t i, int errno_value) {
    index = static_cast<int>(i);
    error = errno_value;
  };
  EXPECT_EQ(RunPinned(
                {here, CPU_SETSIZE - 1, here}, [&](size_t) { ++calls; }, unbound),
            2u);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(index, 1);
  EXPECT_EQ(error, EINVAL);
}

TEST(RunPinned, SkipsACpuThatDoesNotExist) {
  const int here = UsableCpus().front();
  std::atomic<int> calls = 0;
  EXPECT_EQ(RunPinned({here, CPU_SETSIZE - 1, here}, [&](size_t) { ++calls; }), 2u);
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace lk::agent
