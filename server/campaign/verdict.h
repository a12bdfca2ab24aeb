// SPDX-License-Identifier: Apache-2.0
// Judges runs.
#pragma once

#include <map>
#include <string>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/types.h"

namespace lk::campaign {

struct Judgement {
  Verdict verdict = Verdict::kError;
  Blame blame = Blame::kInfrastructure;
  std::string reason;
};

// Applies the rules of docs/verdicts.md. A finding that is neither tolerated, known nor distrusted, nor within its
// budget, is blamed on the kernel and makes the run fail, however the run ended. A crashed VM, a lost agent and a dead
// agent are not blamed on the kernel, but do not prevent another finding from being blamed on it. Under emulation, what
// a known fault of QEMU may have caused (emulation_faults.h) is blamed on the infrastructure. A pass requires the
// canary on the console and in the kernel log stream, operations or required counters above 0, no violated invariants,
// no exceeded budgets and no distrusted finding, which would leave the run unproven. A budget for a kind of finding
// allows that many, but never a fatal one. A latency budget whose probe has no samples leaves the run unproven, unless
// parts of the scenario were skipped. A latency budget that is exceeded in a VM that was paused is a distrusted
// finding.
//
// Adds findings of kind "invariant" (by counter), "budget" (latency), "hang" (if no other finding explains it; with the
// output of the registers step of the post-mortem) and "agent_lost" to the evidence, without a phase. Judging the same
// evidence again adds nothing.
Judgement Judge(Run& run, const Ending& ending, const v1::ScenarioDescriptor& descriptor,
                const std::map<std::string, std::string>& budgets, const known::ListAt& known = {});

// Whether a finding explains a hang: a stall, an oops, a panic, or a hang that has already been found, if it counts
// against the kernel or is known. A hang that follows a known problem is that problem.
bool HangExplained(const Run& run, const std::map<std::string, std::string>& budgets);

// Error: INVALID_ARGUMENT if the key and value are not a budget (see CampaignService), or if the descriptor has no such
// probe.
Status CheckBudget(const v1::ScenarioDescriptor& descriptor, const std::string& key, const std::string& value);

}  // namespace lk::campaign
