// SPDX-License-Identifier: Apache-2.0
#include "server/store/totals.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "server/campaign/findings.h"
#include "server/campaign/mutation.h"
#include "server/store/codec.h"
#include "server/store/statement.h"
#include "support/label.h"

namespace lk::store {
namespace {

using campaign::Run;
using campaign::RunState;

std::vector<std::string> CellAnd(std::initializer_list<std::string> more) {
  std::vector<std::string> keys = {"kernel", "arch", "profile", "scenario"};
  keys.insert(keys.end(), more);
  return keys;
}

// A run's contribution to the sums, except for its findings; zero until the run is done.
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
  // The UPDATE locks the row, which serialises all writers, so revisions become visible in order.
  explicit Writer(soci::session& sql, const Run& run) : sql_(sql), run_(run), arch_(ToString(run.arch)) {
    sql_ << "UPDATE meta SET value = value + 1 WHERE name = 'totals_revision'";
    sql_ << "SELECT value FROM meta WHERE name = 'totals_revision'", soci::into(revision_);
  }

  // `sign`: 1 to add, -1 to remove.
  void AddRuns(const Run& run, const Share& share, long long sign) {
    static const std::string statement = Upsert("run_totals", CellAnd({"verdict", "emulated", "harness"}), {"revision"},
                                                {"runs", "controls", "console_bytes"});
    const std::string verdict(ToString(run.verdict));
    const long long emulated = run.emulated, harness = run.harness;
    const long long runs = sign * share.runs;
    const long long controls = sign * share.controls;
    const long long console_bytes = sign * share.console_bytes;
    sql_ << statement, soci::use(run_.kernel_release, "kernel"), soci::use(arch_, "arch"),
        soci::use(run_.profile, "profile"), soci::use(run_.scenario, "scenario"), soci::use(verdict, "verdict"),
        soci::use(emulated, "emulated"), soci::use(harness, "harness"), soci::use(revision_, "revision"),
        soci::use(runs, "runs"), soci::use(controls, "controls"), soci::use(console_bytes, "console_bytes");
    if (sign > 0) {
      SetLast(run, run.id, run.finished, "AND (last_finished IS NULL OR last_finished <= :last_finished)");
      return;
    }
    // Finds the last of the remaining runs.
    std::string id;
    absl::Time finished = absl::InfinitePast();
    sql_ << "SELECT id, finished FROM runs WHERE kernel = :kernel AND arch = :arch AND profile = :profile AND "
            "scenario = :scenario AND verdict = :verdict AND emulated = :emulated AND harness = :harness "
            "AND state = 'done' ORDER BY finished DESC LIMIT 1",
        soci::into(id), soci::into(finished), soci::use(run_.kernel_release, "kernel"), soci::use(arch_, "arch"),
        soci::use(run_.profile, "profile"), soci::use(run_.scenario, "scenario"), soci::use(verdict, "verdict"),
        soci::use(emulated, "emulated"), soci::use(harness, "harness");
    SetLast(run, id, finished, "");
  }

  void AddFindings(const std::string& kind, long long findings) {
    static const std::string statement = Upsert("finding_totals", CellAnd({"kind"}), {"revision"}, {"findings"});
    sql_ << statement, soci::use(run_.kernel_release, "kernel"), soci::use(arch_, "arch"),
        soci::use(run_.profile, "profile"), soci::use(run_.scenario, "scenario"), soci::use(kind, "kind"),
        soci::use(revision_, "revision"), soci::use(findings, "findings");
  }

  void AddTitle(const std::string& kind, const std::string& title, long long findings) {
    // An existing row keeps its "first".
    sql_ << "INSERT INTO title_totals (kernel, arch, profile, scenario, kind, title, findings, first, revision) "
            "VALUES (:kernel, :arch, :profile, :scenario, :kind, :title, :findings, :revision, :revision) "
            "ON CONFLICT (kernel, arch, profile, scenario, kind, title) DO UPDATE SET "
            "findings = title_totals.findings + excluded.findings, revision = excluded.revision",
        soci::use(run_.kernel_release, "kernel"), soci::use(arch_, "arch"), soci::use(run_.profile, "profile"),
        soci::use(run_.scenario, "scenario"), soci::use(kind, "kind"), soci::use(title, "title"),
        soci::use(findings, "findings"), soci::use(revision_, "revision");
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
  // For runs with the same verdict as `run`, and emulated or with a harness like it.
  void SetLast(const Run& run, const std::string& id, absl::Time finished, const std::string& condition) {
    const std::string verdict(ToString(run.verdict));
    const long long emulated = run.emulated, harness = run.harness;
    sql_ << "UPDATE run_totals SET last_run = :last_run, last_finished = :last_finished WHERE kernel = :kernel AND "
            "arch = :arch AND profile = :profile AND scenario = :scenario AND verdict = :verdict AND "
            "emulated = :emulated AND harness = :harness "
         << condition,
        soci::use(id, "last_run"), soci::use(finished, "last_finished"), soci::use(run_.kernel_release, "kernel"),
        soci::use(arch_, "arch"), soci::use(run_.profile, "profile"), soci::use(run_.scenario, "scenario"),
        soci::use(verdict, "verdict"), soci::use(emulated, "emulated"), soci::use(harness, "harness");
  }

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
  if (!campaign::IsCompleteAndHeld(finding)) return;
  const std::string kind(ToString(finding.kind));
  delta_.by_kind[kind] += times;
  delta_.by_title[{kind, LabelValue(finding.title)}] += times;
}

FindingDelta::Increase FindingDelta::Get() const {
  Increase increase = delta_;
  std::erase_if(increase.by_kind, [](const auto& kind) { return kind.second <= 0; });
  std::erase_if(increase.by_title, [](const auto& title) { return title.second <= 0; });
  return increase;
}

void UpdateTotals(soci::session& sql, const Run* before, const Run& after, const FindingDelta& findings) {
  const Share was(before), is(&after);
  const bool same_row = was.runs == is.runs && was.console_bytes == is.console_bytes && was.controls == is.controls &&
                        (before == nullptr || (before->verdict == after.verdict && before->emulated == after.emulated &&
                                               before->harness == after.harness));
  const FindingDelta::Increase more = findings.Get();
  if (same_row && more.by_title.empty()) return;

  Writer writer(sql, after);
  for (const auto& [kind, count] : more.by_kind) writer.AddFindings(kind, count);
  for (const auto& [title, count] : more.by_title) writer.AddTitle(title.first, title.second, count);
  if (same_row) return;
  if (was.runs != 0) writer.AddRuns(*before, was, -1);
  if (is.runs != 0) writer.AddRuns(after, is, 1);
  if (was.runs == 0) {
    for (const auto& [probe, histogram] : after.latencies) writer.AddLatency(probe, histogram);
    for (const auto& [phase, seconds] : after.phase_seconds) writer.AddPhase(phase, seconds);
  }
}

void UpdateMutants(soci::session& sql, const std::string& campaign_id) {
  const soci::rowset<Run> controls =
      (sql.prepare << "SELECT * FROM runs WHERE campaign_id = :campaign AND control = 1 ORDER BY position",
       soci::use(campaign_id));
  std::vector<Run> runs(controls.begin(), controls.end());
  if (runs.empty()) return;
  std::set<std::string> unmutated;
  for (const Run& run : runs) unmutated.insert(run.unmutated);
  for (const std::string& kernel : unmutated) {
    const soci::rowset<Run> siblings =
        (sql.prepare << "SELECT * FROM runs WHERE campaign_id = :campaign AND kernel_id = :kernel",
         soci::use(campaign_id), soci::use(kernel));
    runs.insert(runs.end(), siblings.begin(), siblings.end());
  }
  // Builds of the same release count as one kernel, which has the worst state of all its builds.
  std::map<std::pair<std::string, std::string>, campaign::ControlState> states;
  for (const campaign::Mutant& mutant : campaign::Mutants(runs)) {
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

void AddWork(soci::session& sql, const Work& more) {
  const auto samples = static_cast<long long>(more.agent_samples);
  if (samples > 0) sql << "UPDATE meta SET value = value + :more WHERE name = 'agent_samples'", soci::use(samples);
  for (const auto& [operation, histogram] : more.calls) {
    std::string body;
    soci::indicator found = soci::i_null;
    sql << "SELECT histogram FROM call_totals WHERE operation = :operation", soci::into(body, found),
        soci::use(operation);
    Histogram all = histogram;
    if (sql.got_data()) all.Merge(DecodeHistogram(body));
    body = EncodeHistogram(all);
    static const std::string statement = Upsert("call_totals", {"operation"}, {"histogram"});
    sql << statement, soci::use(operation, "operation"), soci::use(body, "histogram");
  }
}

KernelColumns::KernelColumns(const campaign::KernelBuild& kernel) : arch(ToString(kernel.arch)) {
  tree = LabelValue(kernel.Label("tree"));
  mutant = LabelValue(kernel.Label("mutant"));
}

void CompleteKernels(soci::session& sql) {
  std::vector<campaign::KernelBuild> kernels;
  std::string body;
  soci::statement rows =
      (sql.prepare << "SELECT body FROM kernels WHERE id IN (SELECT id FROM kernels WHERE arch = '')",
       soci::into(body));
  for (rows.execute(); rows.fetch();) DecodeBody(body, kernels.emplace_back());
  for (const campaign::KernelBuild& kernel : kernels) {
    const KernelColumns columns(kernel);
    sql << "UPDATE kernels SET arch = :arch, tree = :tree, mutant = :mutant WHERE id = :id", soci::use(columns.arch),
        soci::use(columns.tree), soci::use(columns.mutant), soci::use(kernel.id);
  }
}

}  // namespace lk::store
