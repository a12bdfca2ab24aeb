// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/family.h"

#include <algorithm>
#include <array>

namespace lk::metrics {
namespace {

template <size_t N>
constexpr std::array<uint64_t, N> Steps(uint64_t first) {
  std::array<uint64_t, N> bounds{};
  uint64_t power = first;
  for (size_t i = 0; i < N; ++i) {
    constexpr std::array<uint64_t, 3> kSteps = {1, 2, 5};
    bounds[i] = kSteps[i % 3] * power;
    if (i % 3 == 2) power *= 10;
  }
  return bounds;
}

constexpr auto kLatencyBounds = Steps<22>(1'000);
static_assert(kLatencyBounds.back() == 10'000'000'000);
constexpr auto kPhaseBounds = Steps<16>(10'000'000);
static_assert(kPhaseBounds.back() == 1'000'000'000'000);

double Seconds(uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

prometheus::MetricFamily Head(const Metric& metric) {
  return {.name = metric.name, .help = metric.help, .type = metric.type, .metric = {}};
}

prometheus::ClientMetric Labelled(const Metric& metric, const LabelValues& values) {
  prometheus::ClientMetric sample;
  for (size_t i = 0; i < values.size(); ++i) sample.label.push_back({metric.labels.at(i), values[i]});
  return sample;
}

}  // namespace

std::span<const uint64_t> LatencyBounds() {
  return kLatencyBounds;
}
std::span<const uint64_t> PhaseBounds() {
  return kPhaseBounds;
}

std::string LabelValue(std::string_view text) {
  constexpr size_t kMaxBytes = 128;
  std::string value(text.substr(0, kMaxBytes));
  std::ranges::replace_if(
      value, [](char c) { return c < ' ' || c > '~'; }, '_');
  return value;
}

LabelValues Clean(const LabelValues& values) {
  LabelValues clean;
  for (const std::string& value : values) clean.push_back(LabelValue(value));
  return clean;
}

prometheus::MetricFamily Family::Make() const {
  prometheus::MetricFamily family = Head(metric_);
  for (const auto& [labels, value] : values_) {
    prometheus::ClientMetric& sample = family.metric.emplace_back(Labelled(metric_, labels));
    (metric_.type == Type::Counter ? sample.counter.value : sample.gauge.value) = value;
  }
  return family;
}

prometheus::MetricFamily HistogramFamily::Make() const {
  prometheus::MetricFamily family = Head(metric_);
  for (const auto& [labels, histogram] : values_) {
    prometheus::ClientMetric& sample = family.metric.emplace_back(Labelled(metric_, labels));
    sample.histogram.sample_count = histogram.count();
    sample.histogram.sample_sum = Seconds(histogram.sum_ns());
    for (const uint64_t bound : bounds_)
      sample.histogram.bucket.push_back({histogram.CountAtMost(bound), Seconds(bound)});
  }
  return family;
}

}  // namespace lk::metrics
