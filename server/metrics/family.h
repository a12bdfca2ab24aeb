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

// Upper bounds of the buckets for phase durations, in ns: 1, 2 and 5 times each power of ten, from 10 ms to 1000 s. The
// bounds for latencies are in store::LatencySums.
std::span<const uint64_t> PhaseBounds();

// The values of a metric's labels, in the order of Metric::labels. They may come from a guest, so they are cleaned
// before use.
using LabelValues = std::vector<std::string>;

// Samples of one metric. Samples whose labels are equal after cleaning are summed: if a series appeared twice,
// Prometheus would reject the whole scrape.
class Family {
 public:
  explicit Family(const Metric& metric) : metric_(metric) {}
  void Add(LabelValues labels, double value);
  // Consumes the samples, because there may be tens of thousands of them.
  prometheus::MetricFamily Make();

 private:
  const Metric& metric_;
  std::map<LabelValues, double> values_;
};

// The same for histograms. A bucket counts only values that are certainly within its bound. Values up to 1/32 below the
// bound may be counted in the next bucket instead (see lk::Histogram).
class HistogramFamily {
 public:
  HistogramFamily(const Metric& metric, std::span<const uint64_t> bounds) : metric_(metric), bounds_(bounds) {}
  void Add(LabelValues labels, const lk::Histogram& histogram);
  // Requires that `bounds` (of the constructor) is LatencySums::Bounds().
  void Add(LabelValues labels, const store::LatencySums& sums);
  prometheus::MetricFamily Make();

 private:
  struct Sums {
    uint64_t count = 0;
    uint64_t sum_ns = 0;
    std::vector<uint64_t> at_most;  // for each bound
  };
  Sums& Of(LabelValues labels);

  const Metric& metric_;
  std::span<const uint64_t> bounds_;
  std::map<LabelValues, Sums> values_;
};

}  // namespace lk::metrics
