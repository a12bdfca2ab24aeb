// SPDX-License-Identifier: Apache-2.0
// Positive controls: a pass means something only if the scenario is known to fail when it should. A mutant is a kernel
// build that reintroduces the bug that one scenario looks for. Unless positiveControls is off, a mutant runs only that
// scenario, and its runs are controls: they do not count towards verdicts on kernels, but if a mutant survives, passes
// of the same scenario on the same profile are unproven.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/types.h"

namespace lk::campaign {

// The result of a control, in ascending order of weight. The result of several controls is the greatest of theirs.
enum class ControlState {
  kSkipped,    // could not run, or superseded by a later attempt: ignored
  kKilled,     // failed, as it should
  kUndecided,  // error, miss or cancelled
  kPending,    // not done yet
  kSurvived,   // nothing was held against the kernel
};
// "killed" ...
std::string_view ToString(ControlState state);

// The scenario that looks for the bug that a build reintroduces, from the build's label "mutant"; empty if the build is
// not a mutant.
std::string MutantOf(const KernelBuild& kernel);

// Whether the campaign was cancelled before the run was over.
bool WasCancelled(const Outcome& run);

ControlState StateOf(const Outcome& control);

// A mutant in one campaign.
struct Mutant {
  std::string kernel_id;
  std::string kernel_release;
  std::string scenario;
  ControlState state = ControlState::kSkipped;
  std::string reason;                // of its first run with that state
  std::vector<std::string> run_ids;  // without superseded attempts
};

// The mutants that a campaign runs, in the order of their first controls.
std::vector<Mutant> Mutants(const std::vector<Run>& runs);

// The number of mutants killed, out of all that were killed, survived or are undecided.
struct MutationScore {
  uint32_t killed = 0;
  uint32_t all = 0;
};
MutationScore Score(const std::vector<Mutant>& mutants);

// The results so far of the controls of one scenario on one profile.
class Proof {
 public:
  void Begin() { ++open_; }
  // Call this when a control for which Begin() was called is done. If it is retried, call Begin() for the retry first.
  void End(const Run& control);

  bool open() const { return open_ > 0; }
  // Why a pass of the scenario on the profile is unproven, or empty if it is proven. Controls that are still open are
  // taken to have been cancelled.
  std::string Doubt(const Run& pass, PositiveControls rule, const v1::ScenarioDescriptor& descriptor) const;

 private:
  uint32_t open_ = 0;
  bool killed_ = false;
  // The doubts raised by the first control whose mutant survived, and by the first that is undecided.
  std::string survived_, undecided_;
};

// A campaign's verdict: the worst of its runs, not counting controls. If it has only controls: skip if none could
// run, pass if all that could run were killed, else unproven.
Verdict CampaignVerdict(const std::vector<Run>& runs);

}  // namespace lk::campaign
