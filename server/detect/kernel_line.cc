// SPDX-License-Identifier: Apache-2.0
#include "server/detect/kernel_line.h"

#include <optional>

#include "server/detect/cursor.h"

namespace lk::detect {
namespace {

// "[    1.234567]"; returns the seconds as text.
std::optional<std::string_view> TakeTime(Cursor& at) {
  Cursor c = at;
  if (!c.Skip('[')) return std::nullopt;
  c.TakeWhile([](char x) { return x == ' '; });
  const std::string_view from = c.rest();
  if (c.TakeDigits().empty() || !c.Skip('.') || c.TakeDigits().size() != 6) return std::nullopt;
  const std::string_view time = from.substr(0, from.size() - c.rest().size());
  if (!c.Skip(']')) return std::nullopt;
  at = c;
  return time;
}

// "[  T123]", "[    C1]"; empty if there is none.
std::string_view TakeCaller(Cursor& at) {
  Cursor c = at;
  if (!c.Skip('[')) return {};
  c.TakeWhile([](char x) { return x == ' '; });
  const std::string_view from = c.rest();
  if (!c.Skip('T') && !c.Skip('C')) return {};
  const std::string_view digits = c.TakeDigits();
  if (digits.empty() || !c.Skip(']')) return {};
  at = c;
  return from.substr(0, 1 + digits.size());
}

// "<6>"
bool SkipLevel(Cursor& at) {
  Cursor c = at;
  if (!c.Skip('<')) return false;
  const size_t digits = c.TakeDigits().size();
  if (digits < 1 || digits > 3 || !c.Skip('>')) return false;
  at = c;
  return true;
}

// "** 34 printk messages dropped ** "
bool SkipDropped(Cursor& at) {
  Cursor c = at;
  if (!c.Skip("** ") || c.TakeDigits().empty() || !c.Skip(" printk messages dropped **")) return false;
  c.Skip(' ');
  at = c;
  return true;
}

// Skips everything up to and including the first timestamp, after which the kernel's text begins. The timestamp may be
// preceded by a program's unfinished line, a prompt or escape sequences from the firmware.
bool SkipToTime(Cursor& at) {
  const std::string_view line = at.rest();
  for (size_t bracket = line.starts_with('[') ? 0 : line.find('['); bracket != std::string_view::npos;
       bracket = line.find('[', bracket + 1)) {
    Cursor c(line.substr(bracket));
    if (!TakeTime(c)) continue;
    at = c;
    return true;
  }
  return false;
}

// A reset may leave the last line unfinished, so that the first line of the next kernel is appended to it. Skips
// everything up to and including the timestamp of the next kernel.
bool SkipToBoot(Cursor& at) {
  const std::string_view line = at.rest();
  if (line.find("] Linux version ") == std::string_view::npos) return false;
  for (size_t bracket = line.find('['); bracket != std::string_view::npos; bracket = line.find('[', bracket + 1)) {
    Cursor c(line.substr(bracket));
    if (TakeTime(c) != "0.000000") continue;
    Cursor behind = c;
    TakeCaller(behind);
    if (!behind.Skip(" Linux version ")) continue;
    at = c;
    return true;
  }
  return false;
}

}  // namespace

bool HasTimeStamp(std::string_view line) {
  Cursor cursor(line);
  return SkipToTime(cursor);
}

KernelLine ParseKernelLine(std::string_view line, bool plain) {
  KernelLine result;
  Cursor cursor(line);
  result.marked = SkipDropped(cursor);
  const std::string_view rest = cursor.rest();
  if (!plain) result.replay = rest.find(kReplayNote) != std::string_view::npos;

  if ((!plain && SkipToBoot(cursor)) || SkipToTime(cursor)) {
    result.timed = result.marked = true;
    result.caller = TakeCaller(cursor);
    cursor.Skip(' ');
  } else {
    constexpr std::string_view kLogin = "login: ";
    if (const size_t login = rest.rfind(kLogin); login != std::string_view::npos) {
      cursor = Cursor(rest.substr(login + kLogin.size()));
    }
    const bool level = SkipLevel(cursor);
    result.caller = TakeCaller(cursor);
    if (!result.caller.empty()) cursor.Skip(' ');
    result.marked = result.marked || level || !result.caller.empty();
  }
  result.text = cursor.rest();
  return result;
}

}  // namespace lk::detect
