// SPDX-License-Identifier: Apache-2.0
// Escapes and measures text from guests and servers for a terminal.
#pragma once

#include <absl/time/time.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "support/text.h"

namespace google::protobuf {
class Timestamp;
}

namespace lk::cli {

// Makes text safe: a guest must not be able to control the user's terminal.
using lk::Escape;

// The number of terminal columns that the text takes (wcwidth(3)). The text must not contain control characters.
size_t DisplayWidth(std::string_view text);

// Truncates the text to a width; the result ends in "..." if anything was cut off.
std::string Shorten(std::string_view text, size_t width);

enum class Color { kNone, kGreen, kRed, kYellow, kMagenta, kDim, kBold };
std::string Paint(std::string_view text, Color color, bool enabled);
// The colour of a verdict, or of the state of a campaign, run, mutant or host.
Color ColorOf(std::string_view word);

// "2025-06-01 14:05:09"; empty for an unset time.
std::string FormatTime(const google::protobuf::Timestamp& time, absl::TimeZone zone);

}  // namespace lk::cli
