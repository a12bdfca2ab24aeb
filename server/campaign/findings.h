// SPDX-License-Identifier: Apache-2.0
// One cause, one finding: reports of the same event from several witnesses and detectors are folded into one.
#pragma once

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/types.h"
#include "server/detect/fold.h"

namespace lk::campaign {

using detect::IsStall;

// Whether the finding shows a fault of the kernel, which may be known: it is neither tolerated by the scenario nor
// distrusted.
bool ShowsFault(const Finding& finding);

// Whether the finding counts against the kernel: it shows a fault that is not known. Such a finding makes the run fail,
// unless a budget allows it or the kernel is not to blame (see verdict.h).
bool HeldAgainstKernel(const Finding& finding);

// Whether the finding would count against the kernel if not for the reason in `known`.
bool IsKnown(const Finding& finding);

// Whether the finding counts against the kernel and is complete, not `open`. Only such findings are included in metrics
// and webhooks.
bool IsCompleteAndHeld(const Finding& finding);

// Whether the finding would count against the kernel if not for the reason in `distrust`.
bool IsDistrusted(const Finding& finding);

// Whether the finding has a position in the console log. Only findings from the console have one.
bool OnConsole(const Finding& finding);

// Whether the descriptor tolerates the finding; AddFinding and AddReport also tolerate transient stalls that the
// campaign ignores.
bool IsTolerated(const Finding& finding, const v1::ScenarioDescriptor& descriptor);

// "invariant NAME": the title, or an alternative title, of a finding that violates an invariant.
std::string InvariantTitle(std::string_view name);

// "the VM was paused for 12s": the reason to distrust a finding that a pause may have caused.
std::string PausedFor(absl::Duration pause);
// "the host gave vCPU 2 no CPU time for 5.10s of 8.00s", "5.10s of 8.00s were stolen from CPU 2": the reasons to
// distrust a stall that the host may have caused, according to the host and to the guest.
std::string DelayedFor(size_t vcpu, absl::Duration lost, absl::Duration of);
std::string StolenFor(size_t cpu, absl::Duration lost, absl::Duration of);
// The reason to distrust a hung task that waits for I/O, since the host's disk may be slow; empty if there is none.
std::string WhyIoIsDistrusted(const Finding& finding);

// Maximum size in bytes of an excerpt, and of the output of a post-mortem step.
inline constexpr size_t kMaxExcerpt = size_t{16} << 10;

// Turns the finding of a panic that was caused by an injected NMI into a hang, named after the stuck function or, if
// that is unknown, after the scenario.
Finding AsHang(Finding nmi, const std::string& scenario);

// Adds a finding, or folds it into an existing one for the same event. Two findings are for the same event if
//   - they have a title in common (detect::TitlesMeet), or one leads to the other (detect::OneLeadsToTheOther);
//   - one is a panic reported by the panic device or the agent, and the other an event that killed the kernel;
//   - one comes from a kernel counter or taint flag, and the other is a report of an event that raises or sets it;
//   - one is a reboot after a panic, and the other that panic;
//   - one is a crashed VM or a watchdog that fired, and the other the panic, stall or hang that explains it;
//   - the new one is a hang shown by an NMI (AsHang), and the other the latest stall or hang that shows a
//     fault;
//   - the new one is a stall that shows a fault, and the other a hang that left nothing on the console: the
//     hang then gets the text of the stall.
// The finding is known if the report that provides its title is. Different detectors title the same hang differently,
// so a stall or hang is also known if one of the other stalls or hangs folded into it is. The most detailed report
// provides title and stack; every witness is named; an event that several witnesses report is counted once. If the same
// console report (kind, title and start offset) is added again, lkd has restarted and is rereading the console log, and
// the count starts over. Returns the finding in `evidence` that has changed, or nullptr if none has. At most 100
// findings are kept; any more are only added to the count of the last one.
const Finding* AddFinding(Evidence& evidence, Finding finding, const v1::ScenarioDescriptor& descriptor,
                          const known::ListAt& known = {}, const TransientStalls& transient = {});

// The reports on a run's console so far.
class ConsoleReports {
 public:
  // Keeps the report, unless it is being read again, and returns its cause with all that is known of it by now. The
  // reference is valid until the next call.
  const detect::Cause& Add(const Finding& report);
  // The kernel has printed that the stall in the report is over. Returns its cause, as Add does; null if the report is
  // not known, or has been folded for good.
  const detect::Cause* End(uint64_t start_offset, const TransientStalls& transient);

 private:
  // After this many new reports, or as many as there are causes, only what they have been folded into is kept.
  static constexpr size_t kUnfolded = 64;

  std::vector<detect::Cause> reports_;
  std::vector<detect::Cause> causes_;
  size_t folded_ = 0;
};

// Adds a report from the console. As in `lkctl detect`, detect::Fold decides for the whole console so far which reports
// have the same cause. Findings that now have one cause become one, with what other witnesses add. A report of a new
// cause is added as by AddFinding, which also folds, for example, the reboot after a panic.
const Finding* AddReport(Evidence& evidence, ConsoleReports& console, Finding report,
                         const v1::ScenarioDescriptor& descriptor, const known::ListAt& known = {},
                         const TransientStalls& transient = {});

// Marks the finding with this report as transient, if all of its reports are. Returns the finding if it has changed.
const Finding* EndStall(Evidence& evidence, ConsoleReports& console, uint64_t start_offset,
                        const TransientStalls& transient);

}  // namespace lk::campaign
