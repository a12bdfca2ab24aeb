// SPDX-License-Identifier: Apache-2.0
// What a report that has been read says: which stack counts, the function that names it, and the finding.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/detect/report.h"
#include "server/detect/title.h"
#include "server/detect/walk.h"

namespace lk::detect {
namespace {

// A race is named by both of its functions.
bool IsRace(std::string_view function) {
  return function.find(" / ") != std::string_view::npos;
}

std::string_view WithoutFunction(std::string_view title) {
  return title.substr(0, title.find(" in {f}"));
}

CpuStack Other(const Stack& stack, Walk walk) {
  CpuStack other{.cpu = stack.cpu, .task = Printable(stack.task), .function = NameOf(stack, walk), .frames = {}};
  const auto from = stack.frames.begin() + static_cast<std::ptrdiff_t>(ReporterFrames(stack));
  const auto most = static_cast<std::ptrdiff_t>(CpuStack::kMaxFrames);
  other.frames.assign(from, from + std::min(stack.frames.end() - from, most));
  return other;
}

}  // namespace

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
    case Walk::kSpin:
      if (header_.signature->nmi) {
        // Prefer the lock holder over the CPUs spinning on the lock.
        const auto busy = [](const Stack& s) { return !IsIdle(s) && !IsInUserMode(s); };
        const Stack* const at_work = find([&](const Stack& s) { return busy(s) && !IsSpinning(s); });
        return at_work != nullptr ? at_work : find(busy);
      }
      // Old kernels do not say which CPU shows its stack: then there is one.
      if ((!body_.victim_cpus.empty() || !body_.victim_pids.empty()) &&
          std::ranges::any_of(stacks, [&](const Stack& s) { return s.cpu >= 0 || !body_.victim_pids.empty(); })) {
        return find([&](const Stack& s) { return IsVictim(s) && !(IsLookedAtLate() && IsIdle(s)); });
      }
      break;
    case Walk::kBlocked:
      return find([&](const Stack& s) { return s.pid < 0 || s.pid == header_.pid; });
    case Walk::kFault:
    case Walk::kOverflow:
    case Walk::kLock:
    case Walk::kNone:
      break;
  }
  if (const Stack* const first = find([](const Stack&) { return true; })) return first;
  // All CPUs have passed the grace period, but its kthread does not get to run. The stack of a task that runs on
  // another CPU is an old one on arm64, from when the task was switched to.
  const auto last = std::ranges::find_if(stacks, [](const Stack& s) {
    return s.of_kthreads_cpu && !s.frames.empty() && !IsIdle(s) && s.frames.front().function != "__switch_to";
  });
  return last == stacks.end() ? nullptr : &*last;
}

// The stack of the CPU that waits for the victim of a cross-CPU call: the last stack that is not the victim's.
const Stack* Report::Waiter(const Stack* victim) const {
  const auto& stacks = stacks_.stacks();
  const auto it = std::find_if(stacks.rbegin(), stacks.rend(), [&](const Stack& stack) {
    return &stack != victim && !stack.frames.empty() && !IsVictim(stack);
  });
  return it == stacks.rend() ? nullptr : &*it;
}

// Adds the titles under which others may report the same.
class Report::Alternates {
 public:
  Alternates(const Report& report, const Stack* stack, Finding& finding)
      : report_(report), signature_(*report.header_.signature), stack_(stack), finding_(finding) {}

  void Add() {
    switch (signature_.walk) {
      case Walk::kStall:
      case Walk::kSpin:
        AddStall();
        break;
      case Walk::kBlocked:
        AddBlocked();
        break;
      case Walk::kLock:
        // Lockdep names the functions that take the locks, and shows the stack of the task that reports it.
        for (const std::string& site : report_.body_.lock_sites) AddTitle(site);
        if (stack_ != nullptr) AddTitle(NameOf(*stack_, Walk::kFault));
        break;
      case Walk::kOverflow:
        AddCause(finding_.function);
        if (stack_ != nullptr) AddTitle(TaskEntryOf(*stack_));
        break;
      case Walk::kFault:
      case Walk::kNone:
        AddCause(finding_.function);
        break;
    }
    AddCause(report_.body_.pool_function);
    const bool needs_text = signature_.also.find("{text}") != std::string_view::npos;
    if (!signature_.also.empty() && (!needs_text || !report_.header_.text.empty())) {
      Add(Make(signature_.also, finding_.function));
    }
    if (signature_.walk == Walk::kFault && stack_ != nullptr && !IsRace(finding_.function)) {
      // An oops says where the instruction pointer was.
      AddTitle(signature_.kind == Kind::kOops ? PlainFunction(stack_->frames.front().function)
                                              : InnermostNameOf(*stack_));
    }
    if (!report_.panic_.empty()) {
      Add(MakeTitle("kernel panic: {text}", {.function = "", .text = report_.panic_, .access = ""}));
    }
  }

 private:
  void AddStall() {
    const bool cross_call = signature_.kind == Kind::kCsdStall;
    if (stack_ != nullptr) {
      if (signature_.walk == Walk::kSpin) AddCause(NameOf(*stack_, Walk::kSpin));
      AddCause(NameOf(*stack_, Walk::kStall));
      AddWait();
      // What a cross-call interrupts does not matter.
      if (signature_.walk == Walk::kStall && !cross_call) {
        constexpr std::string_view kCall = "smp_call_function";
        if (finding_.function.starts_with(kCall)) {
          // Others know all of these by one name, or by their caller.
          AddTitle(std::string(kCall));
          AddTitle(NameOf(*stack_, Walk::kStall));
        }
        // A work function that ends with a call is not in the stack.
        if (stack_->task.starts_with("kworker/")) AddTitle(report_.work_function_);
        AddTitle(OuterNameOf(*stack_));
        AddTitle(TaskEntryOf(*stack_));
      }
    }
    if (!cross_call) return;
    AddTitle(PlainFunction(report_.header_.function));
    // Other detectors may report the same hang on either CPU: the one that waits or the one that does not respond.
    if (const Stack* const waiter = report_.Waiter(stack_)) AddCause(NameOf(*waiter, Walk::kStall));
  }

  void AddBlocked() {
    if (stack_ == nullptr) return;
    AddCause(NameOf(*stack_, Walk::kBlocked));
    AddWait();
    AddTitle(WaiterOf(*stack_));
    // The other tasks of the same check.
    for (const Stack& other : report_.stacks_.stacks()) {
      if (&other != stack_ && other.cpu < 0 && other.pid >= 0 && !other.frames.empty()) {
        AddTitle(NameOf(other, Walk::kBlocked));
      }
    }
  }

  // What it waits for is generic, but it is what others report the same wait under.
  void AddWait() {
    if (signature_.cause.empty()) return;
    const std::string wait = WaitOf(*stack_);
    // Others know all waits for a grace period by one name.
    AddTitle(wait.starts_with("synchronize_") ? "synchronize_rcu" : wait);
  }

  std::string Make(std::string_view pattern, std::string_view function) const {
    return MakeTitle(pattern,
                     {.function = function, .text = Normalise(report_.header_.text), .access = report_.body_.access});
  }
  void AddTitle(const std::string& function) {
    if (!function.empty()) Add(Make(signature_.title, function));
  }
  void AddCause(const std::string& function) {
    if (!function.empty() && !signature_.cause.empty()) Add(Make(signature_.cause, function));
  }
  void Add(std::string title) {
    std::vector<std::string>& titles = finding_.alt_titles;
    if (titles.size() == Finding::kMaxAltTitles || title == finding_.title) return;
    if (std::ranges::find(titles, title) == titles.end()) titles.push_back(std::move(title));
  }

  const Report& report_;
  const Signature& signature_;
  const Stack* stack_;
  Finding& finding_;
};

// A sanitizer prints its stack before the line that names the task, so any task named in the report is that one. In a
// stall report, the named task may be that of another CPU.
const std::string& Report::TaskOf(const Stack& stack) const {
  if (!stack.task.empty() || header_.signature->walk != Walk::kFault) return stack.task;
  const auto named = std::ranges::find_if(stacks_.stacks(), [](const Stack& s) { return !s.task.empty(); });
  return named == stacks_.stacks().end() ? stack.task : named->task;
}

// Stacks of other CPUs and, of a hung task, of other tasks.
void Report::AddOthers(Finding& finding, const Stack* chosen) const {
  const bool tasks = header_.signature->walk == Walk::kBlocked;
  for (const Stack& stack : stacks_.stacks()) {
    const bool of_task = tasks && stack.cpu < 0 && stack.pid >= 0;
    const auto known = [&](const CpuStack& other) {
      return of_task ? other.task == stack.task : other.cpu == stack.cpu;
    };
    if (&stack == chosen || (stack.cpu < 0 && !of_task) || (stack.cpu >= 0 && stack.cpu == finding.cpu) ||
        stack.frames.empty() || finding.others.size() == Finding::kMaxOthers ||
        std::ranges::any_of(finding.others, known)) {
      continue;
    }
    finding.others.push_back(Other(stack, tasks ? Walk::kBlocked : Walk::kStall));
  }
}

// Where the lock was taken or wanted, past helpers; empty if not known.
std::string Report::LockSite() const {
  const auto site = std::ranges::find_if_not(body_.lock_sites, IsHelper);
  return site == body_.lock_sites.end() ? "" : *site;
}

const Stack* Report::StackOf(int32_t pid) const {
  const auto it = std::ranges::find_if(stacks_.stacks(),
                                       [&](const Stack& stack) { return stack.pid == pid && !stack.frames.empty(); });
  return it == stacks_.stacks().end() ? nullptr : &*it;
}

// The function that identifies the stack of a party.
std::string Report::FunctionOf(const Stack* stack) const {
  if (stack == nullptr) return "";
  const Walk walk = header_.signature->walk;
  return NameOf(*stack, walk == Walk::kBlocked || walk == Walk::kSpin ? walk : Walk::kStall);
}

// Names the CPU or task that waits and the one that it waits for, if the report tells them.
void Report::AddParties(Finding& finding, const Stack* stack) const {
  const auto of_stack = [&](const Stack& s) { return Party{s.cpu, Printable(s.task), FunctionOf(&s)}; };
  const Party named{finding.cpu, finding.task, finding.function};
  if (!body_.owner.empty()) {
    finding.victim = named;
    finding.culprit = {.cpu = -1, .task = Printable(body_.owner), .function = FunctionOf(StackOf(body_.owner_pid))};
  } else if (header_.signature->kind == Kind::kCsdStall) {
    finding.culprit = named;
    const Stack* const waiter = Waiter(stack);
    if (waiter != nullptr) finding.victim = of_stack(*waiter);
  } else if (header_.signature->nmi && stack != nullptr && !IsSpinning(*stack)) {
    // The CPUs that spin on a lock wait for the one that does not.
    const auto spins = std::ranges::find_if(
        stacks_.stacks(), [&](const Stack& s) { return &s != stack && !s.frames.empty() && IsSpinning(s); });
    if (spins == stacks_.stacks().end()) return;
    finding.victim = of_stack(*spins);
    finding.culprit = named;
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
  if (!header_.task.empty() && header_.pid >= 0)
    finding.task = Printable(fmt::format("{}:{}", header_.task, header_.pid));
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

// The function that names the report; empty if there is none.
std::string Report::NameBy(const Stack* stack) const {
  const Signature& signature = *header_.signature;
  if (!body_.function.empty()) return body_.function;
  std::string function = signature.walk == Walk::kLock ? LockSite() : PlainFunction(header_.function);
  if (stack != nullptr && signature.walk != Walk::kNone) {
    // A stack that was cut before it leaves the code that prints it shows nothing, but a work item has a name.
    if (IsOfACpu(signature.walk) && IsAllReporter(*stack) && !work_function_.empty()) return work_function_;
    // The CPU has not even begun with the handler, or another one.
    if (signature.kind == Kind::kCsdStall && !RunsCrossCall(*stack)) {
      std::string loop = NameOf(*stack, Walk::kSpin);
      return IsHelper(loop) && !function.empty() ? function : loop;
    }
    if (signature.walk == Walk::kStall && signature.kind != Kind::kCsdStall) {
      if (std::string call = CrossCallOf(*stack); !call.empty()) return call;
    }
    if (function.empty() || (IsHelper(function) && !IsRace(function))) function = NameOf(*stack, signature.walk);
    if (IsHelper(function) && !work_function_.empty()) function = work_function_;
  } else if (IsOfACpu(signature.walk) && function.empty()) {
    function = work_function_;
  }
  return function.empty() ? body_.pool_function : function;
}

Finding Report::Finish() && {
  const Signature& signature = *header_.signature;
  stacks_.Settle();
  const Stack* const stack = Choose();
  const std::string function = NameBy(stack);
  Finding finding = Describe(function);
  // If it is over, the kernel shows no stack.
  const bool no_stack = signature.walk == Walk::kNone || body_.transient;
  finding.corrupted = !no_stack && function.empty() && !(signature.nmi && stacks_.HasFrames());
  finding.title = MakeTitle(
      function.empty() && no_stack ? WithoutFunction(signature.title) : signature.title,
      {.function = function.empty() ? "corrupted" : function, .text = Normalise(header_.text), .access = body_.access});
  Alternates(*this, stack, finding).Add();
  if (finding.cpu < 0)
    finding.cpu = stack != nullptr ? stack->cpu : body_.victim_cpus.empty() ? -1 : body_.victim_cpus.front();
  AddOthers(finding, stack);
  if (finding.task.empty() && stack != nullptr) finding.task = Printable(TaskOf(*stack));
  AddParties(finding, stack);
  finding.transient = body_.transient;
  finding.saturated = body_.saturated;
  finding.taint = stacks_.taint();
  finding.kernel_release = stacks_.kernel_release();
  finding.architecture = stacks_.architecture();
  finding.modules = std::move(modules_);
  if (stack != nullptr) {
    finding.frames = stacks_.Release(*stack, IsOfACpu(signature.walk) ? ReporterFrames(*stack) : 0);
  }
  MakePrintable(excerpt_);
  finding.excerpt = std::move(excerpt_);
  return finding;
}

}  // namespace lk::detect
