// SPDX-License-Identifier: Apache-2.0
// Positive controls: a pass means something only if the scenario is known to fail when it should. A mutant is a kernel
// build in which a fix has been undone, or a rule broken, that one scenario tests. Unless positiveControls is off, a
// mutant runs only that scenario, and its runs are controls: they do not count towards verdicts on kernels, but if a
// mutant survives, passes of the same scenario on the same profile are unproven.
//
// A mutant is killed if its run fails with one of the symptoms that the scenario's descriptor states for it, seen after
// the trigger began, and if its sibling, the same kernel without the mutation, passes on the same profile. Otherwise
// its run proves nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/types.h"

namespace lk::campaign {

// The result of a control, in ascending order of weight. The result of several controls is the greatest of theirs.
enum class ControlState {
  kSkipped,    // could not run, or superseded by a later attempt: ignored
  kKilled,     // failed with a symptom of the mutant
  kUndecided,  // failed otherwise; unproven, error, miss or cancelled
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

// Disregards the sibling.
ControlState StateOf(const Outcome& control);

// The title of the finding that is a symptom of the control's mutant, seen after the trigger began and held against the
// kernel; empty if there is none. An oops, a panic or a sanitizer's report that is not a symptom hides later symptoms,
// which may be its consequences, and so does a fault of QEMU's emulation. If the mutant has no name, or one that the
// descriptor does not have, the symptoms of all mutants of the scenario count.
std::string FindSymptom(const Run& control, const v1::ScenarioDescriptor& descriptor);
// "invariant crash_header" or "soft_lockup or hard_lockup in accept_memory": what FindSymptom looks for.
std::string DescribeSymptoms(const Run& control, const v1::ScenarioDescriptor& descriptor);

// A mutant in one campaign.
struct Mutant {
  std::string kernel_id;
  std::string kernel_release;
  std::string scenario;
  std::string mutation;  // empty if unknown
  ControlState state = ControlState::kSkipped;
  std::string reason;                // of its first run with that state, or what is wrong with its sibling
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

// The results of a control's unmutated kernel on the same profile.
struct Sibling {
  bool passed = false;
  std::string failed;  // the first run that failed

  // Counts a run that is done, or that would pass if its controls were not open.
  void Add(const Run& run);
  // Why a control that killed its mutant proves nothing, or empty. `id` is the unmutated kernel's id, which may be
  // empty.
  std::string Doubt(const std::string& id) const;
};

// The results so far of the controls of one scenario on one profile, and of their siblings.
class Proof {
 public:
  void Begin() { ++open_; }
  // Call this when a control or sibling for which Begin() was called is done, or when a sibling waits only for its
  // controls. If it is retried, call Begin() for the retry first.
  void End(const Run& run);

  bool open() const { return open_ > 0; }
  // Why a pass of the scenario on the profile is unproven, or empty if it is proven. Controls that are still open are
  // taken to have been cancelled.
  std::string Doubt(const Run& pass, PositiveControls rule, const v1::ScenarioDescriptor& descriptor) const;

 private:
  uint32_t open_ = 0;
  struct Killed {
    std::string release;
    std::string unmutated;  // kernel id
  };
  // By the mutant's kernel id.
  std::map<std::string, Killed> killed_;
  // The doubts raised by the first control whose mutant survived, and by the first that is undecided.
  std::string survived_, undecided_;
  // By kernel id.
  std::map<std::string, Sibling> siblings_;
};

// A campaign's verdict: the worst of its runs, not counting controls. If it has only controls: skip if none could run,
// else unproven, because controls prove nothing without their siblings.
Verdict CampaignVerdict(const std::vector<Run>& runs);

}  // namespace lk::campaign
