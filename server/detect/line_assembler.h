// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
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

  // The line's text is valid until the callback returns.
  using OnLine = std::function<void(const Line&)>;

  void Feed(std::string_view bytes, const OnLine& on_line);
  // The same for bytes that contain no newline, except possibly at the end, and carriage returns only if
  // `carriage_returns` is set.
  void FeedPart(std::string_view bytes, bool carriage_returns, const OnLine& on_line);
  // The same if a whole line is in `bytes`, as for most lines: returns it. Otherwise returns nothing, and takes
  // nothing.
  std::optional<Line> TakeWhole(std::string_view bytes, bool carriage_returns) {
    if (start_ != offset_ || bytes.size() > kMaxLine || !bytes.ends_with('\n')) return std::nullopt;
    std::string_view text = bytes.substr(0, bytes.size() - 1);
    while (text.ends_with('\r')) text.remove_suffix(1);
    if (carriage_returns && text.find('\r') != std::string_view::npos) return std::nullopt;
    offset_ += bytes.size();
    return Line{.start = std::exchange(start_, offset_), .end = offset_, .text = text};
  }
  // Skips bytes that end with a newline, and drops the unfinished line that they continue.
  void Skip(size_t bytes);
  // The stream has ended: an unfinished line is treated as complete.
  void Finish(const OnLine& on_line);
  uint64_t offset() const { return offset_; }
  // Where the unfinished line starts, or the next one.
  uint64_t line_start() const { return start_; }

 private:
  void Append(std::string_view bytes);

  std::string buffer_;
  uint64_t start_ = 0;  // offset in the stream of the line in the buffer
  uint64_t offset_ = 0;
};

}  // namespace lk::detect
