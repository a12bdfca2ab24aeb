// SPDX-License-Identifier: Apache-2.0
// Text from guests and servers, made safe and measured for a terminal.
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

// A guest cannot drive the user's terminal with what this gives.
using lk::Escape;

// Columns the text takes on a terminal (wcwidth(3)); the text holds no control bytes.
size_t DisplayWidth(std::string_view text);

// Cut to a width, with "..." at the end where something was cut.
std::string Shorten(std::string_view text, size_t width);

enum class Color { kNone, kGreen, kRed, kYellow, kMagenta, kDim, kBold };
std::string Paint(std::string_view text, Color color, bool enabled);
// Verdicts, and states of campaigns, runs, mutants and hosts.
Color ColorOf(std::string_view word);

// "2025-06-01 14:05:09"; empty for an unset time.
std::string FormatTime(const google::protobuf::Timestamp& time, absl::TimeZone zone);

}  // namespace lk::cli
