// SPDX-License-Identifier: Apache-2.0
#include "server/detect/walk.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "server/detect/functions.h"
#include "server/detect/title.h"

namespace lk::detect {
namespace {

using enum Role;
using Frames = std::span<const StackFrame>;

bool Is(const StackFrame& frame, Roles roles) {
  return frame.roles.Any(roles);
}

// The innermost frame that has one of the roles; the end if there is none.
Frames::iterator Find(Frames frames, Roles roles) {
  return std::ranges::find_if(frames, [&](const StackFrame& f) { return Is(f, roles); });
}

// The frames below this one and those of the same roles that follow it; none if they are the outermost.
Frames Below(Frames frames, Frames::iterator frame, Roles roles) {
  return {std::find_if_not(frame, frames.end(), [&](const StackFrame& f) { return Is(f, roles); }), frames.end()};
}

// The frames of the interrupted code, below the interrupt that the reporter runs in.
Frames WithoutReporter(Frames frames) {
  while (true) {
    const auto entry = Find(frames, kInterrupt);
    if (entry == frames.end() || Find({frames.begin(), entry}, kReporter) == entry) return frames;
    const Frames rest = Below(frames, entry, kInterrupt);
    if (rest.empty()) return frames;
    frames = rest;
  }
}

// The frames of the code that was preempted, below the scheduler and the interrupt in which that happened.
Frames WithoutPreemption(Frames frames) {
  const auto preempt = Find(frames, kPreempt);
  if (preempt == frames.end()) return frames;
  // An interrupt in the scheduler may be stuck itself.
  if (std::any_of(frames.begin(), preempt, [](const StackFrame& f) { return Is(f, kInterrupt); })) return frames;
  // Something else than the scheduler above it: the task has run again since.
  if (!std::all_of(frames.begin(), preempt, [](const StackFrame& f) { return Is(f, kWait | kHelper | kReporter); }) &&
      std::none_of(frames.begin(), preempt,
                   [](const StackFrame& f) { return PlainFunction(f.function) == "__schedule"; })) {
    return frames;
  }
  const Frames rest = Below(frames, preempt, kPreempt | kInterrupt);
  return rest.empty() ? frames : rest;
}

// Whether the function is what a system call does, under another name: do_rmdir, called by __x64_sys_rmdir.
bool IsBodyOf(const StackFrame& call, const StackFrame& body) {
  const std::string name = PlainFunction(call.function);
  return name.starts_with("sys_") && body.function.starts_with("do_") &&
         std::string_view(body.function).substr(3) == std::string_view(name).substr(4);
}

// The frame at which the innermost subsystem was entered: the one that the innermost dispatcher has called. If only
// helpers run above the dispatchers, the outermost of these, such as the system call. If an interrupt shows nothing
// else either, the same for the code that it interrupted. What the page allocator has called, such as reclaim, is a
// separate subsystem. Null if there is no dispatcher.
const StackFrame* EntryOfSubsystem(Frames frames) {
  constexpr Roles kUnnamed = kHelper | kPages | kWait | kCrossCall | kTick | kReporter | kSpin;
  const StackFrame* dispatcher = nullptr;
  const StackFrame* named = nullptr;
  bool interrupted = false;  // since the dispatcher
  for (const StackFrame& frame : frames) {
    const Roles roles = frame.roles;
    const bool boundary = roles.Any(kEntry | kInterrupt | kDispatch);
    if (named != nullptr && roles.Any(kPages)) return named;
    if (named != nullptr && boundary) return IsBodyOf(frame, *named) ? &frame : named;
    if (dispatcher != nullptr && !interrupted && !roles.Any(kInterrupt | kDispatch)) return dispatcher;
    if (roles.Any(kInterrupt)) {
      interrupted = true;
    } else if (roles.Any(kDispatch)) {
      dispatcher = &frame;
      interrupted = false;
    } else if (!boundary && !roles.Any(kUnnamed)) {
      named = &frame;
    }
  }
  return dispatcher;
}

// The frame that the outermost dispatchers have called; null if there is none. If the scheduler was entered from
// helpers alone, the outermost of these.
const StackFrame* EntryOfTask(Frames frames) {
  const StackFrame* dispatcher = nullptr;
  const StackFrame* helper = nullptr;  // since the dispatcher
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    const Roles roles = frame->roles;
    if (roles.Any(kPreempt) && helper != nullptr) return helper;
    if (roles.Any(kEntry | kInterrupt | kDispatch)) {
      dispatcher = &*frame;
      helper = nullptr;
    } else if (!roles.Any(kHelper | kWait)) {
      return &*frame;
    } else if (helper == nullptr) {
      helper = &*frame;
    }
  }
  return dispatcher;
}

// The innermost frame that has none of the roles; if all have one, the worker that has called them, or the outermost
// before an entry.
const StackFrame& FirstWithout(Frames frames, Roles roles) {
  const auto entry = Find(frames, kEntry);
  const auto named = std::find_if(frames.begin(), entry, [&](const StackFrame& f) { return !Is(f, roles); });
  if (named != entry || (entry != frames.end() && Is(*entry, kWorker))) return *named;
  return entry == frames.begin() ? frames.front() : *std::prev(entry);
}

// The frames of the code that faulted, below the exception in which the fault is reported.
Frames WithoutFault(Frames frames) {
  const auto entry = Find(frames, kInterrupt);
  const bool reports =
      std::all_of(frames.begin(), entry, [](const StackFrame& f) { return Is(f, kHelper | kReporter); });
  const Frames rest = reports ? Below(frames, entry, kInterrupt) : Frames();
  return rest.empty() ? frames : rest;
}

// The frame that names a stack.
const StackFrame& NamedFrame(Frames frames, Walk walk) {
  switch (walk) {
    case Walk::kStall:
      frames = WithoutPreemption(WithoutReporter(frames));
      if (const StackFrame* const named = EntryOfSubsystem(frames)) return *named;
      break;
    case Walk::kOverflow:
      if (const StackFrame* const named = EntryOfTask(frames)) return *named;
      break;
    case Walk::kSpin:
      return FirstWithout(WithoutReporter(frames), kHelper | kCrossCall | kSpin | kWait);
    case Walk::kBlocked:
      return FirstWithout(frames, kWait | kCrossCall | kHelper);
    case Walk::kFault:
    case Walk::kLock:
    case Walk::kNone:
      break;
  }
  return FirstWithout(WithoutFault(frames), kHelper | kCrossCall);
}

// The function of the first frame that is wanted, if only frames with the roles precede it; otherwise empty.
template <typename Wanted>
std::string FirstPast(Frames frames, Roles roles, Wanted wanted) {
  const auto frame =
      std::ranges::find_if(frames, [&](const StackFrame& f) { return wanted(f.roles) || !Is(f, roles); });
  return frame == frames.end() || !wanted(frame->roles) ? "" : PlainFunction(frame->function);
}

}  // namespace

bool IsHelper(std::string_view function) {
  return RolesOf(function).Any(kHelper | kCrossCall);
}

size_t ReporterFrames(const Stack& stack) {
  return stack.frames.size() - WithoutReporter(stack.frames).size();
}

bool IsAllReporter(const Stack& stack) {
  return std::ranges::all_of(stack.frames, [](const StackFrame& f) { return Is(f, kReporter | kTick); });
}

bool IsIdle(const Stack& stack) {
  const StackFrame* const named = EntryOfSubsystem(WithoutReporter(stack.frames));
  return named != nullptr && Is(*named, kIdle);
}

bool RunsCrossCall(const Stack& stack) {
  return std::ranges::any_of(WithoutReporter(stack.frames), [](const StackFrame& f) {
    return f.function.find("flush_smp_call_function_queue") != std::string::npos;
  });
}

bool IsSpinning(const Stack& stack) {
  const Frames frames = WithoutReporter(stack.frames);
  return !frames.empty() && Is(frames.front(), kSpin);
}

bool IsInUserMode(const Stack& stack) {
  return !stack.frames.empty() && Is(stack.frames.back(), kInterrupt) &&
         std::ranges::any_of(stack.frames, [](const StackFrame& f) { return Is(f, kReporter); });
}

std::string NameOf(const Stack& stack, Walk walk) {
  return PlainFunction(NamedFrame(stack.frames, walk).function);
}

std::string OuterNameOf(const Stack& stack) {
  const Frames frames = WithoutPreemption(WithoutReporter(stack.frames));
  const StackFrame* const inner = EntryOfSubsystem(frames);
  if (inner == nullptr) return "";
  const auto interrupt = Find(frames, kInterrupt);
  const Frames outer = interrupt != frames.begin() && interrupt != frames.end()
                           ? Below(frames, interrupt, kInterrupt)
                           : Below(frames, frames.begin() + (inner - frames.data()) + 1, kDispatch);
  const StackFrame* const named = EntryOfSubsystem(outer);
  return named == nullptr || Is(*named, kIdle | kReturn) ? "" : PlainFunction(named->function);
}

std::string TaskEntryOf(const Stack& stack) {
  const auto frame = std::find_if(stack.frames.rbegin(), stack.frames.rend(), [](const StackFrame& f) {
    return Is(f, kIdle) || !Is(f, kEntry | kInterrupt | kCrossCall | kReturn);
  });
  return frame == stack.frames.rend() || Is(*frame, kIdle) ? "" : PlainFunction(frame->function);
}

std::string InnermostNameOf(const Stack& stack) {
  const StackFrame& frame = FirstWithout(WithoutFault(stack.frames), kMachinery | kReporter);
  return Is(frame, kEntry | kMachinery | kReporter) ? "" : PlainFunction(frame.function);
}

std::string WaiterOf(const Stack& stack) {
  const auto waits = [](const StackFrame& f) {
    return Is(f, kWait | kCrossCall | kMachinery) || f.function.find("wait") != std::string::npos ||
           PlainFunction(f.function).ends_with("_lock");
  };
  const auto frame = std::ranges::find_if_not(stack.frames, waits);
  return frame == stack.frames.end() || Is(*frame, kEntry) ? "" : PlainFunction(frame->function);
}

std::string CrossCallOf(const Stack& stack) {
  return FirstPast(WithoutReporter(stack.frames), kHelper | kCrossCall,
                   [](Roles roles) { return roles.Any(kCrossCall) && roles.Any(kWaitFor); });
}

std::string WaitOf(const Stack& stack) {
  return FirstPast(WithoutReporter(stack.frames), kWait | kHelper,
                   [](Roles roles) { return roles.Any(kWaitFor | kCrossCall); });
}

}  // namespace lk::detect
