// SPDX-License-Identifier: Apache-2.0
// Serves /metrics without an lkd: the exporter with a store that has two builds and a mutant, and with a campaign in
// progress. Prints HOST:PORT and runs until end of file on standard input.
#include <absl/time/clock.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <string>

#include "server/metrics/exporter.h"

namespace lk {
namespace {

using campaign::Verdict;

constexpr const char* kOld = "6.12.90+deb12-cloud-amd64";
constexpr const char* kNew = "6.12.95+deb12-cloud-amd64";
constexpr const char* kMutant = "6.12.95-lk-lab-crash_hotplug";

class Sample {
 public:
  explicit Sample(store::Store& store) : store_(store) {}

  Status Fill() {
    LK_RETURN_IF_ERROR(AddKernel(kOld, {{"tree", "stable"}}));
    LK_RETURN_IF_ERROR(AddKernel(kNew, {{"tree", "stable"}}));
    LK_RETURN_IF_ERROR(AddKernel(kMutant, {{"mutant", "crash_hotplug"}}));
    Add(kOld, Verdict::kPass, false, 5);
    Add(kOld, Verdict::kPass, true, 30);
    Add(kNew, Verdict::kPass, true, 2);
    Add(kNew, Verdict::kFail, true, 10);
    for (const Verdict verdict : {Verdict::kError, Verdict::kMiss, Verdict::kSkip, Verdict::kUnproven}) {
      Add(kNew, verdict, true, 1);
    }
    Add(kMutant, Verdict::kFail, true, 3);
    for (size_t i = change_.runs.size() - 3; i < change_.runs.size(); ++i) {
      change_.runs[i].control = true;
      change_.runs[i].symptom = "invariant";
      change_.runs[i].unmutated = kOld;
    }
    campaign::Campaign& campaign = change_.campaigns.emplace_back();
    campaign.id = "c1";
    campaign.state = campaign::CampaignState::kFinished;
    return store_.Apply(change_).status();
  }

 private:
  Status AddKernel(const char* release, campaign::Labels labels) {
    campaign::KernelBuild kernel;
    kernel.id = kernel.release = release;
    kernel.labels = std::move(labels);
    return store_.PutKernel(kernel);
  }

  void Add(const char* kernel, Verdict verdict, bool emulated, int count) {
    for (int i = 0; i < count; ++i) {
      campaign::Run& run = change_.runs.emplace_back();
      run.campaign_id = "c1";
      run.id = "c1-" + std::to_string(change_.runs.size());
      run.kernel_id = run.kernel_release = kernel;
      run.sibling = kernel == kOld;
      run.profile = "small";
      run.scenario = "crash_hotplug";
      run.state = campaign::RunState::kDone;
      run.verdict = verdict;
      run.emulated = emulated;
      run.harness = i % 2 == 1;
      run.finished = absl::Now() - absl::Minutes(10) + absl::Seconds(change_.runs.size());
      run.console_bytes = 50'000;
      run.phase_seconds = {{"boot", 2.5}, {"run", 30}};
      for (uint64_t us = 10; us <= 100'000; us *= 2) run.latencies["timer_wakeup"].Record(us * 1000);
      if (verdict != Verdict::kFail) continue;
      campaign::Finding& finding = run.findings.emplace_back();
      finding.kind = i == 0 ? detect::Kind::kHungTask : detect::Kind::kSoftLockup;
      finding.title = i == 0 ? "INFO: task hung in kexec_lock" : "BUG: soft lockup in crash_hotplug_show";
    }
  }

  store::Store& store_;
  store::Change change_;
};

metrics::LiveSource Live() {
  return {.hosts =
              [] {
                return std::vector<metrics::HostUse>{{.host = "qemu:///system",
                                                      .state = "up",
                                                      .vcpus = 4,
                                                      .vcpus_allocated = 2,
                                                      .memory_bytes = 4'000'000'000,
                                                      .memory_bytes_allocated = 1'000'000'000}};
              },
          .campaigns =
              [] {
                return std::vector<metrics::CampaignRuns>{{"c2", {{"queued", 3}, {"running", 2}, {"done", 5}}}};
              },
          .agents_connected = [] { return 2; },
          .agent_samples = [] { return 5000; }};
}

Status Serve() {
  metrics::StoreLatency latency;
  LK_ASSIGN_OR_RETURN(const std::unique_ptr<store::Store> store,
                      store::Open("sqlite::memory:", [&latency](std::string_view operation, double seconds) {
                        latency.Observe(operation, seconds);
                      }));
  LK_RETURN_IF_ERROR(Sample(*store).Fill());
  metrics::Exporter exporter(*store, Live(), latency, {});
  LK_RETURN_IF_ERROR(exporter.Start("127.0.0.1:0"));
  std::printf("127.0.0.1:%u\n", exporter.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace lk

int main() {
  // Standard output is reserved for the address.
  spdlog::set_default_logger(spdlog::stderr_color_mt("sample"));
  const lk::Status status = lk::Serve();
  if (!status.ok()) std::fprintf(stderr, "sample: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
