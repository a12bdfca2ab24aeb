// SPDX-License-Identifier: Apache-2.0
// Guests that consist of a few instructions.
#pragma once

#include <string_view>

namespace lk::vm {

// Prints "line 00000000" and so on forever, with a growing hexadecimal number, on the first serial port: a few hundred
// lines per second, with interrupts off.
std::string_view Ticker();
// Reports a panic through the ISA pvpanic device, then halts.
std::string_view Panicker();
// For aarch64: waits for an interrupt forever.
std::string_view Waiter();

}  // namespace lk::vm
