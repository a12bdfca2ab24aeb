// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
  int level = -1;  // with the facility, as printk's syslog format has it: 8 and more are not the kernel's; -1 if none
  int64_t micros = -1;  // the timestamp, in microseconds since boot; -1 if there is none
  // The line contains "** replaying previous printk message **": the text before this note, in this line or the
  // previous one, is a truncated copy of the next line.
  bool replay = false;
};

// Removes these prefixes, all optional: a note about dropped messages, user-space text (a login prompt), then <level>,
// [time], [caller], in the order of the kernel or of vendors. Formats: kernel/printk/printk.c (print_time,
// print_caller, console_prepend_dropped). `plain` means that the line is known to contain neither kReplayNote nor
// "Linux version ", so there is no need to search for them.
KernelLine ParseKernelLine(std::string_view line, bool plain = false);

// The same for text that is known to be the kernel's, in which prefixes can only be at the beginning.
KernelLine ParseKernelText(std::string_view text, bool plain = false);

// Where the next message begins, with its timestamp, if the kernel has printed it into the same line, because the one
// before it was not ended; npos if there is none. The line must have a timestamp.
size_t NextMessage(const KernelLine& line);

// Whether the line contains a timestamp: the same as ParseKernelLine(line).timed, but faster.
bool HasTimeStamp(std::string_view line);

}  // namespace lk::detect
