// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/exporter.h"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace lk::metrics {
namespace {

// Allocates the memory once: TextSerializer's own string grows and is copied, which costs more than writing the text.
std::string InText(const std::vector<prometheus::MetricFamily>& families) {
  constexpr size_t kBytesOfASample = 192;
  size_t samples = 0;
  for (const prometheus::MetricFamily& family : families) {
    for (const prometheus::ClientMetric& metric : family.metric) samples += 1 + metric.histogram.bucket.size();
  }
  std::string text;
  text.reserve(samples * kBytesOfASample);
  std::ostringstream out(std::move(text));
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace

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
                          .body = InText(collector->Collect()),
                          .content_type = "text/plain; version=0.0.4; charset=utf-8"};
  };
  // Only a few, because each thread keeps the memory of its largest scrape.
  constexpr size_t kThreads = 4;
  LK_ASSIGN_OR_RETURN(server_,
                      http::Server::Start({.listen = listen, .routes = {{"/metrics", scrape}}, .threads = kThreads}));
  return absl::OkStatus();
}

}  // namespace lk::metrics
