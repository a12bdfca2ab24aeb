// SPDX-License-Identifier: Apache-2.0
#include "server/store/totals.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "server/campaign/mutation.h"
#include "server/store/codec.h"
#include "server/store/statement.h"

namespace lk::store {
namespace {

using campaign::Run;
using campaign::RunState;

std::vector<std::string> CellAnd(std::initializer_list<std::string> more) {
  std::vector<std::string> keys = {"kernel", "arch", "profile", "scenario"};
  keys.insert(keys.end(), more);
  return keys;
}

// What a run counts for, beside its findings; nothing before it is done.
struct Share {
  long long runs = 0;
  long long controls = 0;
  long long console_bytes = 0;

  explicit Share(const Run* run) {
    if (run == nullptr || run->state != RunState::kDone) return;
    runs = 1;
    controls = run->control ? 1 : 0;
    console_bytes = static_cast<long long>(run->console_bytes);
  }
};

class Writer {
 public:
  // The lock on this row orders all writers, so revisions become visible in their order.
  explicit Writer(soci::session& sql, const Run& run) : sql_(sql), run_(run), arch_(ToString(run.arch)) {
    sql_ << "UPDATE meta SET value = value + 1 WHERE name = 'totals_revision'";
    sql_ << "SELECT value FROM meta WHERE name = 'totals_revision'", soci::into(revision_);
  }

  // `sign`: 1 to put in, -1 to take out.
  void AddRuns(const Run& run, const Share& share, long long sign) {
    static const std::string statement = Upsert("run_totals", CellAnd({"verdict", "emulated"}),
                                                {"last_finished", "revision"}, {"runs", "controls", "console_bytes"});
    const std::string verdict(ToString(run.verdict));
    const long long emulated = run.emulated;
    const long long runs = sign * share.runs;
    const long long controls = sign * share.controls;
    const long long console_bytes = sign * share.console_bytes;
    sql_ << statement, soci::use(run_.kernel_release, "kernel"), soci::use(arch_, "arch"),
        soci::use(run_.profile, "profile"), soci::use(run_.scenario, "scenario"), soci::use(verdict, "verdict"),
        soci::use(emulated, "emulated"), soci::use(run_.finished, "last_finished"), soci::use(revision_, "revision"),
        soci::use(runs, "runs"), soci::use(controls, "controls"), soci::use(console_bytes, "console_bytes");
  }

  void AddFindings(const std::string& kind, long long findings) {
    static const std::string statement = Upsert("finding_totals", CellAnd({"kind"}), {"revision"}, {"findings"});
    sql_ << statement, soci::use(run_.kernel_release, "kernel"), soci::use(arch_, "arch"),
        soci::use(run_.profile, "profile"), soci::use(run_.scenario, "scenario"), soci::use(kind, "kind"),
        soci::use(revision_, "revision"), soci::use(findings, "findings");
  }

  void AddLatency(const std::string& probe, Histogram histogram) {
    std::string body;
    soci::indicator found = soci::i_null;
    sql_ << "SELECT histogram FROM latency_totals WHERE kernel = :kernel AND arch = :arch AND profile = :profile AND "
            "scenario = :scenario AND probe = :probe",
        soci::into(body, found), soci::use(run_.kernel_release, "kernel"), soci::use(arch_, "arch"),
        soci::use(run_.profile, "profile"), soci::use(run_.scenario, "scenario"), soci::use(probe, "probe");
    if (sql_.got_data()) histogram.Merge(DecodeHistogram(body));
    body = EncodeHistogram(histogram);
    static const std::string statement = Upsert("latency_totals", CellAnd({"probe"}), {"histogram", "revision"});
    sql_ << statement, soci::use(run_.kernel_release, "kernel"), soci::use(arch_, "arch"),
        soci::use(run_.profile, "profile"), soci::use(run_.scenario, "scenario"), soci::use(probe, "probe"),
        soci::use(body, "histogram"), soci::use(revision_, "revision");
  }

  void AddPhase(const std::string& phase, double seconds) {
    Histogram histogram;
    histogram.Record(static_cast<uint64_t>(std::llround(std::max(seconds, 0.0) * 1e9)));
    std::string body;
    soci::indicator found = soci::i_null;
    sql_ << "SELECT histogram FROM phase_totals WHERE phase = :phase", soci::into(body, found),
        soci::use(phase, "phase");
    if (sql_.got_data()) histogram.Merge(DecodeHistogram(body));
    body = EncodeHistogram(histogram);
    static const std::string statement = Upsert("phase_totals", {"phase"}, {"histogram", "revision"});
    sql_ << statement, soci::use(phase, "phase"), soci::use(body, "histogram"), soci::use(revision_, "revision");
  }

 private:
  soci::session& sql_;
  const Run& run_;
  const std::string arch_;
  long long revision_ = 0;
};

}  // namespace

void FindingDelta::Add(const std::string& body, long long times) {
  if (body.empty()) return;
  campaign::Finding finding;
  DecodeBody(body, finding);
  if (finding.open || finding.tolerated || !finding.distrust.empty()) return;
  by_kind_[std::string(ToString(finding.kind))] += times;
}

std::map<std::string, long long> FindingDelta::Increase() const {
  std::map<std::string, long long> increase = by_kind_;
  std::erase_if(increase, [](const auto& kind) { return kind.second <= 0; });
  return increase;
}

void UpdateTotals(soci::session& sql, const Run* before, const Run& after, const FindingDelta& findings) {
  const Share was(before), is(&after);
  const bool same_row = was.runs == is.runs && was.console_bytes == is.console_bytes && was.controls == is.controls &&
                        (before == nullptr || (before->verdict == after.verdict && before->emulated == after.emulated));
  const std::map<std::string, long long> more = findings.Increase();
  if (same_row && more.empty()) return;

  Writer writer(sql, after);
  for (const auto& [kind, count] : more) writer.AddFindings(kind, count);
  if (same_row) return;
  if (was.runs != 0) writer.AddRuns(*before, was, -1);
  if (is.runs != 0) writer.AddRuns(after, is, 1);
  if (was.runs == 0) {
    for (const auto& [probe, histogram] : after.latencies) writer.AddLatency(probe, histogram);
    for (const auto& [phase, seconds] : after.phase_seconds) writer.AddPhase(phase, seconds);
  }
}

void UpdateMutants(soci::session& sql, const std::string& campaign_id) {
  const soci::rowset<Run> rows =
      (sql.prepare << "SELECT * FROM runs WHERE campaign_id = :campaign AND control = 1 ORDER BY position",
       soci::use(campaign_id));
  // Builds of one release are one kernel here, as good as the worst of them.
  std::map<std::pair<std::string, std::string>, campaign::ControlState> states;
  for (const campaign::Mutant& mutant : campaign::Mutants({rows.begin(), rows.end()})) {
    campaign::ControlState& state = states[{mutant.kernel_release, mutant.scenario}];
    state = std::max(state, mutant.state);
  }
  static const std::string statement = Upsert("mutants", {"kernel", "scenario"}, {"state"});
  for (const auto& [mutant, state] : states) {
    if (state != campaign::ControlState::kKilled && state != campaign::ControlState::kSurvived) continue;
    const std::string word(ToString(state));
    sql << statement, soci::use(mutant.first, "kernel"), soci::use(mutant.second, "scenario"), soci::use(word, "state");
  }
}

RunStatistics TotalsReader::Read(soci::session& sql) {
  ReadNewer(sql);
  std::set<std::string> releases;
  std::string release;
  soci::statement kernels = (sql.prepare << "SELECT DISTINCT release FROM kernels", soci::into(release));
  for (kernels.execute(); kernels.fetch();) releases.insert(release);

  RunStatistics statistics;
  statistics.phases = phases_;
  for (const auto& [key, cell] : cells_) {
    const bool kept = releases.contains(key.kernel);
    RunStatistics::Row row{
        .key = key, .verdicts = {}, .controls = {}, .findings = cell.findings, .latencies = cell.latencies};
    for (const auto& [verdict, sums] : cell.verdicts) {
      statistics.console_bytes += sums.console_bytes;
      row.verdicts[verdict] = sums.runs;
      row.controls[verdict.first] += sums.controls;
      row.last_finished = std::max(row.last_finished, sums.last_finished);
    }
    if (kept) statistics.rows.push_back(std::move(row));
  }
  RunStatistics::Mutant mutant;
  soci::statement mutants = (sql.prepare << "SELECT kernel, scenario, state FROM mutants", soci::into(mutant.kernel),
                             soci::into(mutant.scenario), soci::into(mutant.state));
  for (mutants.execute(); mutants.fetch();) {
    if (releases.contains(mutant.kernel)) statistics.mutants.push_back(mutant);
  }
  return statistics;
}

// A row is read with its absolute values, so one that changes while this reads is only read again the next time.
void TotalsReader::ReadNewer(soci::session& sql) {
  long long newest = 0;
  sql << "SELECT value FROM meta WHERE name = 'totals_revision'", soci::into(newest);
  if (newest == revision_) return;

  RunStatistics::Key key;
  std::string name, body;
  long long emulated = 0, count = 0, controls = 0, console_bytes = 0;
  absl::Time finished;

  soci::statement runs = (sql.prepare << "SELECT kernel, arch, profile, scenario, verdict, emulated, runs, controls, "
                                         "console_bytes, last_finished FROM run_totals WHERE revision > :revision",
                          soci::into(key.kernel), soci::into(key.arch), soci::into(key.profile),
                          soci::into(key.scenario), soci::into(name), soci::into(emulated), soci::into(count),
                          soci::into(controls), soci::into(console_bytes), soci::into(finished), soci::use(revision_));
  for (runs.execute(); runs.fetch();) {
    cells_[key].verdicts[{name, emulated != 0}] = {static_cast<uint64_t>(count), static_cast<uint64_t>(controls),
                                                   static_cast<uint64_t>(console_bytes), finished};
  }

  soci::statement findings = (sql.prepare << "SELECT kernel, arch, profile, scenario, kind, findings "
                                             "FROM finding_totals WHERE revision > :revision",
                              soci::into(key.kernel), soci::into(key.arch), soci::into(key.profile),
                              soci::into(key.scenario), soci::into(name), soci::into(count), soci::use(revision_));
  for (findings.execute(); findings.fetch();) cells_[key].findings[name] = static_cast<uint64_t>(count);

  soci::statement latencies = (sql.prepare << "SELECT kernel, arch, profile, scenario, probe, histogram "
                                              "FROM latency_totals WHERE revision > :revision",
                               soci::into(key.kernel), soci::into(key.arch), soci::into(key.profile),
                               soci::into(key.scenario), soci::into(name), soci::into(body), soci::use(revision_));
  for (latencies.execute(); latencies.fetch();) {
    cells_[key].latencies[name] = std::make_shared<const Histogram>(DecodeHistogram(body));
  }

  soci::statement phases = (sql.prepare << "SELECT phase, histogram FROM phase_totals WHERE revision > :revision",
                            soci::into(name), soci::into(body), soci::use(revision_));
  for (phases.execute(); phases.fetch();) phases_[name] = DecodeHistogram(body);

  revision_ = newest;
}

}  // namespace lk::store
