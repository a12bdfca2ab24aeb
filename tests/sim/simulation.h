// SPDX-License-Identifier: Apache-2.0
// lkd's driver, core and hosts, as they are, in a world that misbehaves. The same seed gives the same trace.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "server/scheduler/driver.h"
#include "server/scheduler/hosts.h"
#include "tests/sim/checks.h"
#include "tests/sim/dice.h"
#include "tests/sim/executor.h"
#include "tests/sim/memory_store.h"
#include "tests/sim/world.h"

namespace lk::sim {

class Simulation {
 public:
  // Three hosts, the last of which emulates.
  Simulation(uint64_t seed, const Hazards& hazards, Seen& seen);
  ~Simulation();

  // A campaign of a few runs, some of them controls, with settings that chance gives.
  void AddRandomCampaign(const std::string& id);
  // Runs of one kind, without controls.
  void AddPlainCampaign(const std::string& id, int runs);

  // Until all campaigns are over and no VM is left, `most` at most.
  void Play(absl::Duration most = absl::Hours(6));
  void RunFor(absl::Duration duration);
  bool Finished() const;
  // What holds when all is over.
  void CheckEnd();

  // The driver's thread does nothing for so long: its disk hangs, or the machine was suspended.
  void DriverStands(absl::Duration duration) { driver_stands_until_ = clock_.now + duration; }
  // The thread of Hosts does nothing for so long: connect(2) gets no answer.
  void HostsStand(absl::Duration duration) { hosts_stand_until_ = clock_.now + duration; }

  World& world() { return world_; }
  const MemoryStore& store() const { return store_; }
  // A digest of all that was stored, in order.
  uint64_t trace() const { return trace_; }

 private:
  struct Killed {};

  void AddCampaign(const std::string& id, const std::string& yaml, const std::function<void(scheduler::Run&)>& change);
  void Tick();
  void RunLkd();
  void MayDie();
  void StartLkd();
  void KillLkd();
  void OnChange(const store::Change& change);
  void CheckCapacity() const;

  Dice dice_;
  const Hazards hazards_;
  Seen& seen_;
  const std::filesystem::path directory_;
  const campaign::Descriptors descriptors_;
  TestClock clock_;
  MemoryStore store_;
  World world_;
  Executor pool_;
  Executor lanes_;
  symbols::Cache symbols_;
  std::unique_ptr<scheduler::Hosts> hosts_;
  std::unique_ptr<scheduler::Driver> driver_;

  size_t campaigns_ = 0;   // added
  bool stepping_ = false;  // lkd may be killed now
  int kills_ = 0;
  uint64_t tokens_ = 0;
  absl::Time driver_stands_until_ = absl::InfinitePast();
  absl::Time hosts_stand_until_ = absl::InfinitePast();
  uint64_t trace_ = 14695981039346656037u;
};

}  // namespace lk::sim
