// SPDX-License-Identifier: Apache-2.0
// What lkd deals with: hosts with their VMs, the guests in them, and their agents. Virtual time, no threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/scheduler/agent_port.h"
#include "server/scheduler/core.h"
#include "server/vm/hypervisor.h"
#include "server/vm/image.h"
#include "tests/sim/dice.h"
#include "tests/sim/guest.h"
#include "tests/unit/support/test_clock.h"

namespace lk::sim {

class World;

// A connection of lkd's to a host, until it breaks.
class Connection final : public vm::Hypervisor {
 public:
  Connection(World& world, std::string uri, vm::VmListener listener);
  ~Connection() override;

  void Tell(const vm::VmEvent& event) const { listener_(event); }

  StatusOr<vm::HostFacts> Probe() override;
  Status Start(const vm::VmSpec& spec, vm::ConsoleSink console) override;
  Status Reattach(const std::string& name, const std::filesystem::path& console_log, uint64_t recorded,
                  vm::ConsoleSink console) override;
  Status Destroy(const std::string& name) override;
  StatusOr<std::vector<vm::VmInfo>> List(const std::string& owner) override;
  StatusOr<std::string> AttachDimm(const std::string& name, uint64_t bytes) override;
  Status DetachDimm(const std::string& name, const std::string& alias) override;
  Status ResizeVirtioMem(const std::string& name, uint64_t bytes) override;
  Status InjectNmi(const std::string& name) override;
  StatusOr<std::vector<vm::Vcpu>> VcpuState(const std::string& name) override;
  Status DumpMemory(const std::string& name, const std::filesystem::path& path) override;

 private:
  // Errors: UNAVAILABLE (the connection is broken).
  Status Usable() const;
  // Null: there is no such VM on this host.
  Guest* Find(const std::string& name) const;
  StatusOr<Guest*> Answering(const std::string& name) const;

  World& world_;
  const std::string uri_;
  const vm::VmListener listener_;
};

class World final : public scheduler::AgentPort, public vm::Images {
 public:
  struct SimHost {
    bool up = true;
    vm::HostFacts facts;
    Connection* connection = nullptr;  // lkd's, while it stands
  };

  World(Dice& dice, const Hazards& hazards, const TestClock& clock) : dice_(dice), hazards_(hazards), clock_(clock) {}

  // ---- to be set by the simulation
  std::function<void(scheduler::Event)> post;                              // to lkd
  std::function<void()> may_die = [] {};                                   // lkd, at what it does next; throws
  std::function<const scheduler::Run*(const std::string& run_id)> stored;  // what the store has of a run
  std::function<void(const std::string& run_id)> on_start = [](const std::string&) {};

  // ---- hosts
  void AddHost(const std::string& uri, const std::string& accelerator);
  StatusOr<std::unique_ptr<vm::Hypervisor>> Connect(const std::string& uri, vm::VmListener listener);
  void LoseHost(const std::string& uri);

  // A second passes.
  void Live();
  // lkd is gone: nobody reads consoles, no agent has a session.
  void LoseLkd();
  // Whether a call of lkd's into the run's VM does not come back.
  bool MonitorStands(const std::string& run_id) const;

  const std::map<std::string, SimHost>& hosts() const { return hosts_; }
  const std::map<std::string, Guest>& guests() const { return guests_; }
  const std::map<std::string, Fate>& fates() const { return fates_; }

  // ---- scheduler::AgentPort
  void Expect(const scheduler::Run& run, scheduler::AgentTerms terms) override;
  void Forget(const std::string& run_id) override;
  void SendLease(const std::string& run_id, uint64_t session, const scheduler::LeaseTerms& terms) override;
  void SendAck(const std::string& run_id, uint64_t session, uint64_t sequence) override;
  void SendCancel(const std::string& run_id, const std::string& reason) override;
  void SendFinish(const std::string& run_id) override;
  void SendHostActionReply(const scheduler::HostActionDone& reply) override;
  void Drop(const std::string& run_id, uint64_t session) override;

  // ---- vm::Images
  StatusOr<Image> Build(const Request& request) override;

 private:
  friend class Connection;

  void LiveHost(const std::string& uri, SimHost& host);
  // To lkd, where it is connected to the guest's host.
  void Tell(const Guest& guest, vm::VmEvent::Kind kind, const std::string& detail = "", bool by_itself = false);
  void PowerOff(Guest& guest, vm::VmEvent::Kind kind);

  // ---- guests.cc
  void LiveGuest(Guest& guest);
  bool IsPaused(Guest& guest);
  void Connect(Guest& guest);
  void Disconnect(Guest& guest);
  // What is to befall the guest. Returns whether it goes on working.
  bool Fulfil(Guest& guest);
  void Reboot(Guest& guest);
  void Work(Guest& guest);
  void Say(Guest& guest, decltype(scheduler::AgentSaid::what) what);
  // Whole lines, each as the kernel prints it.
  void Print(Guest& guest, const std::vector<std::string>& lines);
  void PrintNmi(Guest& guest);
  Guest* Speaking(const std::string& run_id, uint64_t session);

  Dice& dice_;
  const Hazards hazards_;
  const TestClock& clock_;
  std::map<std::string, SimHost> hosts_;  // by URI
  std::map<std::string, Guest> guests_;   // by run, alive
  std::map<std::string, Fate> fates_;     // by run, of every guest there was
  std::set<std::string> expected_;        // runs whose agents lkd lets in
  uint64_t sessions_ = 0;
  uint64_t dimms_ = 0;
};

}  // namespace lk::sim
