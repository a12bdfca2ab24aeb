// SPDX-License-Identifier: Apache-2.0
#include "server/detect/kernel_line.h"

#include <algorithm>
#include <cstddef>

#include "server/detect/cursor.h"

namespace lk::detect {
namespace {

// "[    1.234567]"; returns the time in microseconds, -1 if there is none. Called for most lines.
int64_t TakeTime(Cursor& at) {
  const char* c = at.rest().data();
  const char* const end = c + at.rest().size();
  constexpr std::ptrdiff_t kSmallest = std::string_view("[0.000000]").size();
  if (end - c < kSmallest || *c != '[') return -1;
  ++c;
  while (c != end && *c == ' ') ++c;
  constexpr int kMaxDigits = 12;
  int64_t seconds = 0;
  int digits = 0;
  for (; c != end && Cursor::IsDigit(*c) && digits <= kMaxDigits; ++c, ++digits) seconds = seconds * 10 + (*c - '0');
  constexpr std::ptrdiff_t kRest = std::string_view(".000000]").size();
  if (digits == 0 || digits > kMaxDigits || end - c < kRest || *c != '.' || c[kRest - 1] != ']') return -1;
  bool digits_only = true;
  int64_t micros = 0;
  for (int i = 1; i <= 6; ++i) {
    digits_only = digits_only && Cursor::IsDigit(c[i]);
    micros = micros * 10 + (c[i] - '0');
  }
  if (!digits_only) return -1;
  at = Cursor({c + kRest, static_cast<size_t>(end - c - kRest)});
  return seconds * 1'000'000 + micros;
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

// "[3:      swapper/0:    1] ", CPU, comm and PID, as vendors' kernels for phones print it; an "I" may come first.
std::string_view TakeVendorCaller(Cursor& at) {
  Cursor c = at;
  c.SkipBlanks();
  if (!c.Skip('[')) return {};
  const std::string_view from = c.rest();
  if (c.TakeDigits().empty() || !c.Skip(':')) return {};
  std::string_view comm;
  std::string_view pid;
  if (!c.TakeUntil(":", comm) || comm.size() > 16 || !c.TakeUntil("] ", pid) || pid.size() > 8) return {};
  Cursor digits(pid);
  digits.SkipBlanks();
  if (digits.TakeDigits().empty() || !digits.empty()) return {};
  at = c;
  return from.substr(0, from.size() - c.rest().size() - 2);
}

// "(1)[123:kworker/1:2]", CPU, PID and comm, on other phones; a level and a dot may come first.
std::string_view TakeOtherVendorCaller(Cursor& at) {
  Cursor c = at;
  c.SkipBlanks();
  c.Skip('.');
  const std::string_view from = c.rest();
  if (!c.Skip('(') || c.TakeDigits().empty() || !c.Skip(")[") || c.TakeDigits().empty() || !c.Skip(':')) return {};
  std::string_view comm;
  if (!c.TakeUntil("]", comm) || comm.size() > 16) return {};
  at = c;
  return from.substr(0, from.size() - c.rest().size());
}

// "<6>"; returns -1 if there is none.
int TakeLevel(Cursor& at) {
  Cursor c = at;
  int level = 0;
  if (!c.Skip('<')) return -1;
  const std::string_view digits = c.TakeDigits();
  if (digits.empty() || digits.size() > 3 || !c.Skip('>')) return -1;
  Cursor(digits).Take(level);
  at = c;
  return level;
}

// "** 34 printk messages dropped ** "
bool SkipDropped(Cursor& at) {
  Cursor c = at;
  if (!c.Skip("** ") || c.TakeDigits().empty() || !c.Skip(" printk messages dropped **")) return false;
  c.Skip(' ');
  at = c;
  return true;
}

// Whether a line of the kernel that follows this text, or its level, is in a string, as in source code.
bool IsQuoted(std::string_view before) {
  if (before.ends_with('>')) before = before.substr(0, std::min(before.size(), before.rfind('<')));
  return before.ends_with('"');
}

// Skips everything up to and including the first timestamp, after which the kernel's text begins. The timestamp may be
// preceded by a program's unfinished line, a prompt or escape sequences from the firmware.
bool SkipToTime(Cursor& at, int64_t& micros) {
  if ((micros = TakeTime(at)) >= 0) return true;
  const std::string_view line = at.rest();
  for (size_t bracket = line.find('['); bracket != std::string_view::npos; bracket = line.find('[', bracket + 1)) {
    Cursor c(line.substr(bracket));
    if ((micros = TakeTime(c)) < 0 || IsQuoted(line.substr(0, bracket))) continue;
    at = c;
    return true;
  }
  return false;
}

// A reset may leave the last line unfinished, so that the first line of the next kernel is appended to it. Skips
// everything up to and including the timestamp of the next kernel.
bool SkipToBoot(Cursor& at, int64_t& micros) {
  const std::string_view line = at.rest();
  if (line.find("] Linux version ") == std::string_view::npos) return false;
  for (size_t bracket = line.find('['); bracket != std::string_view::npos; bracket = line.find('[', bracket + 1)) {
    Cursor c(line.substr(bracket));
    if ((micros = TakeTime(c)) != 0) continue;
    Cursor behind = c;
    TakeCaller(behind);
    if (!behind.Skip(" Linux version ")) continue;
    at = c;
    return true;
  }
  return false;
}

// What follows the timestamp: a blank, and one or more of the other prefixes.
void TakeAfterTime(Cursor& at, KernelLine& line) {
  if (at.peek() == '[') line.caller = TakeCaller(at);
  at.Skip(' ');
  // Other text than the prefixes of vendors is by far the most likely.
  Cursor text = at;
  text.SkipBlanks();
  const char c = text.peek();
  if (c != '[' && c != '<' && c != '(' && c != '.') return;
  if (line.caller.empty() && !(line.caller = TakeCaller(at)).empty()) at.Skip(' ');
  if (line.caller.empty()) line.caller = TakeVendorCaller(at);
  if (const int level = TakeLevel(at); level >= 0) line.level = level;
  if (line.caller.empty()) line.caller = TakeOtherVendorCaller(at);
}

}  // namespace

bool HasTimeStamp(std::string_view line) {
  Cursor cursor(line);
  int64_t micros = 0;
  return SkipToTime(cursor, micros);
}

KernelLine ParseKernelLine(std::string_view line, bool plain) {
  KernelLine result;
  Cursor cursor(line);
  // Most lines begin with the time.
  if (plain && (result.micros = TakeTime(cursor)) >= 0) {
    result.timed = result.marked = true;
    TakeAfterTime(cursor, result);
    result.text = cursor.rest();
    return result;
  }
  result.marked = SkipDropped(cursor);
  const std::string_view rest = cursor.rest();
  if (!plain) result.replay = rest.find(kReplayNote) != std::string_view::npos;

  int64_t micros = -1;
  if ((!plain && SkipToBoot(cursor, micros)) || SkipToTime(cursor, micros)) {
    result.micros = micros;
    result.timed = result.marked = true;
    Cursor before(rest);
    if (before.peek() == '<') result.level = TakeLevel(before);
    TakeAfterTime(cursor, result);
    if (result.caller.empty()) result.caller = TakeCaller(before);
  } else {
    constexpr std::string_view kLogin = "login: ";
    if (const size_t login = rest.rfind(kLogin); login != std::string_view::npos) {
      cursor = Cursor(rest.substr(login + kLogin.size()));
    }
    result.level = TakeLevel(cursor);
    result.caller = TakeCaller(cursor);
    if (!result.caller.empty()) cursor.Skip(' ');
    result.marked = result.marked || result.level >= 0 || !result.caller.empty();
  }
  result.text = cursor.rest();
  return result;
}

KernelLine ParseKernelText(std::string_view text, bool plain) {
  KernelLine result;
  result.marked = result.timed = true;
  if (!plain) result.replay = text.find(kReplayNote) != std::string_view::npos;
  Cursor cursor(text);
  result.level = TakeLevel(cursor);
  if (const int64_t micros = TakeTime(cursor); micros >= 0) {
    result.micros = micros;
    TakeAfterTime(cursor, result);
  } else if (result.caller = TakeCaller(cursor); !result.caller.empty()) {
    cursor.Skip(' ');
  }
  result.text = cursor.rest();
  return result;
}

size_t NextMessage(const KernelLine& line) {
  // A line that mentions a time has another one.
  constexpr int64_t kSoon = 60'000'000;  // microseconds
  for (size_t at = line.text.find('['); at != std::string_view::npos; at = line.text.find('[', at + 1)) {
    Cursor c(line.text.substr(at));
    const int64_t time = TakeTime(c);
    const int64_t later = time - line.micros;
    if (time >= 0 && later >= 0 && later < kSoon) return at;
  }
  return std::string_view::npos;
}

}  // namespace lk::detect
