// SPDX-License-Identifier: Apache-2.0
#include "server/detect/quoted_printable.h"

#include <string_view>

namespace lk::detect {
namespace {

int Digit(char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const size_t at = kDigits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

void Decode(std::string_view line, std::string& out) {
  for (size_t i = 0; i < line.size(); ++i) {
    const int high = line[i] == '=' && i + 2 < line.size() ? Digit(line[i + 1]) : -1;
    const int low = high < 0 ? -1 : Digit(line[i + 2]);
    if (low < 0) {
      out += line[i];
      continue;
    }
    // A line break that is encoded ends nothing, because the real one follows.
    if (const int byte = 16 * high + low; byte != '\n' && byte != '\r') out += static_cast<char>(byte);
    i += 2;
  }
}

}  // namespace

std::optional<Line> QuotedPrintable::Read(const Line& line) {
  // The sign itself is encoded.
  const bool goes_on = line.text.ends_with("=") && !line.text.ends_with("==");
  if (!active_) {
    active_ = (goes_on && line.text.size() >= kFrom && line.text.size() <= kTo) || line.text == kHeader;
    if (!active_) return line;
  }
  if (!begun_) {
    text_.clear();
    start_ = line.start;
  }
  end_ = line.end;
  begun_ = goes_on && text_.size() < kMaxLine;
  Decode(line.text.substr(0, line.text.size() - (goes_on ? 1 : 0)), text_);
  if (begun_) return std::nullopt;
  return Line{.start = start_, .end = end_, .text = text_};
}

std::optional<Line> QuotedPrintable::Flush() {
  if (!begun_) return std::nullopt;
  begun_ = false;
  return Line{.start = start_, .end = end_, .text = text_};
}

}  // namespace lk::detect
