// SPDX-License-Identifier: Apache-2.0
// Performs the core's actions, storing changes first. One thread calls Core::Step; blocking work runs on other threads.
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

// Serialises the events for watchers of a campaign (see store::Event). Provided by server/api.
struct Announcer {
  std::function<std::string(const Campaign&, const campaign::Counts&, absl::Time)> campaign;
  std::function<std::string(const Run&, absl::Time)> run;
  std::function<std::string(const std::string& run_id, const Finding&, absl::Time)> finding;
  // Creates the notifications that a campaign's file asks for; they are stored together with the campaign's verdict.
  // Then `notifications_stored` is called, which must not block. Either function may be empty.
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
  // Returns `bytes` random bytes as hexadecimal digits, for tokens and nonces.
  std::function<std::string(size_t bytes)> random_hex = RandomHex;
};

// The driver's dependencies. All of them must outlive the driver, and the executors must finish its tasks before it is
// destroyed.
struct DriverPorts {
  store::SchedulerStore& store;
  Hosts& hosts;
  vm::Images& images;
  AgentPort& agents;
  symbols::Cache& symbols;
  // Starts and destroys VMs. The tasks of one run are executed one after another.
  Executor& pool;
  // Performs a run's host actions and its post-mortem, which may both block while the guest or its QEMU hangs,
  // detection on its console, and reading its vCPUs' delays. Each of the four has a separate thread: none waits for
  // another, and none delays the task in `pool` that destroys the VM, which unblocks them.
  Executor& lanes;
  const Clock& clock;
};

class Driver {
 public:
  Driver(DriverOptions options, DriverPorts ports, Announcer announcer);
  ~Driver();

  // Resumes the unfinished campaigns in the store. RunDue does everything else: between Start and Stop, the driver's
  // thread calls it; a caller that does not use Start must call it.
  Status Recover();
  void Start();
  // VMs keep running; the next lkd takes them over.
  void Stop();
  // Handles all posted events and the core's expired deadlines. Returns the time at which to call RunDue again, unless
  // an event is posted earlier.
  absl::Time RunDue();

  // Thread-safe; never blocks. `stored` is called on RunDue's thread once the effects of the event have been stored.
  void Post(Event event, std::function<void()> stored = {});

  // Waits until the effects of the event have been stored. Returns false on timeout; the event is still handled later.
  bool PostAndWait(Event event);

  // `notify` is called, on any thread, when the campaign has new events, or when the run's console has grown or the
  // run is over. It must not block. The subscription ends when the returned handle is destroyed.
  using Subscription = std::shared_ptr<void>;
  Subscription Subscribe(const std::string& campaign_or_run_id, std::function<void()> notify);

  // The path of one of kArtifacts, whether or not the file exists.
  std::filesystem::path Artifact(const std::string& run_id, std::string_view name) const;
  // vCPUs and bytes of memory that are allocated to runs on a host.
  std::pair<uint32_t, uint64_t> Allocated(const std::string& host_id) const;

  // Campaign -> run state -> number of runs, for unfinished campaigns.
  std::map<std::string, std::map<std::string, uint64_t>> UnfinishedRuns() const;

  // The callbacks for Hosts.
  Hosts::Listener HostListener();

 private:
  struct Queued {
    Event event;
    std::function<void()> stored;
  };

  // What Core::Step has returned. The actions are performed once the store has accepted the change.
  struct Undone {
    store::Change change;
    std::vector<Action> actions;
    std::function<void()> stored;
    absl::Duration pause = absl::Milliseconds(100);
    absl::Time next_try = absl::InfinitePast();
  };

  std::optional<Queued> TakeNext();
  void Step(Queued queued);
  // Returns whether the store has accepted the change. Until it has, no action is performed and no further
  // event is handled.
  bool Finish(Undone& undone);
  // Combines all Save* actions.
  store::Change ChangeOf(const std::vector<Action>& actions, absl::Time now) const;
  void AddNotifications(const Campaign& campaign, absl::Time now, store::Change& change) const;
  void Perform(const Action& action);

  void Do(const StartVm& action);
  void Do(const DestroyVm& action);
  void Do(const PerformPostMortem& action);
  void Do(const ReadVcpuDelays& action);
  void Do(const FlushConsole& action);
  void Do(const SendLease& action);
  void Do(const PerformHostAction& action);
  void Do(const ExpectBoot& action);
  void Do(const ReleaseRun& action);

  // Runs in the pool.
  Status Launch(const Run& run, const campaign::Profile& profile, const v1::ScenarioDescriptor& descriptor);
  void Adopt(const campaign::Host& host, vm::Hypervisor& hypervisor);
  void OnVm(const std::string& host_id, const vm::VmEvent& event);

  StatusOr<std::shared_ptr<console::Recorder>> OpenConsole(const Run& run, const v1::ScenarioDescriptor& descriptor);
  // Adds source locations to a finding's frames if the kernel has debug information, which is read from disk.
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
  // Its length is bounded by its sources: console growth is kept separately, once per run; an agent may have only a
  // limited number of unacknowledged messages; and a console has at most kMaxFindings findings.
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> grown_ ABSL_GUARDED_BY(mutex_);  // run -> console bytes, not yet reported to the core
  std::map<std::string, uint32_t> console_findings_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<console::Recorder>> consoles_ ABSL_GUARDED_BY(mutex_);
  std::multimap<std::string, std::weak_ptr<std::function<void()>>> subscribers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::pair<uint32_t, uint64_t>> allocated_ ABSL_GUARDED_BY(mutex_);
  // Campaign -> run -> state, as stored.
  std::map<std::string, std::map<std::string, campaign::RunState>> states_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::map<std::string, std::string> active_ ABSL_GUARDED_BY(mutex_);  // run -> host of its VM
  // Host -> runs that were active when lkd exited, until the first attempt to connect to that host.
  std::map<std::string, std::vector<Run>> to_adopt_ ABSL_GUARDED_BY(mutex_);

  // Used only on RunDue's thread.
  Core core_;
  std::map<std::string, campaign::CampaignSpec> specs_;
  std::optional<Undone> undone_;
  std::thread thread_;
};

}  // namespace lk::scheduler
