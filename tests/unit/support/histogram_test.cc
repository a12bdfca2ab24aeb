// SPDX-License-Identifier: Apache-2.0
#include "support/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support/histogram_proto.h"

namespace lk {
namespace {

constexpr uint64_t kMaxValue = uint64_t{1} << Histogram::kMaxValueBits;

// Values spread evenly over the powers of two, within the range of the histogram.
class Values {
 public:
  explicit Values(uint64_t seed) : random_(seed) {}
  uint64_t Next() {
    const auto bits = std::uniform_int_distribution<unsigned>(0, Histogram::kMaxValueBits)(random_);
    return bits == 0 ? 0 : random_() >> (64 - bits);
  }
  std::vector<uint64_t> Take(size_t n) {
    std::vector<uint64_t> values(n);
    std::generate(values.begin(), values.end(), [&] { return Next(); });
    return values;
  }

 private:
  std::mt19937_64 random_;
};

Histogram Of(const std::vector<uint64_t>& values) {
  Histogram histogram;
  for (const uint64_t value : values) histogram.Record(value);
  return histogram;
}

std::string Bytes(const Histogram& histogram) {
  return ToProto(histogram, "p").SerializeAsString();
}

TEST(Histogram, BucketsTileTheRangeWithoutGaps) {
  EXPECT_EQ(Histogram::BucketLower(0), 0u);
  for (size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
    const uint64_t lower = Histogram::BucketLower(i), upper = Histogram::BucketUpper(i);
    ASSERT_LT(lower, upper) << i;
    ASSERT_EQ(Histogram::BucketOf(lower), i);
    ASSERT_EQ(Histogram::BucketOf(upper - 1), i);
  }
  EXPECT_EQ(Histogram::BucketUpper(Histogram::kBuckets - 1), kMaxValue);
}

TEST(Histogram, FollowsTheFormulaInTheProtoFile) {
  // lk.v1.Histogram: e = i / 32, m = i % 32, [(32 + m) << (e - 1), (32 + m + 1) << (e - 1)).
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    const uint64_t e = i / 32, m = i % 32;
    ASSERT_EQ(Histogram::BucketLower(i), i < 32 ? i : (32 + m) << (e - 1));
  }
}

TEST(Histogram, ValuesBeyondTheRangeGoIntoTheLastBucket) {
  for (const uint64_t value : {kMaxValue, kMaxValue + 1, UINT64_MAX}) {
    EXPECT_EQ(Histogram::BucketOf(value), Histogram::kBuckets - 1);
  }
  const Histogram histogram = Of({1, UINT64_MAX});
  EXPECT_EQ(histogram.Quantile(1), UINT64_MAX);
  EXPECT_EQ(histogram.max_ns(), UINT64_MAX);
}

TEST(HistogramProperty, ABucketEndsAtMostOne32ndAboveEachOfItsValues) {
  Values values(1);
  for (int i = 0; i < 200000; ++i) {
    const uint64_t value = values.Next();
    const size_t bucket = Histogram::BucketOf(value);
    ASSERT_LE(Histogram::BucketLower(bucket), value);
    ASSERT_GT(Histogram::BucketUpper(bucket), value);
    const uint64_t above = Histogram::BucketUpper(bucket) - 1 - value;
    ASSERT_LE(above, value / 32) << value;
  }
}

TEST(HistogramProperty, AQuantileIsAtLeastTheExactOneAndAtMostOne32ndAboveIt) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    std::vector<uint64_t> values = Values(seed).Take(1 + seed * 37 % 1000);
    const Histogram histogram = Of(values);
    std::sort(values.begin(), values.end());
    for (const double q : {1e-9, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = std::max<size_t>(1, static_cast<size_t>(std::ceil(q * static_cast<double>(values.size()))));
      const uint64_t exact = values[rank - 1];
      const uint64_t reported = histogram.Quantile(q);
      ASSERT_GE(reported, exact) << "seed " << seed << " q " << q;
      ASSERT_LE(reported, exact + exact / 32) << "seed " << seed << " q " << q;
      ASSERT_LE(reported, values.back());
    }
  }
}

TEST(HistogramProperty, MergingInAnyOrderEqualsRecordingTogether) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Values source(seed);
    const auto a = source.Take(100), b = source.Take(seed), c = source.Take(seed % 3);
    std::vector<uint64_t> all = c;
    all.insert(all.end(), a.begin(), a.end());
    all.insert(all.end(), b.begin(), b.end());

    Histogram left = Of(a);
    left.Merge(Of(b));
    left.Merge(Of(c));
    Histogram right = Of(b);
    right.Merge(Of(c));
    Histogram outer = Of(a);
    outer.Merge(right);
    ASSERT_EQ(Bytes(left), Bytes(Of(all)));
    ASSERT_EQ(Bytes(outer), Bytes(Of(all)));
  }
}

TEST(HistogramProperty, CountAtMostNeverCountsALargerValue) {
  const std::vector<uint64_t> values = Values(7).Take(2000);
  const Histogram histogram = Of(values);
  for (const uint64_t limit : Values(8).Take(500)) {
    const auto exact = std::count_if(values.begin(), values.end(), [&](uint64_t v) { return v <= limit; });
    const auto certain = std::count_if(values.begin(), values.end(), [&](uint64_t v) { return v + v / 32 <= limit; });
    ASSERT_LE(histogram.CountAtMost(limit), static_cast<uint64_t>(exact));
    ASSERT_GE(histogram.CountAtMost(limit), static_cast<uint64_t>(certain));
  }
  EXPECT_EQ(histogram.CountAtMost(UINT64_MAX), histogram.count());
}

TEST(HistogramProperty, CountAtMostNeverDecreases) {
  Histogram histogram;
  std::vector<uint64_t> limits = Values(8).Take(50);
  limits.push_back(100'000);
  std::vector<uint64_t> counts(limits.size());
  std::vector<uint64_t> values = Values(9).Take(500);
  // At first, the maximum is the first value, which is in the same bucket as the last limit.
  values.insert(values.begin(), {99'000, 101'000});
  for (const uint64_t value : values) {
    histogram.Record(value);
    for (size_t i = 0; i < limits.size(); ++i) {
      ASSERT_GE(histogram.CountAtMost(limits[i]), counts[i]) << limits[i] << " after " << value;
      counts[i] = histogram.CountAtMost(limits[i]);
    }
  }
}

TEST(HistogramProperty, SurvivesSerialisation) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Histogram histogram = Of(Values(seed).Take(seed * 10));
    v1::Histogram proto;
    ASSERT_TRUE(proto.ParseFromString(Bytes(histogram)));
    const auto back = HistogramFromProto(proto);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(Bytes(*back), Bytes(histogram));
    EXPECT_EQ(back->count(), histogram.count());
    EXPECT_EQ(back->min_ns(), histogram.min_ns());
    EXPECT_EQ(back->max_ns(), histogram.max_ns());
    EXPECT_EQ(back->sum_ns(), histogram.sum_ns());
  }
}

TEST(Histogram, KeepsTheExactExtremesAndSum) {
  Histogram histogram;
  histogram.Record(1000, 3);
  histogram.Record(7);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_EQ(histogram.sum_ns(), 3007u);
  EXPECT_EQ(histogram.min_ns(), 7u);
  EXPECT_EQ(histogram.max_ns(), 1000u);
  histogram.Clear();
  EXPECT_EQ(Bytes(histogram), Bytes(Histogram()));
}

TEST(Histogram, AnEmptyHistogramIsAllZero) {
  const Histogram empty;
  EXPECT_EQ(empty.Quantile(0.5), 0u);
  EXPECT_EQ(empty.min_ns(), 0u);
  EXPECT_EQ(empty.CountAtMost(100), 0u);
  const auto back = HistogramFromProto(ToProto(empty, "p"));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->min_ns(), 0u);
  Histogram merged = *back;
  merged.Merge(Of({5}));
  EXPECT_EQ(merged.min_ns(), 5u);
}

TEST(Histogram, RejectsInconsistentMessages) {
  const auto code = [](const std::vector<uint32_t>& deltas, const std::vector<uint64_t>& counts) {
    v1::Histogram proto;
    for (const uint32_t delta : deltas) proto.add_index_delta(delta);
    for (const uint64_t count : counts) proto.add_count(count);
    return HistogramFromProto(proto).status().code();
  };
  EXPECT_EQ(code({1, 2}, {1, 1}), absl::StatusCode::kOk);
  EXPECT_EQ(code({0, 1}, {1, 1}), absl::StatusCode::kOk);
  EXPECT_EQ(code({1, 2}, {1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({1, 0}, {1, 1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({Histogram::kBuckets}, {1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({UINT32_MAX, UINT32_MAX}, {1, 1}), absl::StatusCode::kInvalidArgument);
}

TEST(Histogram, TheSummaryIsInSeconds) {
  std::vector<uint64_t> values(99, 1000000);
  values.push_back(1000000000);
  const v1::LatencySummary summary = Summary(Of(values), "probe");
  EXPECT_EQ(summary.probe(), "probe");
  EXPECT_EQ(summary.count(), 100u);
  EXPECT_NEAR(summary.p50_seconds(), 0.001, 0.001 / 32);
  EXPECT_NEAR(summary.p99_seconds(), 0.001, 0.001 / 32);
  EXPECT_DOUBLE_EQ(summary.max_seconds(), 1.0);
  EXPECT_DOUBLE_EQ(summary.mean_seconds(), (99 * 0.001 + 1.0) / 100);
}

}  // namespace
}  // namespace lk
