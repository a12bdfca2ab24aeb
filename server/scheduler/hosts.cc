// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/hosts.h"

#include <fmt/format.h>
#include <openssl/sha.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "support/random.h"

namespace lk::scheduler {
namespace {

using campaign::Host;

constexpr absl::Duration kLongestPause = absl::Seconds(30);

std::string HostId(const std::string& uri) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(uri.data()), uri.size(), digest);
  return "h" + ToHex(std::string_view(reinterpret_cast<const char*>(digest), 4));
}

}  // namespace

Hosts::Hosts(store::SchedulerStore& store, const Clock& clock, vm::HypervisorFactory connect)
    : store_(store), clock_(clock), connect_(std::move(connect)) {}

Hosts::~Hosts() {
  Stop();
}

Status Hosts::Load(Listener listener) {
  listener_ = std::move(listener);
  LK_ASSIGN_OR_RETURN(const std::vector<Host> known, store_.ListHosts());
  const MutexLock lock(&mutex_);
  for (const Host& host : known) {
    Entry& entry = entries_[host.id];
    entry.host = host;
    if (host.state == Host::State::kUp) entry.host.state = Host::State::kDown;
    entry.host.state_reason = "connecting";
    entry.next_try = clock_.Now();
  }
  return absl::OkStatus();
}

void Hosts::Start() {
  thread_ = std::thread([this] {
    while (true) {
      const absl::Time next = RunDue();
      const MutexLock lock(&mutex_);
      // When a host is lost or resumed, its next_try is brought forward.
      const auto due = [this, next] {
        mutex_.AssertHeld();
        return stopping_ || NextTry() < next;
      };
      mutex_.AwaitWithDeadline(absl::Condition(&due), next);
      if (stopping_) return;
    }
  });
}

void Hosts::Stop() {
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  // Connections are closed outside the lock, since closing one may invoke a callback.
  std::map<std::string, Entry> entries;
  {
    const MutexLock lock(&mutex_);
    entries.swap(entries_);
  }
}

// Connects to the host and fills in the facts about it. Limits that are already set (vcpus and memory_bytes above 0)
// are kept.
Status Hosts::ConnectTo(Host& host, std::shared_ptr<vm::Hypervisor>& hypervisor) {
  auto connected = connect_(host.uri, [this, id = host.id](const vm::VmEvent& event) { OnVmEvent(id, event); });
  if (!connected.ok()) return connected.status();
  LK_ASSIGN_OR_RETURN(const vm::HostFacts facts, (*connected)->Probe());
  if (facts.broken_qemu && !host.allow_broken_qemu) {
    return absl::FailedPreconditionError(
        fmt::format("{}: {} is known to break guests ({}); install a newer QEMU, or add the host with "
                    "--allow-broken-qemu",
                    host.uri, facts.hypervisor_version, facts.broken_reason));
  }
  if (facts.archs.empty()) {
    return absl::FailedPreconditionError(host.uri +
                                         ": no emulator for an architecture that lk supports (x86_64, aarch64)");
  }
  if (host.vcpus == 0) host.vcpus = facts.cpus;
  if (host.memory_bytes == 0) host.memory_bytes = facts.memory_bytes / 4 * 3;
  host.accelerator = facts.accelerator;
  host.accelerator_reason = facts.accelerator_reason;
  host.hypervisor_version = facts.hypervisor_version;
  host.libvirt_version = facts.libvirt_version;
  host.kernel_release = facts.kernel_release;
  host.broken_qemu = facts.broken_qemu;
  host.features = facts.features;
  host.archs = facts.archs;
  if (host.state == Host::State::kDown) host.state = Host::State::kUp;
  host.state_reason = facts.broken_qemu ? facts.broken_reason : "";
  hypervisor = *std::move(connected);
  return absl::OkStatus();
}

StatusOr<Host> Hosts::Add(const HostRequest& request) {
  Host host;
  host.id = HostId(request.uri);
  host.uri = request.uri;
  host.state = Host::State::kDown;
  host.allow_broken_qemu = request.allow_broken_qemu;
  host.vcpus = request.max_vcpus;
  host.memory_bytes = request.max_memory_bytes;
  host.added = clock_.Now();
  {
    const MutexLock lock(&mutex_);
    if (entries_.contains(host.id)) {
      return absl::AlreadyExistsError(fmt::format("{} already exists, as host {}", host.uri, host.id));
    }
    if (stopping_) return absl::UnavailableError("lkd is stopping");
  }
  std::shared_ptr<vm::Hypervisor> hypervisor;
  LK_RETURN_IF_ERROR(ConnectTo(host, hypervisor));
  LK_RETURN_IF_ERROR(store_.PutHost(host));
  {
    const MutexLock lock(&mutex_);
    if (!entries_.try_emplace(host.id, Entry{host, hypervisor}).second) {
      return absl::AlreadyExistsError(fmt::format("{} was added in the meantime, as host {}", host.uri, host.id));
    }
  }
  listener_.on_connected(host, *hypervisor);
  listener_.on_change(host);
  return host;
}

StatusOr<Host> Hosts::SetDrained(const std::string& id, bool drained) {
  Host host;
  {
    const MutexLock lock(&mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return absl::NotFoundError("no host " + id);
    Host& stored = entry->second.host;
    if (drained) {
      stored.state = Host::State::kDrained;
    } else {
      stored.state = entry->second.hypervisor ? Host::State::kUp : Host::State::kDown;
      if (!entry->second.hypervisor) entry->second.next_try = clock_.Now();
    }
    host = stored;
  }
  LK_RETURN_IF_ERROR(store_.PutHost(host));
  listener_.on_change(host);
  return host;
}

Status Hosts::Remove(const std::string& id) {
  std::shared_ptr<vm::Hypervisor> last;
  {
    const MutexLock lock(&mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return absl::NotFoundError("no host " + id);
    last = std::move(entry->second.hypervisor);
    entries_.erase(entry);
  }
  return store_.RemoveHost(id);
}

StatusOr<Host> Hosts::Find(const std::string& name) const {
  const MutexLock lock(&mutex_);
  const Host* found = nullptr;
  for (const auto& [id, entry] : entries_) {
    if (id == name || entry.host.uri == name) return entry.host;
    if (name.empty() || !id.starts_with(name)) continue;
    if (found) return absl::NotFoundError(fmt::format("\"{}\" is ambiguous: it matches several hosts", name));
    found = &entry.host;
  }
  if (!found) return absl::NotFoundError(fmt::format("no host \"{}\" (see lkctl host list)", name));
  return *found;
}

std::vector<Host> Hosts::List() const {
  const MutexLock lock(&mutex_);
  std::vector<Host> hosts;
  for (const auto& [id, entry] : entries_) hosts.push_back(entry.host);
  return hosts;
}

std::shared_ptr<vm::Hypervisor> Hosts::Get(const std::string& id) const {
  const MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  return entry == entries_.end() ? nullptr : entry->second.hypervisor;
}

absl::Time Hosts::NextTry() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, entry] : entries_) next = std::min(next, entry.next_try);
  return next;
}

absl::Time Hosts::RunDue() {
  std::vector<std::string> due;
  {
    const MutexLock lock(&mutex_);
    for (auto& [id, entry] : entries_) {
      if (stopping_ || entry.next_try > clock_.Now()) continue;
      entry.next_try = absl::InfiniteFuture();
      due.push_back(id);
    }
  }
  for (const std::string& id : due) TryAgain(id);
  const MutexLock lock(&mutex_);
  return NextTry();
}

void Hosts::TryAgain(const std::string& id) {
  Host host;
  std::shared_ptr<vm::Hypervisor> old;
  {
    const MutexLock lock(&mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return;
    host = entry->second.host;
    old = std::move(entry->second.hypervisor);
  }
  old.reset();
  std::shared_ptr<vm::Hypervisor> hypervisor;
  const Status status = ConnectTo(host, hypervisor);
  if (!status.ok()) {
    const bool first = host.state_reason != std::string(status.message());
    if (first) spdlog::warn("host {}: {}", host.uri, std::string(status.message()));
    host.state_reason = std::string(status.message());
  }
  {
    const MutexLock lock(&mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return;
    if (entry->second.host.state == Host::State::kDrained) host.state = Host::State::kDrained;
    entry->second.host = host;
    if (status.ok()) {
      entry->second.hypervisor = hypervisor;
      entry->second.pause = absl::Seconds(1);
    } else {
      entry->second.next_try = clock_.Now() + entry->second.pause;
      entry->second.pause = std::min(2 * entry->second.pause, kLongestPause);
    }
  }
  if (status.ok()) {
    spdlog::info("host {} is up: {}, {} ({})", host.uri, host.hypervisor_version, host.accelerator,
                 host.accelerator_reason);
    // The host's features may have changed since it was added, and placement uses them even while the host is down.
    if (const Status stored = store_.PutHost(host); !stored.ok()) {
      spdlog::warn("host {}: {}", host.uri, std::string(stored.message()));
    }
    listener_.on_connected(host, *hypervisor);
  } else {
    listener_.on_lost(host);
  }
  listener_.on_change(host);
}

void Hosts::OnVmEvent(const std::string& id, const vm::VmEvent& event) {
  listener_.on_vm(id, event);
  if (event.kind == vm::VmEvent::Kind::kHostLost) {
    const MutexLock lock(&mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return;
    if (entry->second.host.state == Host::State::kUp) entry->second.host.state = Host::State::kDown;
    entry->second.host.state_reason = event.detail;
    // TryAgain drops the dead connection and notifies the listener of the result.
    entry->second.next_try = clock_.Now();
  }
}

}  // namespace lk::scheduler
