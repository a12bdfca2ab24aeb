// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lk {

// A log-linear histogram of durations; the bucket scheme and its error bound (1/32) are documented in
// lk.v1.Histogram. Recording takes a few instructions and never allocates, so probes can do it in their loops.
class Histogram {
 public:
  static constexpr unsigned kSubBucketBits = 5;
  static constexpr unsigned kMaxValueBits = 42;
  static constexpr size_t kBuckets = (kMaxValueBits - kSubBucketBits + 1) << kSubBucketBits;

  using Buckets = std::array<uint64_t, kBuckets>;

  Histogram() = default;
  // Constructs a histogram from its contents; `min_ns` is ignored if there are no observations.
  Histogram(const Buckets& buckets, uint64_t sum_ns, uint64_t min_ns, uint64_t max_ns);

  static size_t BucketOf(uint64_t ns);
  // Smallest value of a bucket; BucketUpper is the smallest value of the next one.
  static uint64_t BucketLower(size_t bucket);
  static uint64_t BucketUpper(size_t bucket) { return BucketLower(bucket + 1); }

  void Record(uint64_t ns, uint64_t count = 1);
  void Merge(const Histogram& other);
  void Clear() { *this = Histogram(); }

  const Buckets& buckets() const { return buckets_; }
  uint64_t count() const { return count_; }
  uint64_t sum_ns() const { return sum_; }
  uint64_t min_ns() const { return count_ == 0 ? 0 : min_; }
  uint64_t max_ns() const { return max_; }
  // Largest value of the bucket that contains the q-quantile (0 < q <= 1), limited to the recorded maximum; 0 if empty.
  uint64_t Quantile(double q) const;
  // Number of observations in buckets that lie entirely at or below `ns`. Does not use the recorded maximum, since the
  // result must never decrease when observations are added.
  uint64_t CountAtMost(uint64_t ns) const;

  bool operator==(const Histogram&) const = default;

 private:
  Buckets buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
};

}  // namespace lk
