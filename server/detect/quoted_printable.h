// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "server/detect/line_assembler.h"

namespace lk::detect {

// Decodes mail as it is transferred: "=3D" for a byte, and lines that end with "=" and go on in the next one (RFC 2045,
// 6.7). Mail is recognised by its header, or by such a line of the usual size.
class QuotedPrintable {
 public:
  // Whether there is nothing to decode in the line, which is known without reading it.
  bool Passes(const Line& line) const {
    return !active_ && !line.text.ends_with('=') && line.text.size() != kHeader.size();
  }
  // The line, decoded if it is in mail; valid until the next call. Nothing if it goes on.
  std::optional<Line> Read(const Line& line);
  // The line that has begun, if no more will follow.
  std::optional<Line> Flush();
  bool active() const { return active_; }

 private:
  static constexpr std::string_view kHeader = "Content-Transfer-Encoding: quoted-printable";
  static constexpr size_t kFrom = 70;  // of a line that goes on; it has 76 bytes at most
  static constexpr size_t kTo = 76;
  static constexpr size_t kMaxLine = 8 << 10;

  bool active_ = false;
  bool begun_ = false;
  uint64_t start_ = 0;
  uint64_t end_ = 0;
  std::string text_;
};

}  // namespace lk::detect
