// SPDX-License-Identifier: Apache-2.0
#include "server/detect/line_assembler.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace lk::detect {

void LineAssembler::Feed(std::string_view bytes, const OnLine& on_line) {
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const std::string_view part = bytes.substr(0, newline == std::string_view::npos ? newline : newline + 1);
    FeedPart(part, true, on_line);
    bytes.remove_prefix(part.size());
  }
}

void LineAssembler::FeedPart(std::string_view bytes, bool carriage_returns, const OnLine& on_line) {
  if (const std::optional<Line> line = TakeWhole(bytes, carriage_returns)) return on_line(*line);
  if (!bytes.ends_with('\n')) return Append(bytes);
  Append(bytes.substr(0, bytes.size() - 1));
  ++offset_;
  on_line({.start = start_, .end = offset_, .text = buffer_});
  buffer_.clear();
  start_ = offset_;
}

void LineAssembler::Skip(size_t bytes) {
  buffer_.clear();
  offset_ += bytes;
  start_ = offset_;
}

void LineAssembler::Finish(const OnLine& on_line) {
  if (start_ == offset_) return;
  on_line({.start = start_, .end = offset_, .text = buffer_});
  buffer_.clear();
  start_ = offset_;
}

void LineAssembler::Append(std::string_view bytes) {
  // Truncate exactly when the buffer is full, so that the result does not depend on the sizes of reads.
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kMaxLine - buffer_.size());
    const size_t size = buffer_.size();
    buffer_ += part;
    if (const size_t carriage_return = buffer_.find('\r', size); carriage_return != std::string::npos) {
      const auto from = buffer_.begin() + static_cast<std::ptrdiff_t>(carriage_return);
      buffer_.erase(std::remove(from, buffer_.end(), '\r'), buffer_.end());
    }
    offset_ += part.size();
    bytes.remove_prefix(part.size());
    if (buffer_.size() == kMaxLine) {
      buffer_.erase(0, kMaxLine - kKeptTail);
      start_ = offset_ - kKeptTail;
    }
  }
}

}  // namespace lk::detect
