// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/mutation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/emulation_faults.h"
#include "server/campaign/findings.h"
#include "server/detect/fold.h"

namespace lk::campaign {
namespace {

constexpr std::array<std::string_view, 5> kStates = {"skipped", "killed", "undecided", "pending", "survived"};

std::vector<const v1::ScenarioDescriptor::Symptom*> SymptomsOf(const Run& control,
                                                               const v1::ScenarioDescriptor& descriptor) {
  const auto named = [&](const auto& mutant) { return mutant.name() == control.mutation; };
  const bool known = std::ranges::any_of(descriptor.mutants(), named);
  std::vector<const v1::ScenarioDescriptor::Symptom*> symptoms;
  for (const auto& mutant : descriptor.mutants()) {
    if (known && !named(mutant)) continue;
    for (const auto& symptom : mutant.symptoms()) symptoms.push_back(&symptom);
  }
  return symptoms;
}

// The trigger begins as soon as the agent has its lease, which is when the state changes to running.
bool AfterTrigger(const Finding& finding) {
  return finding.phase == ToString(RunState::kRunning) || finding.phase == ToString(RunState::kFinishing);
}

bool Names(const Finding& finding, const std::string& function) {
  const auto of = [&](const std::optional<detect::Party>& party) { return party && party->function == function; };
  const auto ends = [in = " in " + function](const std::string& title) { return title.ends_with(in); };
  return finding.function == function || of(finding.victim) || of(finding.culprit) || ends(finding.title) ||
         std::ranges::any_of(finding.alt_titles, ends);
}

bool Shows(const Finding& finding, const v1::ScenarioDescriptor::Symptom& symptom) {
  if (!symptom.invariant().empty()) return detect::HasTitle(finding, InvariantTitle(symptom.invariant()));
  return std::ranges::find(symptom.kinds(), ToString(finding.kind)) != symptom.kinds().end() &&
         std::ranges::any_of(symptom.functions(), [&](const auto& function) { return Names(finding, function); });
}

// Whatever fails after one of these may be a consequence.
bool BreaksTheKernel(const Finding& finding) {
  return finding.kind == detect::Kind::kPanic || finding.kind == detect::Kind::kOops ||
         finding.kind == detect::Kind::kSanitizer;
}

}  // namespace

std::string_view ToString(ControlState state) {
  return kStates[static_cast<size_t>(state)];
}

std::string MutantOf(const KernelBuild& kernel) {
  return kernel.Label("mutant");
}

bool WasCancelled(const Outcome& run) {
  return run.ending && run.ending->kind == Ending::Kind::kCancelled;
}

ControlState StateOf(const Outcome& control) {
  if (control.superseded) return ControlState::kSkipped;
  if (control.state != RunState::kDone) return ControlState::kPending;
  switch (control.verdict) {
    case Verdict::kFail:
      return control.symptom.empty() ? ControlState::kUndecided : ControlState::kKilled;
    case Verdict::kPass:
      return ControlState::kSurvived;
    case Verdict::kSkip:
      return WasCancelled(control) ? ControlState::kUndecided : ControlState::kSkipped;
    case Verdict::kUnproven:
    case Verdict::kError:
    case Verdict::kMiss:
      break;
  }
  return ControlState::kUndecided;
}

std::string FindSymptom(const Run& control, const v1::ScenarioDescriptor& descriptor) {
  const std::vector<const v1::ScenarioDescriptor::Symptom*> symptoms = SymptomsOf(control, descriptor);
  const Finding* fault = FindEmulationFault(control);
  for (const Finding& finding : control.findings) {
    if (!HeldAgainstKernel(finding) || FollowsFault(fault, finding)) continue;
    if (AfterTrigger(finding) &&
        std::ranges::any_of(symptoms, [&](const auto* symptom) { return Shows(finding, *symptom); })) {
      return finding.title;
    }
    if (BreaksTheKernel(finding)) break;
  }
  return {};
}

std::string DescribeSymptoms(const Run& control, const v1::ScenarioDescriptor& descriptor) {
  std::vector<std::string> texts;
  for (const auto* symptom : SymptomsOf(control, descriptor)) {
    texts.push_back(symptom->invariant().empty() ? fmt::format("{} in {}", fmt::join(symptom->kinds(), " or "),
                                                               fmt::join(symptom->functions(), " or "))
                                                 : InvariantTitle(symptom->invariant()));
  }
  return fmt::format("{}", fmt::join(texts, ", or "));
}

void Sibling::Add(const Run& run) {
  if (run.state == RunState::kDone && run.verdict == Verdict::kFail && failed.empty()) failed = run.id;
  passed = passed || run.verdict == Verdict::kPass || run.doubted;
}

std::string Sibling::Doubt(const std::string& id) const {
  if (id.empty()) return "the same kernel without the mutation did not run on this profile";
  if (!failed.empty()) return fmt::format("the same kernel without the mutation fails as well (run {})", failed);
  return passed ? "" : fmt::format("the same kernel without the mutation ({}) gave no result", id);
}

std::vector<Mutant> Mutants(const std::vector<Run>& runs) {
  // The siblings in each cell, and the cells in which one is not done.
  std::map<Cell, Sibling> siblings;
  std::set<Cell> pending;
  for (const Run& run : runs) {
    if (!run.sibling || run.superseded) continue;
    const Cell cell = CellOf(run);
    siblings[cell].Add(run);
    if (!IsOver(run.state)) pending.insert(cell);
  }
  std::vector<Mutant> mutants;
  for (const Run& run : runs) {
    if (!run.control || run.superseded) continue;
    auto mutant = std::ranges::find_if(mutants, [&](const Mutant& known) {
      return known.kernel_id == run.kernel_id && known.scenario == run.scenario;
    });
    ControlState state = StateOf(run);
    std::string reason = run.reason;
    if (state == ControlState::kKilled) {
      const Cell cell = {run.unmutated, run.profile, run.scenario};
      const std::string doubt = siblings[cell].Doubt(run.unmutated);
      if (pending.contains(cell)) {
        state = ControlState::kPending;
      } else if (!doubt.empty()) {
        state = ControlState::kUndecided;
        reason = doubt;
      }
    }
    if (mutant == mutants.end()) {
      mutants.push_back({run.kernel_id, run.kernel_release, run.scenario, run.mutation, state, std::move(reason), {}});
      mutant = mutants.end() - 1;
    } else if (state > mutant->state) {
      mutant->state = state;
      mutant->reason = std::move(reason);
    }
    mutant->run_ids.push_back(run.id);
  }
  return mutants;
}

MutationScore Score(const std::vector<Mutant>& mutants) {
  MutationScore score;
  for (const Mutant& mutant : mutants) {
    if (mutant.state == ControlState::kSkipped || mutant.state == ControlState::kPending) continue;
    ++score.all;
    if (mutant.state == ControlState::kKilled) ++score.killed;
  }
  return score;
}

void Proof::End(const Run& run) {
  --open_;
  if (run.sibling) siblings_[run.kernel_id].Add(run);
  if (!run.control) return;
  const ControlState state = StateOf(run);
  if (state == ControlState::kKilled) killed_[run.kernel_id] = {run.kernel_release, run.unmutated};
  if (state == ControlState::kSurvived && survived_.empty()) {
    survived_ =
        fmt::format("the mutant {} survived this scenario on this profile (run {})", run.kernel_release, run.id);
  }
  if (state == ControlState::kUndecided && undecided_.empty()) {
    undecided_ = fmt::format("the mutant {} gave no result for this scenario on this profile (run {}: {})",
                             run.kernel_release, run.id,
                             WasCancelled(run)               ? "cancelled"
                             : run.verdict == Verdict::kFail ? "failed without a symptom of the mutant"
                                                             : ToString(run.verdict));
  }
}

std::string Proof::Doubt(const Run& pass, PositiveControls rule, const v1::ScenarioDescriptor& descriptor) const {
  if (!survived_.empty()) return survived_;
  if (!undecided_.empty()) return undecided_;
  if (open()) return "the campaign was cancelled before its positive controls were judged";
  for (const auto& [id, mutant] : killed_) {
    const auto sibling = siblings_.find(mutant.unmutated);
    const std::string doubt = (sibling == siblings_.end() ? Sibling() : sibling->second).Doubt(mutant.unmutated);
    if (!doubt.empty()) return fmt::format("the mutant {} proves nothing: {}", mutant.release, doubt);
  }
  if (rule == PositiveControls::kRequire && killed_.empty() && descriptor.mutants_size() > 0) {
    return fmt::format("positiveControls: require, but no mutant of {} ran on {}", pass.scenario, pass.profile);
  }
  return {};
}

Verdict CampaignVerdict(const std::vector<Run>& runs) {
  const Counts counts = Count(runs);
  if (counts.total > 0 || counts.controls == 0) return WorstVerdict(counts);
  const bool all_skipped =
      std::ranges::all_of(runs, [](const Run& run) { return StateOf(run) == ControlState::kSkipped; });
  return all_skipped ? Verdict::kSkip : Verdict::kUnproven;
}

}  // namespace lk::campaign
