// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "agent/scenarios/descriptors.h"
#include "agent/scenarios/detector_check/detectors.h"
#include "lk/v1/scenario.pb.h"

namespace lk::agent::detector_check {
namespace {

const Detector& Named(std::string_view name) {
  return *std::ranges::find(Detectors(), name, &Detector::name);
}

TEST(DetectorCheck, HasAnInvariantForEachDetectorAndToleratesItsReport) {
  const auto descriptor = std::ranges::find(Descriptors(), "detector_check", &v1::ScenarioDescriptor::name);
  ASSERT_NE(descriptor, Descriptors().end());
  std::vector<std::string> names, counters, tolerated;
  for (const auto& invariant : descriptor->invariants()) counters.push_back(invariant.counter());
  for (const auto& row : descriptor->tolerates()) tolerated.push_back(row.kind());
  std::vector<std::string> silent;
  for (const Detector& detector : Detectors()) {
    names.emplace_back(detector.name);
    silent.push_back(names.back() + "_silent");
  }
  EXPECT_THAT(counters, testing::UnorderedElementsAreArray(silent));
  EXPECT_THAT(tolerated, testing::UnorderedElementsAreArray(names));
}

TEST(IsReport, MatchesTheDetectorsOwnReportOnly) {
  EXPECT_TRUE(IsReport(Named("soft_lockup"), "watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [lk-agent:70]"));
  EXPECT_FALSE(IsReport(Named("soft_lockup"), "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [lk-canary-ab:1]"));
  EXPECT_FALSE(IsReport(Named("soft_lockup"), "watchdog: Watchdog detected hard LOCKUP on cpu 3"));
  EXPECT_TRUE(IsReport(Named("hard_lockup"), "watchdog: Watchdog detected hard LOCKUP on cpu 3"));
  EXPECT_TRUE(IsReport(Named("rcu_stall"), "rcu: INFO: rcu_preempt self-detected stall on CPU"));
  EXPECT_TRUE(IsReport(Named("hung_task"), "INFO: task lk-trigger:70 blocked for more than 24 seconds."));
  EXPECT_FALSE(IsReport(Named("hung_task"), "INFO: task init:1 blocked for more than 24 seconds."));
}

TEST(ReportLimit, FollowsTheTimeoutOfTheKernel) {
  const std::filesystem::path root = std::filesystem::path(testing::TempDir()) / "detector_check";
  const auto write = [&](const std::string& path, const char* text) {
    std::filesystem::create_directories((root.string() + path).substr(0, (root.string() + path).rfind('/')));
    std::ofstream(root.string() + path) << text;
  };
  const Detector& soft = Named("soft_lockup");
  EXPECT_EQ(ReportLimit(soft, root), std::nullopt) << "the kernel was built without it";
  write(soft.enabled, "0\n");
  write(soft.timeout, "10\n");
  EXPECT_EQ(ReportLimit(soft, root), std::nullopt) << "it is off";
  write(soft.enabled, "1\n");
  EXPECT_EQ(ReportLimit(soft, root), absl::Seconds(24));
  const Detector& csd = Named("csd_stall");
  write(csd.timeout, "9000\n");
  EXPECT_EQ(ReportLimit(csd, root), absl::Seconds(9));
  std::filesystem::remove_all(root);
}

TEST(WhyNoTime, ListsTheTimeRequiredAndLeft) {
  EXPECT_EQ(WhyNoTime(absl::Seconds(39), absl::Seconds(39)), "");
  EXPECT_EQ(WhyNoTime(absl::Seconds(39), absl::Milliseconds(38'900)), "no time left: 39 s required, 38 s left");
  EXPECT_EQ(WhyNoTime(absl::Milliseconds(38'500), absl::ZeroDuration()), "no time left: 39 s required, 0 s left");
}

}  // namespace
}  // namespace lk::agent::detector_check
