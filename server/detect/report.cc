// SPDX-License-Identifier: Apache-2.0
#include "server/detect/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/detect/cursor.h"
#include "server/detect/names.h"
#include "server/detect/title.h"
#include "server/detect/walk.h"

namespace lk::detect {
namespace {

constexpr std::string_view kPanicPrefix = "Kernel panic - not syncing: ";

// Beginnings of report lines that are not part of a stack.
const Names& Body() {
  static const Names names = {
      // any report
      "Modules linked in:*", "Tainted: *", "Hardware name:*", "Workqueue: *", "Stopper: *", "NMI backtrace*",
      "Sending NMI*", "Kernel panic*", "Rebooting in *", "Kernel Offset: *", "PHYS_OFFSET: *", "CPU features: *",
      "SMP: stopping*", "---[ *", "note: *", "Preemption disabled*", "preempt_count*", "in_atomic(): *",
      "RCU nest depth: *", "irq event stamp: *", "hardirqs last*", "softirqs last*", "INFO: lockdep is turned off*",
      "Disabling lock debugging*", "Dumping ftrace buffer*",
      // oopses
      "Oops*", "#PF: *", "PGD *", "Mem abort info*", "Data abort info*", "user pgtable: *", "swapper pgtable: *",
      "Internal error: *", "invalid opcode: *", "page: *", "page dumped*", "page_owner *", "raw: *", "flags: *",
      "addr:*", "KASAN: *", "Unexpected kernel *", "ESR: *", "FAR: *", "Task stack: *", "IRQ stack: *",
      "Overflow stack: *", "kernel tried to execute*", "unable to execute*",
      // stalls
      "rcu: *", "rcu_*", "smp: csd: *", "csd: *", "Task dump for*", "\"echo 0 > *", "Future hung task*", "INFO: task *",
      "Showing *", "workqueue *", "pool *", "CPU#*", "NMI: *", "Uhhuh. NMI*", "caller is *", "lock: *",
      // lockdep
      "-----*", "=====*", "->*", "... *", "stack backtrace:*", "other info*", "the existing *", "which lock*",
      "but task is*", "and this task*", "RCU used illegally*", "rcu_scheduler_active*", "the code is fine*",
      "turning off the locking*", "you didn't initialize*",
      // sanitizers
      "Read of size*", "Write of size*", "Allocated by*", "Freed by*", "allocated by*", "freed by*", "Free of addr*",
      "Last potentially*", "Second to last*", "The buggy*", "Memory state*", "kfence-#*", "load of *", "index *",
      "member access *", "signed *", "unsigned *", "shift exponent *", "division by *", "value changed: *",
      "Reported by Kernel Concurrency*", "Uninit was*", "Local variable *", "Bytes *", "Memory access *"};
  return names;
}

bool IsBody(std::string_view text) {
  // An indented line belongs to the line above it.
  if (text.empty() || text.front() == ' ' || text.front() == '\t' || text.front() == '>') return true;
  // "2 locks held by cat/77:", and the page table walk that arm64 prints.
  return Body().Has(text) || text.find(" held by ") != std::string_view::npos ||
         text.find("] pgd=") != std::string_view::npos;
}

std::string_view WithoutFunction(std::string_view title) {
  return title.substr(0, title.find(" in {f}"));
}

CpuStack Other(const Stack& stack) {
  CpuStack other{
      .cpu = stack.cpu, .task = Printable(stack.task), .function = NameOf(stack, Walk::kStall), .frames = {}};
  const auto from = stack.frames.begin() + static_cast<std::ptrdiff_t>(ReporterFrames(stack));
  const auto most = static_cast<std::ptrdiff_t>(CpuStack::kMaxFrames);
  other.frames.assign(from, from + std::min(stack.frames.end() - from, most));
  return other;
}

}  // namespace

Report::Report(Match header, const Line& line, std::string_view text)
    : header_(std::move(header)), start_(line.start), fatal_(header_.signature->fatal) {
  excerpt_.reserve(kUsualExcerpt);
  Keep(line);
  if (header_.cpu >= 0) {
    victim_cpus_.push_back(header_.cpu);
  } else if (header_.pid >= 0) {
    victim_pids_.push_back(header_.pid);
  }
  if (header_.signature->kind == Kind::kRcuStall) ReadVictims(text);
  stacks_.Read(text);
}

void Report::Precede(uint64_t start, std::string_view lines) {
  start_ = start;
  excerpt_.insert(0, lines);
  if (excerpt_.size() > kMaxExcerpt) excerpt_.resize(kMaxExcerpt);
}

void Report::Keep(const Line& line) {
  end_ = line.end;
  const auto keep = [this](std::string_view text) { excerpt_ += text.substr(0, kMaxExcerpt - excerpt_.size()); };
  if (!pending_.empty()) keep(std::exchange(pending_, {}));
  keep(line.text);
  if (excerpt_.size() < kMaxExcerpt) excerpt_ += '\n';
}

void Report::Add(const Line& line, std::string_view text) {
  ++lines_;
  const bool stack = stacks_.Read(text) == StackReader::Line::kStack;
  if (!stack && !IsBody(text)) {
    ++foreign_;
    pending_ += line.text;
    pending_ += '\n';
    return;
  }
  if (!text.empty()) foreign_ = 0;
  Keep(line);
  if (!stack) ReadBody(text);
}

void Report::ReadBody(std::string_view text) {
  switch (header_.signature->kind) {
    case Kind::kRcuStall:
      ReadVictims(text);
      break;
    case Kind::kCsdStall:
      transient_ = transient_ || text.find(") got unstuck on CPU#") != std::string_view::npos;
      break;
    case Kind::kHungTask:
      saturated_ = saturated_ || text.starts_with("Future hung task reports are suppressed");
      break;
    case Kind::kSleepInAtomic:
      ReadWorkFunction(text);
      break;
    case Kind::kWorkqueueLockup:
      ReadWorkers(text);
      break;
    case Kind::kSanitizer:
      if (access_.empty() && text.starts_with("Read of size ")) access_ = " Read";
      if (access_.empty() && text.starts_with("Write of size ")) access_ = " Write";
      break;
    default:
      break;
  }
  all_cpus_ = all_cpus_ || text.starts_with("Sending NMI from CPU");
  trace_ended_ = trace_ended_ || text.starts_with("---[ end trace");
  // With panic=N, the kernel prints "Rebooting in" instead of the end line.
  ended_ = text.starts_with("---[ end Kernel panic") || (fatal_ && text.starts_with("Rebooting in "));
}

// The stalled CPUs and tasks, one per line ("rcu: \t0-....: (2 GPs behind) ...", "Tasks blocked on ...:
// P123/1:b..l"), or in the header ("{ 0-...D P123 }"): print_cpu_stall_info, rcu_print_task_stall,
// synchronize_rcu_expedited_stall.
void Report::ReadVictims(std::string_view text) {
  if (stacks_.HasFrames()) return;
  Cursor c(text);
  c.Skip("rcu: ");
  std::string_view skipped;
  int32_t number = 0;
  const bool list = c.TakeUntil("{", skipped) ||
                    (c.rest().find("Tasks blocked on") != std::string_view::npos && c.TakeUntil("):", skipped));
  if (!list) {
    if (c.peek() != ' ' && c.peek() != '\t') return;
    c.SkipBlanks();
    if (c.Take(number) && c.TakeUntil(":", skipped) && skipped.size() <= 5 && c.Skip(" (")) {
      victim_cpus_.push_back(number);
    }
    return;
  }
  while (!c.empty()) {
    c.SkipBlanks();
    if (c.peek() == '}') return;
    const bool task = c.Skip('P');
    if (c.Take(number)) (task ? victim_pids_ : victim_cpus_).push_back(number);
    c.TakeWhile([](char x) { return x != ' ' && x != '\t' && x != '}'; });
  }
}

// Finds the work function of the stalled pool. "  pwq 6: cpus=1 node=0 flags=0x0 nice=0 active=2/256 refcnt=3" contains
// the description of the pool from the header; "    in-flight: 61:drain_fn [lab] BAR(17)" follows (show_pwq,
// kernel/workqueue.c).
void Report::ReadWorkers(std::string_view text) {
  Cursor c(text);
  std::string_view skipped;
  int32_t number = -1;
  c.SkipBlanks();
  if (c.Skip("pwq ")) {
    in_the_pool_ = c.TakeUntil(": ", skipped) && c.Skip(header_.text) && c.Skip(' ');
  } else if (in_the_pool_ && in_flight_.empty() && c.Skip("in-flight: ") && c.Take(number) && c.Skip(':')) {
    in_flight_ = PlainFunction(c.TakeWhile(Cursor::IsSymbol));
  }
}

// The work function that has leaked a lock: "     last function: drain_fn", "     preempt=0x00000001 lock=0->0
// RCU=0->0 workfn=drain_fn" (process_one_work, kernel/workqueue.c).
void Report::ReadWorkFunction(std::string_view text) {
  Cursor c(text);
  std::string_view skipped;
  if (c.TakeUntil(" last function: ", skipped) || c.TakeUntil(" workfn=", skipped)) {
    header_.function = c.TakeWhile(Cursor::IsSymbol);
  }
}

bool Report::Takes(const Match& header) const {
  if (header.signature->nmi) return fatal_;
  if (header.signature->fatal || fatal_) return true;
  return header.signature->joins == header_.signature->kind && !stacks_.HasFrames() && !trace_ended_;
}

bool Report::Beside(const Match& header) const {
  return header.signature == header_.signature && header_.signature->walk == Walk::kStall && header.cpu >= 0 &&
         header_.cpu >= 0 && header.cpu != header_.cpu && !stacks_.HasFrames();
}

void Report::Join(const Match& header, const Line& line, std::string_view text) {
  ++lines_;
  foreign_ = 0;
  Keep(line);
  stacks_.Read(text);
  if (header.signature->fatal && !fatal_) {
    fatal_ = true;
    if (text.starts_with(kPanicPrefix)) panic_ = Normalise(text.substr(kPanicPrefix.size()));
  }
}

bool Report::complete() const {
  return ended_ || foreign_ >= kMaxForeign || lines_ >= kMaxLines;
}

bool Report::IsVictim(const Stack& stack) const {
  return std::ranges::find(victim_cpus_, stack.cpu) != victim_cpus_.end() ||
         std::ranges::find(victim_pids_, stack.pid) != victim_pids_.end();
}

// RCU and CSD locks do not wait for an idle CPU, so if the victim's stack is idle, the stall was over before the stack
// was taken. The lockup detectors are not affected, since they run on the stuck CPU itself, in a timer or NMI.
bool Report::IsLookedAtLate() const {
  return header_.signature->kind == Kind::kRcuStall || header_.signature->kind == Kind::kCsdStall;
}

const Stack* Report::Choose() const {
  const auto& stacks = stacks_.stacks();
  const auto find = [&](auto&& wanted) -> const Stack* {
    const auto it = std::ranges::find_if(
        stacks, [&](const Stack& stack) { return !stack.context && !stack.frames.empty() && wanted(stack); });
    return it == stacks.end() ? nullptr : &*it;
  };
  // The stack of another CPU or task says nothing about the one that is stuck.
  switch (header_.signature->walk) {
    case Walk::kStall:
      if (header_.signature->nmi) {
        // Prefer the lock holder over the CPUs spinning on the lock.
        const auto busy = [](const Stack& s) { return !IsIdle(s) && !IsInUserMode(s); };
        const Stack* const at_work = find([&](const Stack& s) { return busy(s) && !IsSpinning(s); });
        return at_work != nullptr ? at_work : find(busy);
      }
      if (!victim_cpus_.empty() || !victim_pids_.empty()) {
        return find([&](const Stack& s) { return IsVictim(s) && !(IsLookedAtLate() && IsIdle(s)); });
      }
      break;
    case Walk::kBlocked:
      return find([&](const Stack& s) { return s.pid < 0 || s.pid == header_.pid; });
    case Walk::kFault:
    case Walk::kNone:
      break;
  }
  return find([](const Stack&) { return true; });
}

// The stack of the CPU that waits for the victim of a cross-CPU call: the last stack that is not the victim's.
const Stack* Report::Waiter(const Stack* victim) const {
  const auto& stacks = stacks_.stacks();
  const auto it = std::find_if(stacks.rbegin(), stacks.rend(), [&](const Stack& stack) {
    return &stack != victim && !stack.frames.empty() && !IsVictim(stack);
  });
  return it == stacks.rend() ? nullptr : &*it;
}

void Report::AddAlternates(Finding& finding, const Stack* stack) const {
  const Signature& signature = *header_.signature;
  const auto add = [&](std::string title) {
    if (std::ranges::find(finding.alt_titles, title) == finding.alt_titles.end()) {
      finding.alt_titles.push_back(std::move(title));
    }
  };
  const auto add_cause = [&](const std::string& function) {
    if (!function.empty() && !signature.alt_title.empty()) {
      add(MakeTitle(signature.alt_title, {.function = function, .text = "", .access = ""}));
    }
  };
  // The cause is named by the rule for stalls or blocked tasks, even if a different rule names the report.
  const Walk walk = signature.walk == Walk::kBlocked ? Walk::kBlocked : Walk::kStall;
  if (signature.walk != Walk::kNone && stack != nullptr) add_cause(NameOf(*stack, walk));
  add_cause(in_flight_);
  // Other detectors may report the same hang on either CPU: the one that waits or the one that does not respond.
  const Stack* const waiter = signature.kind == Kind::kCsdStall ? Waiter(stack) : nullptr;
  if (waiter != nullptr) add_cause(NameOf(*waiter, walk));
  if (!panic_.empty()) add(MakeTitle("kernel panic: {text}", {.function = "", .text = panic_, .access = ""}));
}

// A sanitizer prints its stack before the line that names the task, so any task named in the report is that one. In a
// stall report, the named task may be that of another CPU.
const std::string& Report::TaskOf(const Stack& stack) const {
  if (!stack.task.empty() || header_.signature->walk != Walk::kFault) return stack.task;
  const auto named = std::ranges::find_if(stacks_.stacks(), [](const Stack& s) { return !s.task.empty(); });
  return named == stacks_.stacks().end() ? stack.task : named->task;
}

void Report::AddOthers(Finding& finding) const {
  for (const Stack& stack : stacks_.stacks()) {
    const auto known = [&](const CpuStack& other) { return other.cpu == stack.cpu; };
    if (stack.cpu < 0 || stack.cpu == finding.cpu || stack.frames.empty() ||
        finding.others.size() == Finding::kMaxOthers || std::ranges::any_of(finding.others, known)) {
      continue;
    }
    finding.others.push_back(Other(stack));
  }
}

Finding Report::Describe(const std::string& function) const {
  const Signature& signature = *header_.signature;
  Finding finding;
  finding.kind = signature.kind;
  finding.function = function;
  finding.start_offset = start_;
  finding.end_offset = end_;
  finding.cpu = header_.cpu;
  if (!header_.task.empty()) finding.task = Printable(fmt::format("{}:{}", header_.task, header_.pid));
  finding.seconds_stuck = header_.seconds;
  finding.fatal = fatal_;
  finding.nmi = signature.nmi;
  return finding;
}

Finding Report::Begun() const {
  const Signature& signature = *header_.signature;
  Finding finding = Describe(PlainFunction(header_.function));
  finding.open = true;
  finding.title = MakeTitle(finding.function.empty() ? WithoutFunction(signature.title) : signature.title,
                            {.function = finding.function, .text = Normalise(header_.text), .access = ""});
  finding.excerpt = Printable(excerpt_);
  return finding;
}

Finding Report::Finish() && {
  const Signature& signature = *header_.signature;
  const Stack* const stack = Choose();
  std::string function = PlainFunction(header_.function);
  if (stack != nullptr && signature.walk != Walk::kNone && (function.empty() || IsHelper(function))) {
    function = NameOf(*stack, signature.walk);
  }
  if (function.empty()) function = in_flight_;
  Finding finding = Describe(function);
  finding.corrupted = signature.walk != Walk::kNone && function.empty() && !(signature.nmi && stacks_.HasFrames());
  finding.title = MakeTitle(
      function.empty() && signature.walk == Walk::kNone ? WithoutFunction(signature.title) : signature.title,
      {.function = function.empty() ? "corrupted" : function, .text = Normalise(header_.text), .access = access_});
  AddAlternates(finding, stack);
  if (finding.cpu < 0) finding.cpu = stack != nullptr ? stack->cpu : victim_cpus_.empty() ? -1 : victim_cpus_.front();
  AddOthers(finding);
  if (finding.task.empty() && stack != nullptr) finding.task = Printable(TaskOf(*stack));
  finding.transient = transient_;
  finding.saturated = saturated_;
  finding.taint = stacks_.taint();
  finding.kernel_release = stacks_.kernel_release();
  if (stack != nullptr) {
    finding.frames = stacks_.Release(*stack, signature.walk == Walk::kStall ? ReporterFrames(*stack) : 0);
  }
  MakePrintable(excerpt_);
  finding.excerpt = std::move(excerpt_);
  return finding;
}

}  // namespace lk::detect
