// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lk::detect {

inline constexpr std::string_view kReplayNote = "** replaying previous printk message **";

// What the kernel printed on a line of the console, its prefixes taken off.
struct KernelLine {
  std::string_view text;
  // "T123" (task) or "C1" (CPU) where the kernel prints its caller (CONFIG_PRINTK_CALLER); else empty.
  std::string_view caller;
  // It had a level, a time stamp or a caller: a user program's text has not.
  bool marked = false;
  // A level or time stamp of its own; only then does a console show that its kernel prints time stamps.
  bool timed = false;
  // "** replaying previous printk message **": this line, or what is left of the one before, is a cut copy of the next.
  bool replay = false;
};

// Prefixes, any of, in order: dropped-messages note, text of user space up to the kernel's own (a login prompt),
// <level>, [time], [caller]. Formats: kernel/printk/printk.c (print_time, print_caller, console_prepend_dropped).
// `plain`: it is known that the line holds neither kReplayNote nor "Linux version ", so that nobody need look for them.
KernelLine ParseKernelLine(std::string_view line, bool plain = false);

// Whether there is a time stamp anywhere in the line: ParseKernelLine(line).timed, but quicker.
bool HasTimeStamp(std::string_view line);

}  // namespace lk::detect
