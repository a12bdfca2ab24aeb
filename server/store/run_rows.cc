// SPDX-License-Identifier: Apache-2.0
#include "server/store/run_rows.h"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "server/store/codec.h"
#include "server/store/statement.h"
#include "server/store/totals.h"

namespace lk::store {
namespace {

using campaign::Run;
using campaign::RunState;

std::map<std::string, std::string> Children(soci::session& sql, const std::string& table, const std::string& run_id) {
  std::map<std::string, std::string> children;
  std::string name, body;
  soci::statement rows = (sql.prepare << "SELECT name, body FROM " << table << " WHERE run_id = :run", soci::into(name),
                          soci::into(body), soci::use(run_id));
  for (rows.execute(); rows.fetch();) children[name] = body;
  return children;
}

// Writes only rows that differ. Calls `changed` for each with the old and the new body; a row that does not exist has
// an empty body.
void PutChildren(soci::session& sql, const std::string& table, const std::string& run_id,
                 const std::map<std::string, std::string>& wanted,
                 const std::function<void(const std::string&, const std::string&)>& changed) {
  const std::map<std::string, std::string> stored = Children(sql, table, run_id);
  for (const auto& [name, body] : stored) {
    if (wanted.contains(name)) continue;
    changed(body, "");
    sql << "DELETE FROM " << table << " WHERE run_id = :run AND name = :name", soci::use(run_id), soci::use(name);
  }
  const std::string statement = Upsert(table, {"run_id", "name"}, {"body"});
  for (const auto& [name, body] : wanted) {
    const auto before = stored.find(name);
    if (before != stored.end() && before->second == body) continue;
    changed(before == stored.end() ? "" : before->second, body);
    sql << statement, soci::use(run_id), soci::use(name), soci::use(body);
  }
}

}  // namespace

std::optional<Run> FindRun(soci::session& sql, const std::string& id) {
  Run run;
  sql << "SELECT * FROM runs WHERE id = :id", soci::into(run), soci::use(id);
  if (!sql.got_data()) return std::nullopt;
  GetEvidence(sql, run);
  return run;
}

void GetEvidence(soci::session& sql, Run& run) {
  for (const auto& [name, body] : Children(sql, "findings", run.id)) DecodeBody(body, run.findings.emplace_back());
  for (const auto& [probe, body] : Children(sql, "latencies", run.id)) run.latencies[probe] = DecodeHistogram(body);
}

void PutRun(soci::session& sql, const Run& run) {
  // A run that has already been counted must first be subtracted from the sums. Others are stored every second, so
  // their old version is not read.
  std::string state;
  sql << "SELECT state FROM runs WHERE id = :id", soci::into(state), soci::use(run.id);
  std::optional<Run> counted;
  if (sql.got_data() && state == ToString(RunState::kDone)) counted = FindRun(sql, run.id);

  static const std::string statement = Upsert("runs", {"id"}, RunColumns());
  sql << statement, soci::use(run);

  std::map<std::string, std::string> findings, latencies;
  for (size_t i = 0; i < run.findings.size(); ++i) findings[fmt::format("{:03}", i)] = EncodeBody(run.findings[i]);
  for (const auto& [probe, histogram] : run.latencies) latencies[probe] = EncodeHistogram(histogram);
  FindingDelta delta;
  PutChildren(sql, "findings", run.id, findings,
              [&delta](const std::string& before, const std::string& after) { delta.Replace(before, after); });
  PutChildren(sql, "latencies", run.id, latencies, [](const std::string&, const std::string&) {});
  UpdateTotals(sql, counted ? &*counted : nullptr, run, delta);
}

campaign::Counts CountRuns(soci::session& sql, const std::string& campaign_id) {
  campaign::Counts counts;
  std::string state, verdict;
  long long superseded = 0, control = 0, runs = 0;
  soci::statement rows = (sql.prepare << "SELECT state, verdict, superseded, control, COUNT(*) FROM runs "
                                         "WHERE campaign_id = :campaign GROUP BY state, verdict, superseded, control",
                          soci::into(state), soci::into(verdict), soci::into(superseded), soci::into(control),
                          soci::into(runs), soci::use(campaign_id));
  for (rows.execute(); rows.fetch();) {
    campaign::Outcome outcome;
    outcome.state = Sound(campaign::ParseRunState(state));
    outcome.verdict = Sound(campaign::ParseVerdict(verdict));
    outcome.superseded = superseded != 0;
    counts.Add(outcome, control != 0, static_cast<uint32_t>(runs));
  }
  return counts;
}

}  // namespace lk::store
