// SPDX-License-Identifier: Apache-2.0
// Finds the function that names a stack, that is, the function in the title of the report.
#pragma once

#include <string>
#include <string_view>

#include "server/detect/signatures.h"
#include "server/detect/stack.h"

namespace lk::detect {

// Returns the function that names a stack according to `walk`, in the form of PlainFunction. The stack must have at
// least one frame.
std::string NameOf(const Stack& stack, Walk walk);

// Other names under which the same stall may be known; empty if there is none.
// The function that names what the innermost interrupt, which may be stuck itself, has interrupted; without an
// interrupt, the subsystem that has called the one that names the stack.
std::string OuterNameOf(const Stack& stack);
// The outermost function after the entry: the system call, do_signal, the work function and so on.
std::string TaskEntryOf(const Stack& stack);

// The innermost function past the kernel's machinery of checks, reports, allocators and locks.
std::string InnermostNameOf(const Stack& stack);
// The innermost function of a blocked task that neither waits nor locks by its name (blk_mq_freeze_queue_wait,
// rtnl_lock).
std::string WaiterOf(const Stack& stack);
// The function in which a stuck CPU waits for other CPUs, which are to blame, whoever has called it; empty if it does
// not.
std::string CrossCallOf(const Stack& stack);

// The function in which the stack waits for a grace period, for queued work or for other CPUs; empty if it does not.
std::string WaitOf(const Stack& stack);

// The number of innermost frames that belong to the interrupt or NMI that inspected the CPU.
size_t ReporterFrames(const Stack& stack);

// Whether the stack shows only how it was printed.
bool IsAllReporter(const Stack& stack);

// Whether the CPU was idle: the stack shows the idle loop without an interrupt handler above it.
bool IsIdle(const Stack& stack);

// Whether the CPU was running handlers of cross-calls.
bool RunsCrossCall(const Stack& stack);

// Whether the CPU was spinning on a lock.
bool IsSpinning(const Stack& stack);

// Whether the CPU was running a user-space program when the interrupt or NMI inspected it.
bool IsInUserMode(const Stack& stack);

// Whether a function (in the form of PlainFunction) reports problems or takes locks for its caller, so that the caller
// should be named instead.
bool IsHelper(std::string_view function);

}  // namespace lk::detect
