// SPDX-License-Identifier: Apache-2.0
#include "server/report/statistics_multiple.h"

#include <algorithm>
#include <numeric>

namespace lk::report {

std::vector<double> HolmAdjusted(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return p[i]; });
  std::vector<double> adjusted(p.size());
  double least = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    least = std::max(least, std::min(1.0, p[order[rank]] * static_cast<double>(p.size() - rank)));
    adjusted[order[rank]] = least;
  }
  return adjusted;
}

std::vector<bool> WorthTesting(std::span<const double> smallest, double alpha) {
  const auto reaches = [&](double value, size_t made) { return value * static_cast<double>(made) <= alpha; };
  const auto reaching = [&](size_t made) {
    return static_cast<size_t>(std::ranges::count_if(smallest, [&](double value) { return reaches(value, made); }));
  };
  size_t made = 1;
  while (reaching(made) > made) ++made;
  std::vector<bool> worth;
  for (const double value : smallest) worth.push_back(reaches(value, made));
  return worth;
}

}  // namespace lk::report
