// SPDX-License-Identifier: Apache-2.0
// The world around lkd: hosts with their VMs, guests and agents. It has virtual time and no threads.
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

// A connection from lkd to a host. It may break.
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
  Status DetachDimm(const std::string& name, const std::string& alias, absl::Duration patience) override;
  Status ResizeVirtioMem(const std::string& name, uint64_t bytes) override;
  Status ReplugDisk(const std::string& name, const campaign::Profile& profile, const vm::ScratchDisk& disk,
                    unsigned number, absl::Duration patience) override;
  Status InjectNmi(const std::string& name) override;
  StatusOr<std::vector<vm::Vcpu>> VcpuState(const std::string& name) override;
  StatusOr<std::vector<absl::Duration>> VcpuDelays(const std::string& name) override;
  Status DumpMemory(const std::string& name, const std::filesystem::path& path) override;

 private:
  // Errors: UNAVAILABLE (the connection is broken).
  Status Usable() const;
  // Returns null if there is no such VM on this host.
  Guest* Find(const std::string& name) const;
  StatusOr<Guest*> Responsive(const std::string& name) const;

  World& world_;
  const std::string uri_;
  const vm::VmListener listener_;
};

class World final : public scheduler::AgentPort, public vm::Images {
 public:
  struct SimHost {
    bool up = true;
    vm::HostFacts facts;
    Connection* connection = nullptr;  // lkd's connection, or null
  };

  World(Dice& dice, const Hazards& hazards, const TestClock& clock) : dice_(dice), hazards_(hazards), clock_(clock) {}

  // ---- to be set by the simulation
  std::function<void(scheduler::Event)> post;  // to lkd
  std::function<void()> may_die = [] {};       // may kill lkd before its next action, by throwing an exception
  std::function<const scheduler::Run*(const std::string& run_id)> stored;  // returns the run as stored
  std::function<void(const std::string& run_id)> on_start = [](const std::string&) {};

  // ---- hosts
  void AddHost(const std::string& uri, const std::string& accelerator);
  StatusOr<std::unique_ptr<vm::Hypervisor>> Connect(const std::string& uri, vm::VmListener listener);
  void LoseHost(const std::string& uri);

  // Lets one second pass.
  void Live();
  // Drops all console readers and agent sessions, since lkd is gone.
  void LoseLkd();
  // Whether lkd's calls to the hypervisor for the run's VM do not return.
  bool MonitorHangs(const std::string& run_id) const;

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
  // Sends an event to lkd if it is connected to the guest's host.
  void Tell(const Guest& guest, vm::VmEvent::Kind kind, const std::string& detail = "", bool by_itself = false);
  void PowerOff(Guest& guest, vm::VmEvent::Kind kind);
  // Returns the run's guest if its agent is connected with this session, or with any session if `session` is 0;
  // otherwise null.
  Guest* Speaking(const std::string& run_id, uint64_t session);

  // ---- defined in guests.cc
  void LiveGuest(Guest& guest);
  bool IsPaused(Guest& guest);
  void Connect(Guest& guest);
  void Disconnect(Guest& guest);
  // Applies the guest's fate. Returns whether the guest continues to work.
  bool MeetFate(Guest& guest);
  void Reboot(Guest& guest);
  void Work(Guest& guest);
  void Say(Guest& guest, decltype(scheduler::AgentSaid::what) what);
  // Prints complete lines, each with a timestamp as the kernel prints it.
  void Print(Guest& guest, const std::vector<std::string>& lines);
  void PrintBoot(Guest& guest);
  void PrintRaw(Guest& guest, std::string_view text);
  void PrintNmi(Guest& guest);

  Dice& dice_;
  const Hazards hazards_;
  const TestClock& clock_;
  std::map<std::string, SimHost> hosts_;  // by URI
  std::map<std::string, Guest> guests_;   // by run, those that are alive
  std::map<std::string, Fate> fates_;     // by run, including those of guests that are gone
  std::set<std::string> expected_;        // runs whose agents lkd admits
  uint64_t sessions_ = 0;
  uint64_t dimms_ = 0;
};

}  // namespace lk::sim
