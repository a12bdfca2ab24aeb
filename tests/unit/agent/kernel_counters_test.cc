// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/kernel_counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "lk/v1/agent.pb.h"

namespace lk::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class KernelCountersTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(root_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  // Returns "kind: title (detail)" for each finding.
  std::vector<std::string> Poll() {
    if (!counters_) counters_.emplace(root_);
    std::vector<std::string> lines;
    for (const auto& finding : counters_->Poll()) {
      EXPECT_TRUE(finding.counted());
      lines.push_back(finding.kind() + ": " + finding.title() + " (" + finding.detail() + ")");
    }
    return lines;
  }

  std::string root_ = testing::TempDir() + "lk-counters.XXXXXX";
  std::optional<KernelCounters> counters_;
};

TEST_F(KernelCountersTest, ReportsEachRiseOnce) {
  Write("/sys/kernel/rcu_stall_count", "0\n");
  EXPECT_THAT(Poll(), IsEmpty());
  Write("/sys/kernel/rcu_stall_count", "2\n");
  EXPECT_THAT(Poll(), ElementsAre("rcu_stall: RCU stall recorded by the kernel "
                                  "(/sys/kernel/rcu_stall_count rose from 0 to 2)"));
  EXPECT_THAT(Poll(), IsEmpty());
  Write("/sys/kernel/rcu_stall_count", "10\n");
  EXPECT_THAT(Poll(), ElementsAre("rcu_stall: RCU stall recorded by the kernel "
                                  "(/sys/kernel/rcu_stall_count rose from 2 to 10)"));
}

TEST_F(KernelCountersTest, ReportsEventsSinceBootOnTheFirstCall) {
  Write("/proc/sys/kernel/hung_task_detect_count", "1\n");
  Write("/proc/sys/kernel/tainted", "16384\n");
  EXPECT_THAT(Poll(), ElementsAre("hung_task: hung task recorded by the kernel "
                                  "(/proc/sys/kernel/hung_task_detect_count rose from 0 to 1)",
                                  "soft_lockup: soft lockup recorded by the kernel "
                                  "(/proc/sys/kernel/tainted: flag L was set)"));
}

TEST_F(KernelCountersTest, MergesCountAndTaintFlagOfOneEvent) {
  Write("/sys/kernel/warn_count", "1\n");
  Write("/proc/sys/kernel/tainted", "512\n");
  EXPECT_THAT(Poll(), ElementsAre("warning: warning recorded by the kernel (/sys/kernel/warn_count rose from 0 to 1; "
                                  "/proc/sys/kernel/tainted: flag W was set)"));
}

TEST_F(KernelCountersTest, IgnoresTaintFlagsThatIndicateNoFailure) {
  // P, F, O, E, U, I: proprietary, forced, out of tree, unsigned, user, firmware workaround.
  Write("/proc/sys/kernel/tainted", std::to_string(1 | 2 | 1 << 12 | 1 << 13 | 1 << 6 | 1 << 11) + "\n");
  EXPECT_THAT(Poll(), IsEmpty());
}

TEST_F(KernelCountersTest, IgnoresMissingAndMalformedFiles) {
  EXPECT_THAT(Poll(), IsEmpty());
  counters_.reset();
  Write("/sys/kernel/oops_count", "many\n");
  Write("/sys/kernel/warn_count", "");
  EXPECT_THAT(Poll(), IsEmpty());
}

}  // namespace
}  // namespace lk::agent
