// SPDX-License-Identifier: Apache-2.0
// What well-known kernel functions do for others. Naming a stack (walk.h) and folding findings (fold.h) use it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace lk::detect {

enum class Role : uint32_t {
  kEntry = 1 << 0,         // where the kernel is entered and its threads begin
  kReturn = 1 << 1,        // on the way back to user space
  kInterrupt = 1 << 2,     // where an interrupt, NMI or exception is taken; the frames below it were interrupted
  kDispatch = 1 << 3,      // hands over to a handler of some subsystem
  kTick = 1 << 4,          // the tick, which runs everywhere and detects stalls
  kReporter = 1 << 5,      // inspects or reports a CPU, from an interrupt or NMI on it
  kPreempt = 1 << 6,       // the code below was preempted
  kIdle = 1 << 7,          // the idle loop
  kHelper = 1 << 8,        // checks, reports, copies, locks, allocates or frees for its caller
  kSpin = 1 << 9,          // takes a spinning lock
  kWait = 1 << 10,         // sleeps for its caller
  kWaitFor = 1 << 11,      // like kWait; its name says what is waited for
  kGracePeriod = 1 << 12,  // waits for all CPUs to leave RCU's read-side sections
  kCrossCall = 1 << 13,    // makes another CPU run a function, and waits for it
  kWorker = 1 << 14,       // an entry that takes locks and frees objects itself, between the calls
  kMachinery = 1 << 15,    // with kHelper: of the checks, reports, allocators and locks that all of the kernel uses
  kPages = 1 << 16         // looks for free pages; a function without this role that it calls may be stuck itself
};

// A set of roles.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(Role role) : bits_(static_cast<uint32_t>(role)) {}  // NOLINT(google-explicit-constructor)
  constexpr explicit Roles(uint32_t bits) : bits_(bits) {}
  constexpr bool Any(Roles of) const { return (bits_ & of.bits_) != 0; }
  constexpr uint32_t bits() const { return bits_; }
  friend constexpr Roles operator|(Roles a, Roles b) { return Roles(a.bits_ | b.bits_); }

 private:
  uint32_t bits_ = 0;
};
constexpr Roles operator|(Role a, Role b) {
  return Roles(a) | Roles(b);
}

// One row of the table: functions with the same role for the same reason. Names are patterns (names.h), separated by
// blanks.
struct Functions {
  Roles roles;
  std::string_view reason;
  std::string_view names;
};
std::span<const Functions> FunctionTable();

// The roles of a function, with or without a compiler suffix; none if it is not in the table.
Roles RolesOf(std::string_view function);

}  // namespace lk::detect
