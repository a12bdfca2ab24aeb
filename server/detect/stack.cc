// SPDX-License-Identifier: Apache-2.0
#include "server/detect/stack.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <utility>

#include "server/detect/architecture.h"
#include "server/detect/cursor.h"
#include "server/detect/functions.h"
#include "server/detect/names.h"

namespace lk::detect {
namespace {

using std::literals::operator""sv;

struct Symbol {
  std::string_view function;
  uint32_t offset = 0;
  uint32_t size = 0;
  std::string_view module;
  std::string_view location;
};

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

// "func+0x1/0x2 [module]", as %pS and %pB print it; a build ID may follow the module's name, and a location the symbol.
// Without an offset if a location follows.
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

// "<ffffffff81000000>{func+12}", on x86-64 before 2.6.20.
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

StackFrame ToFrame(const Symbol& symbol) {
  return {{.function = std::string(symbol.function),
           .offset = symbol.offset,
           .module = std::string(symbol.module),
           .location = std::string(symbol.location)},
          {}};
}

// Whether the address is where a function begins, and nothing returns there. %pB shows it as the end of what precedes
// the function in memory, which is its padding on new kernels.
bool IsFunctionPointer(const Symbol& symbol) {
  const bool at_either_end = symbol.size > 0 && (symbol.offset == 0 || symbol.offset == symbol.size);
  return at_either_end || symbol.function.starts_with("__pfx_");
}

// "[<ffffffff81000000>] ", "[c000000000123456] " on powerpc.
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

// "<IRQ>", "</TASK>", "<#DF>"; returns the text between the brackets.
std::string_view TakeMarker(Cursor& at) {
  Cursor c = at;
  if (!c.Skip('<')) return {};
  const std::string_view marker = c.TakeWhile([](char x) { return Cursor::IsWord(x) || x == '/' || x == '#'; });
  if (!c.Skip('>')) return {};
  at = c;
  return marker;
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

// "Not tainted 6.1.0 #1", "Tainted: G        W   6.1.0 #1", and on old 32-bit x86 "Not tainted (2.6.30 #1)". Returns
// the flags, separated by single spaces, and the release.
bool ParseTaint(std::string_view text, std::string& taint, std::string_view& release) {
  Cursor c(text);
  if (c.Skip("Not tainted ")) {
    taint = "Not tainted";
  } else if (c.Skip("Tainted: ")) {
    taint = "Tainted:";
  } else {
    return false;
  }
  while (!c.empty()) {
    c.SkipBlanks();
    c.Skip('(');
    const std::string_view word = c.TakeWhile([](char x) { return x != ' ' && x != '\t'; });
    Cursor version(word);
    if (!version.TakeDigits().empty() && version.Skip('.') && Cursor::IsDigit(version.peek())) {
      release = word;
      return true;
    }
    if (!word.empty()) taint.append(" ").append(word);
  }
  return false;
}

// A line of registers or of the raw stack: "RSP: ...", "pstate: ...", "sp : ...", "GPR00: ...", "7e00: 9ecb0000 ...";
// without a colon on loongarch, "pc 9000000000223038 ra ...", and with numbers on mips, "$ 4   : 00000000 ...".
bool IsRegisters(std::string_view text) {
  static const Names names = {
      // x86
      "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "RIP", "R08", "R09", "R10", "R13", "EAX", "EBX", "ECX",
      "EDX", "ESI", "EDI", "EBP", "ESP", "EIP", "ORIG_RAX", "EFLAGS", "CS", "DS", "FS", "GS", "CR0", "CR2", "DR0",
      "DR3", "PKRU", "Code",
      // arm64, arm
      "pstate", "pc", "lr", "sp", "pmr", "pmr_save", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x1*",
      "x2*", "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "Flags", "Control", "Stack", "ISA",
      // riscv, loongarch, mips
      "epc", "gp", "tp", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t8", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7",
      "s8", "s9", "s10", "s11", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "ra", "era", "ERA", "CRMD", "PRMD",
      "EUEN", "ECFG", "ESTAT", "BADV", "PRID", "status", "Hi", "Lo", "Status", "Cause", "BadVA", "PrId", "CPUCFG",
      // powerpc, s390
      "NIP", "REGS", "MSR", "CFAR", "GPR*", "XER", "DAR", "DSISR"};
  // Most of them: "RAX: 0000000000000001 RBX: ...".
  constexpr size_t kFirst = std::string_view("RAX: ").size();
  constexpr size_t kLast = std::string_view("RAX: 0000000000000001").size() - 1;
  if (text.size() > kLast && text[0] == 'R' && text[3] == ':' && Cursor::IsHex(text[kFirst]) &&
      Cursor::IsHex(text[kLast])) {
    return true;
  }
  Cursor c(text);
  const bool numbered = c.Skip('$');
  if (numbered) c.SkipBlanks();
  const std::string_view name = c.TakeWhile(Cursor::IsWord);
  if (name.empty() || name.size() > 8 || (c.peek() != ':' && c.peek() != ' ' && c.peek() != '\t')) return false;
  const bool blank = c.peek() == ' ';
  c.SkipBlanks();
  if (!c.Skip(':')) return blank && names.Has(name) && c.TakeWhile(Cursor::IsHex).size() == 16;
  if (numbered) return std::ranges::all_of(name, Cursor::IsDigit);
  if (names.Has(name)) return c.empty() || c.peek() == ' ';
  // Lines of an arm stack dump: the low half of the address, and words of eight digits.
  return name.size() == 4 && std::ranges::all_of(name, Cursor::IsHex) && c.Skip(' ');
}

// Rules out most lines that do not begin with one of at most 16 words, without a branch for each word.
class FirstLetters {
 public:
  constexpr FirstLetters(std::initializer_list<std::string_view> words) {
    uint16_t bit = 1;
    for (const std::string_view word : words) {
      first_[static_cast<uint8_t>(word[0])] |= bit;
      second_[static_cast<uint8_t>(word[1])] |= bit;
      bit = static_cast<uint16_t>(bit << 1);
    }
  }
  bool MayBegin(std::string_view text) const {
    return text.size() > 1 && (first_[static_cast<uint8_t>(text[0])] & second_[static_cast<uint8_t>(text[1])]) != 0;
  }

 private:
  std::array<uint16_t, 256> first_{};
  std::array<uint16_t, 256> second_{};
};

constexpr FirstLetters kPointers = {"RIP", "EIP", "IP",  "PC",  "pc",   "LR",  "lr",
                                    "epc", "era", "ERA", "NIP", "Krnl", "IAOQ"};

std::string Task(std::string_view comm, int32_t pid) {
  return std::string(comm) + ":" + std::to_string(pid);
}

// "task:cat state:D stack:0 pid:77 ..." and, before 5.11, "cat             D12345    77      1 0x00000000"
// (sched_show_task, kernel/sched/core.c).
bool ParseTask(std::string_view text, std::string_view& comm, int32_t& pid) {
  constexpr size_t kComm = 15;  // the length of comm, and the width of the column
  const auto trim = [](std::string_view name) { return name.substr(0, name.find_last_not_of(' ') + 1); };
  Cursor c(text);
  if (c.Skip("task:")) {
    const size_t state = c.rest().rfind(" state:");
    if (state == std::string_view::npos) return false;
    comm = trim(c.rest().substr(0, state));
    std::string_view skipped;
    c = Cursor(c.rest().substr(state));
    if (!c.TakeUntil(" pid:", skipped)) return false;
    c.SkipBlanks();
    return c.Take(pid);
  }
  constexpr size_t kFlags = 11;  // " 0x00000000"
  if (text.size() < kComm + kFlags || text.substr(text.size() - kFlags, 3) != " 0x") return false;
  c = Cursor(text.substr(kComm));
  c.Skip(' ');
  if (c.peek() < 'A' || c.peek() > 'Z') return false;
  c.Skip(c.peek());
  c.SkipBlanks();
  c.Skip("running task");
  c.SkipBlanks();
  if (c.TakeDigits().empty()) return false;
  c.SkipBlanks();
  comm = trim(text.substr(0, kComm));
  return c.Take(pid);
}

// Adds what was guessed to the frames, if these say nothing.
void TakeGuesses(Stack& stack) {
  constexpr Roles kSaysNothing = Role::kHelper | Role::kCrossCall | Role::kSpin | Role::kWait | Role::kReporter;
  std::vector<Guess> guesses = std::exchange(stack.guesses, {});
  const bool says_nothing =
      std::ranges::all_of(stack.frames, [&](const StackFrame& frame) { return frame.roles.Any(kSaysNothing); });
  if (stack.sure && !says_nothing) return;
  // Between reliable frames, they are left from earlier calls.
  if (stack.sure) std::erase_if(guesses, [&](const Guess& guess) { return guess.at < stack.frames.size(); });
  for (auto guess = guesses.rbegin(); guess != guesses.rend(); ++guess) {
    const size_t at = std::min(guess->at, stack.frames.size());
    guess->frame.roles = RolesOf(guess->frame.function);
    stack.frames.insert(stack.frames.begin() + static_cast<std::ptrdiff_t>(at), std::move(guess->frame));
  }
}

}  // namespace

StackReader::Line StackReader::Read(std::string_view line) {
  // Most lines are frames, which are indented, and registers.
  const bool indented = line.starts_with(' ');
  ReadCpu(line);
  if (indented && ReadFrame(line)) return Line::kStack;
  if (ReadInstructionPointer(line) || IsRegisters(line)) {
    if (architecture_.empty()) architecture_ = ArchitectureOfRegisters(line);
    return Line::kStack;
  }
  if ((!indented && ReadFrame(line)) || ReadMarker(line) || ReadHead(line) || ReadCallTrace(line) || ReadTaint(line)) {
    return Line::kStack;
  }
  ReadHeading(line);
  return Line::kOther;
}

// " func+0x1/0x2 [module]", " ? func+0x1/0x2", " [<ffffffff81000000>] func+0x1/0x2"; preceded by a marker such as <EOI>
// on some lines of kernels before 4.10. s390 has the frame in brackets: "([<0000000000112233>] func+0x1/0x2)".
bool StackReader::ReadFrame(std::string_view text) {
  Cursor c(text);
  c.SkipBlanks();
  std::string_view marker;
  bool brackets = false;
  bool guess = false;
  // Most functions have small letters.
  if (const char first = c.peek(); first < 'a' && first != '_') {
    if (first == '<') {
      if (const std::optional<Symbol> symbol = TakeBraces(c)) {
        if (in_trace_) Add(ToFrame(*symbol));
        return true;
      }
      marker = TakeMarker(c);
      c.SkipBlanks();
    }
    brackets = c.Skip('(');
    while (SkipAddress(c)) {
    }
    // Xen says where it has found the address: in a register, a frame or anywhere on the stack.
    if (!c.Skip("R ")) c.Skip("F ");
    guess = c.Skip("? ") || c.Skip("S ");
  }
  const std::optional<Symbol> symbol = TakeSymbol(c);
  if (!symbol) return ReadCallee(text);
  if (brackets && !c.Skip(')')) return false;
  // A function that is inlined into the next frame does not name a stack: without symbols it is not there.
  if (c.Skip(" [inline]")) return c.empty();
  bool unreliable = false;
  if (!TakeMarks(c, unreliable)) return false;
  if (marker == "EOI") after_eoi_ = true;
  const bool sure = !unreliable && !guess;
  const bool counts = sure || (!unreliable && after_eoi_);
  after_eoi_ = false;
  if (text.front() == '[') BeginTraceAfterRegisters();
  if (!in_trace_) {
    if (strays_count_ && !traced_ && counts && strays_.size() < Stack::kMaxFrames) strays_.push_back(ToFrame(*symbol));
    return true;
  }
  Stack& stack = stacks_.back();
  if (counts) {
    Add(ToFrame(*symbol));
    stack.sure = stack.sure || sure;
  } else if (stack.guesses.size() < (stack.sure ? Stack::kUsualFrames : Stack::kMaxFrames) &&
             !IsFunctionPointer(*symbol)) {
    stack.guesses.push_back({stack.frames.size(), ToFrame(*symbol)});
    traced_ = true;
  }
  return true;
}

// arm: "[<80100000>] (func) from [<80200000>] (caller+0x1/0x2)", since 5.19 " func from caller+0x1/0x2"
// (dump_backtrace_entry, arch/arm/kernel/traps.c). The frame is that of the callee.
bool StackReader::ReadCallee(std::string_view text) {
  Cursor c(text);
  c.SkipBlanks();
  const bool address = SkipAddress(c);
  if (address && !c.Skip('(')) return false;
  Symbol callee;
  callee.function = c.TakeWhile(Cursor::IsSymbol);
  if (callee.function.empty() || Cursor::IsDigit(callee.function.front())) return false;
  if (c.Skip("+0x") && (!c.Take(callee.offset, 16) || !c.Skip("/0x") || c.TakeWhile(Cursor::IsHex).empty()))
    return false;
  SkipModule(c, callee.module);
  if (address && !c.Skip(')')) return false;
  if (!c.Skip(" from ")) return false;
  const bool caller_address = SkipAddress(c);
  if (caller_address != address || (address && !c.Skip('('))) return false;
  if (!TakeSymbol(c)) return false;
  // Those of a warning follow the task, without a heading.
  if (!stacks_.empty() && stacks_.back().pid >= 0 && stacks_.back().frames.empty()) in_trace_ = true;
  BeginTraceAfterRegisters();
  if (in_trace_) Add(ToFrame(callee));
  return true;
}

bool StackReader::ReadMarker(std::string_view text) {
  Cursor c(text);
  c.SkipBlanks();
  if (c.peek() != '<') return false;
  const std::string_view marker = TakeMarker(c);
  c.SkipBlanks();
  if (marker.empty() || !c.empty()) return false;
  after_eoi_ = marker == "EOI";
  if (marker == "/TASK") in_trace_ = false;
  return true;
}

// The instruction pointer of each architecture, with the symbol: "RIP: 0010:func+0x1/0x2",
// "RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] func+0x1/0x2", "EIP is at func+0x1/0x2", "pc : func+0x1/0x2",
// "PC is at func+0x1/0x2", "epc : func+0x1/0x2", "epc   : 80100000 func+0x1/0x2", "NIP [c000000000100000]
// func+0x1/0x2", "Krnl PSW : 0704c00180000000 0000000000100000 (func+0x1/0x2)".
bool StackReader::ReadInstructionPointer(std::string_view text) {
  Cursor c(text);
  c.SkipBlanks();
  if (!kPointers.MayBegin(c.rest())) return false;
  const bool caller = c.Skip("LR is at ") || c.Skip("lr : ");
  if (caller) {
  } else if (c.Skip("RIP:") || c.Skip("EIP:")) {
    c.SkipBlanks();
    Cursor segment = c;
    if (segment.TakeWhile(Cursor::IsHex).size() == 4 && segment.Skip(':')) c = segment;
  } else if (c.Skip("Krnl PSW : ")) {
    std::string_view skipped;
    if (!c.TakeUntil("(", skipped)) return false;
  } else if (c.Skip("epc") || c.Skip("era") || c.Skip("ERA")) {
    c.SkipBlanks();
    if (!c.Skip(": ")) return false;
    Cursor address = c;
    const size_t digits = address.TakeWhile(Cursor::IsHex).size();
    if ((digits == 8 || digits == 16) && address.Skip(' ')) c = address;
  } else if (!c.Skip("pc : ") && !c.Skip("PC is at ") && !c.Skip("EIP is at ") && !c.Skip("IP: ") &&
             !c.Skip("IAOQ[0]: ") && !c.Skip("NIP ")) {
    return false;
  }
  while (SkipAddress(c)) {
  }
  const std::optional<Symbol> symbol = TakeSymbol(c);
  if (!symbol) return false;
  if (c.Skip(" [inline]")) return true;
  if (stacks_.empty()) Begin();
  // The caller counts if the CPU has jumped to where no code is.
  if (caller && !stacks_.back().frames.empty()) return true;
  after_registers_ = stacks_.back().frames.empty();
  if (in_trace_ || stacks_.back().frames.empty()) Add(ToFrame(*symbol));
  return true;
}

// riscv and arm print the frames right after the registers (show_regs, arch/riscv/kernel/process.c; __die,
// arch/arm/kernel/traps.c).
void StackReader::BeginTraceAfterRegisters() {
  if (std::exchange(after_registers_, false)) in_trace_ = true;
}

bool StackReader::ReadHead(std::string_view text) {
  Cursor c(text);
  int32_t cpu = -1;
  int32_t pid = -1;
  std::string_view comm;
  if (c.Skip("CPU: ")) {
    if (!c.Take(cpu)) return false;
    if (c.Skip(" UID: ")) c.TakeDigits();
    if (!c.Skip(" PID: ") || !c.Take(pid) || !c.Skip(" Comm: ")) return false;
    const size_t end = std::min(c.rest().find(" Not tainted "), c.rest().find(" Tainted: "));
    if (end == std::string_view::npos) return false;
    constexpr std::string_view kKdump = " Kdump: loaded";
    comm = c.rest().substr(0, end);
    if (comm.ends_with(kKdump)) comm.remove_suffix(kKdump.size());
    Stack& stack = Begin();
    stack.cpu = cpu;
    stack.pid = pid;
    stack.task = Task(comm, pid);
    ReadTaint(c.rest().substr(end));
    return true;
  }
  // "TASK = c000000001234567[77] 'cat' THREAD: c000000001234567 CPU: 1" on powerpc before 4.15
  if (c.Skip("TASK = ")) {
    std::string_view skipped;
    if (!c.TakeUntil("[", skipped) || !c.Take(pid) || !c.Skip("] '") || !c.TakeUntil("' THREAD: ", comm)) return false;
    if (c.TakeUntil(" CPU: ", skipped)) c.Take(cpu);
    Stack& stack = Begin();
    stack.cpu = cpu;
    stack.pid = pid;
    stack.task = Task(comm, pid);
    return true;
  }
  // Before 3.9; on 32-bit x86, the frames may follow without a heading.
  if (c.Skip("Pid: ")) {
    if (!c.Take(pid) || !c.Skip(", comm: ")) return false;
    const size_t end = std::min(c.rest().find(" Not tainted "), c.rest().find(" Tainted: "));
    comm = c.rest().substr(0, end);
    Stack& stack = Begin();
    if (next_cpu_ >= 0) stack.cpu = std::exchange(next_cpu_, -1);
    stack.pid = pid;
    stack.task = Task(comm.substr(0, comm.find_last_not_of(' ') + 1), pid);
    if (end != std::string_view::npos) ReadTaint(c.rest().substr(end));
    in_trace_ = true;
    return true;
  }
  if (c.Skip("NMI backtrace for cpu ")) {
    if (!c.Take(cpu)) return false;
    if (!c.Skip(" skipped")) Begin().cpu = cpu;
    return true;
  }
  if (c.Skip("Task dump for CPU ")) {
    if (!c.Take(cpu)) return false;
    Begin().cpu = cpu;
    return true;
  }
  if (ParseTask(text, comm, pid)) {
    Stack& stack = Begin();
    stack.pid = pid;
    stack.task = Task(comm, pid);
    return true;
  }
  return false;
}

// Before 3.9, the task's line does not name the CPU. 64-bit x86 has a line for it first, "CPU 1 ", and 32-bit x86
// prints it later: "EIP: 0060:[<c0101234>] EFLAGS: 00010282 CPU: 0" (show_registers,
// arch/x86/kernel/dumpstack_{64,32}.c).
void StackReader::ReadCpu(std::string_view text) {
  Cursor c(text);
  int32_t cpu = -1;
  if (c.Skip("CPU ")) {
    if (c.Take(cpu) && (c.SkipBlanks(), c.empty())) next_cpu_ = cpu;
  } else if (c.Skip("EIP: ") && !stacks_.empty() && stacks_.back().cpu < 0) {
    std::string_view skipped;
    if (c.TakeUntil(" CPU: ", skipped) && c.Take(cpu) && c.empty()) stacks_.back().cpu = cpu;
  }
}

bool StackReader::ReadCallTrace(std::string_view text) {
  // KFENCE and KCSAN print the access as the heading of a stack (kfence_report_error, print_report).
  static const Names accesses = {"Use-after-free *",
                                 "Out-of-bounds *",
                                 "Invalid *",
                                 "Corrupted memory *",
                                 "read*",
                                 "write*",
                                 "race at unknown origin, with *"};
  Cursor c(text);
  c.SkipBlanks();
  if (c.peek() != 'C' && c.peek() != 'X' && c.peek() != 'B' && c.peek() != 'b' && !text.ends_with(':')) return false;
  const bool call_trace = c.rest().starts_with("Call Trace:") || c.rest().starts_with("Xen call trace:") ||
                          c.rest().starts_with("Call trace:") || c.rest().starts_with("Backtrace:") ||
                          c.rest().starts_with("backtrace:") || c.rest().starts_with("backtrace (crc ") ||
                          c.rest() == "Call Trace" ||
                          // After the raw stack, which had no newline before 4.10.
                          text.ends_with("Call Trace:");
  const bool access =
      !call_trace && text.ends_with(':') && accesses.Has(text) &&
      (text.find(" at ") != std::string_view::npos || text.find(" bytes by ") != std::string_view::npos);
  if (!call_trace && !access) return false;
  if (stacks_.empty() || stacks_.back().frames.size() + stacks_.back().guesses.size() > 1) Begin();
  in_trace_ = true;
  return true;
}

// The taint is on the "CPU:" line or, for a hung task, on a separate line.
bool StackReader::ReadTaint(std::string_view text) {
  if (!text.starts_with(' ')) return false;
  Cursor c(text);
  c.SkipBlanks();
  std::string taint;
  std::string_view release;
  if (!ParseTaint(c.rest(), taint, release)) return false;
  // A later stack may show a taint that this report has added.
  if (taint_.empty()) {
    taint_ = std::move(taint);
    kernel_release_ = release;
  }
  return true;
}

// Frames under another heading ("Allocated by task 1:") do not belong to this stack. Other messages may interrupt a
// stack, but do not end it.
void StackReader::ReadHeading(std::string_view text) {
  // After this line, x86 prints the registers again (__show_regs in oops_end); they are not a frame.
  if (text.starts_with("---[ end "sv)) in_trace_ = false;
  // A single one is the rest of a line that a mailer has wrapped.
  if (strays_.size() == 1 && !text.empty()) strays_.clear();
  if (!text.ends_with(':')) return;
  in_trace_ = after_registers_ = false;
  strays_count_ = false;
  // The stacks that lockdep prints before this line show lock chains.
  if (text == "stack backtrace:") stacks_.clear();
  next_is_of_kthreads_cpu_ = next_is_of_kthreads_cpu_ || text.ends_with("where RCU GP kthread last ran:");
  next_is_context_ = next_is_context_ || next_is_of_kthreads_cpu_ || text.ends_with("kthread stack dump:");
}

void StackReader::Settle() {
  if (!traced_ && strays_.size() > 1) {
    if (stacks_.empty()) Begin();
    auto& frames = stacks_.back().frames;
    std::ranges::move(strays_, std::back_inserter(frames));
    traced_ = true;
  }
  for (Stack& stack : stacks_) {
    for (StackFrame& frame : stack.frames) frame.roles = RolesOf(frame.function);
    TakeGuesses(stack);
    for (auto frame = stack.frames.rbegin(); architecture_.empty() && frame != stack.frames.rend(); ++frame) {
      architecture_ = ArchitectureOfEntry(frame->function);
    }
  }
}

void StackReader::BeginTrace() {
  Begin();
  in_trace_ = true;
}

std::vector<Frame> StackReader::Release(const Stack& stack, size_t from) {
  std::vector<StackFrame>& frames = stacks_[static_cast<size_t>(&stack - stacks_.data())].frames;
  return {std::make_move_iterator(frames.begin() + static_cast<std::ptrdiff_t>(from)),
          std::make_move_iterator(frames.end())};
}

Stack& StackReader::Begin() {
  in_trace_ = after_registers_ = false;
  // "NMI backtrace for cpu 1" and "CPU: 1 PID: ..." may introduce the same stack, and "IP: ..." may precede them.
  const bool only_ip = !stacks_.empty() && stacks_.back().frames.size() == 1 && stacks_.back().cpu < 0 &&
                       stacks_.back().pid < 0 && !traced_;
  const bool used = !stacks_.empty() && (!stacks_.back().frames.empty() || !stacks_.back().guesses.empty());
  if (stacks_.empty() || (used && !only_ip)) {
    if (stacks_.size() == kMaxStacks) stacks_.pop_back();
    stacks_.push_back({});
    stacks_.back().context = std::exchange(next_is_context_, false);
    stacks_.back().of_kthreads_cpu = std::exchange(next_is_of_kthreads_cpu_, false);
  }
  return stacks_.back();
}

void StackReader::Add(StackFrame frame) {
  auto& frames = stacks_.back().frames;
  // On some architectures, the trace begins with the frame that the pc line has already shown; arm prints it without
  // the offset.
  if (frames.size() == 1 && frames[0].function == frame.function &&
      (frames[0].offset == frame.offset || frame.offset == 0)) {
    return;
  }
  traced_ = traced_ || in_trace_;
  if (frames.empty()) frames.reserve(Stack::kUsualFrames);
  if (frames.size() == Stack::kMaxFrames) frames.erase(frames.end() - Stack::kOutermost);
  frames.push_back(std::move(frame));
}

}  // namespace lk::detect
