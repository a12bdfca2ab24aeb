// SPDX-License-Identifier: Apache-2.0
#include "server/detect/aftermath.h"

namespace lk::detect {
namespace {

// TAINT_DIE (kernel/panic.c): the kernel has oopsed before.
bool AfterOops(const Finding& finding) {
  return finding.taint.find('D') != std::string::npos;
}

// The CPU waits in stop_machine() for the other CPUs, with interrupts off (multi_cpu_stop, kernel/stop_machine.c).
bool WaitsForOtherCpus(const Finding& finding) {
  return finding.function == "cpu_stopper_thread";
}

}  // namespace

void Aftermath::Earlier::Remember(const Finding& finding) {
  title = finding.title;
  task = finding.task;
  cpu = finding.cpu;
}

const Aftermath::Earlier* Aftermath::CauseOf(const Finding& finding) const {
  switch (finding.kind) {
    case Kind::kWarning:
    case Kind::kLockdep:
      return AfterOops(finding) ? &oops_ : nullptr;
    case Kind::kSleepInAtomic:
      // The task exits while it is still in the atomic context that has already been reported.
      if (finding.function == "do_task_dead" && finding.task == atomic_.task) return &atomic_;
      return AfterOops(finding) ? &oops_ : nullptr;
    case Kind::kRcuStall:
      // Nothing is stuck any longer: printing the previous stall and its backtraces caused the delay.
      return finding.function.empty() && !finding.fatal ? &stall_ : nullptr;
    case Kind::kSoftLockup:
    case Kind::kHardLockup:
      return WaitsForOtherCpus(finding) && finding.cpu != stall_.cpu ? &stall_ : nullptr;
    default:
      return nullptr;
  }
}

void Aftermath::Judge(Finding& finding) {
  if (const Earlier* const cause = CauseOf(finding); cause != nullptr && !cause->title.empty()) {
    if (cause->title != finding.title) finding.alt_titles.push_back(cause->title);
    return;
  }
  switch (finding.kind) {
    case Kind::kOops:
      oops_.Remember(finding);
      break;
    case Kind::kSleepInAtomic:
      atomic_.Remember(finding);
      break;
    case Kind::kSoftLockup:
    case Kind::kHardLockup:
    case Kind::kRcuStall:
    case Kind::kCsdStall:
      if (!finding.function.empty()) stall_.Remember(finding);
      break;
    default:
      break;
  }
}

}  // namespace lk::detect
