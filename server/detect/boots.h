// SPDX-License-Identifier: Apache-2.0
// Tells a kernel that boots again from other text that has the first line of a boot in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/detect/kernel_line.h"

namespace lk::detect {

// init/main.c prints "Linux version" once per boot, but so do dmesg and /proc/version, and the crash kernel after a
// panic. What follows tells them apart: a boot prints its command line, the crash kernel's has elfcorehdr=, a printed
// dmesg repeats the lines of the first boot with their times, and after a part of one the times go on where they were.
class Boots {
 public:
  enum class Result {
    kPending,
    kBoot,   // another boot
    kKdump,  // the crash kernel boots
    kCopy,   // text that was printed before
  };

  // The first line of a boot. Returns whether it is the first in the log, which needs no more lines.
  bool Begin(const KernelLine& line);
  // Whether lines are needed to tell what the last Begin was.
  bool pending() const { return lines_ > 0; }
  bool must_read() const { return pending() || reading_first_; }
  // A later line of the kernel.
  Result Next(const KernelLine& line);
  // No more lines are expected.
  Result End();

 private:
  // A boot prints its command line within this many lines after the first, or after the time of first_ is passed, and
  // times other than 0 within that many.
  static constexpr int kCommandLineWithin = 12;
  static constexpr int kMaxLines = 600;
  // The first time of a boot that is not 0 is at most this, in microseconds.
  static constexpr int64_t kFirstTimeWithin = 10'000'000;

  // The first line of a boot with a time other than 0.
  struct Timed {
    int64_t micros;
    std::string text;
  };
  Result Decide(Result result);

  bool begun_ = false;
  bool reading_first_ = false;  // until first_ is known
  int first_lines_ = 0;
  std::optional<Timed> first_;  // of the last boot, apart from crash kernels
  std::optional<Timed> next_;   // since the last Begin
  int lines_ = 0;               // since Begin, while pending
  int later_lines_ = 0;         // of these, with a time after that of first_
  bool command_line_ = false;
  bool timed_ = false;
};

}  // namespace lk::detect
