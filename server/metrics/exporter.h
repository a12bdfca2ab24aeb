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

// What the store does not know. All of them are asked at each scrape, on the exporter's threads; they must be quick.
struct LiveSource {
  std::function<std::vector<HostUse>()> hosts;
  std::function<std::vector<CampaignRuns>()> campaigns;  // those not finished
  std::function<uint64_t()> agents_connected;
  std::function<uint64_t()> agent_samples;  // since start
};

// How long the store's calls took since they were last put into it. Thread-safe; made before the store, whose observer
// it is.
class StoreLatency {
 public:
  using Calls = std::map<std::string, Histogram>;  // by operation
  void Observe(std::string_view operation, double seconds);
  // Leaves nothing here.
  Calls Take();
  // Puts back what could not be stored.
  void Return(const Calls& calls);

 private:
  mutable Mutex mutex_;
  std::map<std::string, Histogram, std::less<>> operations_ ABSL_GUARDED_BY(mutex_);
};

// Everything of names.h, read from the store and the live source at each Collect. What lkd counts of its own work it
// puts into the store first, so that nothing that is shown can go back, whenever lkd ends. While the store does not
// answer, what comes from it is left out.
std::shared_ptr<prometheus::Collectable> MakeCollector(store::Store& store, LiveSource live, StoreLatency& latency,
                                                       Limits limits);

// Serves a collector on HTTP, through the server of lkd rather than prometheus-cpp's own, which adds metrics of its
// own, takes two seconds to stop and cannot say why it does not listen. What it was made with must outlive it.
class Exporter {
 public:
  Exporter(store::Store& store, LiveSource live, StoreLatency& latency, Limits limits);

  // Reads the store once, which the first time takes longest, then listens on host:port (port 0: any that is free).
  // Errors: those of http::Server.
  Status Start(const std::string& listen);
  // The one really listened on; after Start.
  uint16_t port() const { return server_->port(); }

 private:
  std::shared_ptr<prometheus::Collectable> collector_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace lk::metrics
