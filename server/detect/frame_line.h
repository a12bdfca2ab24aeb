// SPDX-License-Identifier: Apache-2.0
// What a line of a report says by itself, whatever the lines before it: whether it is a frame of a stack, and which.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "server/detect/cursor.h"
#include "server/detect/functions.h"

namespace lk::detect {

struct Symbol {
  std::string_view function;
  uint32_t offset = 0;
  uint32_t size = 0;
  std::string_view module;
  std::string_view location;
};

// "func+0x1/0x2 [module]", as %pS and %pB print it; a build ID may follow the module's name, and a location the symbol.
// Without an offset if a location follows.
std::optional<Symbol> TakeSymbol(Cursor& at);
// "[<ffffffff81000000>] ", "[c000000000123456] " on powerpc.
bool SkipAddress(Cursor& at);
// "<IRQ>", "</TASK>", "<#DF>"; returns the text between the brackets.
std::string_view TakeMarker(Cursor& at);

struct FrameLine {
  enum class Form : uint8_t {
    kNone,       // not a frame
    kRegisters,  // not a frame, but registers; StackReader notes this and the next, for the next such line
    kOther,      // not of a stack at all
    kSymbol,     // "func+0x1/0x2", perhaps with what the kernel thinks of it
    kBraces,     // "<ffffffff81000000>{func+12}", on x86-64 before 2.6.20
    kCallee,     // "func from caller+0x1/0x2", on arm; the frame is that of the callee
    kInlined,    // a function that is inlined into the next frame, as symbolizers add it
  };

  Form form = Form::kNone;
  bool guess = false;        // the kernel is not sure: "? "
  bool unreliable = false;   // the same, after the frame: "(unreliable)"
  bool interrupted = false;  // <EOI> precedes it
  bool pointer = false;      // nothing returns to this address, since a function begins there
  Symbol symbol;
  Roles roles;  // of the function
};

// The same lines are in many reports, so each thread remembers what it has read, in a table of fixed size. The result
// is valid until the thread calls this again.
FrameLine& ReadFrameLine(std::string_view text);

}  // namespace lk::detect
