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

// Does what udev does on memory hotplug: hears every memory uevent and answers it with readers of the crash_hotplug
// attribute, all at once. Keeps track of the blocks, and counts the kernel's complaints.
// Counters: blocks_onlined, swarm_max (readers inside the kernel at a time), trylock_failures. Probe: attach_to_online.
class Swarm {
 public:
  // No readers where `readers_per_event` is 0.
  Swarm(Context& context, UeventSocket events, KmsgReader kmsg, uint64_t readers_per_event);
  ~Swarm();

  // Memory is being asked for: blocks that come online from now on are new, and their latency counts from now.
  void BeginAttach();
  // Waits until that many new blocks are online, all that are expected, or `context` is cancelled, or none came for
  // `patience`. Returns the new blocks.
  std::set<unsigned> EndAttach(size_t expected, absl::Duration patience);
  // Waits until these blocks are gone, no longer than `patience`.
  bool AwaitRemoved(const std::set<unsigned>& blocks, absl::Duration patience);
  // Waits until every event heard so far is answered.
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
  std::vector<std::jthread> threads_;  // last: they use the rest
};

}  // namespace lk::agent::crash_hotplug
