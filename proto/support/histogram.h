// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lk {

// A log-linear histogram of durations; the bucket scheme and its error bound (1/32) are documented with
// lk.v1.Histogram. Recording is a few instructions and never allocates, so probes may call it in their loops.
class Histogram {
 public:
  static constexpr unsigned kSubBucketBits = 5;
  static constexpr unsigned kMaxValueBits = 42;
  static constexpr size_t kBuckets = (kMaxValueBits - kSubBucketBits + 1) << kSubBucketBits;

  using Buckets = std::array<uint64_t, kBuckets>;

  Histogram() = default;
  // One whose buckets and figures are known; `min_ns` does not matter when it is empty.
  Histogram(const Buckets& buckets, uint64_t sum_ns, uint64_t min_ns, uint64_t max_ns);

  static size_t BucketOf(uint64_t ns);
  // Smallest value of the bucket; BucketUpper is the smallest value of the next one.
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
  // Least upper bound of the q-quantile (0 < q <= 1), never above the maximum recorded; 0 when empty.
  uint64_t Quantile(double q) const;
  // Observations in buckets that are wholly <= ns: with more observations never less, so the maximum must not matter.
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
