// SPDX-License-Identifier: Apache-2.0
#include "server/detect/stack.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/detect/cursor.h"
#include "server/detect/names.h"

namespace lk::detect {
namespace {

struct Symbol {
  std::string_view function;
  uint32_t offset = 0;
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
  if (Cursor module = c; module.Skip(':')) {
    symbol.module = module.TakeWhile(Cursor::IsWord);
    if (symbol.module.empty() || !module.Skip(':')) return std::nullopt;
    c = module;
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
  if (offset && (!c.Take(symbol.offset, 16) || !c.Skip("/0x") || c.TakeWhile(Cursor::IsHex).empty())) {
    return std::nullopt;
  }
  SkipModule(c, symbol.module);
  symbol.location = TakeLocation(c);
  if (!offset && symbol.location.empty()) return std::nullopt;
  SkipModule(c, symbol.module);
  at = c;
  return symbol;
}

// "<ffffffff81000000>{func+12}", on x86-64 before 2.6.20.
std::optional<Symbol> TakeBraces(std::string_view text) {
  Cursor c(text);
  c.SkipBlanks();
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

Frame ToFrame(const Symbol& symbol) {
  return {.function = std::string(symbol.function),
          .offset = symbol.offset,
          .module = std::string(symbol.module),
          .location = std::string(symbol.location)};
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

// "Not tainted 6.1.0 #1", "Tainted: G        W   6.1.0 #1". Returns the flags, separated by single spaces, and the
// release.
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
  Cursor c(text);
  const bool numbered = c.Skip('$');
  if (numbered) c.SkipBlanks();
  const std::string_view name = c.TakeWhile(Cursor::IsWord);
  if (name.empty() || name.size() > 8) return false;
  const bool blank = c.peek() == ' ';
  c.SkipBlanks();
  if (!c.Skip(':')) return blank && names.Has(name) && c.TakeWhile(Cursor::IsHex).size() == 16;
  if (numbered) return std::ranges::all_of(name, Cursor::IsDigit);
  if (names.Has(name)) return c.empty() || c.peek() == ' ';
  // Lines of an arm stack dump: the low half of the address, and words of eight digits.
  return name.size() == 4 && std::ranges::all_of(name, Cursor::IsHex) && c.Skip(' ');
}

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

}  // namespace

StackReader::Line StackReader::Read(std::string_view line) {
  // Most lines are frames, which are indented.
  const bool indented = line.starts_with(' ');
  const bool stack = (indented && ReadFrame(line)) || ReadInstructionPointer(line) || IsRegisters(line) ||
                     (!indented && ReadFrame(line)) || ReadMarker(line) || ReadHead(line) || ReadCallTrace(line) ||
                     ReadTaint(line);
  if (stack) {
    if (architecture_.empty()) ReadArchitecture(line);
    return Line::kStack;
  }
  ReadHeading(line);
  return Line::kOther;
}

// " func+0x1/0x2 [module]", " ? func+0x1/0x2", " [<ffffffff81000000>] func+0x1/0x2"; preceded by a marker such as <EOI>
// on some lines of kernels before 4.10. s390 has the frame in brackets: "([<0000000000112233>] func+0x1/0x2)".
bool StackReader::ReadFrame(std::string_view text) {
  if (const std::optional<Symbol> symbol = TakeBraces(text)) {
    if (in_trace_) Add(ToFrame(*symbol));
    return true;
  }
  Cursor c(text);
  c.SkipBlanks();
  const std::string_view marker = TakeMarker(c);
  if (!marker.empty()) c.SkipBlanks();
  const bool brackets = c.Skip('(');
  while (SkipAddress(c)) {
  }
  // Xen says where it has found the address: in a register, a frame or anywhere on the stack.
  if (!c.Skip("R ")) c.Skip("F ");
  const bool guess = c.Skip("? ") || c.Skip("S ");
  const std::optional<Symbol> symbol = TakeSymbol(c);
  if (!symbol) return ReadCallee(text);
  if (brackets && !c.Skip(')')) return false;
  // A function that is inlined into the next frame does not name a stack: without symbols it is not there.
  if (c.Skip(" [inline]")) return c.empty();
  bool unreliable = false;
  if (!TakeMarks(c, unreliable)) return false;
  if (marker == "EOI") after_eoi_ = true;
  const bool counts = !unreliable && (!guess || after_eoi_);
  after_eoi_ = false;
  if (text.front() == '[') BeginTraceAfterRegisters();
  if (in_trace_ && counts) {
    Add(ToFrame(*symbol));
  } else if (in_trace_ && stacks_.back().guesses.size() < Stack::kUsualFrames &&
             !symbol->function.starts_with("__pfx_")) {
    stacks_.back().guesses.push_back(ToFrame(*symbol));
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
  BeginTraceAfterRegisters();
  if (in_trace_) Add(ToFrame(callee));
  return true;
}

bool StackReader::ReadMarker(std::string_view text) {
  Cursor c(text);
  c.SkipBlanks();
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
  if (stacks_.empty() || stacks_.back().frames.size() > 1) Begin();
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
  if (text.starts_with("---[ end ")) in_trace_ = false;
  if (!text.ends_with(':')) return;
  in_trace_ = after_registers_ = false;
  // The stacks that lockdep prints before this line show lock chains.
  if (text == "stack backtrace:") stacks_.clear();
  if (text.ends_with("kthread stack dump:") || text.ends_with("where RCU GP kthread last ran:")) {
    next_is_context_ = true;
  }
}

// Registers, or the function through which the kernel was entered, as `uname -m` calls the architecture. Some print the
// same for 32 and 64 bits.
void StackReader::ReadArchitecture(std::string_view text) {
  struct Sign {
    std::string_view text;  // anywhere in the line
    std::string_view architecture;
  };
  static constexpr Sign kSigns[] = {
      {"RIP: ", "x86_64"},
      {"entry_SYSCALL_64", "x86_64"},
      {"asm_sysvec_", "x86_64"},
      {"EIP: ", "i686"},
      {"EIP is at ", "i686"},
      {"entry_INT80_32", "i686"},
      {"pstate: ", "aarch64"},
      {"el0t_64_sync", "aarch64"},
      {"el1h_64_", "aarch64"},
      {"el0_svc", "aarch64"},
      {"PC is at ", "armv7l"},
      {"LR is at ", "armv7l"},
      {"ret_fast_syscall", "armv7l"},
      {"__irq_svc", "armv7l"},
      {"Krnl PSW : ", "s390x"},
      {"NIP [c0000000000", "ppc64"},
      {"NIP:  c00000000", "ppc64"},
      {"NIP: c00000000", "ppc64"},
      {"NIP [c0", "ppc"},
      {"system_call_ex", "ppc64"},
      {"handle_riscv_irq", "riscv64"},
      {"do_trap_ecall_u", "riscv64"},
      {"epc : ", "riscv64"},
      {"epc   : ffffffff", "mips64"},
      {"epc   : 9", "mips64"},
      {"epc   : 8", "mips"},
      {"era : 9", "loongarch64"},
      {"ERA: 9", "loongarch64"},
      {"era   : 9", "loongarch64"},
      {"handle_syscall", "loongarch64"},
  };
  const auto* const sign =
      std::ranges::find_if(kSigns, [&](const Sign& s) { return text.find(s.text) != std::string_view::npos; });
  if (sign != std::end(kSigns)) architecture_ = sign->architecture;
}

void StackReader::Settle() {
  for (Stack& stack : stacks_) {
    if (stack.frames.empty()) stack.frames = std::move(stack.guesses);
  }
}

void StackReader::BeginTrace() {
  Begin();
  in_trace_ = true;
}

std::vector<Frame> StackReader::Release(const Stack& stack, size_t from) {
  std::vector<Frame> frames = std::move(stacks_[static_cast<size_t>(&stack - stacks_.data())].frames);
  frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(from));
  return frames;
}

Stack& StackReader::Begin() {
  in_trace_ = after_registers_ = false;
  // "NMI backtrace for cpu 1" and "CPU: 1 PID: ..." may introduce the same stack, and "IP: ..." may precede them.
  const bool only_ip = !stacks_.empty() && stacks_.back().frames.size() == 1 && stacks_.back().cpu < 0 &&
                       stacks_.back().pid < 0 && !traced_;
  if (stacks_.empty() || (!stacks_.back().frames.empty() && !only_ip)) {
    if (stacks_.size() == kMaxStacks) stacks_.pop_back();
    stacks_.push_back({});
    stacks_.back().context = std::exchange(next_is_context_, false);
  }
  return stacks_.back();
}

void StackReader::Add(Frame frame) {
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
