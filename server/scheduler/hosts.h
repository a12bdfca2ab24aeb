// SPDX-License-Identifier: Apache-2.0
// The libvirt hosts that lkd uses, and its connections to them.
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
  uint32_t max_vcpus = 0;         // 0 means all of the host's CPUs
  uint64_t max_memory_bytes = 0;  // 0 means 3/4 of the host's memory
};

// Maintains a connection to each host in the store; failed attempts are retried with increasing backoff. Thread-safe.
class Hosts {
 public:
  struct Listener {
    // A host was added, or its state may have changed. Called on RunDue's thread or by Add and SetDrained.
    std::function<void(const campaign::Host&)> on_change;
    // lkd has connected or reconnected to a host, where earlier VMs may still exist. Called on the same thread
    // as on_change, and before it.
    std::function<void(const campaign::Host&, vm::Hypervisor&)> on_connected;
    // An attempt of RunDue to connect failed. Called on its thread, before on_change.
    std::function<void(const campaign::Host&)> on_lost;
    // Called on the hypervisor's event thread.
    std::function<void(const std::string& host_id, const vm::VmEvent&)> on_vm;
  };

  Hosts(store::SchedulerStore& store, const Clock& clock, vm::HypervisorFactory connect);
  ~Hosts();

  // Loads the hosts from the store. RunDue connects to them: between Start and Stop, a thread of Hosts calls it; a
  // caller that does not use Start must call it.
  Status Load(Listener listener);
  void Start();
  void Stop();
  // Makes the connection attempts that are due. Returns the time of the next attempt, which a later event may bring
  // forward.
  absl::Time RunDue();

  // Blocks until the host has been probed. Errors: see HostService.AddHost.
  StatusOr<campaign::Host> Add(const HostRequest& request);
  StatusOr<campaign::Host> SetDrained(const std::string& id, bool drained);
  Status Remove(const std::string& id);

  // Finds a host by id, unique id prefix, or URI. Error: NOT_FOUND.
  StatusOr<campaign::Host> Find(const std::string& name) const;
  std::vector<campaign::Host> List() const;
  // Null if there is no connection. The result stays valid while it is held.
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
