// SPDX-License-Identifier: Apache-2.0
#include "server/report/statistics_ranks.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace lk::report {
namespace {

// Up to this many pooled values, a double can hold the number of ways to split them into two samples exactly. It is at
// most 50 choose 25.
constexpr size_t kMaxExact = 50;

struct Ranks {
  std::vector<uint32_t> doubled;  // twice the midranks of the pooled values, whole numbers even with ties; ascending
  uint64_t sum_a = 0;             // sum of the doubled ranks of the values of a
  double tied = 0;                // sum of t^3 - t over the groups of t equal values
};

Ranks Rank(std::span<const double> a, std::span<const double> b) {
  struct Value {
    double value;
    bool of_a;
  };
  std::vector<Value> pooled;
  for (const double value : a) pooled.push_back({value, true});
  for (const double value : b) pooled.push_back({value, false});
  std::ranges::sort(pooled, {}, &Value::value);
  Ranks ranks;
  for (size_t first = 0, end = 0; first < pooled.size(); first = end) {
    while (end < pooled.size() && pooled[end].value == pooled[first].value) ++end;
    const auto midrank = static_cast<uint32_t>(first + 1 + end);
    for (size_t i = first; i < end; ++i) {
      ranks.doubled.push_back(midrank);
      if (pooled[i].of_a) ranks.sum_a += midrank;
    }
    const auto equal = static_cast<double>(end - first);
    ranks.tied += equal * equal * equal - equal;
  }
  return ranks;
}

double ExactP(const Ranks& ranks, size_t size) {
  const size_t most = ranks.doubled.size() * (ranks.doubled.size() + 1);
  // ways[k][s]: number of ways to choose k of the values so far such that the sum of their doubled ranks is s
  std::vector<std::vector<double>> ways(size + 1, std::vector<double>(most + 1));
  ways[0][0] = 1;
  for (const uint32_t rank : ranks.doubled) {
    for (size_t k = size; k > 0; --k) {
      for (size_t sum = most; sum >= rank; --sum) ways[k][sum] += ways[k - 1][sum - rank];
    }
  }
  const auto mean = static_cast<int64_t>(size * (ranks.doubled.size() + 1));
  const int64_t distance = std::abs(static_cast<int64_t>(ranks.sum_a) - mean);
  double all = 0;
  double as_far = 0;
  for (size_t sum = 0; sum <= most; ++sum) {
    all += ways[size][sum];
    if (std::abs(static_cast<int64_t>(sum) - mean) >= distance) as_far += ways[size][sum];
  }
  return as_far / all;
}

double NormalP(const Ranks& ranks, double size_a, double size_b) {
  const double size = size_a + size_b;
  const double variance = size_a * size_b / 12 * (size + 1 - ranks.tied / (size * (size - 1)));
  if (variance <= 0) return 1;
  const double distance = std::abs(static_cast<double>(ranks.sum_a) / 2 - size_a * (size + 1) / 2);
  const double z = std::max(0.0, distance - 0.5) / std::sqrt(variance);
  return 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), z));
}

}  // namespace

double RankSumP(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return 1;
  const Ranks ranks = Rank(a, b);
  if (ranks.doubled.size() <= kMaxExact) return ExactP(ranks, a.size());
  return NormalP(ranks, static_cast<double>(a.size()), static_cast<double>(b.size()));
}

double SmallestRankSumP(size_t size_a, size_t size_b) {
  if (size_a == 0 || size_b == 0) return 1;
  const auto log_factorial = [](size_t n) { return boost::math::lgamma(static_cast<double>(n) + 1); };
  return std::min(1.0, 2 * std::exp(log_factorial(size_a) + log_factorial(size_b) - log_factorial(size_a + size_b)));
}

uint32_t LeastValues(double alpha) {
  uint32_t size = 1;
  while (SmallestRankSumP(size, size) > alpha) ++size;
  return size;
}

double CliffsDelta(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return 0;
  int64_t balance = 0;
  for (const double x : a) {
    for (const double y : b) balance += (y > x) - (y < x);
  }
  return static_cast<double>(balance) / (static_cast<double>(a.size()) * static_cast<double>(b.size()));
}

std::string_view Magnitude(double cliffs_delta) {
  struct Step {
    double below;
    std::string_view word;
  };
  constexpr std::array<Step, 3> kSteps = {{{0.147, "negligible"}, {0.33, "small"}, {0.474, "medium"}}};
  const auto* step = std::ranges::find_if(kSteps, [&](const Step& s) { return std::abs(cliffs_delta) < s.below; });
  return step == kSteps.end() ? "large" : step->word;
}

double NoetherSize(double cliffs_delta, double alpha, double power) {
  const boost::math::normal normal;
  const double z = boost::math::quantile(normal, 1 - alpha / 2) + boost::math::quantile(normal, power);
  // With A12 - 1/2 = delta / 2 and samples of equal size: N = z^2 / (12 * 1/4 * (delta / 2)^2), and N / 2 a side.
  return 2 * z * z / (3 * cliffs_delta * cliffs_delta);
}

}  // namespace lk::report
