// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <set>
#include <thread>
#include <vector>

#include "agent/scenarios/crash_hotplug/uevent.h"
#include "agent/session/context.h"
#include "agent/session/kmsg.h"

namespace lk::agent::crash_hotplug {

// Does what udev does on memory hotplug: receives every memory uevent and starts concurrent reads of the crash_hotplug
// attribute for it. Also keeps track of the blocks, and counts the kernel's messages about kexec_trylock() failures.
// Counters: blocks_onlined, swarm_max (maximum number of readers in the kernel at the same time), trylock_failures.
// Probe: attach_to_online.
class Swarm {
 public:
  // If `readers_per_event` is 0, nothing is read.
  Swarm(Context& context, UeventSocket events, KmsgReader kmsg, uint64_t readers_per_event);
  ~Swarm();

  // Call before requesting memory: blocks that come online after this call are new, and their latency is measured from
  // this call.
  void BeginAttach();
  // Waits until the expected number of new blocks are online, the context is cancelled, or there has been no event for
  // `timeout`. Returns the new blocks.
  std::set<unsigned> EndAttach(size_t expected, absl::Duration timeout);
  // Waits up to `timeout` for these blocks to be removed. Returns whether they all were.
  bool AwaitRemoved(const std::set<unsigned>& blocks, absl::Duration timeout);
  // Waits until the reads for all events received so far are done.
  void AwaitQuiet();

 private:
  void Listen(const std::stop_token& stop);
  void ReadOnDemand();
  void OnEvent(const MemoryEvent& event);

  Context& context_;
  UeventSocket events_;
  KmsgReader kmsg_;
  const uint64_t readers_per_event_;
  Recorder& attach_to_online_;

  absl::Mutex mutex_;
  bool attaching_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time attach_began_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_event_ ABSL_GUARDED_BY(mutex_);
  std::set<unsigned> new_blocks_ ABSL_GUARDED_BY(mutex_);
  std::set<unsigned> removed_ ABSL_GUARDED_BY(mutex_);
  uint64_t wanted_reads_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t reading_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;  // last, since they use the other members
};

}  // namespace lk::agent::crash_hotplug
