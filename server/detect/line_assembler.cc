// SPDX-License-Identifier: Apache-2.0
#include "server/detect/line_assembler.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace lk::detect {

std::optional<Line> LineAssembler::TakeCopy(std::string_view bytes) {
  const bool ends = bytes.ends_with('\n');
  Append(bytes.substr(0, bytes.size() - (ends ? 1 : 0)));
  if (!ends) return std::nullopt;
  ++offset_;
  return Finish();
}

void LineAssembler::Skip(size_t bytes) {
  offset_ += bytes;
  start_ = offset_;
}

std::optional<Line> LineAssembler::Finish() {
  if (start_ == offset_) return std::nullopt;
  return Line{.start = std::exchange(start_, offset_), .end = offset_, .text = buffer_};
}

void LineAssembler::Append(std::string_view bytes) {
  if (start_ == offset_) buffer_.clear();
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
