// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/family.h"

#include <array>

namespace lk::metrics {
namespace {

constexpr auto kPhaseBounds = [] {
  constexpr std::array<uint64_t, 3> kSteps = {1, 2, 5};
  std::array<uint64_t, 16> bounds{};
  uint64_t power = 10'000'000;
  for (size_t i = 0; i < bounds.size(); ++i) {
    bounds[i] = kSteps[i % 3] * power;
    if (i % 3 == 2) power *= 10;
  }
  return bounds;
}();
static_assert(kPhaseBounds.back() == 1'000'000'000'000);

double Seconds(uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

LabelValues Clean(const LabelValues& values) {
  LabelValues clean;
  clean.reserve(values.size());
  for (const std::string& value : values) clean.push_back(LabelValue(value));
  return clean;
}

prometheus::MetricFamily Head(const Metric& metric) {
  return {.name = metric.name, .help = metric.help, .type = metric.type, .metric = {}};
}

prometheus::ClientMetric Labelled(const Metric& metric, const LabelValues& values) {
  prometheus::ClientMetric sample;
  sample.label.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) sample.label.push_back({metric.labels.at(i), values[i]});
  return sample;
}

}  // namespace

std::span<const uint64_t> PhaseBounds() {
  return kPhaseBounds;
}

void Family::Add(const LabelValues& labels, double value) {
  values_[Clean(labels)] += value;
}

prometheus::MetricFamily Family::Make() const {
  prometheus::MetricFamily family = Head(metric_);
  family.metric.reserve(values_.size());
  for (const auto& [labels, value] : values_) {
    prometheus::ClientMetric& sample = family.metric.emplace_back(Labelled(metric_, labels));
    (metric_.type == Type::Counter ? sample.counter.value : sample.gauge.value) = value;
  }
  return family;
}

HistogramFamily::Sums& HistogramFamily::Of(const LabelValues& labels) {
  Sums& sums = values_[Clean(labels)];
  sums.at_most.resize(bounds_.size());
  return sums;
}

void HistogramFamily::Add(const LabelValues& labels, const lk::Histogram& histogram) {
  Sums& sums = Of(labels);
  sums.count += histogram.count();
  sums.sum_ns += histogram.sum_ns();
  for (size_t i = 0; i < bounds_.size(); ++i) sums.at_most[i] += histogram.CountAtMost(bounds_[i]);
}

void HistogramFamily::Add(const LabelValues& labels, const store::LatencySums& latencies) {
  Sums& sums = Of(labels);
  sums.count += latencies.count();
  sums.sum_ns += latencies.sum_ns();
  for (size_t i = 0; i < sums.at_most.size(); ++i) sums.at_most[i] += latencies.AtMost(i);
}

prometheus::MetricFamily HistogramFamily::Make() const {
  prometheus::MetricFamily family = Head(metric_);
  family.metric.reserve(values_.size());
  for (const auto& [labels, sums] : values_) {
    prometheus::ClientMetric& sample = family.metric.emplace_back(Labelled(metric_, labels));
    sample.histogram.sample_count = sums.count;
    sample.histogram.sample_sum = Seconds(sums.sum_ns);
    sample.histogram.bucket.reserve(bounds_.size());
    for (size_t i = 0; i < bounds_.size(); ++i) {
      sample.histogram.bucket.push_back({sums.at_most[i], Seconds(bounds_[i])});
    }
  }
  return family;
}

}  // namespace lk::metrics
