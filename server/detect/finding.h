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

// "soft_lockup" ...; Parse returns false for a word that is none of them.
std::string_view ToString(Kind kind);
bool ParseKind(std::string_view text, Kind& kind);

struct Frame {
  std::string function;
  uint32_t offset = 0;
  std::string module;    // empty: the kernel image
  std::string location;  // file:line, if known

  bool operator==(const Frame&) const = default;
};

// What another CPU did at the time of a report.
struct CpuStack {
  int32_t cpu = -1;
  std::string task;      // comm:pid
  std::string function;  // names it: the frame before the anchor, since the top of its stack is random
  std::vector<Frame> frames;

  static constexpr size_t kMostFrames = 16;

  bool operator==(const CpuStack&) const = default;
};

struct Finding {
  static constexpr size_t kMostOthers = 64;

  Kind kind = Kind::kWarning;
  std::string title;
  std::vector<std::string> alt_titles;
  bool corrupted = false;
  uint64_t start_offset = 0;  // into the console record; [start, end)
  uint64_t end_offset = 0;
  std::string excerpt;   // at most 16 KiB; control bytes replaced
  std::string function;  // that was stuck or faulted; part of the title. Empty: none could be named
  std::vector<Frame> frames;
  std::vector<CpuStack> others;  // the other CPUs that the report shows; at most kMostOthers
  int32_t cpu = -1;
  std::string task;   // comm:pid
  bool open = false;  // the report is still being read: title and stack may change; it follows again, whole
  uint32_t seconds_stuck = 0;
  uint32_t count = 1;
  bool nmi = false;        // the panic of an NMI that nobody claims: what an injected one gives, the evidence of a hang
  bool fatal = false;      // the kernel does not go on after it (panic)
  bool transient = false;  // the kernel says that it is over (a CSD lock that "got unstuck")
  bool saturated = false;  // the kernel says that it will print no more of this kind: the count is a lower bound
  std::string taint;
  std::string kernel_release;

  // Filled in by the controller, not by the engine.
  absl::Time first_seen = absl::InfinitePast();
  absl::Time last_seen = absl::InfinitePast();
  std::vector<std::string> witnesses;  // console, agent, hypervisor
  std::string phase;
  std::string activity;
  bool tolerated = false;
  std::string distrust;  // why it is not held against the kernel, though not tolerated; empty: it is
  bool counted = false;  // only a counter or the taint of the kernel tells of it: nothing was printed

  bool operator==(const Finding&) const = default;
};

}  // namespace lk::detect
