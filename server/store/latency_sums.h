// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "support/histogram.h"

namespace lk::store {

// What /metrics shows of a Histogram: how many observations are within each of some bounds. A fiftieth of its size,
// since there may be tens of thousands.
class LatencySums {
 public:
  static constexpr size_t kBounds = 22;
  // Upper bounds in ns: 1, 2 and 5 times each power of ten, 1 us ... 10 s.
  static std::span<const uint64_t, kBounds> Bounds();

  LatencySums() = default;
  // A bound counts what is certainly within it: up to 1/32 below it some may be missing, which the next one has (see
  // lk::Histogram).
  explicit LatencySums(const Histogram& histogram);
  void Add(const LatencySums& other);

  uint64_t count() const { return count_; }
  uint64_t sum_ns() const { return sum_ns_; }
  // Observations within Bounds()[i].
  uint64_t AtMost(size_t i) const { return at_most_[i]; }

 private:
  uint64_t count_ = 0;
  uint64_t sum_ns_ = 0;
  std::array<uint64_t, kBounds> at_most_{};
};

// Those of each probe. Copies share them: there may be tens of thousands, and each scrape reads all.
class ProbeLatencies {
 public:
  using Map = std::map<std::string, LatencySums>;

  Map::const_iterator begin() const { return map_->begin(); }
  Map::const_iterator end() const { return map_->end(); }
  size_t size() const { return map_->size(); }
  const LatencySums& at(const std::string& probe) const { return map_->at(probe); }

  // Other copies keep what they have.
  void Set(const std::string& probe, const LatencySums& sums);
  void Add(const std::string& probe, const LatencySums& sums);

 private:
  static const std::shared_ptr<const Map>& None();

  std::shared_ptr<const Map> map_ = None();
};

}  // namespace lk::store
