// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/lifecycle.h"

#include <libvirt/libvirt.h>

#include <algorithm>
#include <span>

namespace lk::vm::libvirt {
namespace {

using Kind = VmEvent::Kind;

struct LifecycleRow {
  int what;    // virDomainEventType or virDomainState
  int detail;  // its detail or reason
  Lifecycle meaning;
};

constexpr LifecycleRow kEvents[] = {
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, {Kind::kStopped, "shut down"}},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, {Kind::kDestroyed, "destroyed"}},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, {Kind::kCrashed, "crashed"}},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED, {Kind::kCrashed, "the emulator died"}},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_MIGRATED, {Kind::kStopped, "migrated"}},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SAVED, {Kind::kStopped, "saved"}},
    {VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED, {Kind::kPanicked, "panicked"}},
    {VIR_DOMAIN_EVENT_CRASHED,
     VIR_DOMAIN_EVENT_CRASHED_CRASHLOADED,
     {Kind::kPanicked, "panicked, crash kernel loaded"}},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, {Kind::kPaused, "paused"}},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED, {Kind::kPaused, "paused: migration"}},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, {Kind::kPaused, "paused: I/O error", true}},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG, {Kind::kPaused, "paused: watchdog", true}},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_RESTORED, {Kind::kPaused, "paused: restored"}},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT, {Kind::kPaused, "paused: from snapshot"}},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR, {Kind::kPaused, "paused: API error", true}},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY, {Kind::kPaused, "paused: post-copy"}},
    {VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED,
     {Kind::kPaused, "paused: post-copy failed", true}},
    {VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, {Kind::kResumed, "resumed"}},
    {VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_MIGRATED, {Kind::kResumed, "resumed: migrated"}},
    {VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT, {Kind::kResumed, "resumed: from snapshot"}},
};

constexpr LifecycleRow kPauses[] = {
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN, {Kind::kPaused, "paused: the emulator stopped", true}},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, {Kind::kPaused, "paused: I/O error", true}},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG, {Kind::kPaused, "paused: watchdog", true}},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_CRASHED, {Kind::kPaused, "paused: the guest crashed", true}},
    {VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_UNKNOWN, {Kind::kPaused, "paused: the guest crashed", true}},
    {VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED, {Kind::kPaused, "paused: the guest panicked", true}},
};

std::optional<Lifecycle> Read(std::span<const LifecycleRow> rows, int what, int detail) {
  const auto row =
      std::ranges::find_if(rows, [&](const LifecycleRow& r) { return r.what == what && r.detail == detail; });
  if (row == rows.end()) return std::nullopt;
  return row->meaning;
}

}  // namespace

std::optional<Lifecycle> ReadLifecycle(int event, int detail) {
  return Read(kEvents, event, detail);
}

std::optional<Lifecycle> ReadPause(int state, int reason) {
  return Read(kPauses, state, reason);
}

}  // namespace lk::vm::libvirt
