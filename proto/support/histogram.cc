// SPDX-License-Identifier: Apache-2.0
#include "support/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lk {

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

StatusOr<Histogram> Histogram::FromProto(const v1::Histogram& proto) {
  if (proto.index_delta_size() != proto.count_size()) {
    return absl::InvalidArgumentError("histogram: index_delta and count differ in length");
  }
  Histogram result;
  size_t index = 0;
  for (int i = 0; i < proto.count_size(); ++i) {
    index += proto.index_delta(i);
    if (index >= kBuckets || (i > 0 && proto.index_delta(i) == 0)) {
      return absl::InvalidArgumentError("histogram: bucket indexes are not ascending or out of range");
    }
    result.buckets_[index] = proto.count(i);
    result.count_ += proto.count(i);
  }
  result.sum_ = proto.sum_ns();
  result.max_ = proto.max_ns();
  if (result.count_ > 0) result.min_ = proto.min_ns();
  return result;
}

v1::Histogram Histogram::ToProto(const std::string& probe) const {
  v1::Histogram proto;
  proto.set_probe(probe);
  size_t last = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (buckets_[i] == 0) continue;
    proto.add_index_delta(static_cast<uint32_t>(i - last));
    proto.add_count(buckets_[i]);
    last = i;
  }
  proto.set_sum_ns(sum_);
  proto.set_min_ns(min_ns());
  proto.set_max_ns(max_);
  return proto;
}

v1::LatencySummary Histogram::Summary(const std::string& probe) const {
  const auto seconds = [](uint64_t ns) { return static_cast<double>(ns) / 1e9; };
  v1::LatencySummary summary;
  summary.set_probe(probe);
  summary.set_count(static_cast<uint32_t>(std::min<uint64_t>(count_, UINT32_MAX)));
  summary.set_p50_seconds(seconds(Quantile(0.5)));
  summary.set_p90_seconds(seconds(Quantile(0.9)));
  summary.set_p99_seconds(seconds(Quantile(0.99)));
  summary.set_max_seconds(seconds(max_));
  if (count_ > 0) summary.set_mean_seconds(seconds(sum_) / static_cast<double>(count_));
  return summary;
}

}  // namespace lk
