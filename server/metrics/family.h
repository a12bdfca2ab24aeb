// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "server/metrics/names.h"
#include "server/store/latency_sums.h"
#include "support/histogram.h"
#include "support/label.h"

namespace lk::metrics {

// Upper bounds of the buckets of phases in ns: 1, 2 and 5 times each power of ten, 10 ms ... 1000 s. Latencies have
// those of store::LatencySums.
std::span<const uint64_t> PhaseBounds();

// Of the labels of a metric, in their order. Values may come from a guest: they are cleaned before use.
using LabelValues = std::vector<std::string>;

// Samples of one metric. Samples whose labels are the same once cleaned are added up, so that no series comes twice
// (Prometheus would refuse the whole scrape).
class Family {
 public:
  explicit Family(const Metric& metric) : metric_(metric) {}
  void Add(LabelValues labels, double value);
  // Leaves nothing here, as there may be tens of thousands.
  prometheus::MetricFamily Make();

 private:
  const Metric& metric_;
  std::map<LabelValues, double> values_;
};

// The same for histograms. A bucket counts what is certainly within its bound: up to 1/32 below the bound it may miss
// some, which the next bucket has (see lk::Histogram).
class HistogramFamily {
 public:
  HistogramFamily(const Metric& metric, std::span<const uint64_t> bounds) : metric_(metric), bounds_(bounds) {}
  void Add(LabelValues labels, const lk::Histogram& histogram);
  // Only where the bounds are those of LatencySums.
  void Add(LabelValues labels, const store::LatencySums& sums);
  prometheus::MetricFamily Make();

 private:
  struct Sums {
    uint64_t count = 0;
    uint64_t sum_ns = 0;
    std::vector<uint64_t> at_most;  // of each bound
  };
  Sums& Of(LabelValues labels);

  const Metric& metric_;
  std::span<const uint64_t> bounds_;
  std::map<LabelValues, Sums> values_;
};

}  // namespace lk::metrics
