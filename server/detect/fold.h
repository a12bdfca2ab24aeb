// SPDX-License-Identifier: Apache-2.0
// One cause, one finding: several detectors see the same hang, and each of them again and again.
#pragma once

#include <vector>

#include "server/detect/finding.h"

namespace lk::detect {

// Whether the titles of two findings, alternates included, meet: then they share a cause. That both ended in the same
// panic does not make them one: "kernel panic: Fatal exception" follows any oops.
bool TitlesMeet(const Finding& a, const Finding& b);

// Whether one of them is a stall and the other what it leads to, whatever their titles say:
//   - a workqueue lockup of a pool that is bound to the stuck CPU, for its workers run nowhere else
//   (kernel/workqueue.c);
//   - a task hung in waiting for a grace period, which an RCU stall holds up (kernel/rcu).
bool OneLeadsToTheOther(const Finding& a, const Finding& b);

// Whether `panic` is only what followed from `earlier`: the panic form of a detector, without a stack of its own, or
// the panic of an oops or warning.
bool Follows(const Finding& earlier, const Finding& panic);

// Folds `more` into `kept`, which keeps its title and place; the other title becomes an alternate.
void FoldInto(Finding& kept, Finding more);

// All findings of one console, in order of their offsets, those of one cause folded into the first of them.
std::vector<Finding> Fold(std::vector<Finding> findings);

}  // namespace lk::detect
