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
};

// "func+0x1/0x2 [module]", as %pS and %pB print it; a build ID may follow the module's name.
std::optional<Symbol> TakeSymbol(Cursor& at) {
  constexpr size_t kMaxName = 512;  // KSYM_NAME_LEN, include/linux/kallsyms.h
  Cursor c = at;
  if (Cursor::IsDigit(c.peek())) return std::nullopt;
  const std::string_view function = c.TakeWhile(Cursor::IsSymbol);
  uint32_t offset = 0;
  if (function.empty() || function.size() >= kMaxName || !c.Skip("+0x") || !c.Take(offset, 16) || !c.Skip("/0x") ||
      c.TakeWhile(Cursor::IsHex).empty()) {
    return std::nullopt;
  }
  std::string_view module;
  Cursor behind = c;
  if (behind.Skip(" [")) {
    module = behind.TakeWhile([](char x) { return Cursor::IsWord(x) || x == '-'; });
    if (std::string_view id; !module.empty() && module.size() < kMaxName && behind.TakeUntil("]", id)) {
      c = behind;
    } else {
      module = {};
    }
  }
  at = c;
  return Symbol{.function = function, .offset = offset, .module = module};
}

Frame ToFrame(const Symbol& symbol) {
  return {.function = std::string(symbol.function),
          .offset = symbol.offset,
          .module = std::string(symbol.module),
          .location = ""};
}

// "[<ffffffff81000000>] "
void SkipAddress(Cursor& at) {
  Cursor c = at;
  if (!c.Skip("[<") || c.TakeWhile(Cursor::IsHex).empty() || !c.Skip(">]")) return;
  c.SkipBlanks();
  at = c;
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

// A line of registers: "RSP: ...", "pstate: ...", "x29: ...", "sp : ...".
bool IsRegisters(std::string_view text) {
  static const Names names = {"RAX",      "RBX",    "RCX", "RDX", "RSI", "RDI", "RBP",      "RSP", "RIP", "R08", "R09",
                              "R10",      "R13",    "EAX", "EBX", "ECX", "EDX", "ESI",      "EDI", "EBP", "ESP", "EIP",
                              "ORIG_RAX", "EFLAGS", "CS",  "DS",  "FS",  "GS",  "CR0",      "CR2", "DR0", "DR3", "PKRU",
                              "Code",     "pstate", "pc",  "lr",  "sp",  "pmr", "pmr_save", "x0",  "x1",  "x2",  "x3",
                              "x4",       "x5",     "x6",  "x7",  "x8",  "x9",  "x1*",      "x2*"};
  Cursor c(text);
  const std::string_view name = c.TakeWhile(Cursor::IsWord);
  if (name.empty() || name.size() > 8) return false;
  c.Skip(' ');
  return c.Skip(": ") && names.Has(name);
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
  const bool stack = ReadInstructionPointer(line) || IsRegisters(line) || ReadFrame(line) || ReadMarker(line) ||
                     ReadHead(line) || ReadCallTrace(line) || ReadTaint(line);
  if (stack) return Line::kStack;
  ReadHeading(line);
  return Line::kOther;
}

// " func+0x1/0x2 [module]", " ? func+0x1/0x2", " [<ffffffff81000000>] func+0x1/0x2"; preceded by a marker such as <EOI>
// on some lines of kernels before 4.10.
bool StackReader::ReadFrame(std::string_view text) {
  Cursor c(text);
  c.SkipBlanks();
  const std::string_view marker = TakeMarker(c);
  if (!marker.empty()) c.SkipBlanks();
  SkipAddress(c);
  const bool guess = c.Skip("? ");
  const std::optional<Symbol> symbol = TakeSymbol(c);
  bool unreliable = false;
  if (!symbol || !TakeMarks(c, unreliable)) return false;
  if (marker == "EOI") after_eoi_ = true;
  const bool counts = !unreliable && (!guess || after_eoi_);
  after_eoi_ = false;
  if (in_trace_ && counts) Add(ToFrame(*symbol));
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

// "RIP: 0010:func+0x1/0x2", "RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] func+0x1/0x2", "pc : func+0x1/0x2"
bool StackReader::ReadInstructionPointer(std::string_view text) {
  Cursor c(text);
  if (c.Skip("RIP: ")) {
    if (c.TakeWhile(Cursor::IsHex).size() != 4 || !c.Skip(':')) return false;
    SkipAddress(c);
    SkipAddress(c);
  } else if (!c.Skip("pc : ")) {
    return false;
  }
  const std::optional<Symbol> symbol = TakeSymbol(c);
  if (!symbol) return false;
  if (stacks_.empty()) Begin();
  if (in_trace_ || stacks_.back().frames.empty()) Add(ToFrame(*symbol));
  return true;
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
    comm = c.rest().substr(0, end);
    Stack& stack = Begin();
    stack.cpu = cpu;
    stack.pid = pid;
    stack.task = Task(comm, pid);
    ReadTaint(c.rest().substr(end));
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
  const bool call_trace =
      c.rest().starts_with("Call Trace:") || c.rest().starts_with("Call trace:") || c.rest().starts_with("Backtrace:");
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
  in_trace_ = false;
  // The stacks that lockdep prints before this line show lock chains.
  if (text == "stack backtrace:") stacks_.clear();
  if (text.ends_with("kthread stack dump:") || text.ends_with("where RCU GP kthread last ran:")) {
    next_is_context_ = true;
  }
}

bool StackReader::HasFrames() const {
  return std::ranges::any_of(stacks_, [](const Stack& stack) { return !stack.frames.empty(); });
}

std::vector<Frame> StackReader::Release(const Stack& stack, size_t from) {
  std::vector<Frame> frames = std::move(stacks_[static_cast<size_t>(&stack - stacks_.data())].frames);
  frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(from));
  return frames;
}

Stack& StackReader::Begin() {
  in_trace_ = false;
  // "NMI backtrace for cpu 1" and "CPU: 1 PID: ..." may introduce the same stack.
  if (stacks_.empty() || !stacks_.back().frames.empty()) {
    if (stacks_.size() == kMaxStacks) stacks_.pop_back();
    stacks_.push_back({});
    stacks_.back().context = std::exchange(next_is_context_, false);
  }
  return stacks_.back();
}

void StackReader::Add(Frame frame) {
  auto& frames = stacks_.back().frames;
  // On arm64, the trace begins with the frame that the pc line has already shown.
  if (frames.size() == 1 && frames[0].function == frame.function && frames[0].offset == frame.offset) return;
  if (frames.empty()) frames.reserve(Stack::kUsualFrames);
  if (frames.size() < Stack::kMaxFrames) frames.push_back(std::move(frame));
}

}  // namespace lk::detect
