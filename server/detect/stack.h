// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/detect/finding.h"

namespace lk::detect {

// One of the stacks in a report, innermost frame first. Contains only reliable frames; "? " guesses are left out,
// except right after <EOI>.
struct Stack {
  static constexpr size_t kUsualFrames = 16;
  static constexpr size_t kMaxFrames = 64;

  int32_t cpu = -1;
  int32_t pid = -1;
  std::string task;  // comm:pid
  // Printed only for context (the grace-period kthread); does not name the report.
  bool context = false;
  std::vector<Frame> frames;
};

// Collects the stacks from the lines of a report.
class StackReader {
 public:
  enum class Line {
    kOther,
    kStack,  // a frame, a marker, registers, or a line that introduces a stack
  };
  Line Read(std::string_view text);

  const std::vector<Stack>& stacks() const { return stacks_; }
  bool HasFrames() const;
  // Moves the frames out of one of the stacks, leaving out the `from` innermost ones.
  std::vector<Frame> Release(const Stack& stack, size_t from);
  // The first taint and kernel release in the report.
  const std::string& taint() const { return taint_; }
  const std::string& kernel_release() const { return kernel_release_; }

 private:
  static constexpr size_t kMaxStacks = 1 + Finding::kMaxOthers;

  bool ReadFrame(std::string_view text);
  bool ReadMarker(std::string_view text);
  bool ReadInstructionPointer(std::string_view text);
  bool ReadHead(std::string_view text);
  bool ReadCallTrace(std::string_view text);
  bool ReadTaint(std::string_view text);
  void ReadHeading(std::string_view text);

  Stack& Begin();
  void Add(Frame frame);

  std::vector<Stack> stacks_;
  bool in_trace_ = false;
  bool after_eoi_ = false;  // the next "? " frame is the one that was interrupted
  bool next_is_context_ = false;
  std::string taint_;
  std::string kernel_release_;
};

}  // namespace lk::detect
