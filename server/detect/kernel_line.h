// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lk::detect {

inline constexpr std::string_view kReplayNote = "** replaying previous printk message **";

// The kernel's text in a console line, without prefixes.
struct KernelLine {
  std::string_view text;
  // "T123" (task) or "C1" (CPU) if the kernel prints the caller (CONFIG_PRINTK_CALLER); otherwise empty.
  std::string_view caller;
  // The line had a prefix that only the kernel prints, unlike text from a user-space program.
  bool marked = false;
  // The line had a timestamp, so the kernel prints timestamps on this console.
  bool timed = false;
  // The line contains "** replaying previous printk message **": the text before this note, in this line or the
  // previous one, is a truncated copy of the next line.
  bool replay = false;
};

// Removes these prefixes, all optional, in this order: a note about dropped messages, user-space text (a login prompt),
// <level>, [time], [caller]. Formats: kernel/printk/printk.c (print_time, print_caller, console_prepend_dropped).
// `plain` means that the line is known to contain neither kReplayNote nor "Linux version ", so there is no need to
// search for them.
KernelLine ParseKernelLine(std::string_view line, bool plain = false);

// Whether the line contains a timestamp: the same as ParseKernelLine(line).timed, but faster.
bool HasTimeStamp(std::string_view line);

}  // namespace lk::detect
