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
#include "server/detect/frame_line.h"
#include "server/detect/names.h"

namespace lk::detect {
namespace {

StackFrame ToFrame(const Symbol& symbol, Roles roles) {
  return {{.function = std::string(symbol.function),
           .offset = symbol.offset,
           .module = std::string(symbol.module),
           .location = std::string(symbol.location)},
          roles};
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

// Most lines of registers: "RAX: 0000000000000001 RBX: ...". Not "RIP: 0010:func+0x1/0x2".
bool AreUsualRegisters(std::string_view text) {
  constexpr size_t kFirst = std::string_view("RAX: ").size();
  constexpr size_t kLast = std::string_view("RAX: 0000000000000001").size() - 1;
  return text.size() > kLast && text[0] == 'R' && text[1] != 'I' && text[3] == ':' && Cursor::IsHex(text[kFirst]) &&
         Cursor::IsHex(text[kLast]);
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
    stack.frames.insert(stack.frames.begin() + static_cast<std::ptrdiff_t>(at), std::move(guess->frame));
  }
}

}  // namespace

StackReader::Line StackReader::Read(std::string_view text) {
  using enum FrameLine::Form;
  if (!text.starts_with(' ')) ReadCpu(text);
  if (AreUsualRegisters(text)) return ReadRegisters(text);
  FrameLine& line = ReadFrameLine(text);
  switch (line.form) {
    case kSymbol:
      ReadFrame(text, line);
      return Line::kStack;
    case kCallee:
      // Those of a warning follow the task, without a heading.
      if (!stacks_.empty() && stacks_.back().pid >= 0 && stacks_.back().frames.empty()) in_trace_ = true;
      BeginTraceAfterRegisters();
      [[fallthrough]];
    case kBraces:
      if (in_trace_) Add(line.symbol, line.roles);
      return Line::kStack;
    case kInlined:
      // It does not name a stack: without symbols it is not there.
      return Line::kStack;
    case kRegisters:
      return ReadRegisters(text);
    case kOther:
      ReadHeading(text);
      return Line::kOther;
    case kNone:
      break;
  }
  if (ReadMarker(text)) return Line::kStack;
  if (ReadInstructionPointer(text)) return ReadRegisters(text);
  if (IsRegisters(text)) {
    line.form = kRegisters;
    return ReadRegisters(text);
  }
  if (ReadHead(text) || ReadCallTrace(text) || ReadTaint(text)) return Line::kStack;
  line.form = kOther;
  ReadHeading(text);
  return Line::kOther;
}

StackReader::Line StackReader::ReadRegisters(std::string_view text) {
  if (architecture_.empty()) architecture_ = ArchitectureOfRegisters(text);
  return Line::kStack;
}

void StackReader::ReadFrame(std::string_view text, const FrameLine& line) {
  const bool sure = !line.unreliable && !line.guess;
  const bool counts = sure || (!line.unreliable && (line.interrupted || after_eoi_));
  after_eoi_ = false;
  if (text.front() == '[') BeginTraceAfterRegisters();
  if (!in_trace_) {
    if (strays_count_ && !traced_ && counts && strays_.size() < Stack::kMaxFrames) {
      strays_.push_back(ToFrame(line.symbol, line.roles));
    }
    return;
  }
  Stack& stack = stacks_.back();
  if (counts) {
    Add(line.symbol, line.roles);
    stack.sure = stack.sure || sure;
  } else if (stack.guesses.size() < (stack.sure ? Stack::kUsualFrames : Stack::kMaxFrames) && !line.pointer) {
    stack.guesses.push_back({stack.frames.size(), ToFrame(line.symbol, line.roles)});
    traced_ = true;
  }
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
  if (in_trace_ || stacks_.back().frames.empty()) Add(*symbol, RolesOf(symbol->function));
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
  if (text.starts_with("---[ end ")) in_trace_ = false;
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

void StackReader::Add(const Symbol& symbol, Roles roles) {
  auto& frames = stacks_.back().frames;
  // On some architectures, the trace begins with the frame that the pc line has already shown; arm prints it without
  // the offset.
  if (frames.size() == 1 && frames[0].function == symbol.function &&
      (frames[0].offset == symbol.offset || symbol.offset == 0)) {
    return;
  }
  traced_ = traced_ || in_trace_;
  if (frames.empty()) frames.reserve(Stack::kUsualFrames);
  if (frames.size() == Stack::kMaxFrames) frames.erase(frames.end() - Stack::kOutermost);
  frames.push_back(ToFrame(symbol, roles));
}

}  // namespace lk::detect
