// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <utility>

#include "server/campaign/kernel_selection.h"
#include "server/store/codec.h"
#include "server/store/totals.h"

namespace lk::store {
namespace {

// (release, architecture) -> tree, for all builds except mutants; and all releases, including those of mutants.
struct Kernels {
  std::map<std::pair<std::string, std::string>, std::string> trees;
  std::set<std::string> releases;
};

Kernels ReadKernels(soci::session& sql) {
  Kernels kernels;
  std::string release, arch, tree, mutant;
  // A later build's tree replaces an earlier one's.
  soci::statement rows = (sql.prepare << "SELECT release, arch, tree, mutant FROM kernels ORDER BY added, id",
                          soci::into(release), soci::into(arch), soci::into(tree), soci::into(mutant));
  for (rows.execute(); rows.fetch();) {
    kernels.releases.insert(release);
    if (mutant.empty()) kernels.trees[{release, arch}] = tree;
  }
  return kernels;
}

Work ReadWork(soci::session& sql) {
  Work work;
  long long samples = 0;
  sql << "SELECT value FROM meta WHERE name = 'agent_samples'", soci::into(samples);
  work.agent_samples = static_cast<uint64_t>(samples);
  std::string operation, body;
  soci::statement rows =
      (sql.prepare << "SELECT operation, histogram FROM call_totals", soci::into(operation), soci::into(body));
  for (rows.execute(); rows.fetch();) work.calls[operation] = DecodeHistogram(body);
  return work;
}

}  // namespace

RunStatistics TotalsReader::Read(soci::session& sql) {
  ReadNewer(sql);
  const Kernels kernels = ReadKernels(sql);

  RunStatistics statistics;
  statistics.phases = phases_;
  statistics.work = ReadWork(sql);
  for (const auto& [kernel, tree] : kernels.trees) statistics.kernels.push_back({kernel.first, kernel.second, tree});
  std::ranges::stable_sort(statistics.kernels, campaign::ReleaseLess, &RunStatistics::Kernel::release);
  statistics.rows.reserve(cells_.size());
  for (const auto& [key, cell] : cells_) {
    for (const auto& [verdict, sums] : cell.verdicts) statistics.console_bytes += sums.console_bytes;
    if (!kernels.releases.contains(key.kernel)) continue;
    RunStatistics::Row row{.key = key,
                           .verdicts = {},
                           .controls = {},
                           .last_runs = {},
                           .findings = cell.findings,
                           .titles = cell.titles,
                           .latencies = cell.latencies};
    for (const auto& [verdict, sums] : cell.verdicts) {
      row.verdicts[verdict] = sums.runs;
      row.controls[verdict.word] += sums.controls;
      row.last_finished = std::max(row.last_finished, sums.last.finished);
      if (sums.runs == 0 || sums.last.id.empty()) continue;
      RunStatistics::LastRun& last = row.last_runs[verdict.word];
      if (last.id.empty() || last.finished < sums.last.finished) last = sums.last;
    }
    statistics.rows.push_back(std::move(row));
  }
  RunStatistics::Mutant mutant;
  soci::statement mutants = (sql.prepare << "SELECT kernel, scenario, state FROM mutants", soci::into(mutant.kernel),
                             soci::into(mutant.scenario), soci::into(mutant.state));
  for (mutants.execute(); mutants.fetch();) {
    if (kernels.releases.contains(mutant.kernel)) statistics.mutants.push_back(mutant);
  }
  return statistics;
}

// Rows hold absolute values, so a row that changes while the rows are being read is simply read again the next time.
void TotalsReader::ReadNewer(soci::session& sql) {
  long long newest = 0;
  sql << "SELECT value FROM meta WHERE name = 'totals_revision'", soci::into(newest);
  if (newest == revision_) return;
  ReadNewerRuns(sql);
  ReadNewerFindings(sql);

  std::string phase, body;
  soci::statement phases = (sql.prepare << "SELECT phase, histogram FROM phase_totals WHERE revision > :revision",
                            soci::into(phase), soci::into(body), soci::use(revision_));
  for (phases.execute(); phases.fetch();) phases_[phase] = DecodeHistogram(body);
  revision_ = newest;
}

void TotalsReader::ReadNewerRuns(soci::session& sql) {
  RunStatistics::Key key;
  std::string name, body;
  Sums sums;
  long long emulated = 0, harness = 0, count = 0, controls = 0, console_bytes = 0;
  soci::statement runs =
      (sql.prepare << "SELECT kernel, arch, profile, scenario, verdict, emulated, harness, runs, controls, "
                      "console_bytes, last_run, last_finished FROM run_totals "
                      "WHERE revision > :revision",
       soci::into(key.kernel), soci::into(key.arch), soci::into(key.profile), soci::into(key.scenario),
       soci::into(name), soci::into(emulated), soci::into(harness), soci::into(count), soci::into(controls),
       soci::into(console_bytes), soci::into(sums.last.id), soci::into(sums.last.finished), soci::use(revision_));
  for (runs.execute(); runs.fetch();) {
    sums.runs = static_cast<uint64_t>(count);
    sums.controls = static_cast<uint64_t>(controls);
    sums.console_bytes = static_cast<uint64_t>(console_bytes);
    cells_[key].verdicts[{name, emulated != 0, harness != 0}] = sums;
  }

  soci::statement latencies = (sql.prepare << "SELECT kernel, arch, profile, scenario, probe, histogram "
                                              "FROM latency_totals WHERE revision > :revision",
                               soci::into(key.kernel), soci::into(key.arch), soci::into(key.profile),
                               soci::into(key.scenario), soci::into(name), soci::into(body), soci::use(revision_));
  for (latencies.execute(); latencies.fetch();) {
    cells_[key].latencies.Set(name, LatencySums(DecodeHistogram(body)));
  }
}

void TotalsReader::ReadNewerFindings(soci::session& sql) {
  RunStatistics::Key key;
  std::string kind, title;
  long long count = 0, first = 0;
  soci::statement findings = (sql.prepare << "SELECT kernel, arch, profile, scenario, kind, findings "
                                             "FROM finding_totals WHERE revision > :revision",
                              soci::into(key.kernel), soci::into(key.arch), soci::into(key.profile),
                              soci::into(key.scenario), soci::into(kind), soci::into(count), soci::use(revision_));
  for (findings.execute(); findings.fetch();) cells_[key].findings[kind] = static_cast<uint64_t>(count);

  soci::statement titles =
      (sql.prepare << "SELECT kernel, arch, profile, scenario, kind, title, findings, first "
                      "FROM title_totals WHERE revision > :revision",
       soci::into(key.kernel), soci::into(key.arch), soci::into(key.profile), soci::into(key.scenario),
       soci::into(kind), soci::into(title), soci::into(count), soci::into(first), soci::use(revision_));
  for (titles.execute(); titles.fetch();) cells_[key].titles[{kind, title}] = {static_cast<uint64_t>(count), first};
}

}  // namespace lk::store
