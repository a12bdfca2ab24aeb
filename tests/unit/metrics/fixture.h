// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <httplib.h>

#include <memory>
#include <string>

#include "server/metrics/exporter.h"
#include "server/store/store.h"

namespace lk::metrics {

inline campaign::Run Finished(const std::string& id, const std::string& kernel, campaign::Verdict verdict,
                              bool emulated) {
  campaign::Run run;
  run.id = id;
  run.campaign_id = "c1";
  run.kernel_release = kernel;
  run.profile = "small";
  run.scenario = "baseline";
  run.state = campaign::RunState::kDone;
  run.verdict = verdict;
  run.emulated = emulated;
  run.finished = absl::FromUnixSeconds(1'700'000'000);
  run.console_bytes = 100;
  run.phase_seconds = {{"boot", 1.5}};
  for (int i = 1; i <= 10; ++i) run.latencies["timer_wakeup"].Record(static_cast<uint64_t>(i) * 100'000);
  return run;
}

class MetricsTest : public testing::Test {
 protected:
  void SetUp() override { AddKernel("6.12.1"); }

  void AddKernel(const std::string& release) {
    campaign::KernelBuild kernel;
    kernel.id = "k" + release;
    kernel.release = release;
    ASSERT_TRUE(store_->PutKernel(kernel).ok());
  }
  void Save(const campaign::Run& run) {
    ASSERT_TRUE(store_->Apply({.campaigns = {}, .runs = {run}, .events = {}, .time = {}}).ok());
  }
  LiveSource Live() {
    return {.hosts =
                [] {
                  return std::vector<HostUse>{{.host = "qemu:///system",
                                               .state = "drained",
                                               .vcpus = 4,
                                               .vcpus_allocated = 2,
                                               .memory_bytes = 1024,
                                               .memory_bytes_allocated = 512}};
                },
            .campaigns =
                [] {
                  return std::vector<CampaignRuns>{{"c1", {{"queued", 3}, {"running", 1}}}};
                },
            .agents_connected = [] { return 1; },
            .agent_samples = [] { return 42; }};
  }
  // The response to a scrape.
  std::string Scrape(Limits limits = {}) {
    Exporter exporter(*store_, Live(), latency_, limits);
    EXPECT_TRUE(exporter.Start("127.0.0.1:0").ok());
    httplib::Client client("127.0.0.1", exporter.port());
    const httplib::Result result = client.Get("/metrics");
    return result ? result->body : "";
  }

  std::unique_ptr<store::Store> OpenStore(const std::string& url) {
    return store::Open(url,
                       [this](std::string_view operation, double seconds) { latency_.Observe(operation, seconds); })
        .value();
  }

  StoreLatency latency_;
  std::unique_ptr<store::Store> store_ = OpenStore("sqlite::memory:");
};

}  // namespace lk::metrics
