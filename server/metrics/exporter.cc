// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/exporter.h"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>

namespace lk::metrics {

void StoreLatency::Observe(std::string_view operation, double seconds) {
  const MutexLock lock(&mutex_);
  auto it = operations_.find(operation);
  if (it == operations_.end()) it = operations_.try_emplace(std::string(operation)).first;
  it->second.Record(static_cast<uint64_t>(std::llround(std::max(seconds, 0.0) * 1e9)));
}

StoreLatency::Calls StoreLatency::Take() {
  const MutexLock lock(&mutex_);
  Calls calls(operations_.begin(), operations_.end());
  operations_.clear();
  return calls;
}

void StoreLatency::Return(const Calls& calls) {
  const MutexLock lock(&mutex_);
  for (const auto& [operation, histogram] : calls) operations_[operation].Merge(histogram);
}

Exporter::Exporter(store::Store& store, LiveSource live, StoreLatency& latency, Limits limits)
    : collector_(MakeCollector(store, std::move(live), latency, limits)) {}

Status Exporter::Start(const std::string& listen) {
  collector_->Collect();
  const auto scrape = [collector = collector_] {
    // The text format: https://prometheus.io/docs/instrumenting/exposition_formats/.
    return http::Response{.status = 200,
                          .body = prometheus::TextSerializer().Serialize(collector->Collect()),
                          .content_type = "text/plain; version=0.0.4; charset=utf-8"};
  };
  LK_ASSIGN_OR_RETURN(server_, http::Server::Start({.listen = listen, .routes = {{"/metrics", scrape}}}));
  return absl::OkStatus();
}

}  // namespace lk::metrics
