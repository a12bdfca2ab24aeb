// SPDX-License-Identifier: Apache-2.0
#include "server/detect/finding.h"

#include <algorithm>
#include <iterator>

namespace lk::detect {
namespace {

// In the order of Kind.
constexpr std::string_view kWords[] = {
    "soft_lockup",       "hard_lockup",     "rcu_stall",  "hung_task",
    "workqueue_lockup",  "spinlock_lockup", "csd_stall",  "sleep_in_atomic",
    "lockdep",           "panic",           "oops",       "sanitizer",
    "warning",           "invariant",       "budget",     "hang",
    "unexpected_reboot", "vm_crash",        "agent_lost", "command_timeout",
};
static_assert(std::size(kWords) == static_cast<size_t>(kLastKind) + 1);

}  // namespace

std::string_view ToString(Kind kind) {
  return kWords[static_cast<size_t>(kind)];
}

bool ParseKind(std::string_view text, Kind& kind) {
  const auto* const it = std::ranges::find(kWords, text);
  if (it == std::end(kWords)) return false;
  kind = static_cast<Kind>(it - std::begin(kWords));
  return true;
}

bool IsStall(Kind kind) {
  switch (kind) {
    case Kind::kSoftLockup:
    case Kind::kHardLockup:
    case Kind::kRcuStall:
    case Kind::kHungTask:
    case Kind::kWorkqueueLockup:
    case Kind::kSpinlockLockup:
    case Kind::kCsdStall:
    case Kind::kCommandTimeout:
      return true;
    default:
      return false;
  }
}

}  // namespace lk::detect
