// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/bound.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

namespace lk::metrics {
namespace {

using Row = store::RunStatistics::Row;

// The buckets, the +Inf bucket, the sum and the count.
constexpr uint64_t kSeriesOfHistogram = store::LatencySums::kBounds + 3;

// Verdicts, last runs, pass ratio, findings and their titles.
uint64_t SeriesOf(const Row& row) {
  return row.verdicts.size() + row.last_runs.size() + 1 + row.findings.size() + row.titles.size();
}

struct Kernel {
  std::string name;
  std::span<Row> rows;
  absl::Time last_finished = absl::InfinitePast();
  uint64_t series = 1;  // lk_kernel_order
  uint64_t latency_series = 0;
};

// The rows must be sorted by kernel.
std::vector<Kernel> Kernels(std::vector<Row>& rows) {
  std::vector<Kernel> kernels;
  for (auto begin = rows.begin(); begin != rows.end();) {
    const auto end =
        std::find_if(begin, rows.end(), [&](const Row& row) { return row.key.kernel != begin->key.kernel; });
    kernels.push_back({.name = begin->key.kernel, .rows = {begin, end}});
    begin = end;
  }
  return kernels;
}

// Sums the titles beyond the limit as kOtherTitles. Returns the number of these titles.
uint64_t BoundTitles(const Kernel& kernel, size_t max_titles) {
  using Title = std::pair<std::string, std::string>;
  std::map<Title, long long> first;
  for (const Row& row : kernel.rows) {
    for (const auto& [title, counted] : row.titles) {
      const auto [it, is_new] = first.try_emplace(title, counted.first);
      if (!is_new) it->second = std::min(it->second, counted.first);
    }
  }
  if (first.size() <= max_titles) return 0;
  std::vector<std::pair<long long, Title>> in_order;
  in_order.reserve(first.size());
  for (const auto& [title, revision] : first) in_order.emplace_back(revision, title);
  std::ranges::sort(in_order);
  std::set<Title> gone;
  for (size_t i = max_titles; i < in_order.size(); ++i) gone.insert(in_order[i].second);
  for (Row& row : kernel.rows) {
    std::map<Title, store::RunStatistics::Title> kept;
    for (const auto& [title, counted] : row.titles) {
      kept[gone.contains(title) ? Title{title.first, kOtherTitles} : title].findings += counted.findings;
    }
    row.titles = std::move(kept);
  }
  return gone.size();
}

}  // namespace

LeftOut Bound(store::RunStatistics& statistics, const Limits& limits) {
  LeftOut left_out;
  std::vector<Kernel> kernels = Kernels(statistics.rows);
  std::map<std::string, uint64_t> titles;
  for (Kernel& kernel : kernels) {
    titles[kernel.name] = BoundTitles(kernel, limits.max_titles);
    for (const Row& row : kernel.rows) {
      kernel.last_finished = std::max(kernel.last_finished, row.last_finished);
      kernel.series += SeriesOf(row);
      kernel.latency_series += row.latencies.size() * kSeriesOfHistogram;
    }
    // The kernel has findings but no finished run, so its first run is still in progress.
    if (kernel.last_finished == absl::InfinitePast()) kernel.last_finished = absl::InfiniteFuture();
  }
  std::ranges::stable_sort(kernels, std::greater(), &Kernel::last_finished);

  const auto fits = [&](uint64_t series) { return left_out.series + series <= limits.max_series; };
  std::set<std::string> dropped;
  for (const Kernel& kernel : kernels) {
    if (!dropped.empty() || !fits(kernel.series)) {
      dropped.insert(kernel.name);
      continue;
    }
    left_out.series += kernel.series;
    left_out.titles += titles[kernel.name];
  }
  kernels.resize(kernels.size() - dropped.size());
  bool full = false;
  for (const Kernel& kernel : kernels) {
    full = full || !fits(kernel.latency_series);
    if (!full) {
      left_out.series += kernel.latency_series;
      continue;
    }
    if (kernel.latency_series > 0) ++left_out.latencies;
    for (Row& row : kernel.rows) row.latencies = {};
  }
  left_out.kernels = dropped.size();
  std::erase_if(statistics.rows, [&dropped](const Row& row) { return dropped.contains(row.key.kernel); });
  std::erase_if(statistics.kernels, [&dropped](const auto& kernel) { return dropped.contains(kernel.release); });
  std::erase_if(statistics.mutants, [&dropped](const auto& mutant) { return dropped.contains(mutant.kernel); });
  return left_out;
}

}  // namespace lk::metrics
