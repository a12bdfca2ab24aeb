// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "server/vm/domain_xml.h"
#include "server/vm/libvirt/connection.h"
#include "server/vm/libvirt/console.h"
#include "server/vm/libvirt/delays.h"
#include "server/vm/libvirt/error.h"
#include "server/vm/libvirt/event_loop.h"
#include "server/vm/libvirt/lifecycle.h"
#include "server/vm/libvirt/post_mortem.h"
#include "server/vm/libvirt/probe.h"
#include "server/vm/uri.h"
#include "support/mutex.h"

namespace lk::vm {
namespace libvirt {
namespace {

// Maximum time from a call to the event that it causes.
constexpr absl::Duration kEventTime = absl::Seconds(1);

// In the order of virDomainEventWatchdogAction.
constexpr const char* kWatchdogActions[] = {"none", "pause", "reset", "poweroff", "shutdown", "debug", "inject-nmi"};

bool HasEnded(VmEvent::Kind kind) {
  return kind == VmEvent::Kind::kStopped || kind == VmEvent::Kind::kCrashed || kind == VmEvent::Kind::kDestroyed;
}

// Whether this process can read the files that the hypervisor creates. They have mode 0600, so the daemon must run on
// this machine, and this process must be root or run as the same user.
bool AreFilesOurs(const std::string& uri) {
  return IsLocal(uri) && (geteuid() == 0 || uri.find("/session") != std::string::npos);
}

class LibvirtHypervisor final : public Hypervisor {
 public:
  LibvirtHypervisor(VmListener listener, HypervisorOptions options)
      : listener_(std::move(listener)), options_(options) {}

  ~LibvirtHypervisor() override {
    connection_.reset();  // no more events
    EventLoop::Get().Run([&] { vms_.clear(); });
  }

  Status Open(const std::string& uri) {
    here_ = IsLocal(uri);
    logs_here_ = AreFilesOurs(uri);
    ConnectionEvents events;
    events.on_lifecycle = [this](virDomain* domain, int event, int detail) { OnLifecycle(domain, event, detail); };
    events.on_watchdog = [this](virDomain* domain, int action) { OnWatchdog(domain, action); };
    events.on_device = [this](virDomain* domain, const char* alias, bool removed) { OnDevice(domain, alias, removed); };
    events.on_lost = [this](const std::string& reason) { listener_({VmEvent::Kind::kHostLost, "", reason}); };
    events.on_back = [this](const ConnectHandle& handle) { OnBack(handle.get()); };
    LK_ASSIGN_OR_RETURN(connection_, Connection::Open(uri, std::move(events)));
    return absl::OkStatus();
  }

  StatusOr<HostFacts> Probe() override {
    MutexLock lock(&probe_mutex_);
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    if (!facts_ || facts_generation_ != connection_->generation()) {
      facts_generation_ = connection_->generation();
      facts_.reset();
      LK_ASSIGN_OR_RETURN(facts_, ProbeHost(connection.get(), logs_here_));
    }
    return *facts_;
  }

  Status Start(const VmSpec& spec, ConsoleSink sink) override {
    LK_ASSIGN_OR_RETURN(const auto xml, DomainXml(spec));
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    const bool follow = logs_here_ && !spec.console_log.empty();
    Expect(spec.name);
    // Without a log, the stream must be opened before the VM runs.
    if (!follow) LK_RETURN_IF_ERROR(BeginPause(spec.name));
    auto status = Create(connection.get(), spec, xml, follow, std::move(sink));
    if (!follow) EndPause(spec.name, status.ok() ? kEventTime : absl::ZeroDuration());
    if (!status.ok()) Forget(spec.name);
    return status;
  }

  Status Reattach(const std::string& name, const std::filesystem::path& console_log, uint64_t recorded,
                  ConsoleSink sink) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    const bool follow = logs_here_ && !console_log.empty();
    Expect(name);
    const auto domain = Find(connection, name);
    if (!domain.ok()) {
      Forget(name);
      if (follow && absl::IsNotFound(domain.status())) {
        EventLoop::Get().Run([&] { ReadRestOfLog(console_log, recorded, Filtered(name, std::move(sink))); });
      }
      return domain.status();
    }
    Status status = AttachConsole(
        name,
        [&](ConsoleSink own) {
          return follow ? FollowLog(console_log, recorded, std::move(own))
                        : OpenStream(domain->get(), true, std::move(own));
        },
        std::move(sink));
    if (!status.ok()) Forget(name);
    return status;
  }

  Status Destroy(const std::string& name) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    const auto domain = Find(connection, name);
    if (!domain.ok()) return absl::IsNotFound(domain.status()) ? absl::OkStatus() : domain.status();
    if (virDomainDestroy(domain->get()) == 0) return absl::OkStatus();
    auto status = LastError("cannot destroy " + name);
    // The VM may have ended in the meantime.
    return FaultOf(status) == Fault::kGuest ? absl::OkStatus() : status;
  }

  StatusOr<std::vector<VmInfo>> List(const std::string& owner) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    virDomainPtr* raw = nullptr;
    const int count = virConnectListAllDomains(connection.get(), &raw, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (count < 0) return LastError("cannot list domains");
    std::vector<DomainHandle> domains(raw, raw + count);
    std::free(raw);
    std::vector<VmInfo> infos;
    for (const auto& domain : domains) {
      const auto ownership = ParseOwnership(TakeString(
          virDomainGetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT, kMetadataUri, VIR_DOMAIN_AFFECT_LIVE)));
      if (ownership.run_id.empty() || ownership.owner != owner) continue;
      int state = VIR_DOMAIN_NOSTATE;
      virDomainGetState(domain.get(), &state, nullptr, 0);
      infos.push_back({virDomainGetName(domain.get()), ownership.run_id, state == VIR_DOMAIN_RUNNING});
    }
    return infos;
  }

  StatusOr<std::string> AttachDimm(const std::string& name, uint64_t bytes) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    LK_ASSIGN_OR_RETURN(const auto domain, Find(connection, name));
    MutexLock lock(&attach_mutex_);  // otherwise two callers could choose the same alias
    LK_ASSIGN_OR_RETURN(const auto xml, XmlOf(domain.get()));
    const auto alias = FreeDimmAlias(xml);
    if (virDomainAttachDeviceFlags(domain.get(), DimmXml(bytes, alias).c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0) {
      return LastError("cannot attach " + alias);
    }
    return alias;
  }

  Status DetachDimm(const std::string& name, const std::string& alias, absl::Duration patience) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    LK_ASSIGN_OR_RETURN(const auto domain, Find(connection, name));
    LK_ASSIGN_OR_RETURN(const auto xml, XmlOf(domain.get()));
    if (!alias.starts_with(kDimmAlias) || !HasMemoryDevice(xml, alias)) {
      return WithFault(absl::NotFoundError(fmt::format("{} has no memory device {}", name, alias)), Fault::kOurs);
    }
    return Detach(domain.get(), {name, alias}, patience);
  }

  Status ResizeVirtioMem(const std::string& name, uint64_t bytes) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    LK_ASSIGN_OR_RETURN(const auto domain, Find(connection, name));
    LK_ASSIGN_OR_RETURN(const auto xml, XmlOf(domain.get()));
    LK_ASSIGN_OR_RETURN(const auto device, VirtioMemXml(xml, bytes));
    if (virDomainUpdateDeviceFlags(domain.get(), device.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0) {
      return LastError("cannot resize virtio-mem");
    }
    return absl::OkStatus();
  }

  Status ReplugDisk(const std::string& name, const campaign::Profile& profile, const ScratchDisk& disk, unsigned number,
                    absl::Duration patience) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    LK_ASSIGN_OR_RETURN(const auto domain, Find(connection, name));
    const auto alias = DiskAlias(number);
    LK_ASSIGN_OR_RETURN(const auto before, XmlOf(domain.get()));
    if (HasDisk(before, alias)) {
      const auto status = Detach(domain.get(), {name, alias}, patience);
      // The guest may have lost the disk in the meantime.
      LK_ASSIGN_OR_RETURN(const auto after, XmlOf(domain.get()));
      if (HasDisk(after, alias)) {
        return status.ok() ? WithFault(absl::InternalError(alias + " is still attached"), Fault::kHost) : status;
      }
    }
    if (virDomainAttachDeviceFlags(domain.get(), DiskXml(profile, disk, number).c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0) {
      return LastError("cannot attach " + alias);
    }
    return absl::OkStatus();
  }

  Status InjectNmi(const std::string& name) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    LK_ASSIGN_OR_RETURN(const auto domain, Find(connection, name));
    return libvirt::InjectNmi(domain.get());
  }

  StatusOr<std::vector<Vcpu>> VcpuState(const std::string& name) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    LK_ASSIGN_OR_RETURN(const auto domain, Find(connection, name));
    return ReadVcpus(domain.get());
  }

  StatusOr<std::vector<absl::Duration>> VcpuDelays(const std::string& name) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    LK_ASSIGN_OR_RETURN(const auto domain, Find(connection, name));
    return ReadDelays(domain.get());
  }

  Status DumpMemory(const std::string& name, const std::filesystem::path& path) override {
    LK_ASSIGN_OR_RETURN(const auto connection, connection_->Get());
    LK_ASSIGN_OR_RETURN(const auto domain, Find(connection, name));
    int state = VIR_DOMAIN_NOSTATE;
    if (virDomainGetState(domain.get(), &state, nullptr, 0) < 0) return LastError(name);
    LK_RETURN_IF_ERROR(BeginPause(name));
    auto status = libvirt::DumpMemory(domain.get(), path, here_);
    EndPause(name, state == VIR_DOMAIN_RUNNING ? kEventTime : absl::ZeroDuration());
    return status;
  }

 private:
  using Device = std::pair<std::string, std::string>;  // VM, alias

  // A VM whose events and console are being followed. Used only on the event loop's thread.
  struct Vm {
    std::unique_ptr<Console> console;
    bool paused = false;  // it has been reported as paused
    bool ended = false;
  };

  // Asks the guest to release the device, and waits until it has done so or refused, but no longer than `patience`.
  Status Detach(virDomain* domain, const Device& device, absl::Duration patience) {
    const auto& alias = device.second;
    {
      MutexLock lock(&detach_mutex_);
      if (!detaching_.emplace(device, std::nullopt).second) {
        return WithFault(absl::FailedPreconditionError(alias + " is already being detached"), Fault::kOurs);
      }
    }
    const bool asked = virDomainDetachDeviceAlias(domain, alias.c_str(), VIR_DOMAIN_AFFECT_LIVE) == 0;
    auto refusal = asked ? absl::OkStatus() : LastError("cannot detach " + alias);
    MutexLock lock(&detach_mutex_);
    std::optional<bool>& removed = detaching_[device];
    const auto answered = [&removed] { return removed.has_value(); };
    if (asked) detach_mutex_.AwaitWithTimeout(absl::Condition(&answered), patience);
    const auto answer = removed;
    detaching_.erase(device);
    if (!asked) return refusal;
    if (!answer) {
      return WithFault(absl::DeadlineExceededError(fmt::format("{}: no response from the guest within {}", alias,
                                                               absl::FormatDuration(patience))),
                       Fault::kGuest);
    }
    if (!*answer) {
      return WithFault(absl::FailedPreconditionError(fmt::format("{}: the guest refused to release it", alias)),
                       Fault::kGuest);
    }
    return absl::OkStatus();
  }

  Status Create(virConnect* connection, const VmSpec& spec, const std::string& xml, bool follow, ConsoleSink sink) {
    const DomainHandle domain(virDomainCreateXML(connection, xml.c_str(), follow ? 0 : VIR_DOMAIN_START_PAUSED));
    if (!domain) return LastError("cannot start " + spec.name);
    RunOnAfterPanic(domain.get());
    Status status = AttachConsole(
        spec.name,
        [&](ConsoleSink own) {
          return follow ? FollowLog(spec.console_log, 0, std::move(own))
                        : OpenStream(domain.get(), false, std::move(own));
        },
        std::move(sink));
    if (status.ok() && !follow && virDomainResume(domain.get()) < 0) status = LastError("cannot resume " + spec.name);
    if (!status.ok()) virDomainDestroy(domain.get());
    return status;
  }

  static StatusOr<DomainHandle> Find(const ConnectHandle& connection, const std::string& name) {
    DomainHandle domain(virDomainLookupByName(connection.get(), name.c_str()));
    if (!domain) return LastError(name);
    return domain;
  }

  static StatusOr<std::string> XmlOf(virDomain* domain) {
    char* xml = virDomainGetXMLDesc(domain, 0);
    if (!xml) return LastError("cannot read the domain XML");
    return TakeString(xml);
  }

  // Called before the VM exists, so that its end is not missed, however early it ends.
  void Expect(const std::string& name) {
    EventLoop::Get().Run([&] { vms_.insert_or_assign(name, Vm{}); });
  }
  void Forget(const std::string& name) {
    EventLoop::Get().Run([&] { vms_.erase(name); });
  }

  // Wraps the sink of a console: applies the test hook, and forgets the VM at the end. The event loop does that later,
  // because the VM owns the console, which is still calling on_end.
  ConsoleSink Filtered(const std::string& name, ConsoleSink sink) {
    ConsoleSink own;
    own.on_bytes = options_.drop_console ? [](std::string_view) {} : std::move(sink.on_bytes);
    own.on_end = [this, alive = std::weak_ptr(alive_), name, on_end = std::move(sink.on_end)] {
      on_end();
      EventLoop::Get().Post([this, alive, name] {
        if (!alive.expired()) vms_.erase(name);
      });
    };
    return own;
  }

  template <typename Opener>
  Status AttachConsole(const std::string& name, const Opener& open, ConsoleSink sink) {
    Status status;
    EventLoop::Get().Run([&] {
      auto console = open(Filtered(name, std::move(sink)));
      status = console.status();
      if (!status.ok()) return;
      auto& vm = vms_[name];
      vm.console = std::move(*console);
      if (vm.ended) vm.console->DomainEnded();
    });
    return status;
  }

  // Between these two calls, lk itself pauses and resumes the VM. Events that result from this are not reported.
  Status BeginPause(const std::string& name) {
    MutexLock lock(&pause_mutex_);
    if (pausing_.emplace(name, false).second) return absl::OkStatus();
    return WithFault(absl::FailedPreconditionError(name + " is already being started or dumped"), Fault::kOurs);
  }
  // Waits for these events, because they arrive after the call that causes them has returned, or not at all if that
  // call failed early.
  void EndPause(const std::string& name, absl::Duration wait) {
    MutexLock lock(&pause_mutex_);
    bool& over = pausing_[name];
    pause_mutex_.AwaitWithTimeout(absl::Condition(&over), wait);
    pausing_.erase(name);
  }
  bool IsOwnPause(const std::string& name, const Lifecycle& meaning) {
    MutexLock lock(&pause_mutex_);
    const auto pause = pausing_.find(name);
    if (pause == pausing_.end()) return false;
    if (meaning.kind == VmEvent::Kind::kResumed || HasEnded(meaning.kind)) pause->second = true;
    return meaning.kind == VmEvent::Kind::kResumed || (meaning.kind == VmEvent::Kind::kPaused && !meaning.by_itself);
  }

  void End(Vm& vm) {
    vm.ended = true;
    if (vm.console) vm.console->DomainEnded();
  }

  void OnLifecycle(virDomain* domain, int event, int detail) {
    const std::string name = virDomainGetName(domain);
    const auto vm = vms_.find(name);
    if (vm == vms_.end()) return;
    auto meaning = ReadLifecycle(event, detail);
    if (!meaning) return;
    if (meaning->kind == VmEvent::Kind::kPaused && !meaning->by_itself) {
      int state = VIR_DOMAIN_NOSTATE;
      int reason = 0;
      if (virDomainGetState(domain, &state, &reason, 0) == 0) meaning = ReadPause(state, reason).value_or(*meaning);
    }
    if (IsOwnPause(name, *meaning)) return;
    // libvirt also reports the start of a VM as resumed.
    if (meaning->kind == VmEvent::Kind::kResumed && !std::exchange(vm->second.paused, false)) return;
    if (meaning->kind == VmEvent::Kind::kPaused) vm->second.paused = true;
    listener_({meaning->kind, name, meaning->words, meaning->by_itself});
    if (HasEnded(meaning->kind)) End(vm->second);
  }

  void OnWatchdog(virDomain* domain, int action) {
    const std::string name = virDomainGetName(domain);
    if (!vms_.contains(name)) return;
    const bool known = action >= 0 && action < static_cast<int>(std::size(kWatchdogActions));
    listener_({VmEvent::Kind::kWatchdog, name, known ? kWatchdogActions[action] : "unknown"});
  }

  void OnDevice(virDomain* domain, const char* alias, bool removed) {
    MutexLock lock(&detach_mutex_);
    const auto found = detaching_.find({virDomainGetName(domain), alias});
    if (found != detaching_.end()) found->second = removed;
  }

  void OnBack(virConnect* connection) {
    listener_({VmEvent::Kind::kHostBack, "", ""});
    for (auto& [name, vm] : vms_) {
      if (vm.ended || !vm.console) continue;
      const DomainHandle domain(virDomainLookupByName(connection, name.c_str()));
      if (domain) {
        vm.console->Reconnected(domain.get());
      } else if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN) {
        listener_({VmEvent::Kind::kStopped, name, "ended while the connection to the host was lost"});
        End(vm);
      }
    }
  }

  const VmListener listener_;
  const HypervisorOptions options_;
  bool here_ = false;
  bool logs_here_ = false;
  std::unique_ptr<Connection> connection_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<std::string, Vm> vms_;

  Mutex probe_mutex_;
  std::optional<HostFacts> facts_ ABSL_GUARDED_BY(probe_mutex_);
  uint64_t facts_generation_ ABSL_GUARDED_BY(probe_mutex_) = 0;

  Mutex pause_mutex_;
  // VMs that lk itself has paused, and whether the pause is over.
  std::map<std::string, bool> pausing_ ABSL_GUARDED_BY(pause_mutex_);

  Mutex attach_mutex_;
  Mutex detach_mutex_;
  // Devices that guests have been asked to release, and the outcome: true if removed, false if refused, nullopt if not
  // known yet.
  std::map<Device, std::optional<bool>> detaching_ ABSL_GUARDED_BY(detach_mutex_);
};

}  // namespace
}  // namespace libvirt

StatusOr<std::unique_ptr<Hypervisor>> Connect(const std::string& uri, VmListener listener, HypervisorOptions options) {
  auto hypervisor = std::make_unique<libvirt::LibvirtHypervisor>(std::move(listener), options);
  LK_RETURN_IF_ERROR(hypervisor->Open(uri));
  return hypervisor;
}

}  // namespace lk::vm
