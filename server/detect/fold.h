// SPDX-License-Identifier: Apache-2.0
// Merges findings that share a cause: several detectors may report the same hang, each of them repeatedly.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "server/detect/finding.h"

namespace lk::detect {

// Whether it is the finding's title or one of its alternate titles.
bool HasTitle(const Finding& finding, std::string_view title);

// Whether two findings have a title in common (including alternate titles) and therefore share a cause. A panic title
// that is only an alternate title of both findings is not enough: "kernel panic: Fatal exception" follows any oops.
bool TitlesMeet(const Finding& a, const Finding& b);

// Whether one of the findings is a stall and the other a consequence of it, regardless of their titles:
//   - a lockup of a workqueue pool that is bound to the stuck CPU, so that its workers cannot run elsewhere
//     (kernel/workqueue.c);
//   - a task that hangs while it waits for a grace period, which an RCU stall delays (kernel/rcu).
bool OneLeadsToTheOther(const Finding& a, const Finding& b);

// Whether `panic` is only a consequence of `earlier`: either the panic, without a stack, that a detector triggers after
// its own report, or the panic after an oops or warning.
bool Follows(const Finding& earlier, const Finding& panic);

// Whether the task has warned of what it dies of next: fortify_panic() (lib/string_helpers.c) warns, then calls BUG().
// The oops directly follows the warning, and names the same function.
bool Announces(const Finding& warning, const Finding& oops);

// Folds `more` into `kept`, which keeps its title and offsets, unless `more` has a stack and `kept` does not, or is an
// oops and `kept` a warning. The title of the other becomes an alternate title, unless it is corrupted.
void FoldInto(Finding& kept, Finding more);

// Adds the stacks of CPUs and tasks of which the finding has none.
void AddStacks(Finding& kept, std::vector<CpuStack> stacks);

// A finding, and where on the console the reports begin that are folded into it.
struct Cause {
  Finding finding;
  std::vector<uint64_t> reports;
};

// Sorts the findings of one console by offset, and folds findings that share a cause into the first of them. A finding
// may show that several earlier ones share a cause.
std::vector<Cause> Fold(std::vector<Cause> causes);
std::vector<Finding> Fold(std::vector<Finding> findings);

}  // namespace lk::detect
