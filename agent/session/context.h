// SPDX-License-Identifier: Apache-2.0
// The agent's interface for triggers.
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

// Latencies of one probe, recorded by one thread.
class Recorder {
 public:
  void Record(uint64_t ns) {
    absl::MutexLock lock(&mutex_);
    histogram_.Record(ns);
  }
  void Record(absl::Duration latency) { Record(static_cast<uint64_t>(absl::ToInt64Nanoseconds(latency))); }
  // Returns the latencies recorded since the last call.
  Histogram Take();

 private:
  absl::Mutex mutex_;
  Histogram histogram_ ABSL_GUARDED_BY(mutex_);
};

// Rows of a table, with one cell per column.
using Rows = std::vector<std::vector<std::string>>;

// Result of a host action on this VM.
struct HostActionDone {
  std::string alias;    // of the attached device
  absl::Duration took;  // on the host
};

// For DetachDimm and ReplugDisk. A host waits 30 s for a guest to release a device, and 90 s for an emulated one
// (kRelease in server/scheduler/core_agent.cc). The rest is for the connection.
inline constexpr absl::Duration kReleaseTimeout = absl::Minutes(3);

// Thread-safe. Exists in the worker process; `fd` is the worker's end of the channel to the supervisor.
class Context {
 public:
  // `carried` is the state from the previous boot; empty in a run's first boot.
  Context(const v1::Lease& lease, int fd, SharedState& shared, const v1::Carried& carried);

  // Parameters from the lease. A name that is not in the descriptor is a bug in the trigger and aborts the process.
  const std::string& Text(const std::string& name) const;
  uint64_t Integer(const std::string& name) const;  // also for sizes, in bytes
  absl::Duration Duration(const std::string& name) const;
  bool Bool(const std::string& name) const;
  uint32_t seed() const { return seed_; }

  // Whether the scenario's duration has elapsed or the run has been cancelled.
  bool Over() const { return cancelled_ || BootNow() >= end_; }
  // Remaining time; 0 once Over() is true.
  absl::Duration Left() const;
  void Cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

  void Progress(uint64_t operations = 1) { shared_.progress.fetch_add(operations, std::memory_order_relaxed); }
  uint64_t operations() const { return shared_.progress.load(std::memory_order_relaxed); }
  void Activity(std::string_view text) { shared_.SetActivity(text); }

  // Makes a recorder for a probe in the descriptor; each thread needs its own. Valid as long as the context.
  Recorder& NewRecorder(const std::string& probe);
  void Count(const std::string& counter, double delta = 1, const std::string& unit = "1");
  void SetCounter(const std::string& counter, double value, const std::string& unit = "1");
  void RaiseCounter(const std::string& counter, double at_least, const std::string& unit = "1");
  // Counts a failure. `what`, for example "CPU 3 does not come online: EBUSY", is shown for the first one.
  void CountFailure(const std::string& counter, std::string_view what);
  // Counts a failure that consists in having taken too long. lkd does not hold it against the kernel if the host kept
  // the vCPUs from running in the meantime.
  void CountLate(const std::string& counter, std::string_view what, absl::Duration took, absl::Duration limit);

  // Adds a row to a table. The first row of a table sets its columns.
  void AddRow(const std::string& table, const std::vector<std::string>& columns, const std::vector<std::string>& cells);
  // Removes the first rows of a table if it has more than `most`.
  void KeepLastRows(const std::string& table, size_t most);
  // Returns a table's rows. Empty if there is no such table.
  Rows RowsOf(const std::string& table) const;

  // Number of previous boots in the same run. Counters, tables and skipped parts continue where those boots left off,
  // and the time since the first boot's lease counts towards the duration.
  uint32_t boots() const { return boots_; }
  // The `state` passed to Reboot in the previous boot.
  const std::string& carried() const { return carried_; }
  // Time from the call to Reboot in the previous boot to this boot's lease, by the controller's clock. 0 in the first
  // boot.
  absl::Duration reboot_took() const;
  // Time since the run's first lease.
  absl::Duration elapsed() const;
  // Reboots the guest with kexec, into the kernel image at the path `kernel` (by default the guest's own) and the
  // guest's initramfs, with `command_line` (by default this boot's). After the boot the trigger starts again with
  // `state` in carried(). Informs lkd, which expects the guest to reconnect within `within` (scaled for emulation).
  // Returns only on failure. Errors: FAILED_PRECONDITION (the kernel has no kexec), those of the steps involved.
  Status Reboot(const std::string& reason, const std::string& state, absl::Duration within,
                const std::string& kernel = kKernelPath, std::string command_line = "");

  // Reports a part of the scenario that cannot be run in this guest, with the reason. Ignores duplicates.
  void SkipPart(const std::string& part_and_reason);
  std::vector<std::string> skipped_parts() const;
  // Marks the run as emulated: something stands in for missing hardware, so measurements say nothing about real
  // hardware. Also sets the counter "emulated" immediately, since a guest that hangs never sends Done.
  void SetEmulated();
  bool emulated() const { return emulated_; }
  // Marks the run as one on a harness: the kernel has an additional caller of the code under test, or an edited version
  // of it. Sets the counter "harness".
  void SetHarness() { SetCounter("harness", 1); }
  void ReportFinding(const std::string& kind, const std::string& title, const std::string& detail);

  // Ask lkd for an action on this VM and wait until it is done. Errors: FAILED_PRECONDITION (this guest refused),
  // UNAVAILABLE (this guest did not respond to the hypervisor), ABORTED (lkd refused, or the action failed in another
  // way), all with lkd's message; DEADLINE_EXCEEDED (no reply from lkd), CANCELLED.
  StatusOr<HostActionDone> AttachDimm(uint64_t bytes, absl::Duration timeout);
  StatusOr<HostActionDone> DetachDimm(const std::string& alias, absl::Duration timeout);
  StatusOr<HostActionDone> ResizeVirtioMem(uint64_t bytes, absl::Duration timeout);
  // Removes the scratch disk with the serial lk-scratch-`disk` and attaches it again.
  StatusOr<HostActionDone> ReplugDisk(unsigned disk, absl::Duration timeout);
  void OnHostActionReply(const v1::HostActionReply& reply);

  // Sends the latencies recorded since the last call, and all counters and tables.
  Status SendSamples();

 private:
  // Part of the duration that previous boots have used.
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
  // By the controller's clock, since the guest's clock does not survive a reboot.
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
    std::string first;
    double took_seconds = 0, limit_seconds = 0;
  };
  struct Table {
    std::vector<std::string> columns;
    Rows rows;
  };
  struct HostReply {
    std::string error;
    HostActionDone done;
    bool refused_by_guest = false;
    bool guest_silent = false;
  };
  std::deque<Named> recorders_ ABSL_GUARDED_BY(mutex_);  // a deque, since recorders must not move
  std::map<std::string, Counter> counters_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Table> tables_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> skipped_parts_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_action_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, HostReply> replies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lk::agent
