// SPDX-License-Identifier: Apache-2.0
// What the kernel prints when something is wrong: one table.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/detect/finding.h"

namespace lk::detect {

// Which frame of the stack names a report.
enum class Walk {
  kNone,     // the text says enough
  kFault,    // the first that is not a reporting helper
  kStall,    // the frame before the anchor: the top of the stack is random
  kBlocked,  // the first that is not scheduler, lock or wait
};

// Patterns are RE2, matched at the start of a kernel line's text. Groups by name: cpu, secs, task, pid (of the report),
// text (for the title), func (names the report, instead of a frame).
struct Signature {
  Kind kind;
  std::string_view literal;  // searched for first; a pattern is tried only where its literal was found
  std::string_view pattern;
  std::string_view unless;  // must not match, anywhere in the text; empty: nothing
  Walk walk;
  std::string_view title;      // {f}: the function; {text}: the group, numbers normalised; {access}: " Read", " Write"
  std::string_view alt_title;  // the cause, with {f}, under which other kinds may report it too; empty: none
  bool fatal = false;          // a panic: ends whatever report is being read, and belongs to it
  // While a report of this kind has no stack yet, this header is one of its lines.
  std::optional<Kind> joins = std::nullopt;
  // The panic of an NMI that nobody claims. It comes from outside, and belongs to no report that is being read.
  bool nmi = false;
};

// In order: the special ones stand before the general ones.
std::span<const Signature> Signatures();

// A set of rows of the table, by place.
inline constexpr size_t kMaxRows = 128;
using Rows = std::bitset<kMaxRows>;

struct Match {
  const Signature* signature = nullptr;
  int32_t cpu = -1;
  int32_t pid = -1;
  uint32_t seconds = 0;
  std::string task;  // comm
  std::string text;
  std::string function;
};

// The first row that matches a kernel line's text, of those whose literal may be in it.
std::optional<Match> MatchSignature(std::string_view text, const Rows& candidates = Rows().set());

}  // namespace lk::detect
