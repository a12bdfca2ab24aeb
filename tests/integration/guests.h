// SPDX-License-Identifier: Apache-2.0
// Guests of a few instructions.
#pragma once

#include <string_view>

namespace lk::vm {

// Prints "line 00000000" with a growing number in hexadecimal on the first serial port, for ever, some hundred lines a
// second, with interrupts off.
std::string_view Ticker();
// Tells the ISA panic device that it has panicked, and halts.
std::string_view Panicker();
// aarch64: waits for an interrupt for ever.
std::string_view Waiter();

}  // namespace lk::vm
