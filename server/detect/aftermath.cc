// SPDX-License-Identifier: Apache-2.0
#include "server/detect/aftermath.h"

namespace lk::detect {
namespace {

// TAINT_DIE (kernel/panic.c): there was an oops before.
bool AfterOops(const Finding& finding) {
  return finding.taint.find('D') != std::string::npos;
}

// It waits for the other CPUs of stop_machine(), interrupts off (multi_cpu_stop, kernel/stop_machine.c).
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
      // A task that ends in atomic context has left it that way when it was reported before.
      if (finding.function == "do_task_dead" && finding.task == atomic_.task) return &atomic_;
      return AfterOops(finding) ? &oops_ : nullptr;
    case Kind::kRcuStall:
      // Nothing stuck there any more: printing the stall before, and waiting for its backtraces, took so long.
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
