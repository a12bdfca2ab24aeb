// SPDX-License-Identifier: Apache-2.0
#include <absl/cleanup/cleanup.h>
#include <unistd.h>

#include <filesystem>
#include <regex>
#include <sstream>

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
  fail.findings[0].title = "in f";
  Save(fail);
  Save(Finished("c1-5", "6.12.1", Verdict::kError, true));
  campaign::Run harness = Finished("c1-6", "6.12.1", Verdict::kPass, true);
  harness.harness = true;
  Save(harness);
  const std::string cell = R"({kernel="6.12.1",arch="x86_64",profile="small",scenario="baseline")";
  EXPECT_THAT(Scrape(),
              AllOf(HasSubstr("lk_runs_total" + cell + R"(,verdict="pass",emulated="true",harness="false"} 2)"),
                    HasSubstr("lk_runs_total" + cell + R"(,verdict="pass",emulated="false",harness="false"} 1)"),
                    HasSubstr("lk_runs_total" + cell + R"(,verdict="pass",emulated="true",harness="true"} 1)"),
                    HasSubstr("lk_runs_total" + cell + R"(,verdict="error",emulated="true",harness="false"} 1)"),
                    HasSubstr("lk_kernel_pass_ratio" + cell + "} 0.8"),
                    HasSubstr("lk_findings_total" + cell + R"(,kind="hard_lockup"} 1)"),
                    HasSubstr("lk_finding_titles_total" + cell + R"(,kind="hard_lockup",title="in f"} 1)"),
                    HasSubstr("lk_last_run_timestamp_seconds" + cell + R"(,verdict="fail",run="c1-4"} 1700000000)"),
                    HasSubstr("lk_console_bytes_total 600"),
                    HasSubstr(R"(lk_run_phase_duration_seconds_bucket{phase="boot",le="1"} 0)"),
                    HasSubstr(R"(lk_run_phase_duration_seconds_bucket{phase="boot",le="2"} 6)"),
                    HasSubstr(R"(lk_run_phase_duration_seconds_sum{phase="boot"} 9)")));
}

TEST_F(MetricsTest, CountsDeliveriesOfNotifications) {
  store::Notification notification;
  notification.id = "msg_1";
  notification.target = "ci";
  ASSERT_TRUE(store_->AddNotification(notification).ok());
  ASSERT_TRUE(store_->UpdateNotification(notification, "failed").ok());
  ASSERT_TRUE(store_->UpdateNotification(notification, "delivered").ok());
  EXPECT_THAT(Scrape(), AllOf(HasSubstr(R"(lk_webhook_deliveries_total{target="ci",result="failed"} 1)"),
                              HasSubstr(R"(lk_webhook_deliveries_total{target="ci",result="delivered"} 1)")));
}

TEST_F(MetricsTest, ControlsDoNotCountInThePassRatio) {
  AddKernel("6.12.1-mutant");
  store::Change change;
  change.runs = {Finished("c1-1", "6.12.1-mutant", Verdict::kFail, true),
                 Finished("c1-2", "6.12.1", Verdict::kPass, true)};
  change.runs[0].control = true;
  change.runs[0].symptom = "invariant";
  change.runs[0].unmutated = change.runs[1].kernel_id = "k1";
  change.runs[1].sibling = true;
  change.campaigns.emplace_back().id = "c1";
  change.campaigns[0].state = campaign::CampaignState::kFinished;
  ASSERT_TRUE(store_->Apply(change).ok());
  const std::string cell = R"({kernel="6.12.1-mutant",arch="x86_64",profile="small",scenario="baseline")";
  EXPECT_THAT(Scrape(),
              AllOf(HasSubstr(R"(lk_mutants{kernel="6.12.1-mutant",scenario="baseline",state="killed"} 1)"),
                    HasSubstr("lk_runs_total" + cell + R"(,verdict="fail",emulated="true",harness="false"} 1)"),
                    Not(HasSubstr("lk_kernel_pass_ratio" + cell))));
}

TEST_F(MetricsTest, FindingCountsBeforeItsRunIsFinished) {
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
  EXPECT_THAT(Scrape({.max_series = 5}), AllOf(HasSubstr("lk_findings_total" + cell), Not(HasSubstr("6.1.1"))))
      << "a kernel whose first run is still in progress counts as the most recent one";
}

TEST_F(MetricsTest, LatencyBucketsAreCumulative) {
  Save(Finished("c1-1", "6.12.1", Verdict::kPass, true));
  const std::string labels =
      R"({kernel="6.12.1",arch="x86_64",profile="small",scenario="baseline",probe="timer_wakeup")";
  EXPECT_THAT(Scrape(), AllOf(HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="5e-05"} 0)"),
                              // The tenth value is 1 ms, but its bucket extends beyond that.
                              HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="0.001"} 9)"),
                              HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="0.002"} 10)"),
                              HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="10"} 10)"),
                              HasSubstr("lk_latency_seconds_bucket" + labels + R"(,le="+Inf"} 10)"),
                              HasSubstr("lk_latency_seconds_count" + labels + "} 10"),
                              HasSubstr("lk_latency_seconds_sum" + labels + "} 0.0055")));
}

TEST_F(MetricsTest, ExportsTheCurrentState) {
  EXPECT_THAT(Scrape(), AllOf(HasSubstr(R"(lk_campaign_runs{campaign="c1",state="queued"} 3)"),
                              HasSubstr(R"(lk_host_state{host="qemu:///system",state="drained"} 1)"),
                              HasSubstr(R"(lk_host_state{host="qemu:///system",state="up"} 0)"),
                              HasSubstr(R"(lk_host_capacity{host="qemu:///system",resource="memory_bytes"} 1024)"),
                              HasSubstr(R"(lk_host_allocated{host="qemu:///system",resource="vcpus"} 2)"),
                              HasSubstr("lk_agents_connected 1"), HasSubstr("lk_agent_samples_total 42"),
                              HasSubstr(R"(lk_build_info{version=")"),
                              HasSubstr(R"(lk_store_latency_seconds_count{op="put_kernel"} 1)")));
}

TEST(Names, HostStatesMatchTheEnum) {
  using State = campaign::Host::State;
  EXPECT_THAT(kHostStates,
              testing::ElementsAre(ToString(State::kUp), ToString(State::kDown), ToString(State::kDrained)));
}

TEST_F(MetricsTest, LeastRecentlyRunKernelsAreDroppedFirst) {
  for (const char* kernel : {"6.1.1", "6.1.2"}) AddKernel(kernel);
  campaign::Run old = Finished("c1-1", "6.12.1", Verdict::kPass, true);
  old.finished -= absl::Hours(2);
  Save(old);
  Save(Finished("c1-2", "6.1.1", Verdict::kPass, true));
  campaign::Run middle = Finished("c1-3", "6.1.2", Verdict::kPass, true);
  middle.finished -= absl::Hours(1);
  Save(middle);
  // Each kernel has 4 series here (verdict, last run, ratio, order), and a histogram with 25 series (23 buckets, sum
  // and count).
  const auto latencies = [](const std::string& kernel) {
    return HasSubstr("lk_latency_seconds_count{kernel=\"" + kernel + "\"");
  };
  const auto kernel = [](const std::string& name) { return HasSubstr("kernel=\"" + name + "\""); };
  EXPECT_THAT(Scrape({.max_series = 87}), AllOf(latencies("6.12.1"), HasSubstr("lk_metrics_series 87"),
                                                HasSubstr("lk_metrics_left_out{what=\"latencies\"} 0")));
  EXPECT_THAT(Scrape({.max_series = 86}),
              AllOf(kernel("6.12.1"), Not(latencies("6.12.1")), latencies("6.1.2"), HasSubstr("lk_metrics_series 62"),
                    HasSubstr("lk_metrics_series_max 86"), HasSubstr("lk_metrics_left_out{what=\"latencies\"} 1"),
                    HasSubstr("lk_metrics_left_out{what=\"kernels\"} 0")));
  EXPECT_THAT(Scrape({.max_series = 11}),
              AllOf(kernel("6.1.1"), kernel("6.1.2"), Not(kernel("6.12.1")), Not(HasSubstr("lk_latency_seconds")),
                    HasSubstr("lk_metrics_left_out{what=\"kernels\"} 1")));
  EXPECT_THAT(Scrape({.max_series = 4}), AllOf(kernel("6.1.1"), Not(kernel("6.1.2"))));
}

TEST_F(MetricsTest, LaterTitlesAreSummedUp) {
  campaign::Run run = Finished("c1-1", "6.12.1", Verdict::kFail, true);
  for (const char* title : {"z", "y", "x"}) {
    run.findings.emplace_back().title = title;
    Save(run);
  }
  run.scenario = "other";
  run.id = "c1-2";
  Save(run);
  const auto title = [](const std::string& name, int count) {
    return HasSubstr("title=\"" + name + "\"} " + std::to_string(count));
  };
  EXPECT_THAT(Scrape({.max_titles = 3}), AllOf(title("x", 1), Not(HasSubstr("title=\"(others)\""))));
  EXPECT_THAT(Scrape({.max_titles = 1}), AllOf(title("z", 1), title("(others)", 2), Not(HasSubstr("\"y\""))));
  EXPECT_THAT(Scrape({.max_titles = 1}), HasSubstr("lk_metrics_left_out{what=\"titles\"} 2"));
}

TEST_F(MetricsTest, BuildsAreInReleaseOrder) {
  campaign::KernelBuild kernel;
  for (const char* release : {"6.1.0-40-cloud-amd64", "6.1.0-9-cloud-amd64", "6.1.0-9-amd64"}) {
    kernel.id = kernel.release = release;
    kernel.labels = {{"tree", "stable"}};
    ASSERT_TRUE(store_->PutKernel(kernel).ok());
  }
  kernel.id = kernel.release = "6.1.0-lk-lab";
  kernel.labels = {{"mutant", "baseline"}};
  ASSERT_TRUE(store_->PutKernel(kernel).ok());
  EXPECT_THAT(
      Scrape(),
      AllOf(HasSubstr(R"(lk_kernel_order{kernel="6.1.0-9-amd64",arch="x86_64",tree="stable"} 600100099000009)"),
            HasSubstr(R"(lk_kernel_order{kernel="6.1.0-9-cloud-amd64",arch="x86_64",tree="stable"} 600100099000010)"),
            HasSubstr(R"(lk_kernel_order{kernel="6.1.0-40-cloud-amd64",arch="x86_64",tree="stable"} 600100099000040)"),
            HasSubstr(R"(lk_kernel_order{kernel="6.12.1",arch="x86_64",tree=""} 601200199000000)"),
            Not(HasSubstr("6.1.0-lk-lab"))));
}

TEST_F(MetricsTest, RemovedKernelIsNoLongerExported) {
  Save(Finished("c1-1", "6.12.1", Verdict::kPass, true));
  ASSERT_TRUE(store_->RemoveKernel("k6.12.1").ok());
  EXPECT_THAT(Scrape(), AllOf(Not(HasSubstr("6.12.1")), HasSubstr("lk_console_bytes_total 100")));
}

TEST_F(MetricsTest, PortInUseIsReported) {
  Exporter first(*store_, Live(), latency_, {});
  ASSERT_TRUE(first.Start("127.0.0.1:0").ok());
  const std::string address = "127.0.0.1:" + std::to_string(first.port());
  Exporter second(*store_, Live(), latency_, {});
  const Status status = second.Start(address);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(address + ": Address already in use"));
}

TEST_F(MetricsTest, WorkOfLkdIsCountedOnlyOnce) {
  Exporter exporter(*store_, Live(), latency_, {});
  ASSERT_TRUE(exporter.Start("127.0.0.1:0").ok());
  httplib::Client client("127.0.0.1", exporter.port());
  for (int i = 0; i < 3; ++i) {
    const httplib::Result result = client.Get("/metrics");
    ASSERT_TRUE(result);
    EXPECT_THAT(result->body, HasSubstr("lk_agent_samples_total 42"));
  }
}

// The counters, buckets, sums and counts in a scrape.
std::map<std::string, double> Counters(const std::string& text) {
  std::map<std::string, double> counters;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    static const std::regex series(R"((\w+_(?:total|bucket|sum|count)(?:\{.*\})?) (\S+))");
    if (std::smatch match; std::regex_match(line, match, series)) counters[match[1]] = std::stod(match[2]);
  }
  return counters;
}

TEST_F(MetricsTest, NoCounterDecreasesWhenLkdIsRestarted) {
  const std::string path = testing::TempDir() + "lk-metrics-" + std::to_string(getpid()) + ".db";
  const absl::Cleanup remove = [&path] {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  };
  store_ = OpenStore("sqlite:" + path);
  AddKernel("6.12.1");
  campaign::Run run = Finished("c1-1", "6.12.1", Verdict::kFail, true);
  run.findings.emplace_back().title = "BUG";
  Save(run);
  const std::map<std::string, double> before = Counters(Scrape());
  ASSERT_GT(before.size(), 60u);
  ASSERT_TRUE(before.contains("lk_agent_samples_total"));
  ASSERT_TRUE(before.contains(R"(lk_store_latency_seconds_count{op="apply"})"));

  latency_.Take();  // lost with the process
  store_ = OpenStore("sqlite:" + path);
  LiveSource fresh = Live();
  fresh.agent_samples = [] { return 0; };
  Exporter exporter(*store_, fresh, latency_, {});
  ASSERT_TRUE(exporter.Start("127.0.0.1:0").ok());
  const httplib::Result result = httplib::Client("127.0.0.1", exporter.port()).Get("/metrics");
  ASSERT_TRUE(result);
  const std::map<std::string, double> after = Counters(result->body);
  for (const auto& [series, value] : before) {
    ASSERT_TRUE(after.contains(series)) << series;
    EXPECT_GE(after.at(series), value) << series;
  }
}

TEST(LabelValue, IsPrintableAndShort) {
  EXPECT_EQ(LabelValue("a\nb\xff\x7f\"\\"), "a_b__\"\\");
  EXPECT_EQ(LabelValue(std::string(1000, 'x')).size(), 128u);
}

TEST(Family, SeriesWithTheSameCleanedLabelsAreSummed) {
  Family family(kFindings);
  family.Add({"k\n", "a", "p", "s", "x"}, 1);
  family.Add({"k\t", "a", "p", "s", "x"}, 2);
  const prometheus::MetricFamily made = family.Make();
  ASSERT_EQ(made.metric.size(), 1u);
  EXPECT_EQ(made.metric[0].counter.value, 3);
}

}  // namespace
}  // namespace lk::metrics
