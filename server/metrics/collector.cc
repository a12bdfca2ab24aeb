// SPDX-License-Identifier: Apache-2.0
#include <prometheus/collectable.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <iterator>

#include "server/metrics/exporter.h"
#include "server/metrics/family.h"
#include "server/metrics/run_families.h"
#include "support/version.h"

namespace lk::metrics {
namespace {

void Append(std::vector<prometheus::MetricFamily>& families, std::vector<prometheus::MetricFamily> more) {
  std::ranges::move(more, std::back_inserter(families));
}

class Collector final : public prometheus::Collectable {
 public:
  Collector(store::Store& store, LiveSource live, StoreLatency& latency, Limits limits)
      : store_(store), live_(std::move(live)), latency_(latency), limits_(limits) {}
  // Saves what has been counted since the last scrape.
  ~Collector() override { CountWork(); }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  std::vector<prometheus::MetricFamily> Collect() const override {
    CountWork();
    std::vector<prometheus::MetricFamily> families;
    if (StatusOr<store::RunStatistics> statistics = store_.Statistics(); statistics.ok()) {
      const LeftOut left_out = Bound(*statistics, limits_);
      if (left_out.kernels + left_out.latencies > 0 && !warned_.exchange(true)) {
        spdlog::warn("metrics: limit of {} series exceeded; /metrics omits {} kernels and the latencies of {} others",
                     limits_.max_series, left_out.kernels, left_out.latencies);
      }
      Append(families, RunFamilies(*statistics));
      Append(families, WorkFamilies(statistics->work));
      Append(families, BoundFamilies(left_out));
    } else {
      spdlog::warn("metrics: {}", std::string(statistics.status().message()));
    }
    CollectWebhooks(families);
    Append(families, LiveFamilies());
    std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
    return families;
  }

 private:
  // Adds what has been counted since the last call to the totals in the store.
  void CountWork() const {
    const MutexLock lock(&counting_);
    const uint64_t samples = live_.agent_samples();
    store::Work more = {.agent_samples = samples - counted_samples_, .calls = latency_.Take()};
    if (const Status status = store_.Count(more); status.ok()) {
      counted_samples_ = samples;
    } else {
      spdlog::warn("metrics: {}", std::string(status.message()));
      latency_.Return(more.calls);
    }
  }

  void CollectWebhooks(std::vector<prometheus::MetricFamily>& families) const {
    const StatusOr<std::vector<store::WebhookTotal>> totals = store_.WebhookTotals();
    if (!totals.ok()) return;
    Family deliveries(kWebhookDeliveries);
    for (const store::WebhookTotal& total : *totals) {
      deliveries.Add({total.target, total.result}, static_cast<double>(total.attempts));
    }
    families.push_back(deliveries.Make());
  }

  static std::vector<prometheus::MetricFamily> WorkFamilies(const store::Work& work) {
    Family samples(kAgentSamples);
    samples.Add({}, static_cast<double>(work.agent_samples));
    HistogramFamily calls(kStoreLatency, store::LatencySums::Bounds());
    for (const auto& [operation, histogram] : work.calls) calls.Add({operation}, histogram);
    return {samples.Make(), calls.Make()};
  }

  std::vector<prometheus::MetricFamily> BoundFamilies(const LeftOut& left_out) const {
    Family series(kSeries), most(kMaxSeries), left(kLeftOut);
    series.Add({}, static_cast<double>(left_out.series));
    most.Add({}, limits_.max_series);
    left.Add({"kernels"}, static_cast<double>(left_out.kernels));
    left.Add({"latencies"}, static_cast<double>(left_out.latencies));
    left.Add({"titles"}, static_cast<double>(left_out.titles));
    return {series.Make(), most.Make(), left.Make()};
  }

  std::vector<prometheus::MetricFamily> LiveFamilies() const {
    Family campaign_runs(kCampaignRuns), capacity(kHostCapacity), allocated(kHostAllocated), states(kHostState);
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
      for (const char* state : kHostStates) states.Add({host.host, state}, host.state == state ? 1 : 0);
    }
    Family agents(kAgentsConnected), build(kBuildInfo);
    agents.Add({}, static_cast<double>(live_.agents_connected()));
    build.Add({kVersion, kCommit}, 1);
    return {campaign_runs.Make(), capacity.Make(), allocated.Make(), states.Make(), agents.Make(), build.Make()};
  }

  store::Store& store_;
  const LiveSource live_;
  StoreLatency& latency_;
  const Limits limits_;
  mutable std::atomic<bool> warned_ = false;
  mutable Mutex counting_;
  mutable uint64_t counted_samples_ ABSL_GUARDED_BY(counting_) = 0;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> MakeCollector(store::Store& store, LiveSource live, StoreLatency& latency,
                                                       Limits limits) {
  return std::make_shared<Collector>(store, std::move(live), latency, limits);
}

}  // namespace lk::metrics
