// SPDX-License-Identifier: Apache-2.0
// The part of the driver that handles VMs: starting and destroying them, host actions, consoles, and host events.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lk/v1/scenario.pb.h"
#include "server/scheduler/driver.h"

namespace lk::scheduler {
namespace {

// At most this many findings per console are passed to the core; a guest that prints more is broken anyway.
constexpr uint32_t kMaxFindings = 1000;

constexpr char kVmPrefix[] = "lk-";

std::string VmName(const std::string& run_id) {
  return kVmPrefix + run_id;
}

const campaign::Profile* FindProfile(const campaign::CampaignSpec& spec, const std::string& name) {
  const auto it =
      std::find_if(spec.profiles.begin(), spec.profiles.end(), [&](const auto& p) { return p.name == name; });
  return it == spec.profiles.end() ? nullptr : &*it;
}

}  // namespace

std::vector<detect::InvariantLiteral> Driver::Invariants(const v1::ScenarioDescriptor& descriptor) {
  std::vector<detect::InvariantLiteral> invariants;
  for (const auto& invariant : descriptor.invariants()) {
    if (!invariant.log_literal().empty()) invariants.push_back({invariant.name(), invariant.log_literal()});
  }
  return invariants;
}

AgentTerms Driver::Terms(const Run& run) const {
  const v1::ScenarioDescriptor& descriptor = Descriptor(run.scenario);
  AgentTerms terms;
  terms.kernel_log = {.invariants = Invariants(descriptor),
                      .quiet = options_.limits.report_quiet,
                      .locate = [this, kernel_id = run.kernel_id](Finding& finding) { Locate(kernel_id, finding); }};
  for (const auto& probe : descriptor.probes()) terms.probes.insert(probe.name());
  terms.host_actions = {descriptor.host_actions().begin(), descriptor.host_actions().end()};
  if (const campaign::Profile* profile = FindProfile(Spec(run.campaign_id), run.profile)) terms.vcpus = profile->vcpus;
  return terms;
}

void Driver::Do(const StartVm& action) {
  const Run& run = action.run;
  const v1::ScenarioDescriptor& descriptor = Descriptor(run.scenario);
  const campaign::Profile* profile = FindProfile(Spec(run.campaign_id), run.profile);
  ports_.agents.Expect(run, Terms(run));
  {
    const MutexLock lock(&mutex_);
    active_[run.id] = run.host_id;
  }
  ports_.pool.Post(run.id, [this, run, &descriptor, profile = *profile] {
    const Status status = Launch(run, profile, descriptor);
    if (status.ok()) return;
    Post(StartFailed{run.id, std::string(status.message()), vm::FaultOf(status) == vm::Fault::kHost});
  });
}

Status Driver::Launch(const Run& run, const campaign::Profile& profile, const v1::ScenarioDescriptor& descriptor) {
  const absl::Time begin = ports_.clock.Now();
  const std::shared_ptr<vm::Hypervisor> hypervisor = ports_.hosts.Get(run.host_id);
  if (!hypervisor) {
    return vm::WithFault(absl::UnavailableError("no connection to host " + run.host_id), vm::Fault::kHost);
  }
  vm::Images::Request request;
  request.kernel_id = run.kernel_id;
  request.extra_modules = {descriptor.guest_files().modules().begin(), descriptor.guest_files().modules().end()};
  request.kernel_image = descriptor.guest_files().kernel_image();
  request.directory = RunDirectory(run.id);
  request.run.ca_pem = options_.ca_pem;
  request.run.config = {{"run_id", run.id},          {"token", run.token},    {"controller", options_.agent_address},
                        {"address", "10.0.2.15/24"}, {"gateway", "10.0.2.2"}, {"server_name", "lkd"}};
  LK_ASSIGN_OR_RETURN(const vm::Images::Image image, ports_.images.Build(request));
  const absl::Time built = ports_.clock.Now();
  Post(ImageReady{run.id, absl::ToDoubleSeconds(built - begin), image.sha256});

  vm::VmSpec spec;
  spec.name = VmName(run.id);
  spec.run_id = run.id;
  spec.owner = options_.owner;
  spec.profile = profile;
  spec.accelerator = run.accelerator;
  spec.kernel = image.kernel;
  spec.initrd = image.initrd;
  spec.cmdline = run.cmdline;
  LK_ASSIGN_OR_RETURN(spec.disks, MakeScratchDisks(descriptor, RunDirectory(run.id)));
  spec.console_log = RunDirectory(run.id) / "console.host";
  LK_ASSIGN_OR_RETURN(const std::shared_ptr<console::Recorder> recorder, OpenConsole(run, descriptor));
  LK_RETURN_IF_ERROR(hypervisor->Start(spec, Sink(recorder)));
  Post(VmStarted{run.id, absl::ToDoubleSeconds(ports_.clock.Now() - built)});
  return absl::OkStatus();
}

void Driver::Do(const DestroyVm& action) {
  ports_.pool.Post(action.run_id, [this, action] {
    VmGone gone{action.run_id, VmGone::How::kDestroyed, "destroyed by lkd"};
    if (const std::shared_ptr<vm::Hypervisor> hypervisor = ports_.hosts.Get(action.host_id)) {
      const Status status = hypervisor->Destroy(VmName(action.run_id));
      // The core retries after Limits::destroy. If the host was lost, Adopt destroys the VM when the host is back.
      if (!status.ok()) {
        spdlog::warn("run {}: cannot destroy the VM: {}", action.run_id, std::string(status.message()));
        return;
      }
    }
    Post(std::move(gone));
  });
}

void Driver::Do(const PerformPostMortem& action) {
  const Run* run = core_.Find(action.run_id);
  const std::shared_ptr<vm::Hypervisor> hypervisor = ports_.hosts.Get(action.host_id);
  const auto host = ports_.hosts.Find(action.host_id);
  if (!run || !hypervisor || !host.ok()) {
    campaign::PostMortemStep failed{.step = action.step,
                                    .outcome = campaign::PostMortemStep::Outcome::kFailed,
                                    .detail = "no connection to the host",
                                    .text = "",
                                    .seconds = 0};
    return Post(PostMortemStepDone{action.run_id, std::move(failed), false});
  }
  const campaign::Profile* profile = FindProfile(Spec(run->campaign_id), run->profile);
  const HungGuest guest{.run_id = action.run_id,
                        .vm = VmName(action.run_id),
                        .host_uri = host->uri,
                        .memory_bytes = profile->MaxMemory(),
                        .directory = RunDirectory(action.run_id)};
  // The key differs from that of host actions: one of them may be waiting for the guest to release memory.
  ports_.lanes.Post(action.run_id + "/post-mortem", [this, guest, step = action.step, hypervisor] {
    Post(PerformStep(step, guest, options_.dumps, *hypervisor));
  });
}

void Driver::Do(const ReadVcpuDelays& action) {
  ports_.lanes.Post(action.run_id + "/delays", [this, action] {
    VcpuDelays read{action.run_id, ports_.clock.Now(), {}};
    if (const std::shared_ptr<vm::Hypervisor> hypervisor = ports_.hosts.Get(action.host_id)) {
      if (auto delays = hypervisor->VcpuDelays(VmName(action.run_id)); delays.ok()) read.lost = *std::move(delays);
    }
    Post(std::move(read));
  });
}

void Driver::Do(const FlushConsole& action) {
  if (const auto console = Console(action.run_id)) console->OnQuiet();
}

void Driver::Do(const SendLease& action) {
  const Run* run = core_.Find(action.run_id);
  if (!run) return;
  const campaign::CampaignSpec& spec = Spec(run->campaign_id);
  const auto use = std::find_if(spec.scenarios.begin(), spec.scenarios.end(),
                                [&](const auto& s) { return s.name == run->scenario; });
  const v1::ScenarioDescriptor& descriptor = Descriptor(run->scenario);
  LeaseTerms terms;
  terms.scenario = run->scenario;
  terms.parameters = use->parameters;
  terms.duration = use->duration;
  terms.hard_cap = absl::Seconds(descriptor.hard_cap().seconds());
  terms.heartbeat_interval = absl::Seconds(1);
  terms.canary_nonce = run->canary_nonce;
  terms.seed = run->seed;
  terms.kill_worker_after = options_.kill_worker_after;
  ports_.agents.SendLease(action.run_id, action.session, terms);
}

void Driver::Do(const PerformHostAction& action) {
  const Run* run = core_.Find(action.run_id);
  if (!run) return;
  ports_.lanes.Post(action.run_id, [this, action, profile = *FindProfile(Spec(run->campaign_id), run->profile)] {
    using Kind = HostActionAsked::Kind;
    HostActionDone done{action.run_id, action.action.id, "", action.action.alias, absl::ZeroDuration()};
    const absl::Time begin = ports_.clock.Now();
    const std::shared_ptr<vm::Hypervisor> hypervisor = ports_.hosts.Get(action.host_id);
    const std::string name = VmName(action.run_id);
    Status status = hypervisor ? absl::OkStatus() : absl::UnavailableError("no connection to the host");
    if (status.ok()) {
      switch (action.action.kind) {
        case Kind::kAttachDimm: {
          auto alias = hypervisor->AttachDimm(name, action.action.bytes);
          status = alias.status();
          if (alias.ok()) done.alias = *alias;
          break;
        }
        case Kind::kDetachDimm:
          status = hypervisor->DetachDimm(name, action.action.alias, action.release);
          break;
        case Kind::kResizeVirtioMem:
          status = hypervisor->ResizeVirtioMem(name, action.action.bytes);
          break;
        case Kind::kReplugDisk: {
          const uint32_t number = action.action.disk;
          const vm::ScratchDisk disk{ScratchDiskPath(RunDirectory(action.run_id), number)};
          status = hypervisor->ReplugDisk(name, profile, disk, number, action.release);
          break;
        }
      }
    }
    if (!status.ok()) {
      done.error = std::string(status.message());
      const bool by_guest = vm::FaultOf(status) == vm::Fault::kGuest;
      done.refused_by_guest = by_guest && absl::IsFailedPrecondition(status);
      done.guest_silent = by_guest && absl::IsDeadlineExceeded(status);
    }
    done.took = ports_.clock.Now() - begin;
    Post(std::move(done));
  });
}

void Driver::Do(const ExpectBoot& action) {
  if (const auto console = Console(action.run_id)) console->AnnounceBoot();
}

void Driver::Do(const ReleaseRun& action) {
  ports_.agents.Forget(action.run_id);
  {
    const MutexLock lock(&mutex_);
    active_.erase(action.run_id);
    consoles_.erase(action.run_id);
    grown_.erase(action.run_id);
    console_findings_.erase(action.run_id);
  }
  Notify(action.run_id);
  ports_.pool.Post(action.run_id, [directory = RunDirectory(action.run_id)] { Tidy(directory); });
}

// ---- consoles ------------------------------------------------------------------------------

StatusOr<std::shared_ptr<console::Recorder>> Driver::OpenConsole(const Run& run,
                                                                 const v1::ScenarioDescriptor& descriptor) {
  const std::string& run_id = run.id;
  console::Events events;
  events.on_finding = [this, run_id, kernel_id = run.kernel_id](detect::Finding finding) {
    {
      const MutexLock lock(&mutex_);
      if (++console_findings_[run_id] > kMaxFindings) return;
    }
    Locate(kernel_id, finding);
    Post(ReportSeen{run_id, std::move(finding), Witness::kConsole});
  };
  events.on_header = [this, run_id](detect::Finding finding) {
    const MutexLock lock(&mutex_);
    if (console_findings_[run_id] < kMaxFindings) queue_.push_back({ReportBegan{run_id, std::move(finding)}, {}});
  };
  events.on_over = [this, run_id](uint64_t start_offset) { Post(ReportOver{run_id, start_offset}); };
  events.on_canary = [this, run_id](std::string_view nonce) { Post(ConsoleCanary{run_id, std::string(nonce)}); };
  events.on_end = [this, run_id] { Post(ConsoleEnded{run_id}); };
  events.on_bytes = [this, run_id](uint64_t bytes) {
    {
      const MutexLock lock(&mutex_);
      grown_[run_id] = bytes;
    }
    Notify(run_id);
  };
  LK_ASSIGN_OR_RETURN(const std::shared_ptr<console::Recorder> recorder,
                      console::Recorder::Open(
                          {.directory = RunDirectory(run_id),
                           .max_bytes = options_.console_max_bytes,
                           .detection = {.invariants = Invariants(descriptor), .announced_boots = run.announced_boots},
                           .executor = &ports_.lanes,
                           .key = run_id + "/console"},
                          std::move(events)));
  const MutexLock lock(&mutex_);
  consoles_[run_id] = recorder;
  return recorder;
}

std::shared_ptr<console::Recorder> Driver::Console(const std::string& run_id) const {
  const MutexLock lock(&mutex_);
  const auto it = consoles_.find(run_id);
  return it == consoles_.end() ? nullptr : it->second;
}

void Driver::Locate(const std::string& kernel_id, Finding& finding) const {
  if (!ports_.symbols.Has(kernel_id)) return;
  if (const auto symbols = ports_.symbols.SymbolsOf(kernel_id); symbols.ok()) (*symbols)->Locate(finding);
}

vm::ConsoleSink Driver::Sink(const std::shared_ptr<console::Recorder>& recorder) {
  return {[recorder](std::string_view bytes) { recorder->OnBytes(bytes); }, [recorder] { recorder->OnEnd(); }};
}

// ---- hosts and their VMs -------------------------------------------------------------------

Hosts::Listener Driver::HostListener() {
  Hosts::Listener listener;
  listener.on_change = [this](const Host& host) { Post(HostChanged{host}); };
  listener.on_connected = [this](const Host& host, vm::Hypervisor& hypervisor) { Adopt(host, hypervisor); };
  listener.on_lost = [this](const Host& host) {
    const MutexLock lock(&mutex_);
    const auto waiting = to_adopt_.find(host.id);
    if (waiting == to_adopt_.end()) return;
    for (const Run& run : waiting->second) {
      queue_.push_back({VmGone{run.id, VmGone::How::kHostLost, host.state_reason}, {}});
    }
    to_adopt_.erase(waiting);
  };
  listener.on_vm = [this](const std::string& host_id, const vm::VmEvent& event) { OnVm(host_id, event); };
  return listener;
}

// Called after connecting to a host. Takes over the VMs of the runs that were active there when lkd was restarted, and
// destroys lkd's other VMs on the host, which are leftovers.
void Driver::Adopt(const Host& host, vm::Hypervisor& hypervisor) {
  std::vector<Run> runs;
  {
    const MutexLock lock(&mutex_);
    const auto waiting = to_adopt_.find(host.id);
    if (waiting != to_adopt_.end()) {
      runs = std::move(waiting->second);
      to_adopt_.erase(waiting);
    }
  }
  const auto found = hypervisor.List(options_.owner);
  if (!found.ok()) {
    spdlog::warn("host {}: cannot list VMs: {}", host.uri, std::string(found.status().message()));
    for (const Run& run : runs) Post(VmGone{run.id, VmGone::How::kHostLost, std::string(found.status().message())});
    return;
  }
  std::set<std::string> adopted;
  for (const Run& run : runs) {
    const std::string name = VmName(run.id);
    const bool there =
        std::any_of(found->begin(), found->end(), [&](const auto& vm) { return vm.name == name && vm.running; });
    // The console is read in any case: its last output may explain why the VM is gone.
    auto recorder = OpenConsole(run, Descriptor(run.scenario));
    Status status = recorder.status();
    if (status.ok() && there) {
      status = hypervisor.Reattach(name, RunDirectory(run.id) / "console.host", (*recorder)->stream_offset(),
                                   Sink(*recorder));
      if (status.ok()) {
        adopted.insert(name);
        {
          const MutexLock lock(&mutex_);
          active_[run.id] = host.id;
        }
        Post(VmReattached{run.id});
        continue;
      }
    }
    Post(VmGone{run.id, VmGone::How::kMissing,
                status.ok() ? "it stopped while lkd was not running" : std::string(status.message())});
    if (recorder.ok()) {
      (*recorder)->OnEnd();
    } else {
      Post(ConsoleEnded{run.id});
    }
  }
  for (const vm::VmInfo& vm : *found) {
    if (adopted.contains(vm.name)) continue;
    spdlog::info("host {}: destroying leftover VM {}", host.uri, vm.name);
    const Status status = hypervisor.Destroy(vm.name);
    if (!status.ok()) spdlog::warn("host {}: cannot destroy {}: {}", host.uri, vm.name, std::string(status.message()));
  }
}

void Driver::OnVm(const std::string& host_id, const vm::VmEvent& event) {
  using Kind = vm::VmEvent::Kind;
  if (event.kind == Kind::kHostLost) {
    const MutexLock lock(&mutex_);
    for (const auto& [run_id, host] : active_) {
      if (host == host_id) queue_.push_back({VmGone{run_id, VmGone::How::kHostLost, event.detail}, {}});
    }
    return;
  }
  if (!event.name.starts_with(kVmPrefix)) return;
  const std::string run_id = event.name.substr(sizeof(kVmPrefix) - 1);
  switch (event.kind) {
    case Kind::kStopped:
      return Post(VmGone{run_id, VmGone::How::kStopped, event.detail});
    case Kind::kCrashed:
      return Post(VmGone{run_id, VmGone::How::kCrashed, event.detail});
    case Kind::kDestroyed:
      return Post(VmGone{run_id, VmGone::How::kDestroyed, event.detail});
    case Kind::kPanicked:
      return Post(VmPanicked{run_id});
    case Kind::kWatchdog:
      return Post(VmWatchdogFired{run_id, event.detail});
    case Kind::kPaused:
      return Post(VmPaused{run_id, event.by_itself, event.detail});
    case Kind::kResumed:
      return Post(VmResumed{run_id});
    case Kind::kHostLost:
    case Kind::kHostBack:
      return;
  }
}

}  // namespace lk::scheduler
