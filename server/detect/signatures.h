// SPDX-License-Identifier: Apache-2.0
// The table of signatures by which kernel reports are recognised.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/detect/finding.h"

namespace lk::detect {

// Which frame of the stack names a report: the function of that frame becomes part of the title.
enum class Walk {
  kNone,     // no frame, since the text is enough
  kFault,    // the first frame that is not a helper (see walk.cc)
  kStall,    // the frame called by the anchor (an entry point, see walk.cc), since the top of the stack is random
  kBlocked,  // the first frame that is not in the scheduler, a lock or a wait
};

// Patterns are RE2 regular expressions, anchored at the start of the kernel's text. Named groups: cpu, secs, task, pid
// (of the report), text (for the title), func (names the report instead of a frame).
struct Signature {
  Kind kind;
  std::string_view literal;  // searched for first; the pattern is tried only on lines that contain it
  std::string_view pattern;
  std::string_view unless;  // pattern that must not match anywhere in the text; empty if not needed
  Walk walk;
  std::string_view title;      // {f}: the function; {text}: the group, normalised; {access}: " Read", " Write"
  std::string_view alt_title;  // names the cause, with {f}; may be the same for several kinds; empty if none
  bool fatal = false;          // a panic, which belongs to the report that is being read
  // This header is part of an open report of this kind, as long as that report has no stack yet.
  std::optional<Kind> joins = std::nullopt;
  // A panic caused by an NMI of unknown source. Because the NMI comes from outside, the panic does not belong to the
  // report that is being read.
  bool nmi = false;
};

// In matching order: specific signatures precede general ones.
std::span<const Signature> Signatures();

// A set of table rows, by index.
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

// Returns the first row that matches the kernel's text. `candidates` are the rows whose literal may occur in it.
std::optional<Match> MatchSignature(std::string_view text, const Rows& candidates = Rows().set());

}  // namespace lk::detect
