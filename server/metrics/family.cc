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

LabelValues Clean(LabelValues values) {
  for (std::string& value : values) value = LabelValue(std::move(value));
  return values;
}

prometheus::MetricFamily Head(const Metric& metric) {
  return {.name = metric.name, .help = metric.help, .type = metric.type, .metric = {}};
}

prometheus::ClientMetric Labelled(const Metric& metric, LabelValues values) {
  prometheus::ClientMetric sample;
  sample.label.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) sample.label.push_back({metric.labels.at(i), std::move(values[i])});
  return sample;
}

}  // namespace

std::span<const uint64_t> PhaseBounds() {
  return kPhaseBounds;
}

void Family::Add(LabelValues labels, double value) {
  values_[Clean(std::move(labels))] += value;
}

prometheus::MetricFamily Family::Make() {
  prometheus::MetricFamily family = Head(metric_);
  family.metric.reserve(values_.size());
  while (!values_.empty()) {
    auto labels_and_value = values_.extract(values_.begin());
    prometheus::ClientMetric& sample = family.metric.emplace_back(Labelled(metric_, std::move(labels_and_value.key())));
    (metric_.type == Type::Counter ? sample.counter.value : sample.gauge.value) = labels_and_value.mapped();
  }
  return family;
}

HistogramFamily::Sums& HistogramFamily::Of(LabelValues labels) {
  Sums& sums = values_[Clean(std::move(labels))];
  sums.at_most.resize(bounds_.size());
  return sums;
}

void HistogramFamily::Add(LabelValues labels, const lk::Histogram& histogram) {
  Sums& sums = Of(std::move(labels));
  sums.count += histogram.count();
  sums.sum_ns += histogram.sum_ns();
  for (size_t i = 0; i < bounds_.size(); ++i) sums.at_most[i] += histogram.CountAtMost(bounds_[i]);
}

void HistogramFamily::Add(LabelValues labels, const store::LatencySums& latencies) {
  Sums& sums = Of(std::move(labels));
  sums.count += latencies.count();
  sums.sum_ns += latencies.sum_ns();
  for (size_t i = 0; i < sums.at_most.size(); ++i) sums.at_most[i] += latencies.AtMost(i);
}

prometheus::MetricFamily HistogramFamily::Make() {
  prometheus::MetricFamily family = Head(metric_);
  family.metric.reserve(values_.size());
  while (!values_.empty()) {
    auto labels_and_sums = values_.extract(values_.begin());
    const Sums& sums = labels_and_sums.mapped();
    prometheus::ClientMetric& sample = family.metric.emplace_back(Labelled(metric_, std::move(labels_and_sums.key())));
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
