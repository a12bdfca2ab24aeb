// SPDX-License-Identifier: Apache-2.0
#include "support/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace lk {

Histogram::Histogram(const Buckets& buckets, uint64_t sum_ns, uint64_t min_ns, uint64_t max_ns)
    : buckets_(buckets),
      count_(std::accumulate(buckets.begin(), buckets.end(), uint64_t{0})),
      sum_(sum_ns),
      min_(count_ > 0 ? min_ns : UINT64_MAX),
      max_(max_ns) {}

size_t Histogram::BucketOf(uint64_t ns) {
  constexpr uint64_t kLinear = uint64_t{1} << kSubBucketBits;
  if (ns < kLinear) return ns;
  const unsigned exponent = static_cast<unsigned>(std::bit_width(ns)) - kSubBucketBits;
  if (exponent > kMaxValueBits - kSubBucketBits) return kBuckets - 1;
  const uint64_t mantissa = (ns >> (exponent - 1)) - kLinear;
  return (size_t{exponent} << kSubBucketBits) + mantissa;
}

uint64_t Histogram::BucketLower(size_t bucket) {
  constexpr uint64_t kLinear = uint64_t{1} << kSubBucketBits;
  const size_t exponent = bucket >> kSubBucketBits;
  if (exponent == 0) return bucket;
  return (kLinear + (bucket & (kLinear - 1))) << (exponent - 1);
}

void Histogram::Record(uint64_t ns, uint64_t count) {
  buckets_[BucketOf(ns)] += count;
  count_ += count;
  sum_ += ns * count;
  min_ = std::min(min_, ns);
  max_ = std::max(max_, ns);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::Quantile(double q) const {
  if (count_ == 0) return 0;
  const auto rank = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return i == kBuckets - 1 ? max_ : std::min(max_, BucketUpper(i) - 1);
  }
  return max_;
}

uint64_t Histogram::CountAtMost(uint64_t ns) const {
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets && BucketUpper(i) - 1 <= ns; ++i) seen += buckets_[i];
  return seen;
}

}  // namespace lk
