// SPDX-License-Identifier: Apache-2.0
#include "server/report/statistics_bootstrap.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <random>

namespace lk::report {
namespace {

// The runs of one side. Only non-empty buckets are kept: a few dozen out of more than a thousand.
class Resampled {
 public:
  explicit Resampled(const Histograms& histograms) {
    for (size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
      const auto holds = [&](const Histogram* histogram) { return histogram->buckets()[bucket] > 0; };
      if (std::ranges::any_of(histograms, holds)) buckets_.push_back(bucket);
    }
    for (const Histogram* histogram : histograms) {
      max_.push_back(histogram->max_ns());
      std::vector<Count>& run = runs_.emplace_back();
      for (size_t slot = 0; slot < buckets_.size(); ++slot) {
        if (const uint64_t count = histogram->buckets()[buckets_[slot]]; count > 0) run.push_back({slot, count});
      }
    }
  }

  // Draws as many runs as there are, with replacement, and merges them.
  void Draw(std::mt19937_64& random) {
    merged_.assign(buckets_.size(), 0);
    count_ = 0;
    merged_max_ = 0;
    for (size_t i = 0; i < runs_.size(); ++i) {
      const size_t drawn = random() % runs_.size();
      for (const auto& [slot, count] : runs_[drawn]) {
        merged_[slot] += count;
        count_ += count;
      }
      merged_max_ = std::max(merged_max_, max_[drawn]);
    }
  }

  // The quantile of the drawn runs, as in Histogram::Quantile. At least 1 ns, so that ratios are defined.
  double Quantile(double q) const {
    const auto rank = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_))));
    uint64_t seen = 0;
    size_t slot = 0;
    while (slot + 1 < merged_.size() && (seen += merged_[slot]) < rank) ++slot;
    const bool last = buckets_[slot] == Histogram::kBuckets - 1;
    const uint64_t ns = last ? merged_max_ : std::min(merged_max_, Histogram::BucketUpper(buckets_[slot]) - 1);
    return static_cast<double>(std::max<uint64_t>(1, ns));
  }

 private:
  struct Count {
    size_t slot;  // in buckets_
    uint64_t count;
  };

  std::vector<size_t> buckets_;  // ascending
  std::vector<std::vector<Count>> runs_;
  std::vector<uint64_t> max_;
  std::vector<uint64_t> merged_;  // by slot
  uint64_t count_ = 0;
  uint64_t merged_max_ = 0;
};

// The share of resamples to leave out at each end.
double ExpandedTail(double confidence, size_t runs) {
  const auto n = static_cast<double>(runs);
  const double t = boost::math::quantile(boost::math::students_t(n - 1), (1 - confidence) / 2);
  return boost::math::cdf(boost::math::normal(), t * std::sqrt(n / (n - 1)));
}

}  // namespace

std::vector<std::optional<Interval>> BootstrapRatios(const Histograms& a, const Histograms& b,
                                                     std::span<const double> quantiles,
                                                     const BootstrapOptions& options) {
  if (a.size() < 2 || b.size() < 2) return std::vector<std::optional<Interval>>(quantiles.size());
  Resampled side_a(a);
  Resampled side_b(b);
  std::mt19937_64 random(options.seed);
  std::vector<std::vector<double>> ratios(quantiles.size());
  for (uint32_t i = 0; i < options.resamples; ++i) {
    side_a.Draw(random);
    side_b.Draw(random);
    for (size_t q = 0; q < quantiles.size(); ++q) {
      ratios[q].push_back(side_b.Quantile(quantiles[q]) / side_a.Quantile(quantiles[q]));
    }
  }
  const double tail = ExpandedTail(options.confidence, std::min(a.size(), b.size()));
  const auto out = static_cast<size_t>(tail * options.resamples);
  std::vector<std::optional<Interval>> intervals;
  for (std::vector<double>& ratio : ratios) {
    std::ranges::sort(ratio);
    intervals.push_back(Interval{ratio[out], ratio[ratio.size() - 1 - out]});
  }
  return intervals;
}

uint32_t RunsToEnclose(double confidence) {
  return static_cast<uint32_t>(std::ceil(1 - std::log2(1 - confidence)));
}

}  // namespace lk::report
