// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/detect/finding.h"
#include "server/detect/frame_line.h"
#include "server/detect/functions.h"

namespace lk::detect {

struct StackFrame : Frame {
  Roles roles;  // of the function
};

// A frame of which the kernel is not sure ("? "), and the number of reliable ones further in.
struct Guess {
  size_t at;
  StackFrame frame;
};

// One of the stacks in a report, innermost frame first. Contains only reliable frames; "? " guesses are left out,
// except right after <EOI>, and if the others say nothing: there are none in the trace, or only helpers (functions.h).
struct Stack {
  static constexpr size_t kUsualFrames = 16;
  static constexpr size_t kMaxFrames = 64;
  static constexpr size_t kOutermost = 16;  // kept of a deeper stack, beside the innermost

  int32_t cpu = -1;
  int32_t pid = -1;
  std::string task;  // comm:pid
  // Printed only for context (the grace-period kthread); does not name the report.
  bool context = false;
  // The same, of the CPU where that kthread has last run; names the report if nothing else does.
  bool of_kthreads_cpu = false;
  std::vector<StackFrame> frames;
  std::vector<Guess> guesses;  // until Settle; at most kUsualFrames, kMaxFrames if there is nothing else
  bool sure = false;           // a frame of the trace is reliable
};

// Collects the stacks from the lines of a report.
class StackReader {
 public:
  enum class Line {
    kOther,
    kStack,  // a frame, a marker, registers, or a line that introduces a stack
  };
  Line Read(std::string_view text);
  // No more lines follow: stacks whose reliable frames say nothing get what was guessed.
  void Settle();
  // The following lines are frames, though no "Call Trace:" precedes them.
  void BeginTrace();
  // Frames that no line introduces, as people quote them, count if the report has no stack otherwise.
  void CountStrays() { strays_count_ = true; }

  const std::vector<Stack>& stacks() const { return stacks_; }
  // Whether frames of a trace have been read, apart from instruction pointers.
  bool HasFrames() const { return traced_; }
  // Moves the frames out of one of the stacks, leaving out the `from` innermost ones.
  std::vector<Frame> Release(const Stack& stack, size_t from);
  // The first taint and kernel release in the report.
  const std::string& taint() const { return taint_; }
  const std::string& kernel_release() const { return kernel_release_; }
  // As in Finding.
  std::string architecture() const { return std::string(architecture_); }

 private:
  static constexpr size_t kMaxStacks = 1 + Finding::kMaxOthers;

  void ReadFrame(std::string_view text, const FrameLine& line);
  Line ReadRegisters(std::string_view text);
  bool ReadMarker(std::string_view text);
  bool ReadInstructionPointer(std::string_view text);
  bool ReadHead(std::string_view text);
  void ReadCpu(std::string_view text);
  bool ReadCallTrace(std::string_view text);
  bool ReadTaint(std::string_view text);
  void ReadHeading(std::string_view text);
  void BeginTraceAfterRegisters();

  Stack& Begin();
  void Add(const Symbol& symbol, Roles roles);

  std::vector<Stack> stacks_;
  std::vector<StackFrame> strays_;
  bool strays_count_ = false;
  bool in_trace_ = false;
  bool traced_ = false;
  bool after_registers_ = false;  // the instruction pointer is the only frame so far, and frames may follow it
  bool after_eoi_ = false;        // the next "? " frame is the one that was interrupted
  bool next_is_context_ = false;
  bool next_is_of_kthreads_cpu_ = false;
  int32_t next_cpu_ = -1;  // of the task that the next "Pid:" line names
  std::string taint_;
  std::string kernel_release_;
  std::string_view architecture_;
};

}  // namespace lk::detect
