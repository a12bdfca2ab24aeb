// SPDX-License-Identifier: Apache-2.0
#include "server/detect/aftermath.h"

#include <string_view>

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

// Reports that the task prints that does what they complain about.
bool IsOfACall(Kind kind) {
  return kind == Kind::kWarning || kind == Kind::kLockdep || kind == Kind::kSleepInAtomic || kind == Kind::kSanitizer ||
         kind == Kind::kOops;
}

// Reports of memory that is used wrongly, which may lead to anything. Others report a broken rule.
bool IsMemoryError(Kind kind, std::string_view title) {
  return kind == Kind::kOops || title.starts_with("KASAN: ") || title.starts_with("KFENCE: ") ||
         title.starts_with("KMSAN: ") || title.starts_with("BUG: corrupted list") ||
         title.starts_with("WARNING: held lock freed");
}

// Whether the task does one thing at a time: idle tasks and workers run whatever comes, and init runs all initcalls.
bool HasCalls(std::string_view task) {
  return !task.empty() && !task.starts_with("swapper/") && !task.starts_with("kworker/") &&
         !task.starts_with("ksoftirqd/") && !task.ends_with(":0") && !task.ends_with(":1");
}

// What a task reports within this time is about one call: a lock that is freed while held is a use after free next.
constexpr int64_t kSameCall = 1'000'000;  // microseconds

}  // namespace

void Aftermath::Earlier::Remember(const Finding& finding, int64_t when) {
  title = finding.title;
  task = finding.task;
  cpu = finding.cpu;
  micros = when;
  memory_error = IsMemoryError(finding.kind, finding.title);
}

const Aftermath::Earlier* Aftermath::CauseOf(const Finding& finding, int64_t micros) const {
  if (IsOfACall(finding.kind) && !finding.task.empty()) {
    // A task does not survive an oops: what it reports later comes from its end.
    if (finding.task == oops_.task) return &oops_;
    const bool graver = IsMemoryError(finding.kind, finding.title) && !call_.memory_error;
    if (!graver && HasCalls(finding.task) && finding.task == call_.task && micros > 0 &&
        micros - call_.micros < kSameCall)
      return &call_;
  }
  switch (finding.kind) {
    case Kind::kWarning:
      // A stuck CPU does not run its softirqs.
      if (finding.title.starts_with("NOHZ")) return &stall_;
      return AfterOops(finding) ? &oops_ : nullptr;
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

void Aftermath::Judge(Finding& finding, int64_t micros) {
  if (const Earlier* const cause = CauseOf(finding, micros); cause != nullptr && !cause->title.empty()) {
    if (cause->title != finding.title) finding.alt_titles.push_back(cause->title);
    return;
  }
  if (IsOfACall(finding.kind)) call_.Remember(finding, micros);
  switch (finding.kind) {
    case Kind::kOops:
      oops_.Remember(finding, micros);
      break;
    case Kind::kSleepInAtomic:
      atomic_.Remember(finding, micros);
      break;
    case Kind::kSoftLockup:
    case Kind::kHardLockup:
    case Kind::kRcuStall:
    case Kind::kCsdStall:
      if (!finding.function.empty()) stall_.Remember(finding, micros);
      break;
    default:
      break;
  }
}

}  // namespace lk::detect
