// SPDX-License-Identifier: Apache-2.0
// One cause, one finding: what several witnesses and detectors tell of the same event is folded into one.
#pragma once

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/types.h"

namespace lk::campaign {

// Of the kernel's stall detectors, which look at the same hang at different times.
bool IsStall(detect::Kind kind);

// Held against the kernel: neither tolerated by the scenario nor distrusted. It makes the run fail, unless a budget
// allows it or it is not the kernel's doing (see verdict.h).
bool HeldAgainstKernel(const Finding& finding);

// The same of a report that has been read to its end: what is counted, and told to others.
bool IsCompleteAndHeld(const Finding& finding);

// It would be held against the kernel, but for what is said in `distrust`.
bool IsDistrusted(const Finding& finding);

// A place in the console record: the console's own findings have one, those told by others have none.
bool OnConsole(const Finding& finding);

// The descriptor tolerates it.
bool IsTolerated(const Finding& finding, const v1::ScenarioDescriptor& descriptor);

// "the VM was paused for 12s": why what a pause may have made is not trusted.
std::string PausedFor(absl::Duration pause);

// Bytes of an excerpt, and of what a step of the post-mortem gave.
inline constexpr size_t kMostExcerpt = size_t{16} << 10;

// The panic that an injected NMI gave, as what it is evidence of: a hang, named after the function that was stuck, or
// after the scenario where none could be named.
Finding AsHang(Finding nmi, const std::string& scenario);

// Adds a finding, or folds it into one of the same event:
//   - their titles meet (detect::TitlesMeet), or one leads to the other (detect::OneLeadsToTheOther);
//   - one is the panic that the panic device or the agent tells of, the other a report that the kernel did not survive;
//   - one is only counted by the kernel, the other a report that the same counter or taint flag stands for;
//   - one is a reboot, a VM crash or a watchdog that the other (a panic; for the watchdog also a hang) explains;
//   - it is a hang shown by an NMI (AsHang) and a stall or hang that counts is known;
//   - it is a stall that counts, and a hang is known of which the console has told nothing: it gives that its words.
// The fullest report gives title and stack; each witness is named; what several witnesses tell is counted once. The
// same console report again (kind, title and start offset) means that the record is read again after a restart: its
// count begins anew.
// Returns the finding of the evidence that has changed, or nullptr: none has. At most 100 findings are kept; the last
// one then counts the rest.
const Finding* AddFinding(Evidence& evidence, Finding finding, const v1::ScenarioDescriptor& descriptor);

}  // namespace lk::campaign
