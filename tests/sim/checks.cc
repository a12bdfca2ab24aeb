// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checks.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace lk::sim {
namespace {

using campaign::Campaign;
using campaign::Ending;
using campaign::Finding;
using campaign::Run;
using campaign::RunState;
using campaign::Verdict;

const std::set<Fate> kMayPass = {Fate::kGood, Fate::kFlaps, Fate::kReboots};

// The post-mortem must have either all steps, once and in order, or none.
void CheckPostMortem(const Run& run) {
  using Stage = campaign::PostMortemStep::Step;
  const std::vector<Stage> all = {Stage::kDrain, Stage::kRegisters, Stage::kNmi, Stage::kDump, Stage::kDestroy};
  std::vector<Stage> steps;
  for (const auto& step : run.post_mortem) {
    steps.push_back(step.step);
    EXPECT_FALSE(step.detail.empty()) << run.id;
  }
  EXPECT_TRUE(steps.empty() || steps == all) << run.id;
  const bool silent = run.ending && run.ending->kind == Ending::Kind::kVmSilent;
  EXPECT_TRUE(!silent || run.verdict == Verdict::kFail || run.blame == campaign::Blame::kInfrastructure) << run.id;
}

}  // namespace

const Seen kMustBeSeen = {
    {"verdict", {"pass", "fail", "error", "miss", "skip", "unproven"}},
    {"ending",
     {"done", "never started", "VM lost", "agent lost", "boot time-out", "run time-out", "VM silent", "starved", "hang",
      "stuck", "fatal finding", "cancelled"}},
    {"drain", {"done"}},
    {"registers", {"done", "failed"}},
    {"nmi", {"done", "failed", "skipped"}},
    {"dump", {"done", "failed", "skipped"}},
    {"destroy", {"done", "failed", "skipped"}},
    {"trusted", {"panic", "hang", "soft_lockup", "vm_crash", "agent_lost"}},
    {"distrusted", {"soft_lockup"}},
    {"starved", {"unproven"}},
    {"control", {"fail", "pass", "error", "miss", "skip", "unproven", "cancelled", "superseded"}},
    {"pass", {"proven", "without controls"}},
    {"doubt", {"survived", "gave no result", "without a symptom", "cancelled before", "proves nothing", "require"}},
};

void CheckProven(const Run& run, const Campaign& campaign, const std::map<std::string, Run>& stored, Seen& seen) {
  if (run.control || run.state != RunState::kDone) return;
  for (const std::string& doubt : kMustBeSeen.at("doubt")) {
    if (run.verdict == Verdict::kUnproven && run.reason.find(doubt) != std::string::npos) seen["doubt"].insert(doubt);
  }
  if (run.verdict != Verdict::kPass) return;
  bool killed = false;
  bool sibling_passed = false, sibling_failed = false;
  for (const auto& [id, control] : stored) {
    if (control.campaign_id != run.campaign_id || control.scenario != run.scenario || control.profile != run.profile ||
        control.superseded) {
      continue;
    }
    if (control.sibling) {
      EXPECT_EQ(control.state, RunState::kDone) << run.id << " waits for " << id << " to be done";
      sibling_passed = sibling_passed || control.verdict == Verdict::kPass;
      sibling_failed = sibling_failed || control.verdict == Verdict::kFail;
    }
    if (!control.control) continue;
    const bool cancelled = control.ending && control.ending->kind == Ending::Kind::kCancelled;
    EXPECT_EQ(control.state, RunState::kDone) << run.id << " waits for " << id << " to be done";
    const bool kills = control.verdict == Verdict::kFail && !control.symptom.empty();
    EXPECT_TRUE(kills || (control.verdict == Verdict::kSkip && !cancelled))
        << run.id << " passed, but " << id << " is " << ToString(control.verdict) << ", symptom: " << control.symptom;
    EXPECT_TRUE(!kills || !control.unmutated.empty()) << run.id << " passed, but " << id << " has no sibling";
    killed = killed || kills;
  }
  EXPECT_TRUE(!killed || (sibling_passed && !sibling_failed)) << run.id << " passed, but the sibling did not";
  EXPECT_TRUE(killed || campaign.spec.positive_controls != campaign::PositiveControls::kRequire) << run.id;
  seen["pass"].insert(killed ? "proven" : "without controls");
}

void CheckRun(const Run& run, std::optional<Fate> fate, Seen& seen) {
  EXPECT_EQ(run.state, RunState::kDone) << run.id;
  EXPECT_FALSE(run.superseded && run.verdict == Verdict::kFail) << run.id << ": a failed run is not superseded";
  EXPECT_LE(run.journal.size(), 200u);
  if (run.control) {
    const bool cancelled = run.ending && run.ending->kind == Ending::Kind::kCancelled;
    seen["control"].insert(run.superseded ? "superseded"
                           : cancelled    ? "cancelled"
                                          : std::string(ToString(run.verdict)));
  }
  if (run.verdict == Verdict::kPass) {
    EXPECT_TRUE(run.canary_console && run.canary_kmsg) << run.id;
    EXPECT_TRUE(run.phase_seconds.contains("run"))
        << run.id << ": the agent of a passing run has reported that it is done";
    const bool may_pass = fate && kMayPass.contains(*fate);
    EXPECT_TRUE(may_pass) << run.id;
    EXPECT_TRUE(run.post_mortem.empty()) << run.id;
  }
  for (const Finding& finding : run.findings) {
    const bool own_death = finding.title.find("kill init") != std::string::npos;
    EXPECT_TRUE(!finding.fatal || own_death || run.verdict == Verdict::kFail)
        << run.id << ": the verdict is fail after a panic, unless the agent's death caused it";
    EXPECT_TRUE(finding.distrust.empty() || run.verdict != Verdict::kPass) << run.id;
    EXPECT_EQ(finding.title.find("NMI"), std::string::npos) << run.id << ": the kernel is not blamed for lkd's NMI";
    EXPECT_FALSE(finding.open) << run.id;
    if (finding.kind == detect::Kind::kHang && finding.distrust.empty()) {
      EXPECT_EQ(run.verdict, Verdict::kFail) << run.id;
    }
  }
  CheckPostMortem(run);

  if (fate == Fate::kStarves) seen["starved"].emplace(ToString(run.verdict));
  seen["verdict"].emplace(ToString(run.verdict));
  if (run.ending) seen["ending"].emplace(ToString(run.ending->kind));
  for (const auto& step : run.post_mortem) seen[std::string(ToString(step.step))].emplace(ToString(step.outcome));
  for (const Finding& finding : run.findings) {
    seen[finding.distrust.empty() ? "trusted" : "distrusted"].emplace(ToString(finding.kind));
  }
}

}  // namespace lk::sim
