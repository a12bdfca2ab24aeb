// SPDX-License-Identifier: Apache-2.0
// Positive controls: that a scenario passes means something only where it is known to fail. A mutant is a kernel build
// with the problem of one scenario put back. Unless positiveControls is off, it runs only that scenario, and its runs
// are controls: they judge no kernel, but passes of their scenario on their profile are unproven where one survives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/types.h"

namespace lk::campaign {

// What a control has shown. In the order of their weight: several together have shown the last of theirs.
enum class ControlState {
  kSkipped,    // it could not run there, or a later attempt took its place: as if it were not there
  kKilled,     // it failed, as it should
  kUndecided,  // error, miss or cancelled
  kPending,    // not done
  kSurvived,   // nothing was held against it
};
// "killed" ...
std::string_view ToString(ControlState state);

// The scenario that a build is a mutant of, as its label "mutant" says; empty: it is none.
std::string MutantOf(const KernelBuild& kernel);

// Its campaign was cancelled before it was over.
bool WasCancelled(const Outcome& run);

ControlState StateOf(const Outcome& control);

// A mutant in one campaign.
struct Mutant {
  std::string kernel_id;
  std::string kernel_release;
  std::string scenario;
  ControlState state = ControlState::kSkipped;
  std::string reason;                // of the first of its runs that has shown `state`
  std::vector<std::string> run_ids;  // attempts that were superseded left out
};

// Of a campaign's runs, in the order of the first control of each.
std::vector<Mutant> Mutants(const std::vector<Run>& runs);

// Of the mutants that are killed, survived or undecided.
struct MutationScore {
  uint32_t killed = 0;
  uint32_t all = 0;
};
MutationScore Score(const std::vector<Mutant>& mutants);

// What the controls of one scenario on one profile have shown so far.
class Proof {
 public:
  void Begin() { ++open_; }
  // A control that has begun is done; a further attempt in its place has begun before.
  void End(const Run& control);

  bool open() const { return open_ > 0; }
  // Why a pass of the scenario on the profile is not proven; empty: it is. Controls that are open are not waited for.
  std::string Doubt(const Run& pass, PositiveControls rule, const v1::ScenarioDescriptor& descriptor) const;

 private:
  uint32_t open_ = 0;
  bool killed_ = false;
  // The first that survived, and that is undecided, as reasons.
  std::string survived_, undecided_;
};

// A campaign's verdict: the worst that counts. Where there are only controls, pass if all were killed, else unproven.
Verdict Overall(const std::vector<Run>& runs);

}  // namespace lk::campaign
