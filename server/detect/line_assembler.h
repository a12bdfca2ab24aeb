// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lk::detect {

// One line of a console stream, without its newline and any carriage returns.
struct Line {
  uint64_t start = 0;  // offsets in the stream: [start, end), including the newline
  uint64_t end = 0;
  std::string_view text;
};

// Splits a byte stream into lines. The result does not depend on how the stream is divided into reads. Memory use is
// bounded: only the end of an overlong line is kept, because that is where the kernel's text is if it follows a
// program's unfinished line.
class LineAssembler {
 public:
  static constexpr size_t kMaxLine = 8192;
  // Twice the maximum length of a printed record (PRINTK_MESSAGE_MAX, kernel/printk/internal.h).
  static constexpr size_t kKeptTail = 4096;

  // Takes bytes that contain no newline, except possibly at the end, and carriage returns only if `carriage_returns` is
  // set. Returns the line that ends there; valid until the next call, and as long as the bytes are.
  std::optional<Line> Take(std::string_view bytes, bool carriage_returns) {
    // Most lines need no copy: the whole line is here, with carriage returns only at the end.
    if (start_ == offset_ && bytes.size() <= kMaxLine && bytes.ends_with('\n')) {
      std::string_view text = bytes.substr(0, bytes.size() - 1);
      while (text.ends_with('\r')) text.remove_suffix(1);
      if (!carriage_returns || text.find('\r') == std::string_view::npos) {
        offset_ += bytes.size();
        return Line{.start = std::exchange(start_, offset_), .end = offset_, .text = text};
      }
    }
    return TakeCopy(bytes);
  }
  // Skips bytes that end with a newline, and drops the unfinished line that they continue.
  void Skip(size_t bytes);
  // The stream has ended: an unfinished line is treated as complete.
  std::optional<Line> Finish();
  uint64_t offset() const { return offset_; }
  // Where the unfinished line starts, or the next one.
  uint64_t line_start() const { return start_; }

 private:
  std::optional<Line> TakeCopy(std::string_view bytes);
  void Append(std::string_view bytes);

  std::string buffer_;  // the unfinished line; of no meaning if start_ == offset_
  uint64_t start_ = 0;  // offset in the stream of the line in the buffer
  uint64_t offset_ = 0;
};

}  // namespace lk::detect
