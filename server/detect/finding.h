// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lk::detect {

enum class Kind {
  kSoftLockup,
  kHardLockup,
  kRcuStall,
  kHungTask,
  kWorkqueueLockup,
  kSpinlockLockup,
  kCsdStall,
  kSleepInAtomic,
  kLockdep,
  kPanic,
  kOops,
  kSanitizer,
  kWarning,
  kInvariant,
  kBudget,
  kHang,
  kUnexpectedReboot,
  kVmCrash,
  kAgentLost,
};

// Words such as "soft_lockup". ParseKind returns false for unknown words.
std::string_view ToString(Kind kind);
bool ParseKind(std::string_view text, Kind& kind);

struct Frame {
  std::string function;
  uint32_t offset = 0;
  std::string module;    // empty for code in the kernel image
  std::string location;  // file:line, if known

  bool operator==(const Frame&) const = default;
};

// What another CPU was doing at the time of a report.
struct CpuStack {
  int32_t cpu = -1;
  std::string task;      // comm:pid
  std::string function;  // the function that identifies the stack (chosen as for Walk::kStall in signatures.h)
  std::vector<Frame> frames;

  static constexpr size_t kMaxFrames = 16;

  bool operator==(const CpuStack&) const = default;
};

struct Finding {
  static constexpr size_t kMaxOthers = 64;

  Kind kind = Kind::kWarning;
  std::string title;
  std::vector<std::string> alt_titles;
  bool corrupted = false;
  uint64_t start_offset = 0;  // offsets in the console log: [start, end)
  uint64_t end_offset = 0;
  std::string excerpt;   // at most 16 KiB; unprintable bytes are replaced
  std::string function;  // the function that was stuck or faulted; part of the title; empty if unknown
  std::vector<Frame> frames;
  std::vector<CpuStack> others;  // stacks of other CPUs in the report; at most kMaxOthers
  int32_t cpu = -1;
  std::string task;   // comm:pid
  bool open = false;  // the report is still being read; the complete finding, with its final title and stack, follows
  uint32_t seconds_stuck = 0;
  uint32_t count = 1;
  bool nmi = false;        // a panic caused by an NMI of unknown source, such as an injected one; evidence of a hang
  bool fatal = false;      // the kernel did not continue (panic)
  bool transient = false;  // the kernel has printed that the problem is over (a CSD lock that "got unstuck")
  bool saturated = false;  // the kernel suppresses further reports of this kind, so the count is a lower bound
  std::string taint;
  std::string kernel_release;

  // Filled in by the controller, not by the engine.
  absl::Time first_seen = absl::InfinitePast();
  absl::Time last_seen = absl::InfinitePast();
  std::vector<std::string> witnesses;  // console, agent, hypervisor
  std::string phase;
  std::string activity;
  bool tolerated = false;
  std::string distrust;  // the reason, if a finding that is not tolerated is still not held against the kernel
  bool counted = false;  // known only from a counter or the kernel's taint flags; nothing was printed

  bool operator==(const Finding&) const = default;
};

}  // namespace lk::detect
