// SPDX-License-Identifier: Apache-2.0
// Runs lkd's real driver, core and hosts in a world that misbehaves. The same seed gives the same trace.
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
  // Adds three hosts, the last of which has no KVM.
  Simulation(uint64_t seed, const Hazards& hazards, Seen& seen);
  ~Simulation();

  // Adds a campaign of a few runs, some of them controls, with random settings.
  void AddRandomCampaign(const std::string& id);
  // Adds a campaign of identical runs without controls.
  void AddPlainCampaign(const std::string& id, int runs);

  // Runs until all campaigns have finished and no VM is left, but no longer than `longest`.
  void Play(absl::Duration longest = absl::Hours(6));
  void RunFor(absl::Duration duration);
  bool Finished() const;
  // Checks what must hold once all campaigns have finished.
  void CheckEnd();

  // Stalls the driver's thread, as if its disk hung or the machine had been suspended.
  void StallDriver(absl::Duration duration) { driver_stalled_until_ = clock_.now + duration; }
  // Stalls the thread of Hosts, as if connect(2) got no response.
  void StallHosts(absl::Duration duration) { hosts_stalled_until_ = clock_.now + duration; }

  World& world() { return world_; }
  const MemoryStore& store() const { return store_; }
  // A digest of all stored changes, in order.
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

  size_t campaigns_ = 0;   // number added
  bool stepping_ = false;  // lkd may be killed now
  int kills_ = 0;
  uint64_t tokens_ = 0;
  absl::Time driver_stalled_until_ = absl::InfinitePast();
  absl::Time hosts_stalled_until_ = absl::InfinitePast();
  uint64_t trace_ = 14695981039346656037u;
};

}  // namespace lk::sim
