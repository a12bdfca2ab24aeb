// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/mutation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lk/v1/scenario.pb.h"

namespace lk::campaign {
namespace {

constexpr std::array<std::string_view, 5> kStates = {"skipped", "killed", "undecided", "pending", "survived"};

}  // namespace

std::string_view ToString(ControlState state) {
  return kStates[static_cast<size_t>(state)];
}

std::string MutantOf(const KernelBuild& kernel) {
  const auto label = kernel.labels.find("mutant");
  return label == kernel.labels.end() ? "" : label->second;
}

bool WasCancelled(const Outcome& run) {
  return run.ending && run.ending->kind == Ending::Kind::kCancelled;
}

ControlState StateOf(const Outcome& control) {
  if (control.superseded) return ControlState::kSkipped;
  if (control.state != RunState::kDone) return ControlState::kPending;
  switch (control.verdict) {
    case Verdict::kFail:
      return ControlState::kKilled;
    case Verdict::kPass:
    case Verdict::kUnproven:
      return ControlState::kSurvived;
    case Verdict::kSkip:
      return WasCancelled(control) ? ControlState::kUndecided : ControlState::kSkipped;
    case Verdict::kError:
    case Verdict::kMiss:
      break;
  }
  return ControlState::kUndecided;
}

std::vector<Mutant> Mutants(const std::vector<Run>& runs) {
  std::vector<Mutant> mutants;
  for (const Run& run : runs) {
    if (!run.control || run.superseded) continue;
    auto mutant = std::ranges::find_if(mutants, [&](const Mutant& known) {
      return known.kernel_id == run.kernel_id && known.scenario == run.scenario;
    });
    if (mutant == mutants.end()) {
      mutants.push_back({run.kernel_id, run.kernel_release, run.scenario, StateOf(run), run.reason, {}});
      mutant = mutants.end() - 1;
    } else if (StateOf(run) > mutant->state) {
      mutant->state = StateOf(run);
      mutant->reason = run.reason;
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

void Proof::End(const Run& control) {
  --open_;
  const ControlState state = StateOf(control);
  killed_ = killed_ || state == ControlState::kKilled;
  if (state == ControlState::kSurvived && survived_.empty()) {
    survived_ = fmt::format("the mutant {} survived this scenario on this profile (run {})", control.kernel_release,
                            control.id);
  }
  if (state == ControlState::kUndecided && undecided_.empty()) {
    undecided_ = fmt::format("the mutant {} gave no result for this scenario on this profile (run {}: {})",
                             control.kernel_release, control.id,
                             WasCancelled(control) ? "cancelled" : ToString(control.verdict));
  }
}

std::string Proof::Doubt(const Run& pass, PositiveControls rule, const v1::ScenarioDescriptor& descriptor) const {
  if (!survived_.empty()) return survived_;
  if (!undecided_.empty()) return undecided_;
  if (open()) return "the campaign was cancelled before its positive controls were judged";
  if (rule == PositiveControls::kRequire && !killed_ && descriptor.mutant_size() > 0) {
    return fmt::format("positiveControls: require, but no mutant of {} ran on {}", pass.scenario, pass.profile);
  }
  return {};
}

Verdict CampaignVerdict(const std::vector<Run>& runs) {
  const Counts counts = Count(runs);
  if (counts.total > 0 || counts.controls == 0) return WorstVerdict(counts);
  ControlState worst = ControlState::kSkipped;
  for (const Run& run : runs) worst = std::max(worst, StateOf(run));
  if (worst == ControlState::kSkipped) return Verdict::kSkip;
  return worst == ControlState::kKilled ? Verdict::kPass : Verdict::kUnproven;
}

}  // namespace lk::campaign
