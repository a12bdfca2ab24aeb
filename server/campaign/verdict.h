// SPDX-License-Identifier: Apache-2.0
// How a run is judged.
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

// The rules of the verdict table, worst first. A finding that is not tolerated, nor distrusted, nor within its budget
// is the kernel's and makes it fail, however the run ended; a crashed VM, a lost agent and the agent's own death are
// not the kernel's, unless a finding that is explains them. A pass needs the canary on the console and in the kernel
// log stream, operations or required counters above 0, invariants and budgets kept, and no finding that is distrusted:
// that leaves it unproven. A budget on a kind of finding allows that many of it, fatal ones never; one on a probe that
// measured nothing leaves the run unproven, unless parts of the scenario were left out; one that is exceeded in a VM
// that was paused is distrusted.
// Adds findings of kind "invariant" (by counter), "budget" (latency), "hang" (where no other finding explains it, with
// what the registers step of the post-mortem gave) and "agent_lost" to the evidence as it finds them, without their
// phase; adding is idempotent.
Judgement Judge(Evidence& evidence, const Ending& ending, const v1::ScenarioDescriptor& descriptor,
                const std::map<std::string, std::string>& budgets);

// Whether a finding that counts against the kernel is known from which a hang follows: a stall, an oops, a panic, or a
// hang that was seen already.
bool HangExplained(const Evidence& evidence, const std::map<std::string, std::string>& budgets);

// Error: INVALID_ARGUMENT: not a budget (see CampaignService), or a probe that the descriptor has not.
Status CheckBudget(const v1::ScenarioDescriptor& descriptor, const std::string& key, const std::string& value);

}  // namespace lk::campaign
