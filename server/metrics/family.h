// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/names.h"
#include "support/histogram.h"

namespace lk::metrics {

// Upper bounds of buckets in ns: 1, 2 and 5 times each power of ten.
std::span<const uint64_t> LatencyBounds();  // 1 us ... 10 s
std::span<const uint64_t> PhaseBounds();    // 10 ms ... 1000 s

// A label value may come from a guest: at most 128 bytes, what is not printable ASCII replaced by "_".
std::string LabelValue(std::string_view text);

using LabelValues = std::vector<std::string>;
LabelValues Clean(const LabelValues& values);

// Samples of one metric. Samples whose labels are the same once cleaned are added up, so that no series comes twice
// (Prometheus would refuse the whole scrape).
class Family {
 public:
  explicit Family(const Metric& metric) : metric_(metric) {}
  void Add(const LabelValues& labels, double value) { values_[Clean(labels)] += value; }
  prometheus::MetricFamily Make() const;

 private:
  const Metric& metric_;
  std::map<LabelValues, double> values_;
};

// The same for histograms. A bucket counts what is certainly within its bound: up to 1/32 below the bound it may miss
// some, which the next bucket has (see lk::Histogram).
class HistogramFamily {
 public:
  HistogramFamily(const Metric& metric, std::span<const uint64_t> bounds) : metric_(metric), bounds_(bounds) {}
  void Add(const LabelValues& labels, const lk::Histogram& histogram) { values_[Clean(labels)].Merge(histogram); }
  prometheus::MetricFamily Make() const;

 private:
  const Metric& metric_;
  std::span<const uint64_t> bounds_;
  std::map<LabelValues, lk::Histogram> values_;
};

}  // namespace lk::metrics
