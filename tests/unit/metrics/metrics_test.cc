// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/family.h"
#include "tests/unit/metrics/fixture.h"

namespace lk::metrics {
namespace {

using campaign::Verdict;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST_F(MetricsTest, RunsComeFromTheStore) {
  Save(Finished("c1-1", "6.12.1", Verdict::kPass, true));
  Save(Finished("c1-2", "6.12.1", Verdict::kPass, true));
  Save(Finished("c1-3", "6.12.1", Verdict::kPass, false));
  campaign::Run fail = Finished("c1-4", "6.12.1", Verdict::kFail, true);
  fail.findings.emplace_back().kind = detect::Kind::kHardLockup;
  Save(fail);
  Save(Finished("c1-5", "6.12.1", Verdict::kError, true));
  const std::string cell = R"({kernel="6.12.1",arch="x86_64",profile="small",scenario="baseline")";
  EXPECT_THAT(Scrape(), AllOf(HasSubstr("lk_runs_total" + cell + R"(,verdict="pass",emulated="true"} 2)"),
                              HasSubstr("lk_runs_total" + cell + R"(,verdict="pass",emulated="false"} 1)"),
                              HasSubstr("lk_runs_total" + cell + R"(,verdict="error",emulated="true"} 1)"),
                              HasSubstr("lk_kernel_pass_ratio" + cell + "} 0.75"),
                              HasSubstr("lk_findings_total" + cell + R"(,kind="hard_lockup"} 1)"),
                              HasSubstr("lk_console_bytes_total 500"),
                              HasSubstr(R"(lk_run_phase_duration_seconds_bucket{phase="boot",le="1"} 0)"),
                              HasSubstr(R"(lk_run_phase_duration_seconds_bucket{phase="boot",le="2"} 5)"),
                              HasSubstr(R"(lk_run_phase_duration_seconds_sum{phase="boot"} 7.5)")));
}

TEST_F(MetricsTest, DeliveriesOfNotifications) {
  store::Notification notification;
  notification.id = "msg_1";
  notification.target = "ci";
  ASSERT_TRUE(store_->AddNotification(notification).ok());
  ASSERT_TRUE(store_->UpdateNotification(notification, "failed").ok());
  ASSERT_TRUE(store_->UpdateNotification(notification, "delivered").ok());
  EXPECT_THAT(Scrape(), AllOf(HasSubstr(R"(lk_webhook_deliveries_total{target="ci",result="failed"} 1)"),
                              HasSubstr(R"(lk_webhook_deliveries_total{target="ci",result="delivered"} 1)")));
}

TEST_F(MetricsTest, ControlsAreRunsThatAreToFail) {
  AddKernel("6.12.1-mutant");
  store::Change change;
  change.runs = {Finished("c1-1", "6.12.1-mutant", Verdict::kFail, true),
                 Finished("c1-2", "6.12.1", Verdict::kPass, true)};
  change.runs[0].control = true;
  change.campaigns.emplace_back().id = "c1";
  change.campaigns[0].state = campaign::CampaignState::kFinished;
  ASSERT_TRUE(store_->Apply(change).ok());
  const std::string cell = R"({kernel="6.12.1-mutant",arch="x86_64",profile="small",scenario="baseline")";
  EXPECT_THAT(Scrape(), AllOf(HasSubstr(R"(lk_mutants{kernel="6.12.1-mutant",scenario="baseline",state="killed"} 1)"),
                              HasSubstr("lk_runs_total" + cell + R"(,verdict="fail",emulated="true"} 1)"),
                              Not(HasSubstr("lk_kernel_pass_ratio" + cell))));
}

TEST_F(MetricsTest, FindingIsThereBeforeItsRunIsOver) {
  campaign::Run run = Finished("c1-1", "6.12.1", Verdict::kError, true);
  run.state = campaign::RunState::kRunning;
  run.findings.emplace_back().kind = detect::Kind::kHardLockup;
  run.findings[0].open = true;
  Save(run);
  EXPECT_THAT(Scrape(), Not(HasSubstr("lk_findings_total{")));
  run.findings[0].open = false;
  Save(run);
  const std::string cell = R"({kernel="6.12.1",arch="x86_64",profile="small",scenario="baseline")";
  EXPECT_THAT(Scrape(), AllOf(HasSubstr("lk_findings_total" + cell + R"(,kind="hard_lockup"} 1)"),
                              Not(HasSubstr("lk_runs_total{"))));
  AddKernel("6.1.1");
  Save(Finished("c1-2", "6.1.1", Verdict::kPass, true));
  EXPECT_THAT(Scrape({.max_series = 2}), AllOf(HasSubstr("lk_findings_total" + cell), Not(HasSubstr("6.1.1"))))
      << "a kernel in its first run is the newest, not the oldest";
}

TEST_F(MetricsTest, LatencyBucketsAreCumulative) {
  Save(Finished("c1-1", "6.12.1", Verdict::kPass, true));
  const std::string labels =
      R"({kernel="6.12.1",arch="x86_64",profile="small",scenario="baseline",probe="timer_wakeup")";
  EXPECT_THAT(Scrape(), AllOf(HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="5e-05"} 0)"),
                              HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="0.001"} 10)"),
                              HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="10"} 10)"),
                              HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="+Inf"} 10)"),
                              HasSubstr("lk_latency_seconds_count" + labels + "} 10"),
                              HasSubstr("lk_latency_seconds_sum" + labels + "} 0.0055")));
}

TEST_F(MetricsTest, WhatIsGoingOn) {
  EXPECT_THAT(Scrape(), AllOf(HasSubstr(R"(lk_campaign_runs{campaign="c1",state="queued"} 3)"),
                              HasSubstr(R"(lk_host_capacity{host="qemu:///system",resource="memory_bytes"} 1024)"),
                              HasSubstr(R"(lk_host_allocated{host="qemu:///system",resource="vcpus"} 2)"),
                              HasSubstr("lk_agents_connected 1"), HasSubstr("lk_agent_samples_total 42"),
                              HasSubstr(R"(lk_build_info{version=")"),
                              HasSubstr(R"(lk_store_latency_seconds_count{op="put_kernel"} 1)")));
}

TEST_F(MetricsTest, KernelsLongestNotRunLeaveFirst) {
  for (const char* kernel : {"6.1.1", "6.1.2"}) AddKernel(kernel);
  campaign::Run old = Finished("c1-1", "6.12.1", Verdict::kPass, true);
  old.finished -= absl::Hours(2);
  Save(old);
  Save(Finished("c1-2", "6.1.1", Verdict::kPass, true));
  campaign::Run middle = Finished("c1-3", "6.1.2", Verdict::kPass, true);
  middle.finished -= absl::Hours(1);
  Save(middle);
  // A kernel makes 27 series here: verdict, ratio, 22 buckets with +Inf, sum and count.
  EXPECT_THAT(Scrape({.max_series = 81}), HasSubstr(R"(kernel="6.12.1")"));
  const std::string two = Scrape({.max_series = 80});
  EXPECT_THAT(
      two, AllOf(HasSubstr(R"(kernel="6.1.1")"), HasSubstr(R"(kernel="6.1.2")"), Not(HasSubstr(R"(kernel="6.12.1")"))));
  EXPECT_THAT(Scrape({.max_series = 27}), Not(HasSubstr(R"(kernel="6.1.2")")));
}

TEST_F(MetricsTest, RemovedKernelLeaves) {
  Save(Finished("c1-1", "6.12.1", Verdict::kPass, true));
  ASSERT_TRUE(store_->RemoveKernel("k6.12.1").ok());
  EXPECT_THAT(Scrape(), AllOf(Not(HasSubstr("6.12.1")), HasSubstr("lk_console_bytes_total 100")));
}

TEST_F(MetricsTest, PortInUseIsTold) {
  Exporter first(*store_, Live(), latency_, {});
  ASSERT_TRUE(first.Start("127.0.0.1:0").ok());
  const std::string address = "127.0.0.1:" + std::to_string(first.port());
  Exporter second(*store_, Live(), latency_, {});
  const Status status = second.Start(address);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(address + ": Address already in use"));
}

TEST(LabelValue, IsPrintableAndShort) {
  EXPECT_EQ(LabelValue("a\nb\xff\x7f\"\\"), "a_b__\"\\");
  EXPECT_EQ(LabelValue(std::string(1000, 'x')).size(), 128u);
}

TEST(Family, SeriesThatLookTheSameOnceCleanedAreOne) {
  Family family(kFindings);
  family.Add({"k\n", "a", "p", "s", "x"}, 1);
  family.Add({"k\t", "a", "p", "s", "x"}, 2);
  const prometheus::MetricFamily made = family.Make();
  ASSERT_EQ(made.metric.size(), 1u);
  EXPECT_EQ(made.metric[0].counter.value, 3);
}

}  // namespace
}  // namespace lk::metrics
