// SPDX-License-Identifier: Apache-2.0
#include "server/detect/boots.h"

namespace lk::detect {
namespace {

bool IsCommandLine(std::string_view text) {
  return text.starts_with("Command line: ") || text.starts_with("Kernel command line: ");
}

}  // namespace

bool Boots::Begin(const KernelLine& line) {
  next_ = {};
  if (!begun_) {
    begun_ = true;
    reading_first_ = line.timed;
    return true;
  }
  lines_ = 1;
  command_line_ = false;
  timed_ = line.timed;
  later_lines_ = 0;
  return false;
}

Boots::Result Boots::Next(const KernelLine& line) {
  if (!next_ && line.micros > 0) next_ = {line.micros, std::string(line.text)};
  if (!pending()) {
    if (next_) {
      first_ = next_;
      reading_first_ = false;
    } else if (++first_lines_ > kMaxLines) {
      reading_first_ = false;
    }
    return Result::kPending;
  }
  ++lines_;
  if (IsCommandLine(line.text)) {
    if (line.text.find("elfcorehdr=") != std::string_view::npos) return Decide(Result::kKdump);
    command_line_ = true;
  }
  // Without the times of the first boot there is nothing to compare with.
  if (command_line_ && (!first_ || !timed_)) return Decide(Result::kBoot);
  if (first_ && line.micros == first_->micros && line.text == first_->text) return Decide(Result::kCopy);
  if (line.micros > kFirstTimeWithin) return Decide(Result::kCopy);
  if (line.micros > (first_ ? first_->micros : 0)) {
    if (command_line_) return Decide(Result::kBoot);
    ++later_lines_;
  }
  if (later_lines_ > kCommandLineWithin || lines_ > (timed_ ? kMaxLines : kCommandLineWithin)) return End();
  return Result::kPending;
}

Boots::Result Boots::End() {
  return Decide(command_line_ ? Result::kBoot : Result::kCopy);
}

Boots::Result Boots::Decide(Result result) {
  lines_ = 0;
  // The crash kernel may print the messages of the kernel before it.
  if (result == Result::kBoot && next_) first_ = next_;
  return result;
}

}  // namespace lk::detect
