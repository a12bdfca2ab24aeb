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

// The part of a Histogram that /metrics shows: for each of a fixed set of upper bounds, how many observations are
// within it. There may be tens of thousands of these objects; each takes a fiftieth of a Histogram's memory.
class LatencySums {
 public:
  static constexpr size_t kBounds = 22;
  // Upper bounds in ns: 1, 2 and 5 times each power of ten, from 1 us to 10 s.
  static std::span<const uint64_t, kBounds> Bounds();

  LatencySums() = default;
  // Only observations known to be within a bound are counted for it; those less than 1/32 of the bound below it may be
  // counted for the next one instead (see lk::Histogram).
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

// The LatencySums of each probe. Copies share the map, since each scrape copies all of them, which may be tens of
// thousands.
class ProbeLatencies {
 public:
  using Map = std::map<std::string, LatencySums>;

  Map::const_iterator begin() const { return map_->begin(); }
  Map::const_iterator end() const { return map_->end(); }
  size_t size() const { return map_->size(); }
  const LatencySums& at(const std::string& probe) const { return map_->at(probe); }

  // Does not change other copies.
  void Set(const std::string& probe, const LatencySums& sums);
  void Add(const std::string& probe, const LatencySums& sums);

 private:
  static const std::shared_ptr<const Map>& None();

  std::shared_ptr<const Map> map_ = None();
};

}  // namespace lk::store
