// SPDX-License-Identifier: Apache-2.0
// /metrics for Prometheus.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/server.h"
#include "server/metrics/bound.h"
#include "server/store/store.h"
#include "support/histogram.h"
#include "support/mutex.h"
#include "support/status.h"

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace lk::metrics {

struct HostUse {
  std::string host;
  std::string state;  // one of kHostStates
  uint64_t vcpus = 0;
  uint64_t vcpus_allocated = 0;
  uint64_t memory_bytes = 0;
  uint64_t memory_bytes_allocated = 0;
};

struct CampaignRuns {
  std::string campaign;
  std::map<std::string, uint64_t> runs;  // by state
};

// Functions that return values that are not in the store. All are called on each scrape, on the exporter's threads, and
// must be fast.
struct LiveSource {
  std::function<std::vector<HostUse>()> hosts;
  std::function<std::vector<CampaignRuns>()> campaigns;  // unfinished campaigns
  std::function<uint64_t()> agents_connected;
  std::function<uint64_t()> agent_samples;  // since lkd was started
};

// Durations of store calls, kept until they have been saved in the store. Thread-safe. Created before the store that it
// observes.
class StoreLatency {
 public:
  using Calls = std::map<std::string, Histogram>;  // by operation
  void Observe(std::string_view operation, double seconds);
  // Returns the durations and clears them.
  Calls Take();
  // Puts back durations that could not be saved.
  void Return(const Calls& calls);

 private:
  mutable Mutex mutex_;
  std::map<std::string, Histogram, std::less<>> operations_ ABSL_GUARDED_BY(mutex_);
};

// Collects all metrics in names.h; each Collect reads them from the store and the live source. Counters of lkd's own
// work are saved in the store before they are exported, so that they do not decrease even if lkd is killed. While the
// store is unavailable, the metrics that are read from it are left out.
std::shared_ptr<prometheus::Collectable> MakeCollector(store::Store& store, LiveSource live, StoreLatency& latency,
                                                       Limits limits);

// Serves a collector over HTTP. Uses lkd's own server, because the one in prometheus-cpp adds its own metrics, takes
// two seconds to stop and cannot report why it fails to listen. The constructor's arguments must outlive the exporter.
class Exporter {
 public:
  Exporter(store::Store& store, LiveSource live, StoreLatency& latency, Limits limits);

  // Reads the store once, because the first read is the slowest, then listens on host:port (port 0 = any free port).
  // Errors: those of http::Server.
  Status Start(const std::string& listen);
  // The actual port; valid after Start.
  uint16_t port() const { return server_->port(); }

 private:
  std::shared_ptr<prometheus::Collectable> collector_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace lk::metrics
