// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>

#include "server/campaign/findings.h"
#include "server/metrics/push.h"
#include "support/label.h"

namespace lk::metrics {
namespace {

using campaign::Run;
using store::RunStatistics;

constexpr int kRunsAtOnce = 50;

void Add(const Run& run, RunStatistics& statistics, RunStatistics::Row& row) {
  const std::string verdict(ToString(run.verdict));
  ++row.verdicts[{verdict, run.emulated, run.harness}];
  if (run.control) ++row.controls[verdict];
  RunStatistics::LastRun& last = row.last_runs[verdict];
  if (last.id.empty() || last.finished <= run.finished) last = {run.id, run.finished};
  for (const campaign::Finding& finding : run.findings) {
    if (!campaign::IsCompleteAndHeld(finding)) continue;
    const std::string kind(ToString(finding.kind));
    ++row.findings[kind];
    ++row.titles[{kind, LabelValue(finding.title)}].findings;
  }
  for (const auto& [probe, histogram] : run.latencies) {
    row.latencies.Add(probe, store::LatencySums(histogram));
  }
  for (const auto& [phase, seconds] : run.phase_seconds) {
    statistics.phases[phase].Record(static_cast<uint64_t>(std::llround(std::max(seconds, 0.0) * 1e9)));
  }
  statistics.console_bytes += run.console_bytes;
}

}  // namespace

StatusOr<RunStatistics> CampaignStatistics(store::Store& store, const std::string& campaign_id) {
  RunStatistics statistics;
  std::map<RunStatistics::Key, RunStatistics::Row> rows;
  std::set<std::string> releases;
  for (std::string after;;) {
    LK_ASSIGN_OR_RETURN(const std::vector<Run> runs, store.ListRuns(campaign_id, std::nullopt, after, kRunsAtOnce));
    for (const Run& run : runs) {
      if (run.state != campaign::RunState::kDone) continue;
      const RunStatistics::Key key = {run.kernel_release, std::string(ToString(run.arch)), run.profile, run.scenario};
      RunStatistics::Row& row = rows[key];
      row.key = key;
      Add(run, statistics, row);
      releases.insert(run.kernel_release);
    }
    if (runs.size() < static_cast<size_t>(kRunsAtOnce)) break;
    after = runs.back().id;
  }
  for (auto& [key, row] : rows) statistics.rows.push_back(std::move(row));
  LK_ASSIGN_OR_RETURN(const RunStatistics all, store.Statistics());
  for (const RunStatistics::Kernel& kernel : all.kernels) {
    if (releases.contains(kernel.release)) statistics.kernels.push_back(kernel);
  }
  return statistics;
}

}  // namespace lk::metrics
