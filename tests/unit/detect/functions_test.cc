// SPDX-License-Identifier: Apache-2.0
#include "server/detect/functions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "server/detect/walk.h"

namespace lk::detect {
namespace {

using enum Role;

constexpr Role kRoles[] = {kEntry, kInterrupt, kDispatch, kTick, kReporter, kPreempt,
                           kIdle,  kHelper,    kSpin,     kWait, kWaitFor,  kCrossCall};

std::vector<std::string> NamesOf(const Functions& row) {
  std::istringstream words{std::string(row.names)};
  std::vector<std::string> names;
  for (std::string name; words >> name;) names.push_back(name);
  return names;
}

TEST(FunctionTable, RowsHaveRolesAndAReason) {
  for (const Functions& row : FunctionTable()) {
    EXPECT_NE(row.roles.bits(), 0) << row.names;
    EXPECT_FALSE(row.reason.empty()) << row.names;
    EXPECT_FALSE(row.names.empty()) << row.reason;
  }
}

TEST(FunctionTable, NamesAreSeparatedByOneBlank) {
  for (const Functions& row : FunctionTable()) {
    std::string joined;
    for (const std::string& name : NamesOf(row)) joined.append(joined.empty() ? "" : " ").append(name);
    EXPECT_EQ(row.names, joined) << row.reason;
  }
}

TEST(FunctionTable, NoNameIsTwiceInOneRole) {
  for (const Role role : kRoles) {
    std::set<std::string> seen;
    for (const Functions& row : FunctionTable()) {
      if (!row.roles.Any(role)) continue;
      for (const std::string& name : NamesOf(row)) {
        EXPECT_TRUE(seen.insert(name).second) << name << " is in another row with this role, too: " << row.reason;
      }
    }
  }
}

TEST(FunctionTable, EveryRoleHasAFunction) {
  for (const Role role : kRoles) {
    EXPECT_TRUE(std::ranges::any_of(FunctionTable(), [&](const Functions& row) { return row.roles.Any(role); }))
        << static_cast<int>(role);
  }
}

TEST(RolesOf, DoNotDependOnCompilerSuffixes) {
  for (const std::string_view name : {"process_one_work", "process_one_work.isra.0", "process_one_work.cold"}) {
    EXPECT_TRUE(RolesOf(name).Any(kEntry)) << name;
  }
  EXPECT_EQ(RolesOf("tide_process_one_work").bits(), 0);
  EXPECT_EQ(RolesOf("").bits(), 0);
}

TEST(RolesOf, OfANameInSeveralRowsAreTakenTogether) {
  EXPECT_TRUE(RolesOf("__schedule").Any(kWait));
  EXPECT_TRUE(RolesOf("__schedule").Any(kHelper));
  EXPECT_FALSE(RolesOf("__schedule").Any(kEntry | kDispatch));
}

struct RoleCase {
  Role role;
  Walk walk;
  std::vector<const char*> stack;
  std::string_view name;
};

// A stack for each role whose name is another one if the role is not known.
TEST(RolesOf, DecideWhatNamesAStack) {
  const RoleCase cases[] = {
      {kEntry, Walk::kStall, {"inner", "tide_thread", "kthread", "ret_from_fork"}, "tide_thread"},
      {kInterrupt,
       Walk::kStall,
       {"sysvec_call_function", "asm_sysvec_call_function", "inner", "tide_work", "process_one_work"},
       "tide_work"},
      {kDispatch, Walk::kStall, {"inner", "tide_poll", "net_rx_action", "outer"}, "tide_poll"},
      {kTick,
       Walk::kStall,
       {"update_process_times", "tick_nohz_handler", "hrtimer_interrupt", "asm_sysvec_apic_timer_interrupt", "inner",
        "tide_work", "process_one_work"},
       "tide_work"},
      {kReporter,
       Walk::kStall,
       {"dump_stack", "print_cpu_stall", "tide_other", "asm_sysvec_apic_timer_interrupt", "inner", "tide_work",
        "process_one_work"},
       "tide_work"},
      {kPreempt,
       Walk::kStall,
       {"__schedule", "preempt_schedule_irq", "asm_sysvec_apic_timer_interrupt", "inner", "tide_work",
        "process_one_work"},
       "tide_work"},
      {kHelper, Walk::kFault, {"memcpy", "inner", "tide_work"}, "inner"},
      {kSpin, Walk::kSpin, {"native_queued_spin_lock_slowpath", "_raw_spin_lock", "inner", "tide_work"}, "inner"},
      {kWait, Walk::kBlocked, {"__schedule", "schedule", "msleep", "inner", "tide_work"}, "inner"},
      {kCrossCall,
       Walk::kBlocked,
       {"csd_lock_wait", "smp_call_function_many_cond", "on_each_cpu_cond_mask", "inner"},
       "inner"},
  };
  for (const RoleCase& c : cases) {
    Stack stack;
    for (const char* function : c.stack)
      stack.frames.push_back({{.function = function, .offset = 1, .module = "", .location = ""}, RolesOf(function)});
    EXPECT_EQ(NameOf(stack, c.walk), c.name) << static_cast<int>(c.role);
    EXPECT_TRUE(std::ranges::any_of(c.stack, [&](const char* f) { return RolesOf(f).Any(c.role); }))
        << static_cast<int>(c.role);
  }
}

}  // namespace
}  // namespace lk::detect
