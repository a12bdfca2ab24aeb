// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
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
  kCommandTimeout,
};
inline constexpr Kind kLastKind = Kind::kCommandTimeout;

// Words such as "soft_lockup". ParseKind returns false for unknown words.
std::string_view ToString(Kind kind);
bool ParseKind(std::string_view text, Kind& kind);

// Whether findings of this kind come from the kernel's stall detectors, which may see the same hang at different times,
// or from a driver that waits for its hardware.
bool IsStall(Kind kind);

struct Frame {
  std::string function;
  uint32_t offset = 0;
  std::string module;    // empty for code in the kernel image
  std::string location;  // file:line, if known

  bool operator==(const Frame&) const = default;
};

// What another CPU, or another task in the report of a hung one, was doing.
struct CpuStack {
  int32_t cpu = -1;
  std::string task;      // comm:pid
  std::string function;  // the function that identifies the stack (chosen as for Walk::kStall in signatures.h)
  std::vector<Frame> frames;

  static constexpr size_t kMaxFrames = 16;

  bool operator==(const CpuStack&) const = default;
};

// A CPU or task that takes part in a hang, as far as the kernel names it.
struct Party {
  int32_t cpu = -1;
  std::string task;      // comm:pid
  std::string function;  // that identifies its stack; empty if there is none in the report

  bool operator==(const Party&) const = default;
};

struct Finding {
  // A report has at most this many, and no more are shown. Folded findings keep more, to fold with others.
  static constexpr size_t kMaxAltTitles = 3;
  static constexpr size_t kMaxOthers = 64;
  static constexpr size_t kMaxModules = 256;

  Kind kind = Kind::kWarning;
  std::string title;
  std::vector<std::string> alt_titles;
  bool corrupted = false;
  uint64_t start_offset = 0;  // offsets in the console log: [start, end)
  uint64_t end_offset = 0;
  std::string excerpt;   // at most 16 KiB; unprintable bytes are replaced
  std::string function;  // the function that was stuck or faulted; part of the title; empty if unknown
  std::vector<Frame> frames;
  std::vector<CpuStack> others;  // stacks of other CPUs, or tasks, in the report; at most kMaxOthers
  int32_t cpu = -1;
  std::string task;   // comm:pid
  bool open = false;  // the report is still being read; the complete finding, with its final title and stack, follows
  uint32_t seconds_stuck = 0;
  uint32_t count = 1;
  bool nmi = false;        // a panic caused by an NMI of unknown source, such as an injected one; evidence of a hang
  bool fatal = false;      // the kernel did not continue (panic)
  bool transient = false;  // the kernel has printed that the stall is over (a CSD lock that "got unstuck")
  bool saturated = false;  // the kernel suppresses further reports of this kind, so the count is a lower bound
  // Set where the kernel names what a stuck CPU or task waits for: who waits, and the owner that it waits for.
  std::optional<Party> victim;
  std::optional<Party> culprit;
  std::string taint;
  std::string kernel_release;
  std::string architecture;          // as in `uname -m`: "x86_64", "aarch64", ...; empty if the report does not show it
  std::vector<std::string> modules;  // "Modules linked in:", without flags; at most kMaxModules

  // Filled in by the controller, not by the engine.
  absl::Time first_seen = absl::InfinitePast();
  absl::Time last_seen = absl::InfinitePast();
  std::vector<std::string> witnesses;  // console, agent, hypervisor
  std::string phase;
  std::string activity;
  bool tolerated = false;
  std::string distrust;  // the reason, if a finding that is not tolerated is still not held against the kernel
  std::string known;     // the reason, if a list of known problems has the title
  bool counted = false;  // known only from a counter or the kernel's taint flags; nothing was printed

  bool operator==(const Finding&) const = default;
};

}  // namespace lk::detect
