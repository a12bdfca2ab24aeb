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
#include "server/detect/names.h"
#include "server/detect/readers.h"

namespace lk::detect {

// A set of kinds.
using Kinds = uint32_t;
constexpr Kinds Bit(Kind kind) {
  return Kinds{1} << static_cast<int>(kind);
}

// Which frame of the stack names a report: the function of that frame becomes part of the title.
enum class Walk {
  kNone,      // no frame, since the text is enough
  kFault,     // the first frame that is not a helper (functions.h)
  kStall,     // the frame that the innermost dispatcher (functions.h) has called, since the top of the stack is random
  kSpin,      // the first frame that is not a helper, of a CPU whose interrupts are off: it is in the loop itself
  kOverflow,  // the frame that the outermost dispatcher has called, of a stack that is too deep
  kBlocked,   // the first frame that is not in the scheduler, a lock or a wait
  kLock,      // no frame, but the function that wants the lock, or has taken it, which lockdep names
};

// Whether the report is about a stuck CPU.
constexpr bool IsOfACpu(Walk walk) {
  return walk == Walk::kStall || walk == Walk::kSpin;
}

// Patterns are RE2 regular expressions, anchored at the start of the kernel's text. Named groups: cpu, secs, task, pid
// (of the report), text (for the title), func (names the report instead of a frame).
struct Signature {
  Kind kind = Kind::kWarning;
  std::string_view literal;  // searched for first; a pattern is tried only where its literal was found
  std::string_view pattern;
  std::string_view unless = "";  // pattern that must not match anywhere in the text; empty if not needed
  Walk walk = Walk::kNone;
  std::string_view title;       // {f}: the function; {text}: the group, normalised; {access}: " Read", " Write"
  std::string_view cause = "";  // alternate title for the cause, with {f}; may be the same for several kinds
  std::string_view also = "";   // alternate title by which others know the same report, with {f}
  bool fatal = false;           // a panic, which belongs to the report that is being read
  // This header is part of an open report of one of these kinds, as long as that report has no stack yet.
  Kinds joins = 0;
  // A panic caused by an NMI of unknown source. Because the NMI comes from outside, the panic does not belong to the
  // report that is being read.
  bool nmi = false;
  // The stack follows the header without a "Call Trace:".
  bool stack_follows = false;
  // Beginnings of further lines that belong to the report, as patterns (names.h) separated by '|'; in addition to those
  // of all reports and of the kind.
  std::string_view body = "";
  // Reads the lines of the report; null for that of the kind.
  Reader read = nullptr;
};

// In matching order: specific signatures precede general ones.
std::span<const Signature> Signatures();

// The beginnings of lines that belong to such a report, apart from its stacks.
const Names& BodyOf(const Signature& signature);
// The reader of such a report; null if there is nothing to read.
Reader ReaderOf(const Signature& signature);

// What all reports of a kind have in common.
struct Family {
  Kind kind;
  std::string_view body;
  Reader read = nullptr;
};
// Lines that any report can contain.
std::string_view CommonBody();
const Family& FamilyOf(Kind kind);

// A set of table rows, by index.
inline constexpr size_t kMaxRows = 192;
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
