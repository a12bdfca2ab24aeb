// SPDX-License-Identifier: Apache-2.0
// What the lines of a report say beside its stacks. Each reader knows the lines of one family of reports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lk::detect {

struct Match;

// A CPU that waits for the answer to a cross-CPU call, as csd_lock_wait_toolong() shows it (kernel/smp.c).
struct CsdWait {
  int32_t lock = -1;  // the number of the call
  int32_t cpu = -1;

  // "csd: CSD lock (#1) got unstuck on CPU#00, CPU#01 released the lock."
  static constexpr std::string_view kOver = ") got unstuck on CPU#";
  static std::optional<CsdWait> ThatIsOver(std::string_view text);
};

// The lines of a report that have been read so far.
struct Body {
  // The stuck CPUs and tasks. If the report names none, the first stack is taken to be that of the stuck code.
  std::vector<int32_t> victim_cpus;
  std::vector<int32_t> victim_pids;
  std::string access;                   // " Read" or " Write"
  std::string function;                 // that a line names, such as the work function that has leaked a lock
  std::string pool_function;            // the work function of a stalled workqueue pool
  bool in_the_pool = false;             // the current lines describe that pool
  std::vector<std::string> lock_sites;  // where locks were taken: first the one that is wanted, then those held
  std::string owner;                    // comm:pid of the task that holds what the blocked one waits for
  int32_t owner_pid = -1;
  CsdWait wait;
  bool transient = false;
  bool saturated = false;
};

// Called for each line of the report that is not part of a stack, beginning with the header. `traced` tells whether a
// stack has been read.
using Reader = void (*)(std::string_view text, const Match& header, bool traced, Body& body);

void ReadLockedUpCpu(std::string_view text, const Match& header, bool traced, Body& body);
void ReadStalledCpus(std::string_view text, const Match& header, bool traced, Body& body);
void ReadCsd(std::string_view text, const Match& header, bool traced, Body& body);
void ReadBlockedTask(std::string_view text, const Match& header, bool traced, Body& body);
void ReadLeakedLock(std::string_view text, const Match& header, bool traced, Body& body);
void ReadPool(std::string_view text, const Match& header, bool traced, Body& body);
void ReadLocks(std::string_view text, const Match& header, bool traced, Body& body);
void ReadAccess(std::string_view text, const Match& header, bool traced, Body& body);

}  // namespace lk::detect
