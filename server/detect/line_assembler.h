// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace lk::detect {

// One line of a console stream, without its newline and without carriage returns.
struct Line {
  uint64_t start = 0;  // bytes of the stream: [start, end), the newline included
  uint64_t end = 0;
  std::string_view text;
};

// Cuts a byte stream into lines. The lines do not depend on how the bytes were split, and memory is bounded: of a line
// without end the last part is kept, because what the kernel prints after a program's unfinished line is at its end.
class LineAssembler {
 public:
  static constexpr size_t kMaxLine = 8192;
  // Twice what the kernel prints of one record at most (PRINTK_MESSAGE_MAX, kernel/printk/internal.h).
  static constexpr size_t kKeptTail = 4096;

  // The line's text lives until the callback returns.
  using OnLine = std::function<void(const Line&)>;

  void Feed(std::string_view bytes, const OnLine& on_line);
  // The same for bytes that have no newline but at their end.
  void FeedPart(std::string_view bytes, const OnLine& on_line);
  // Passes over bytes that end with a newline; the unfinished line, which they go on with, is dropped.
  void Skip(size_t bytes);
  // The stream has ended: an unfinished line counts as a line.
  void Finish(const OnLine& on_line);
  uint64_t offset() const { return offset_; }

 private:
  void Append(std::string_view bytes);

  std::string buffer_;
  uint64_t start_ = 0;  // of the line in the buffer
  uint64_t offset_ = 0;
};

}  // namespace lk::detect
