// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/scenarios/crash_hotplug/uevent.h"
#include "agent/session/context.h"
#include "agent/session/kmsg.h"

namespace lk::agent::crash_hotplug {

// Does what udev does on hotplug: receives every uevent for a memory block or CPU, and for each brings a new block
// online (if the kernel does not) and reads the kexec attributes, on many threads. Also keeps track of the blocks, and
// counts the kernel's messages about kexec_trylock() failures.
// Counters: blocks_onlined, online_refused, read_failures, size_busy (reads of kexec_crash_size that found the kexec
// lock taken), swarm_max (maximum number of threads in the kernel at the same time), trylock_failures.
// Probes: attach_to_online; online, if it brings blocks online.
class Swarm {
 public:
  // What to do for each event.
  struct Work {
    uint64_t readers = 0;       // reads of the device's crash_hotplug attribute
    uint64_t size_readers = 0;  // reads of kexec_crash_size
    bool bring_online = false;  // new blocks
  };
  Swarm(Context& context, UeventSocket events, KmsgReader kmsg, Work work);
  ~Swarm();

  // The new blocks after memory was requested.
  struct Arrived {
    std::set<unsigned> online;
    std::set<unsigned> refused;  // could not be brought online by the swarm
    std::string others;          // state of each new block that is in neither
  };

  // Call before requesting memory: blocks that come online after this call are new, and their latency is measured from
  // this call.
  void BeginAttach();
  // Waits until the expected number of new blocks have arrived, the context is cancelled, or there has been no event
  // for `timeout` since this call.
  Arrived EndAttach(size_t expected, absl::Duration timeout);
  // Waits up to `timeout` for these blocks to be removed. Returns whether they all were.
  bool AwaitRemoved(const std::set<unsigned>& blocks, absl::Duration timeout);

  // Threads that may take the kexec lock hold this mutex shared during the call, as the swarm's own do. Holding it
  // exclusively therefore keeps the lock free, provided that no memory is coming or going.
  absl::Mutex& kexec_users() ABSL_LOCK_RETURNED(kexec_users_) { return kexec_users_; }

 private:
  enum class Task { kBringOnline, kReadMemory, kReadCpu, kReadSize };
  struct Item {
    Task task;
    unsigned block;
  };

  void Listen(const std::stop_token& stop);
  void DoItems();
  void Do(const Item& item, Recorder& online);
  void BringOnline(unsigned block, Recorder& online);
  void OnEvent(const HotplugEvent& event);

  Context& context_;
  UeventSocket events_;
  KmsgReader kmsg_;
  const Work work_;
  Recorder& attach_to_online_;

  absl::Mutex kexec_users_;
  absl::Mutex mutex_;
  bool attaching_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time attach_began_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_event_ ABSL_GUARDED_BY(mutex_);
  std::set<unsigned> old_blocks_ ABSL_GUARDED_BY(mutex_);
  std::set<unsigned> new_blocks_ ABSL_GUARDED_BY(mutex_);
  std::set<unsigned> refused_ ABSL_GUARDED_BY(mutex_);
  std::set<unsigned> removed_ ABSL_GUARDED_BY(mutex_);
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
  uint64_t working_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;  // last, since they use the other members
};

}  // namespace lk::agent::crash_hotplug
