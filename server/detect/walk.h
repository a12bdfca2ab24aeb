// SPDX-License-Identifier: Apache-2.0
// Which function names a stack.
#pragma once

#include <string>
#include <string_view>

#include "server/detect/signatures.h"
#include "server/detect/stack.h"

namespace lk::detect {

// The function that names a stack (of at least one frame) by the rule, plain.
std::string NameOf(const Stack& stack, Walk walk);

// How many of a stack's innermost frames are those of an interrupt or NMI that looked at it.
size_t ReporterFrames(const Stack& stack);

// Nothing ran there: the idle loop, and no handler of an interrupt above it.
bool IsIdle(const Stack& stack);

// It waited for a lock that somebody else has.
bool IsSpinning(const Stack& stack);

// The kernel did not run there: an interrupt or NMI that looked at it found a program.
bool IsInUserMode(const Stack& stack);

// Whether a function (plain) reports problems or takes locks for others, so that its caller is the one to name.
bool IsHelper(std::string_view function);

}  // namespace lk::detect
