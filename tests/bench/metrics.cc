// SPDX-License-Identifier: Apache-2.0
// Run by the script `metrics`, which describes it. curl is a separate process, so that its CPU time does not count.
#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "server/metrics/exporter.h"

namespace lk {
namespace {

constexpr int kKernels = 200;
constexpr int kScenarios = 5;
constexpr int kProfiles = 4;
constexpr int kProbes = 8;
constexpr int kScrapes = 20;
constexpr double kAllowedMs = 250;

double CpuMs() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

// Memory in use by this process.
double ResidentMiB() {
  std::ifstream file("/proc/self/statm");
  size_t all = 0, resident = 0;
  file >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

campaign::Run SomeRun(int number, std::mt19937_64& random) {
  campaign::Run run;
  run.campaign_id = fmt::format("c{}", number / 1000);
  run.id = fmt::format("{}-{}", run.campaign_id, number);
  const int kernel = number % kKernels;
  run.kernel_release = fmt::format("6.{}.{}+deb12-cloud-amd64", kernel / 20, kernel % 20);
  run.scenario = fmt::format("scenario_{}", number / kKernels % kScenarios);
  run.profile = fmt::format("profile-{}", number / (kKernels * kScenarios) % kProfiles);
  run.state = campaign::RunState::kDone;
  run.verdict = number % 7 == 0 ? campaign::Verdict::kFail : campaign::Verdict::kPass;
  run.finished = absl::FromUnixSeconds(1'700'000'000 + number);
  run.console_bytes = 50'000;
  run.phase_seconds = {{"image", 0.1}, {"boot", 3}, {"run", 30}};
  std::lognormal_distribution<double> latency(std::log(50'000.0), 1.5);
  for (int probe = 0; probe < kProbes; ++probe) {
    Histogram& histogram = run.latencies[fmt::format("probe_{}", probe)];
    for (int i = 0; i < 1000; ++i) histogram.Record(static_cast<uint64_t>(latency(random)));
  }
  if (run.verdict == campaign::Verdict::kFail) {
    run.findings.emplace_back().title = fmt::format("BUG: soft lockup in function_{}", number % 40);
  }
  return run;
}

// Scrapes once, as Prometheus does. Returns the number of bytes, or 0 on failure.
size_t Scrape(uint16_t port, const std::string& body) {
  const std::string url = fmt::format("http://127.0.0.1:{}/metrics", port);
  const pid_t curl = fork();
  if (curl == 0) {
    execlp("curl", "curl", "-sf", "-H", "Accept-Encoding: gzip", "--compressed", "-o", body.c_str(), url.c_str(),
           nullptr);
    _exit(127);
  }
  int status = 0;
  if (curl < 0 || waitpid(curl, &status, 0) != curl || status != 0) return 0;
  return std::filesystem::file_size(body);
}

Status Measure(uint32_t max_series) {
  std::string folder = (std::filesystem::temp_directory_path() / "lk-metrics-bench.XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return absl::ErrnoToStatus(errno, folder);
  const absl::Cleanup remove = [&folder] { std::filesystem::remove_all(folder); };

  metrics::StoreLatency latency;
  LK_ASSIGN_OR_RETURN(std::unique_ptr<store::Store> store,
                      store::Open("sqlite:" + folder + "/lk.sqlite",
                                  [&latency](std::string_view operation, double s) { latency.Observe(operation, s); }));
  for (int i = 0; i < kKernels; ++i) {
    campaign::KernelBuild kernel;
    kernel.release = fmt::format("6.{}.{}+deb12-cloud-amd64", i / 20, i % 20);
    kernel.id = "k" + kernel.release;
    kernel.labels = {{"tree", "stable"}};
    // About as many symbols as a distribution's configuration has.
    for (int symbol = 0; symbol < 9000; ++symbol) kernel.config.emplace(fmt::format("SYMBOL_NUMBER_{}", symbol), "y");
    LK_RETURN_IF_ERROR(store->PutKernel(kernel));
  }
  std::mt19937_64 random(1);
  int runs = 0;
  const auto add_runs = [&](int count) {
    store::Change change;
    for (int i = 0; i < count; ++i) change.runs.push_back(SomeRun(runs++, random));
    return store->Apply(change).status();
  };
  while (runs < kKernels * kScenarios * kProfiles) LK_RETURN_IF_ERROR(add_runs(100));

  // Reopen the store, as lkd does when it starts.
  LK_ASSIGN_OR_RETURN(store, store::Open("sqlite:" + folder + "/lk.sqlite", {}));
  const metrics::LiveSource live = {.hosts = [] { return std::vector<metrics::HostUse>(); },
                                    .campaigns = [] { return std::vector<metrics::CampaignRuns>(); },
                                    .agents_connected = [] { return 0; },
                                    .agent_samples = [] { return 0; }};
  const double before = ResidentMiB();
  double cpu = CpuMs();
  metrics::Exporter exporter(*store, live, latency, {.max_series = max_series});
  LK_RETURN_IF_ERROR(exporter.Start("127.0.0.1:0"));
  fmt::print("start-up, which reads all runs: {:.0f} ms of CPU time, {:.0f} MiB of memory\n", CpuMs() - cpu,
             ResidentMiB() - before);

  std::vector<double> costs;
  size_t bytes = 0;
  double early = 0;
  for (int i = 0; i < kScrapes; ++i) {
    LK_RETURN_IF_ERROR(add_runs(20));  // storing the runs is not measured, but reading them is
    cpu = CpuMs();
    bytes = Scrape(exporter.port(), folder + "/body");
    if (bytes == 0) return absl::UnavailableError("curl failed");
    costs.push_back(CpuMs() - cpu);
    if (i == kScrapes / 4) early = ResidentMiB();
  }
  std::ranges::sort(costs);
  std::ifstream body(folder + "/body");
  size_t series = 0;
  for (std::string line; std::getline(body, line);) {
    series += !line.starts_with('#');
    if (line.starts_with("lk_metrics_")) fmt::print("{}\n", line);
  }
  fmt::print("{} kernels x {} scenarios x {} profiles x {} probes, {} runs: {} series, {:.1f} MB\n", kKernels,
             kScenarios, kProfiles, kProbes, runs, series, static_cast<double>(bytes) / 1e6);
  fmt::print(
      "{} scrapes: CPU median {:.0f} ms, worst {:.0f} ms ({:.0f} allowed); memory {:.0f} MiB at first, {:.0f} MiB at "
      "the end\n",
      kScrapes, costs[costs.size() / 2], costs.back(), kAllowedMs, early, ResidentMiB());
  if (costs[costs.size() / 2] >= kAllowedMs) return absl::ResourceExhaustedError("a scrape is too expensive");
  if (ResidentMiB() > 1.2 * early) return absl::ResourceExhaustedError("memory grows from scrape to scrape");
  return absl::OkStatus();
}

}  // namespace
}  // namespace lk

int main(int argc, char** argv) {
  uint32_t max_series = lk::metrics::Limits().max_series;
  if (argc > 1) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), max_series);
  const lk::Status status = lk::Measure(max_series);
  if (!status.ok()) fmt::print(stderr, "{}\n", std::string(status.message()));
  return status.ok() ? 0 : 1;
}
