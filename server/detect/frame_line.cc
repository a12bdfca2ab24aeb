// SPDX-License-Identifier: Apache-2.0
#include "server/detect/frame_line.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>

namespace lk::detect {
namespace {

// " file.c:123", " (file.c:123 (discriminator 2) file.h:4)" and so on, as decode_stacktrace.sh and other symbolizers
// add them. Takes the first one.
std::string_view TakeLocation(Cursor& at) {
  Cursor c = at;
  if (!c.Skip(' ')) return {};
  const bool brackets = c.Skip('(');
  const std::string_view from = c.rest();
  const std::string_view file =
      c.TakeWhile([](char x) { return Cursor::IsSymbol(x) || x == '/' || x == '-' || x == '+' || x == '~'; });
  if (file.find('.') == std::string_view::npos || !c.Skip(':') || c.TakeDigits().empty()) return {};
  const std::string_view location = from.substr(0, from.size() - c.rest().size());
  if (brackets) {
    int depth = 1;
    c.TakeWhile([&](char x) {
      depth += x == '(' ? 1 : x == ')' ? -1 : 0;
      return depth > 0;
    });
    if (!c.Skip(')')) return {};
  }
  at = c;
  return location;
}

bool SkipModule(Cursor& at, std::string_view& module) {
  constexpr size_t kMaxModule = 56;  // MODULE_NAME_LEN, include/linux/module.h
  Cursor c = at;
  if (!c.Skip(" [")) return false;
  const std::string_view name = c.TakeWhile([](char x) { return Cursor::IsWord(x) || x == '-'; });
  std::string_view id;
  if (name.empty() || name.size() > kMaxModule || name == "inline" || !c.TakeUntil("]", id)) return false;
  module = name;
  at = c;
  return true;
}

std::optional<Symbol> TakeBraces(Cursor c) {
  Symbol symbol;
  if (!c.Skip('<') || c.TakeWhile(Cursor::IsHex).size() != 16 || !c.Skip(">{")) return std::nullopt;
  if (c.Skip(':')) {
    symbol.module = c.TakeWhile(Cursor::IsWord);
    if (!c.Skip(':')) return std::nullopt;
  }
  symbol.function = c.TakeWhile(Cursor::IsSymbol);
  if (symbol.function.empty() || !c.Skip('+') || !c.Take(symbol.offset, 10) || !c.Skip('}')) return std::nullopt;
  return symbol;
}

// Whether the address is where a function begins, and nothing returns there. %pB shows it as the end of what precedes
// the function in memory, which is its padding on new kernels.
bool IsFunctionPointer(const Symbol& symbol) {
  const bool at_either_end = symbol.size > 0 && (symbol.offset == 0 || symbol.offset == symbol.size);
  return at_either_end || symbol.function.starts_with("__pfx_");
}

// Marks such as "(P) (unreliable)", which arm64 and powerpc print after a frame; nothing else may follow.
bool TakeMarks(Cursor& at, bool& unreliable) {
  at.SkipBlanks();
  while (at.Skip('(')) {
    const std::string_view mark = at.TakeWhile(Cursor::IsWord);
    unreliable = unreliable || mark == "unreliable";
    if (!at.Skip(')')) return false;
    at.SkipBlanks();
  }
  return at.empty();
}

// arm: "[<80100000>] (func) from [<80200000>] (caller+0x1/0x2)", since 5.19 " func from caller+0x1/0x2"
// (dump_backtrace_entry, arch/arm/kernel/traps.c).
FrameLine ParseCallee(std::string_view text) {
  Cursor c(text);
  c.SkipBlanks();
  const bool address = SkipAddress(c);
  if (address && !c.Skip('(')) return {};
  FrameLine line;
  Symbol& callee = line.symbol;
  callee.function = c.TakeWhile(Cursor::IsSymbol);
  if (callee.function.empty() || Cursor::IsDigit(callee.function.front())) return {};
  if (c.Skip("+0x") && (!c.Take(callee.offset, 16) || !c.Skip("/0x") || c.TakeWhile(Cursor::IsHex).empty())) return {};
  SkipModule(c, callee.module);
  if (address && !c.Skip(')')) return {};
  if (!c.Skip(" from ")) return {};
  const bool caller_address = SkipAddress(c);
  if (caller_address != address || (address && !c.Skip('('))) return {};
  if (!TakeSymbol(c)) return {};
  line.form = FrameLine::Form::kCallee;
  return line;
}

// " func+0x1/0x2 [module]", " ? func+0x1/0x2", " [<ffffffff81000000>] func+0x1/0x2"; preceded by a marker such as <EOI>
// on some lines of kernels before 4.10. s390 has the frame in brackets: "([<0000000000112233>] func+0x1/0x2)".
FrameLine ParseFrame(std::string_view text) {
  FrameLine line;
  Cursor c(text);
  c.SkipBlanks();
  bool brackets = false;
  // Most functions have small letters.
  if (const char first = c.peek(); first < 'a' && first != '_') {
    if (first == '<') {
      if (const std::optional<Symbol> symbol = TakeBraces(c)) {
        line.form = FrameLine::Form::kBraces;
        line.symbol = *symbol;
        return line;
      }
      line.interrupted = TakeMarker(c) == "EOI";
      c.SkipBlanks();
    }
    brackets = c.Skip('(');
    while (SkipAddress(c)) {
    }
    // Xen says where it has found the address: in a register, a frame or anywhere on the stack.
    if (!c.Skip("R ")) c.Skip("F ");
    line.guess = c.Skip("? ") || c.Skip("S ");
  }
  const std::optional<Symbol> symbol = TakeSymbol(c);
  if (!symbol) return ParseCallee(text);
  if (brackets && !c.Skip(')')) return {};
  const bool inlined = c.Skip(" [inline]");
  if (inlined ? !c.empty() : !TakeMarks(c, line.unreliable)) return {};
  line.form = inlined ? FrameLine::Form::kInlined : FrameLine::Form::kSymbol;
  line.symbol = *symbol;
  line.pointer = IsFunctionPointer(*symbol);
  return line;
}

FrameLine Parse(std::string_view text) {
  FrameLine line = ParseFrame(text);
  if (line.form != FrameLine::Form::kNone) line.roles = RolesOf(line.symbol.function);
  return line;
}

// Remembers each line where the hash of its text says.
class FrameLines {
 public:
  FrameLine& Read(std::string_view text) {
    if (text.size() > kMaxText) return other_ = Parse(text);
    Entry& entry = entries_[std::hash<std::string_view>()(text) % entries_.size()];
    if (std::string_view(entry.text.data(), entry.size) != text) {
      std::memcpy(entry.text.data(), text.data(), text.size());
      entry.size = static_cast<uint8_t>(text.size());
      entry.line = Parse({entry.text.data(), entry.size});
    }
    return entry.line;
  }

 private:
  static constexpr size_t kLines = 2048;
  static constexpr size_t kCacheLine = 64;
  static constexpr size_t kMaxText = 2 * kCacheLine - sizeof(FrameLine) - 1;  // few frames are longer

  struct alignas(kCacheLine) Entry {
    FrameLine line;
    uint8_t size = 0;
    std::array<char, kMaxText> text;
  };

  std::array<Entry, kLines> entries_;
  FrameLine other_;  // too long
};

}  // namespace

std::optional<Symbol> TakeSymbol(Cursor& at) {
  constexpr size_t kMaxName = 512;  // KSYM_NAME_LEN, include/linux/kallsyms.h
  Cursor c = at;
  if (Cursor::IsDigit(c.peek())) return std::nullopt;
  Symbol symbol;
  // Old kernels on 64-bit powerpc print the symbol of the code with a dot, and those on x86 the module in front.
  c.Skip('.');
  if (c.Skip(':')) {
    symbol.module = c.TakeWhile(Cursor::IsWord);
    if (symbol.module.empty() || !c.Skip(':')) return std::nullopt;
  }
  symbol.function = c.TakeWhile(Cursor::IsSymbol);
  if (c.peek() == '/' || c.peek() == '-' || c.peek() == '#') {
    // Xen prints the source file of a static function: "common/sched/core.c#f+0x1/0x2".
    c.TakeWhile([](char x) { return Cursor::IsSymbol(x) || x == '/' || x == '-'; });
    if (!c.Skip('#')) return std::nullopt;
    symbol.function = c.TakeWhile(Cursor::IsSymbol);
  }
  if (symbol.function.empty() || symbol.function.size() >= kMaxName) return std::nullopt;
  const bool offset = c.Skip("+0x");
  if (offset && (!c.TakeHex(symbol.offset) || !c.Skip("/0x") || !c.TakeHex(symbol.size))) {
    return std::nullopt;
  }
  if (c.peek() == ' ') {
    SkipModule(c, symbol.module);
    symbol.location = TakeLocation(c);
    SkipModule(c, symbol.module);
  }
  if (!offset && symbol.location.empty()) return std::nullopt;
  at = c;
  return symbol;
}

bool SkipAddress(Cursor& at) {
  Cursor c = at;
  if (!c.Skip('[')) return false;
  const bool angle = c.Skip('<');
  const size_t digits = c.TakeWhile(Cursor::IsHex).size();
  if ((angle ? digits == 0 : digits != 8 && digits != 16) || (angle && !c.Skip('>')) || !c.Skip(']')) return false;
  c.SkipBlanks();
  at = c;
  return true;
}

std::string_view TakeMarker(Cursor& at) {
  Cursor c = at;
  if (!c.Skip('<')) return {};
  const std::string_view marker = c.TakeWhile([](char x) { return Cursor::IsWord(x) || x == '/' || x == '#'; });
  if (!c.Skip('>')) return {};
  at = c;
  return marker;
}

FrameLine& ReadFrameLine(std::string_view text) {
  thread_local const auto lines = std::make_unique<FrameLines>();
  return lines->Read(text);
}

}  // namespace lk::detect
