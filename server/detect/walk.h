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

// The number of innermost frames that belong to the interrupt or NMI that inspected the CPU.
size_t ReporterFrames(const Stack& stack);

// Whether the CPU was idle: the stack shows the idle loop without an interrupt handler above it.
bool IsIdle(const Stack& stack);

// Whether the CPU was spinning on a lock.
bool IsSpinning(const Stack& stack);

// Whether the CPU was running a user-space program when the interrupt or NMI inspected it.
bool IsInUserMode(const Stack& stack);

// Whether a function (in the form of PlainFunction) reports problems or takes locks for its caller, so that the caller
// should be named instead.
bool IsHelper(std::string_view function);

}  // namespace lk::detect
