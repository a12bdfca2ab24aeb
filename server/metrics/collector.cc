// SPDX-License-Identifier: Apache-2.0
#include <prometheus/collectable.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "server/metrics/exporter.h"
#include "server/metrics/family.h"
#include "support/version.h"

namespace lk::metrics {
namespace {

using Row = store::RunStatistics::Row;

LabelValues And(LabelValues labels, std::initializer_list<std::string> more) {
  labels.insert(labels.end(), more);
  return labels;
}

// Time series that a row makes. A histogram has its buckets, +Inf, sum and count.
size_t SeriesOf(const Row& row) {
  return row.verdicts.size() + 1 + row.findings.size() + row.latencies.size() * (LatencyBounds().size() + 3);
}

// Takes out kernels until no more than max_series are left; says how many kernels went.
size_t Bound(std::vector<Row>& rows, size_t max_series) {
  struct Kernel {
    std::string name;
    absl::Time last_finished = absl::InfinitePast();
    size_t series = 0;
  };
  std::map<std::string, Kernel> by_name;
  for (const Row& row : rows) {
    Kernel& kernel = by_name[row.key.kernel];
    kernel.name = row.key.kernel;
    kernel.last_finished = std::max(kernel.last_finished, row.last_finished);
    kernel.series += SeriesOf(row);
  }
  std::vector<Kernel> newest_first;
  newest_first.reserve(by_name.size());
  for (auto& [name, kernel] : by_name) {
    // Findings and no finished run: its first one is under way.
    if (kernel.last_finished == absl::InfinitePast()) kernel.last_finished = absl::InfiniteFuture();
    newest_first.push_back(std::move(kernel));
  }
  std::ranges::stable_sort(newest_first, std::greater(), &Kernel::last_finished);

  std::set<std::string> dropped;
  size_t series = 0;
  for (const Kernel& kernel : newest_first) {
    series += kernel.series;
    if (series > max_series) dropped.insert(kernel.name);
  }
  std::erase_if(rows, [&dropped](const Row& row) { return dropped.contains(row.key.kernel); });
  return dropped.size();
}

class Collector final : public prometheus::Collectable {
 public:
  Collector(store::Store& store, LiveSource live, const StoreLatency& latency, Options options)
      : store_(store), live_(std::move(live)), latency_(latency), options_(options) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    if (StatusOr<store::RunStatistics> statistics = store_.Statistics(); statistics.ok()) {
      const size_t dropped = Bound(statistics->rows, options_.max_series);
      if (dropped > 0 && !told_bound_.exchange(true)) {
        spdlog::warn("metrics: more than {} series: the {} kernels longest not run are left out of /metrics",
                     options_.max_series, dropped);
      }
      CollectRuns(*statistics, families);
    } else {
      spdlog::warn("metrics: {}", std::string(statistics.status().message()));
    }
    CollectLive(families);
    std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
    return families;
  }

 private:
  static void CollectRuns(const store::RunStatistics& statistics, std::vector<prometheus::MetricFamily>& families) {
    Family runs(kRuns), findings(kFindings), pass_ratio(kPassRatio), mutants(kMutants), console_bytes(kConsoleBytes);
    HistogramFamily latencies(kLatency, LatencyBounds()), phases(kPhaseDuration, PhaseBounds());
    struct Judged {
      uint64_t passed = 0, failed = 0;
    };
    std::map<LabelValues, Judged> judged;
    for (const Row& row : statistics.rows) {
      const LabelValues cell = Clean({row.key.kernel, row.key.arch, row.key.profile, row.key.scenario});
      for (const auto& [kind, count] : row.verdicts) {
        const auto& [verdict, emulated] = kind;
        runs.Add(And(cell, {verdict, emulated ? "true" : "false"}), static_cast<double>(count));
        if (verdict == "pass") judged[cell].passed += count;
        if (verdict == "fail") judged[cell].failed += count;
      }
      // They are to fail.
      for (const auto& [verdict, count] : row.controls) {
        if (verdict == "pass") judged[cell].passed -= count;
        if (verdict == "fail") judged[cell].failed -= count;
      }
      for (const auto& [kind, count] : row.findings) findings.Add(And(cell, {kind}), static_cast<double>(count));
      for (const auto& [probe, histogram] : row.latencies) latencies.Add(And(cell, {probe}), *histogram);
    }
    for (const auto& [cell, runs_of_cell] : judged) {
      const uint64_t all = runs_of_cell.passed + runs_of_cell.failed;
      if (all > 0) pass_ratio.Add(cell, static_cast<double>(runs_of_cell.passed) / static_cast<double>(all));
    }
    for (const auto& [phase, histogram] : statistics.phases) phases.Add({phase}, histogram);
    for (const auto& mutant : statistics.mutants) mutants.Add(Clean({mutant.kernel, mutant.scenario, mutant.state}), 1);
    console_bytes.Add({}, static_cast<double>(statistics.console_bytes));
    for (const Family* family : {&runs, &pass_ratio, &findings, &mutants, &console_bytes})
      families.push_back(family->Make());
    for (const HistogramFamily* family : {&latencies, &phases}) families.push_back(family->Make());
  }

  void CollectLive(std::vector<prometheus::MetricFamily>& families) const {
    Family campaign_runs(kCampaignRuns), capacity(kHostCapacity), allocated(kHostAllocated);
    for (const CampaignRuns& campaign : live_.campaigns()) {
      for (const auto& [state, count] : campaign.runs) {
        campaign_runs.Add({campaign.campaign, state}, static_cast<double>(count));
      }
    }
    for (const HostUse& host : live_.hosts()) {
      capacity.Add({host.host, "vcpus"}, static_cast<double>(host.vcpus));
      capacity.Add({host.host, "memory_bytes"}, static_cast<double>(host.memory_bytes));
      allocated.Add({host.host, "vcpus"}, static_cast<double>(host.vcpus_allocated));
      allocated.Add({host.host, "memory_bytes"}, static_cast<double>(host.memory_bytes_allocated));
    }
    Family agents(kAgentsConnected), samples(kAgentSamples), build(kBuildInfo);
    agents.Add({}, static_cast<double>(live_.agents_connected()));
    samples.Add({}, static_cast<double>(live_.agent_samples()));
    build.Add({kVersion, kCommit}, 1);
    HistogramFamily store_latency(kStoreLatency, LatencyBounds());
    for (const auto& [operation, histogram] : latency_.Get()) store_latency.Add({operation}, histogram);
    for (const Family* family : {&campaign_runs, &capacity, &allocated, &agents, &samples, &build}) {
      families.push_back(family->Make());
    }
    families.push_back(store_latency.Make());
  }

  store::Store& store_;
  const LiveSource live_;
  const StoreLatency& latency_;
  const Options options_;
  mutable std::atomic<bool> told_bound_ = false;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> MakeCollector(store::Store& store, LiveSource live,
                                                       const StoreLatency& latency, Options options) {
  return std::make_shared<Collector>(store, std::move(live), latency, options);
}

}  // namespace lk::metrics
