// SPDX-License-Identifier: Apache-2.0
// Performs what the core decides: stores first, then acts. One thread steps the core; what blocks runs elsewhere.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/console/recorder.h"
#include "server/scheduler/agent_port.h"
#include "server/scheduler/core.h"
#include "server/scheduler/hosts.h"
#include "server/scheduler/post_mortem.h"
#include "server/scheduler/run_directory.h"
#include "server/store/scheduler_store.h"
#include "server/symbols/cache.h"
#include "server/vm/image.h"
#include "support/clock.h"
#include "support/executor.h"
#include "support/mutex.h"
#include "support/random.h"

namespace lk::scheduler {

// What watchers of a campaign are told, as bytes: see store::Event. The api makes them.
struct Announcer {
  std::function<std::string(const Campaign&, const campaign::Counts&, absl::Time)> campaign;
  std::function<std::string(const Run&, absl::Time)> run;
  std::function<std::string(const std::string& run_id, const Finding&, absl::Time)> finding;
  // Stored with a campaign's verdict: who is named by its file to be told. May be empty, as may `notifications_stored`,
  // which is called afterwards and must not block.
  std::function<std::vector<store::Notification>(const Campaign&, const std::vector<std::string>& notify, absl::Time)>
      notifications = {};
  std::function<void()> notifications_stored = {};
};

struct DriverOptions {
  std::filesystem::path state_directory;
  std::string owner;          // see vm::VmSpec
  std::string ca_pem;         // of the agent listener
  std::string agent_address;  // host:port as guests see it
  uint64_t console_max_bytes = 0;
  DumpLimits dumps;
  std::optional<absl::Duration> kill_worker_after;  // test hook
  campaign::Descriptors descriptors;
  Limits limits;
  // That many bytes, in hexadecimal digits: tokens and nonces.
  std::function<std::string(size_t bytes)> random_hex = RandomHex;
};

// What the driver works with; all outlive it, and what was posted to the executors is done before it goes.
struct DriverPorts {
  store::SchedulerStore& store;
  Hosts& hosts;
  vm::Images& images;
  AgentPort& agents;
  symbols::Cache& symbols;
  // Starting and destroying VMs: one task of a run after the other.
  Executor& pool;
  // What may not come back while a guest hangs or its QEMU stands still, and what must not wait for that: a run's host
  // actions, its post-mortem, detection on its console. Each has a thread of its own, so that none of them keeps the
  // destroying of the VM, which ends them, from its turn in the pool.
  Executor& lanes;
  const Clock& clock;
};

class Driver {
 public:
  Driver(DriverOptions options, DriverPorts ports, Announcer announcer);
  ~Driver();

  // Takes up what the store holds unfinished. RunDue does the rest: on the driver's thread between Start and Stop, or
  // called by who has no threads.
  Status Recover();
  void Start();
  // VMs go on; the next start takes them over.
  void Stop();
  // Handles all events posted, and the core's deadlines that have passed. Returns when it wants to be called again at
  // the latest, unless an event comes.
  absl::Time RunDue();

  // Thread-safe; never blocks. `stored` is called on the thread of RunDue when what follows from the event is stored.
  void Post(Event event, std::function<void()> stored = {});

  // Waits until what follows from the event is stored. False: that takes too long; the event is still to be handled.
  bool PostAndWait(Event event);

  // Called (on any thread, must not block) when a campaign has new events or a run's console has grown. The
  // subscription ends with the returned handle.
  using Subscription = std::shared_ptr<void>;
  Subscription Subscribe(const std::string& campaign_or_run_id, std::function<void()> notify);

  // Where one of kArtifacts is, or would be.
  std::filesystem::path Artifact(const std::string& run_id, std::string_view name) const;
  // vCPUs and bytes in use on a host.
  std::pair<uint32_t, uint64_t> Allocated(const std::string& host_id) const;

  // Campaign -> run state -> runs, of campaigns that are not finished.
  std::map<std::string, std::map<std::string, uint64_t>> UnfinishedRuns() const;

  // What Hosts is to tell.
  Hosts::Listener HostListener();

 private:
  struct Queued {
    Event event;
    std::function<void()> stored;
  };

  // What a step leads to, until the store has taken the change: then it is performed.
  struct Undone {
    store::Change change;
    std::vector<Action> actions;
    std::function<void()> stored;
    absl::Duration pause = absl::Milliseconds(100);
    absl::Time next_try = absl::InfinitePast();
  };

  std::optional<Queued> TakeNext();
  void Step(Queued queued);
  // Whether the store took the change. Where it did not, nothing is performed, and no further step is made.
  bool Finish(Undone& undone);
  // All Save* of a step.
  store::Change ChangeOf(const std::vector<Action>& actions, absl::Time now) const;
  void AddNotifications(const Campaign& campaign, absl::Time now, store::Change& change) const;
  void Perform(const Action& action);

  void Do(const StartVm& action);
  void Do(const DestroyVm& action);
  void Do(const PerformPostMortem& action);
  void Do(const FlushConsole& action);
  void Do(const SendLease& action);
  void Do(const PerformHostAction& action);
  void Do(const ExpectBoot& action);
  void Do(const ReleaseRun& action);

  // On the pool.
  Status Launch(const Run& run, const campaign::Profile& profile, const v1::ScenarioDescriptor& descriptor);
  void Adopt(const campaign::Host& host, vm::Hypervisor& hypervisor);
  void OnVm(const std::string& host_id, const vm::VmEvent& event);

  StatusOr<std::shared_ptr<console::Recorder>> OpenConsole(const Run& run, const v1::ScenarioDescriptor& descriptor);
  // Finds a finding's frames in the source, where the kernel came with debug information; that is read from disk.
  void Locate(const std::string& kernel_id, Finding& finding) const;
  std::shared_ptr<console::Recorder> Console(const std::string& run_id) const;
  static vm::ConsoleSink Sink(const std::shared_ptr<console::Recorder>& recorder);
  void Notify(const std::string& id);

  AgentTerms Terms(const Run& run) const;
  static std::vector<detect::InvariantLiteral> Invariants(const v1::ScenarioDescriptor& descriptor);
  const v1::ScenarioDescriptor& Descriptor(const std::string& scenario) const;
  const campaign::CampaignSpec& Spec(const std::string& campaign_id) const;
  std::filesystem::path RunDirectory(const std::string& run_id) const;

  const DriverOptions options_;
  const DriverPorts ports_;
  const Announcer announcer_;

  mutable Mutex mutex_;
  // Bounded by their sources: the console's bytes are told once for each run until read, agents have a window of
  // messages that are not acknowledged, findings are at most kMaxFindings for each run.
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> grown_ ABSL_GUARDED_BY(mutex_);  // run -> console bytes not told yet
  std::map<std::string, uint32_t> findings_told_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<console::Recorder>> consoles_ ABSL_GUARDED_BY(mutex_);
  std::multimap<std::string, std::weak_ptr<std::function<void()>>> subscribers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::pair<uint32_t, uint64_t>> allocated_ ABSL_GUARDED_BY(mutex_);
  // Campaign -> run -> state, as stored.
  std::map<std::string, std::map<std::string, campaign::RunState>> states_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::map<std::string, std::string> active_ ABSL_GUARDED_BY(mutex_);  // run -> host it was started on
  // Runs that were under way when lkd ended, by host, until that host has been looked at.
  std::map<std::string, std::vector<Run>> to_adopt_ ABSL_GUARDED_BY(mutex_);

  // Of the thread of RunDue.
  Core core_;
  std::map<std::string, campaign::CampaignSpec> specs_;
  std::optional<Undone> undone_;
  std::thread thread_;
};

}  // namespace lk::scheduler
