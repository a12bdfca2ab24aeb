// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/run_families.h"

#include <algorithm>

#include "server/campaign/release_number.h"
#include "server/metrics/family.h"

namespace lk::metrics {
namespace {

using Row = store::RunStatistics::Row;

LabelValues And(const LabelValues& labels, std::initializer_list<std::string_view> more) {
  LabelValues all;
  all.reserve(labels.size() + more.size());
  all.assign(labels.begin(), labels.end());
  for (const std::string_view value : more) all.emplace_back(value);
  return all;
}

std::string_view Word(bool value) {
  return value ? "true" : "false";
}

LabelValues CellOf(const Row& row) {
  return {row.key.kernel, row.key.arch, row.key.profile, row.key.scenario};
}

double UnixSeconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

// Share of passes among the runs that passed or failed. Controls do not count, because they are meant to fail.
prometheus::MetricFamily PassRatios(const store::RunStatistics& statistics) {
  Family ratios(kPassRatio);
  for (const Row& row : statistics.rows) {
    const auto judged = [&row](const std::string& verdict) {
      uint64_t runs = 0;
      for (const auto& [kind, count] : row.verdicts) runs += kind.word == verdict ? count : 0;
      const auto controls = row.controls.find(verdict);
      return runs - (controls == row.controls.end() ? 0 : controls->second);
    };
    const uint64_t passed = judged("pass"), all = passed + judged("fail");
    if (all > 0) ratios.Add(CellOf(row), static_cast<double>(passed) / static_cast<double>(all));
  }
  return ratios.Make();
}

// The values are release numbers, so that values from different instances of lkd are comparable. Releases with the same
// number get consecutive values.
prometheus::MetricFamily Order(const store::RunStatistics& statistics) {
  Family order(kKernelOrder);
  uint64_t number = 0;
  const std::string* before = nullptr;
  for (const store::RunStatistics::Kernel& kernel : statistics.kernels) {
    if (before == nullptr || *before != kernel.release) {
      number = std::max(campaign::ReleaseNumber(kernel.release), number + 1);
      before = &kernel.release;
    }
    order.Add({kernel.release, kernel.arch, kernel.tree}, static_cast<double>(number));
  }
  return order.Make();
}

}  // namespace

std::vector<prometheus::MetricFamily> RunFamilies(const store::RunStatistics& statistics) {
  Family runs(kRuns), findings(kFindings), titles(kFindingTitles), last_runs(kLastRun), mutants(kMutants),
      console_bytes(kConsoleBytes);
  HistogramFamily latencies(kLatency, store::LatencySums::Bounds()), phases(kPhaseDuration, PhaseBounds());
  for (const Row& row : statistics.rows) {
    const LabelValues cell = CellOf(row);
    for (const auto& [kind, count] : row.verdicts) {
      runs.Add(And(cell, {kind.word, Word(kind.emulated), Word(kind.harness)}), static_cast<double>(count));
    }
    for (const auto& [kind, count] : row.findings) findings.Add(And(cell, {kind}), static_cast<double>(count));
    for (const auto& [title, counted] : row.titles) {
      titles.Add(And(cell, {title.first, title.second}), static_cast<double>(counted.findings));
    }
    for (const auto& [verdict, run] : row.last_runs)
      last_runs.Add(And(cell, {verdict, run.id}), UnixSeconds(run.finished));
    for (const auto& [probe, sums] : row.latencies) latencies.Add(And(cell, {probe}), sums);
  }
  for (const auto& [phase, histogram] : statistics.phases) phases.Add({phase}, histogram);
  for (const auto& mutant : statistics.mutants) mutants.Add({mutant.kernel, mutant.scenario, mutant.state}, 1);
  console_bytes.Add({}, static_cast<double>(statistics.console_bytes));

  std::vector<prometheus::MetricFamily> families = {PassRatios(statistics), Order(statistics)};
  for (Family* family : {&runs, &findings, &titles, &last_runs, &mutants, &console_bytes})
    families.push_back(family->Make());
  for (HistogramFamily* family : {&latencies, &phases}) families.push_back(family->Make());
  return families;
}

}  // namespace lk::metrics
