// SPDX-License-Identifier: Apache-2.0
// The libvirt hosts lkd is connected to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/campaign/types.h"
#include "server/store/scheduler_store.h"
#include "server/vm/hypervisor.h"
#include "support/clock.h"
#include "support/mutex.h"

namespace lk::scheduler {

struct HostRequest {
  std::string uri;
  bool allow_broken_qemu = false;
  uint32_t max_vcpus = 0;         // 0: the host's CPUs
  uint64_t max_memory_bytes = 0;  // 0: 3/4 of the host's memory
};

// Keeps a connection to each host of the store and tries again, with growing pauses, where there is none. Thread-safe.
class Hosts {
 public:
  struct Listener {
    // On the thread of RunDue, or of the call: a host was added, or its state changed.
    std::function<void(const campaign::Host&)> on_change;
    // The same, before on_change: the connection stands (again); VMs may be there from before.
    std::function<void(const campaign::Host&, vm::Hypervisor&)> on_connected;
    // On the thread of RunDue: connecting failed.
    std::function<void(const campaign::Host&)> on_lost;
    // On the hypervisor's event thread.
    std::function<void(const std::string& host_id, const vm::VmEvent&)> on_vm;
  };

  Hosts(store::SchedulerStore& store, const Clock& clock, vm::HypervisorFactory connect);
  ~Hosts();

  // Takes up the hosts that the store has. RunDue connects to them: on a thread of Hosts between Start and Stop, or
  // called by who has no threads.
  Status Load(Listener listener);
  void Start();
  void Stop();
  // Connects where that is due. Returns when it wants to be called again at the latest, unless an event comes.
  absl::Time RunDue();

  // Blocks until the host has been looked at. Errors: see HostService.AddHost.
  StatusOr<campaign::Host> Add(const HostRequest& request);
  StatusOr<campaign::Host> SetDrained(const std::string& id, bool drained);
  Status Remove(const std::string& id);

  // Id, a beginning of one that only one host has, or a URI. Error: NOT_FOUND.
  StatusOr<campaign::Host> Find(const std::string& name) const;
  std::vector<campaign::Host> List() const;
  // Nullptr: no connection. It stays valid while it is held.
  std::shared_ptr<vm::Hypervisor> Get(const std::string& id) const;

 private:
  struct Entry {
    campaign::Host host;
    std::shared_ptr<vm::Hypervisor> hypervisor;
    absl::Time next_try = absl::InfiniteFuture();
    absl::Duration pause = absl::Seconds(1);
  };
  Status ConnectTo(campaign::Host& host, std::shared_ptr<vm::Hypervisor>& hypervisor);
  absl::Time NextTry() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void TryAgain(const std::string& id);
  void OnVmEvent(const std::string& id, const vm::VmEvent& event);

  store::SchedulerStore& store_;
  const Clock& clock_;
  const vm::HypervisorFactory connect_;
  Listener listener_;
  mutable Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lk::scheduler
