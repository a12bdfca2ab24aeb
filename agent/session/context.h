// SPDX-License-Identifier: Apache-2.0
// What a trigger sees of the agent.
#pragma once

#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kexec/kexec.h"
#include "agent/session/boot_time.h"
#include "agent/session/shared_state.h"
#include "support/histogram.h"
#include "support/status.h"

namespace lk::v1 {
class AgentMessage;
class Carried;
class HostActionReply;
class HostActionRequest;
class Lease;
}  // namespace lk::v1

namespace lk::agent {

// Latencies of one probe, as one thread records them.
class Recorder {
 public:
  void Record(uint64_t ns) {
    absl::MutexLock lock(&mutex_);
    histogram_.Record(ns);
  }
  void Record(absl::Duration latency) { Record(static_cast<uint64_t>(absl::ToInt64Nanoseconds(latency))); }
  // What was recorded since the last call.
  Histogram Take();

 private:
  absl::Mutex mutex_;
  Histogram histogram_ ABSL_GUARDED_BY(mutex_);
};

// Rows of a table, a cell for each column.
using Rows = std::vector<std::vector<std::string>>;

// What lkd did to this VM.
struct HostActionDone {
  std::string alias;    // of the device attached
  absl::Duration took;  // on the host
};

// Thread-safe. Lives in the worker process; `fd` is its end of the channel to the supervisor.
class Context {
 public:
  // `carried`: what the boot before has handed on; empty in a run's first boot.
  Context(const v1::Lease& lease, int fd, SharedState& shared, const v1::Carried& carried);

  // Parameters, as the lease has them. A name the descriptor has not is a mistake of the trigger: aborts.
  const std::string& Text(const std::string& name) const;
  uint64_t Integer(const std::string& name) const;  // also sizes, in bytes
  absl::Duration Duration(const std::string& name) const;
  bool Bool(const std::string& name) const;
  uint32_t seed() const { return seed_; }

  // The scenario's duration is over, or the run was cancelled.
  bool Over() const { return cancelled_ || BootNow() >= end_; }
  // Until the end of the duration; 0 when over.
  absl::Duration Left() const;
  void Cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

  void Progress(uint64_t operations = 1) { shared_.progress.fetch_add(operations, std::memory_order_relaxed); }
  uint64_t operations() const { return shared_.progress.load(std::memory_order_relaxed); }
  void Activity(std::string_view text) { shared_.SetActivity(text); }

  // A recorder for a probe of the descriptor; one for each thread that records. Lives as long as the context.
  Recorder& NewRecorder(const std::string& probe);
  void Count(const std::string& counter, double delta = 1, const std::string& unit = "1");
  void SetCounter(const std::string& counter, double value, const std::string& unit = "1");
  void RaiseCounter(const std::string& counter, double at_least, const std::string& unit = "1");

  // Adds a row to a table; columns are set by the first one.
  void AddRow(const std::string& table, const std::vector<std::string>& columns, const std::vector<std::string>& cells);
  // None where there is no such table.
  Rows RowsOf(const std::string& table) const;

  // Boots before this one in the same run. What is counted, told in tables or skipped goes on where they left it, and
  // Over() counts their time.
  uint32_t boots() const { return boots_; }
  // What the trigger gave to Reboot in the boot before.
  const std::string& carried() const { return carried_; }
  // From Reboot in the boot before to this boot's lease, by the controller's clock. 0 in the first boot.
  absl::Duration reboot_took() const;
  // Since the run's first lease.
  absl::Duration elapsed() const;
  // Boots the guest anew with kexec, in its own kernel (/lk/kernel) and initramfs, where the trigger begins once more
  // with `state` in carried(). lkd is told, and expects it back within that time (lkd scales it for emulation). Returns
  // only when it cannot be done. `kernel`: another image. Errors: FAILED_PRECONDITION (the kernel has no kexec), what
  // it takes says.
  Status Reboot(const std::string& reason, const std::string& state, absl::Duration within,
                const std::string& kernel = kKernelPath);

  // A part of the scenario that cannot be done here, with the reason; said once however often it is called.
  void SkipPart(const std::string& part_and_reason);
  std::vector<std::string> skipped_parts() const;
  // Something stands in for hardware that is not there: what is measured tells nothing of real hardware. The counter
  // "emulated" tells so while the run goes on, since a guest that hangs never says Done.
  void SetEmulated();
  bool emulated() const { return emulated_; }
  void ReportFinding(const std::string& kind, const std::string& title, const std::string& detail);

  // Ask lkd to do something to this VM, and wait. Errors: ABORTED (lkd did not or could not, with its words),
  // DEADLINE_EXCEEDED, CANCELLED.
  StatusOr<HostActionDone> AttachDimm(uint64_t bytes, absl::Duration timeout);
  StatusOr<HostActionDone> DetachDimm(const std::string& alias, absl::Duration timeout);
  StatusOr<HostActionDone> ResizeVirtioMem(uint64_t bytes, absl::Duration timeout);
  void OnHostActionReply(const v1::HostActionReply& reply);

  // Sends what was recorded since the last time.
  Status SendSamples();

 private:
  // Of the duration, in the boots before this one.
  absl::Duration UsedBefore() const;
  template <typename Message>
  void AddCountersAndTables(Message& message) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StatusOr<HostActionDone> HostAction(v1::HostActionRequest request, absl::Duration timeout);
  Status Send(const v1::AgentMessage& message);

  const std::string scenario_;
  const std::map<std::string, std::string> parameters_;
  const uint32_t seed_;
  const uint32_t boots_;
  const std::string carried_;
  // By the controller's clock: a guest's own does not outlive its boot.
  const absl::Time lease_time_, began_, announced_;
  const absl::Time leased_at_;
  const int fd_;
  SharedState& shared_;
  const absl::Time end_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> emulated_{false};

  mutable absl::Mutex mutex_;
  struct Named {
    std::string probe;
    Recorder recorder;
  };
  struct Counter {
    double value = 0;
    std::string unit;
  };
  struct Table {
    std::vector<std::string> columns;
    Rows rows;
  };
  struct HostReply {
    std::string error;
    HostActionDone done;
  };
  std::deque<Named> recorders_ ABSL_GUARDED_BY(mutex_);  // a deque: recorders never move
  std::map<std::string, Counter> counters_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Table> tables_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> skipped_parts_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_action_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, HostReply> replies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lk::agent
