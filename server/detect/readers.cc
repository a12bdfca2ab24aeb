// SPDX-License-Identifier: Apache-2.0
#include "server/detect/readers.h"

#include <fmt/format.h>

#include "server/detect/cursor.h"
#include "server/detect/signatures.h"
#include "server/detect/title.h"

namespace lk::detect {
namespace {

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::optional<CsdWait> CsdWait::ThatIsOver(std::string_view text) {
  CsdWait wait;
  std::string_view skipped;
  Cursor c(text);
  if (!c.TakeUntil("CSD lock (#", skipped) || !c.Take(wait.lock) || !c.Skip(kOver) || !c.Take(wait.cpu)) return {};
  return wait;
}

// The CPU was waiting for a cross-CPU call, but no longer is.
void ReadLockedUpCpu(std::string_view text, const Match& header, bool, Body& body) {
  const std::optional<CsdWait> over = CsdWait::ThatIsOver(text);
  body.transient = body.transient || (over && over->cpu == header.cpu);
}

// The stalled CPUs and tasks, one per line ("rcu: \t0-....: (2 GPs behind) ...", "Tasks blocked on ...:
// P123/1:b..l"), or in the header ("{ 0-...D P123 }"): print_cpu_stall_info, rcu_print_task_stall,
// synchronize_rcu_expedited_stall.
void ReadStalledCpus(std::string_view text, const Match&, bool traced, Body& body) {
  body.transient = body.transient || Contains(text, "Stall ended before state dump start");
  if (traced) return;
  Cursor c(text);
  c.Skip("rcu: ");
  std::string_view skipped;
  int32_t number = 0;
  const bool list = c.TakeUntil("{", skipped) || (Contains(c.rest(), "Tasks blocked on") && c.TakeUntil("):", skipped));
  if (!list) {
    if (c.peek() != ' ' && c.peek() != '\t') return;
    c.SkipBlanks();
    if (c.Take(number) && c.TakeUntil(":", skipped) && skipped.size() <= 5 && c.Skip(" (")) {
      body.victim_cpus.push_back(number);
    }
    return;
  }
  while (!c.empty()) {
    c.SkipBlanks();
    if (c.peek() == '}') return;
    const bool task = c.Skip('P');
    if (c.Take(number)) (task ? body.victim_pids : body.victim_cpus).push_back(number);
    c.TakeWhile([](char x) { return x != ' ' && x != '\t' && x != '}'; });
  }
}

// csd_lock_wait_toolong (kernel/smp.c)
void ReadCsd(std::string_view text, const Match&, bool, Body& body) {
  std::string_view skipped;
  Cursor c(text);
  if (c.TakeUntil("non-responsive CSD lock (#", skipped) && c.Take(body.wait.lock) && c.TakeUntil("on CPU#", skipped)) {
    c.Take(body.wait.cpu);
  }
  const std::optional<CsdWait> over = CsdWait::ThatIsOver(text);
  body.transient = body.transient || (over && over->lock == body.wait.lock);
}

// "INFO: task cat:77 is blocked on a mutex likely owned by task dog:88.", since 6.16; a semaphore is "likely last held
// by" (debug_show_blocker, kernel/hung_task.c).
void ReadBlockedTask(std::string_view text, const Match&, bool, Body& body) {
  body.saturated = body.saturated || text.starts_with("Future hung task reports are suppressed");
  Cursor c(text);
  std::string_view skipped;
  if (!c.Skip("INFO: task ") || !c.TakeUntil(" blocked on a", skipped)) return;
  if (!c.TakeUntil(" by task ", skipped)) return;
  const size_t colon = c.rest().rfind(':');
  if (colon == std::string_view::npos) return;
  const std::string_view comm = c.rest().substr(0, colon);
  c = Cursor(c.rest().substr(colon + 1));
  if (!c.Take(body.owner_pid)) return;
  body.owner = fmt::format("{}:{}", comm, body.owner_pid);
}

// The work function that has leaked a lock: "     last function: drain_fn", "     preempt=0x00000001 lock=0->0
// RCU=0->0 workfn=drain_fn" (process_one_work, kernel/workqueue.c).
void ReadLeakedLock(std::string_view text, const Match&, bool, Body& body) {
  if (!body.function.empty()) return;
  Cursor c(text);
  std::string_view skipped;
  if (c.TakeUntil(" last function: ", skipped) || c.TakeUntil(" workfn=", skipped)) {
    body.function = PlainFunction(c.TakeWhile(Cursor::IsSymbol));
  }
}

// Finds the work function of the stalled pool. "  pwq 6: cpus=1 node=0 flags=0x0 nice=0 active=2/256 refcnt=3" contains
// the description of the pool from the header; "    in-flight: 61:drain_fn [lab] BAR(17)" follows (show_pwq,
// kernel/workqueue.c).
void ReadPool(std::string_view text, const Match& header, bool, Body& body) {
  Cursor c(text);
  std::string_view skipped;
  int32_t number = -1;
  c.SkipBlanks();
  if (c.Skip("pwq ")) {
    body.in_the_pool = c.TakeUntil(": ", skipped) && c.Skip(header.text) && c.Skip(' ');
  } else if (body.in_the_pool && body.pool_function.empty() && c.Skip("in-flight: ") && c.Take(number) &&
             (c.Skip("(RESCUER)"), c.Skip(':'))) {
    body.pool_function = PlainFunction(c.TakeWhile(Cursor::IsSymbol));
  }
}

// "ffff888012345678 (&lock){+.+.}-{3:3}, at: func+0x12/0x340 [module]" (print_lock, kernel/locking/lockdep.c)
void ReadLocks(std::string_view text, const Match&, bool traced, Body& body) {
  constexpr size_t kMaxSites = 8;
  Cursor c(text);
  std::string_view skipped;
  if (traced || body.lock_sites.size() == kMaxSites || !c.TakeUntil(", at: ", skipped)) return;
  if (c.Skip("[<")) c.TakeUntil(">] ", skipped);
  const std::string_view function = c.TakeWhile(Cursor::IsSymbol);
  if (!function.empty() && c.Skip("+0x")) body.lock_sites.push_back(PlainFunction(function));
}

// "Read of size 8 at addr ...", "Write at addr ..." (mm/kasan/report.c)
void ReadAccess(std::string_view text, const Match&, bool, Body& body) {
  if (!body.access.empty()) return;
  const bool access = Contains(text, " of size ") || Contains(text, " at addr");
  if (access && text.starts_with("Read ")) body.access = " Read";
  if (access && text.starts_with("Write ")) body.access = " Write";
}

}  // namespace lk::detect
