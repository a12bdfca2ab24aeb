// SPDX-License-Identifier: Apache-2.0
#include "server/store/latency_sums.h"

namespace lk::store {
namespace {

constexpr auto kLatencyBounds = [] {
  constexpr std::array<uint64_t, 3> kSteps = {1, 2, 5};
  std::array<uint64_t, LatencySums::kBounds> bounds{};
  uint64_t power = 1'000;
  for (size_t i = 0; i < bounds.size(); ++i) {
    bounds[i] = kSteps[i % 3] * power;
    if (i % 3 == 2) power *= 10;
  }
  return bounds;
}();
static_assert(kLatencyBounds.back() == 10'000'000'000);

}  // namespace

std::span<const uint64_t, LatencySums::kBounds> LatencySums::Bounds() {
  return kLatencyBounds;
}

LatencySums::LatencySums(const Histogram& histogram) : count_(histogram.count()), sum_ns_(histogram.sum_ns()) {
  for (size_t i = 0; i < kBounds; ++i) at_most_[i] = histogram.CountAtMost(kLatencyBounds[i]);
}

void LatencySums::Add(const LatencySums& other) {
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  for (size_t i = 0; i < kBounds; ++i) at_most_[i] += other.at_most_[i];
}

const std::shared_ptr<const ProbeLatencies::Map>& ProbeLatencies::None() {
  static const auto none = std::make_shared<const Map>();
  return none;
}

void ProbeLatencies::Set(const std::string& probe, const LatencySums& sums) {
  auto map = std::make_shared<Map>(*map_);
  (*map)[probe] = sums;
  map_ = std::move(map);
}

void ProbeLatencies::Add(const std::string& probe, const LatencySums& sums) {
  auto map = std::make_shared<Map>(*map_);
  (*map)[probe].Add(sums);
  map_ = std::move(map);
}

}  // namespace lk::store
