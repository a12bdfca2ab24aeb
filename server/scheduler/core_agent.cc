// SPDX-License-Identifier: Apache-2.0
// Handles messages from agents and the host actions that they request.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lk/v1/scenario.pb.h"
#include "server/scheduler/core_state.h"
#include "support/quantity.h"

namespace lk::scheduler {
namespace {

using ActionKind = HostActionAsked::Kind;

// At most this many host actions are remembered per boot. No working agent requests more.
constexpr size_t kMaxHostActions = 10000;
constexpr size_t kMaxHostActionsAtOnce = 16;
// How long a guest may take to release a device that it is asked to release; multiplied by the emulation factor.
constexpr absl::Duration kRelease = absl::Seconds(30);
// Linux brings memory online in blocks, which are 128 MiB on x86_64 and arm64 (SECTION_SIZE_BITS in
// arch/{x86,arm64}/include/asm/sparsemem.h).
constexpr uint64_t kMemoryBlock = uint64_t{128} << 20;

}  // namespace

std::string_view ToString(ActionKind kind) {
  switch (kind) {
    case ActionKind::kAttachDimm:
      return "attach_dimm";
    case ActionKind::kDetachDimm:
      return "detach_dimm";
    case ActionKind::kResizeVirtioMem:
      return "resize_virtio_mem";
    case ActionKind::kReplugDisk:
      break;
  }
  return "replug_disk";
}

// ---- sessions ----------------------------------------------------------------------------------

void Core::State::On(const AgentConnected& event) {
  Tracked* t = Find(event.run_id);
  // While a run is ending, its agent may reconnect only as long as the run waits for the VM to power off or for the
  // agent's last messages.
  const bool wanted =
      t && t->run.state != RunState::kQueued && t->gone_at == kNever && event.session > t->session &&
      (!t->run.ending || (t->destroy_asked == kNever && !t->awaiting_reattach && t->run.post_mortem.empty()));
  if (!wanted) return Do(DropSession{event.run_id, event.session});
  if (t->connected) Do(DropSession{t->run.id, t->session});
  t->session = event.session;
  t->connected = true;
  t->awaiting_reattach = false;
  t->lost_at = kNever;
  t->heard_at = now;
  t->progress_at = now;
  if (t->run.boot_id != event.boot_id && !BeginBoot(*t, event)) return;
  if (!WasLeased(t->run)) {
    const auto define = t->run.phase_seconds.find("define");
    const double before = define == t->run.phase_seconds.end() ? 0 : define->second;
    t->run.phase_seconds["boot"] = std::max(absl::ToDoubleSeconds(now - t->run.started) - before, 0.0);
  }
  if (t->run.state == RunState::kPreparing || t->run.state == RunState::kBooting) Enter(*t, RunState::kRunning);
  Save(*t);

  Do(SendLease{t->run.id, t->session});
  for (const auto& [id, action] : t->host_actions) {
    if (action.undelivered) Do(SendHostActionReply{t->run.id, *action.reply});
  }
  if (t->run.ending && t->run.ending->kind == Ending::Kind::kDone) Do(SendFinish{t->run.id});
  if (t->cancel_sent != kNever) Do(SendCancel{t->run.id, "over the time limit"});
  if (campaign::WasCancelled(t->run)) Do(SendCancel{t->run.id, "the campaign was cancelled"});
}

bool Core::State::BeginBoot(Tracked& t, const AgentConnected& event) {
  const bool first = t.run.boot_id.empty();
  const bool announced = Rebooting(t.run);
  Journal(t, fmt::format("agent connected{}: kernel {} on {}",
                         first       ? ""
                         : announced ? " after the announced reboot"
                                     : " after an unexpected reboot",
                         event.kernel_release, event.hypervisor));
  const std::string before = std::exchange(t.run.boot_id, event.boot_id);
  t.run.agent_sequence = 0;
  t.run.reboot_until = absl::InfinitePast();
  t.host_actions.clear();
  if (!first && !announced) {
    Finding finding;
    finding.kind = detect::Kind::kUnexpectedReboot;
    finding.title = "unexpected reboot";
    finding.excerpt = fmt::format("boot id {}, previously {}", event.boot_id, before);
    finding.kernel_release = event.kernel_release;
    finding.fatal = true;
    AddFinding(t, std::move(finding), Witness::kAgent);
    if (!t.run.ending) End(t, Ending::Kind::kFatalFinding);
    return false;
  }
  return true;
}

void Core::State::On(const AgentDisconnected& event) {
  Tracked* t = Find(event.run_id);
  if (!t || event.session != t->session || !std::exchange(t->connected, false)) return;
  t->lost_at = now;
  if (!t->run.ending) Journal(*t, "agent disconnected");
}

void Core::State::On(const AgentMisbehaved& event) {
  Tracked* t = Find(event.run_id);
  if (!t || event.session != t->session) return;
  if (std::exchange(t->connected, false)) t->lost_at = now;
  Do(DropSession{t->run.id, event.session});
  Journal(*t, "the agent violated the protocol: " + event.what);
  if (t->run.ending) return Save(*t);
  End(*t, Ending::Kind::kMisbehaved, event.what);
}

// ---- messages ----------------------------------------------------------------------------------

void Core::State::On(const AgentSaid& event) {
  Tracked* t = Find(event.run_id);
  if (!t || event.session != t->session || !t->connected) return;
  if (event.sequence <= t->run.agent_sequence) return Do(SendAck{t->run.id, t->session, t->run.agent_sequence});
  t->run.agent_sequence = event.sequence;
  Save(*t);
  Do(SendAck{t->run.id, t->session, event.sequence});
  for (auto& [id, action] : t->host_actions) action.undelivered = false;
  std::visit([&](const auto& words) { Said(*t, words); }, event.what);
}

void Core::State::Said(Tracked& t, const Heartbeat& words) {
  t.heard_at = now;
  if (words.progress != t.progress) {
    t.progress_at = now;
    t.stalled_at = kNever;
  }
  t.progress = words.progress;
  t.run.operations = words.progress;
  t.activity = words.activity;
  if (t.steal.empty()) t.steal = LostTime(Spacing(t));
  std::vector<absl::Duration> steal = words.steal;
  steal.resize(std::min<size_t>(steal.size(), t.profile->vcpus));
  t.steal.Add(now, std::move(steal));
  t.run.steal_seconds = std::max(t.run.steal_seconds, absl::ToDoubleSeconds(t.steal.Total()));
  SampleDelays(t);
}

void Core::State::Said(Tracked& t, const Samples& words) {
  for (const auto& [probe, histogram] : words.latencies) t.run.latencies[probe].Merge(histogram);
  for (const auto& [name, counter] : words.counters) Count(t, name, counter);
  for (const auto& [name, table] : words.tables) {
    if (t.run.tables.contains(name) || t.run.tables.size() < campaign::kMaxTables) t.run.tables[name] = table;
  }
  // `emulated` is taken from the counters as well as from Done, since a guest that hangs never sends Done.
  const auto counted = [&](const std::string& name) {
    const auto counter = words.counters.find(name);
    return counter != words.counters.end() && counter->second.value > 0;
  };
  t.run.emulated = t.run.emulated || counted("emulated");
  t.run.harness = t.run.harness || counted("harness");
}

void Core::State::Said(Tracked& t, const GuestFinding& words) {
  AddFinding(t, words.finding, Witness::kAgent);
}

void Core::State::Said(Tracked& t, const KmsgSeen& words) {
  for (const Finding& finding : words.findings) Seen(t, finding, Witness::kAgent);
  if (words.lost > 0)
    Journal(t, fmt::format("{} kernel log records were overwritten before they were read", words.lost));
  if (words.canary == t.run.canary_nonce && !std::exchange(t.run.canary_kmsg, true)) {
    Journal(t, "canary seen in the kernel log stream");
  }
}

void Core::State::Said(Tracked& t, const CanaryWritten&) {
  Journal(t, "canary written");
}

void Core::State::Said(Tracked& t, const RebootAnnounced& words) {
  // A reboot gets no more time than the first boot.
  t.run.reboot_until = now + std::clamp(words.within, absl::ZeroDuration(), limits.boot) * Factor(t);
  ++t.run.announced_boots;
  Journal(t, "reboot announced: " + words.reason);
  Do(ExpectBoot{t.run.id});
}

void Core::State::Said(Tracked& t, const AgentDone& words) {
  t.run.operations = words.operations;
  t.run.skipped_parts = words.skipped_parts;
  t.run.emulated = t.run.emulated || words.emulated;
  t.run.phase_seconds["run"] = absl::ToDoubleSeconds(now - LeasedAt(t.run));
  if (t.run.ending) {
    // A cancelled run only waits for this message, the agent's last one.
    if (t.destroy_asked == kNever && t.run.post_mortem.empty()) Destroy(t);
    return;
  }
  Do(SendFinish{t.run.id});
  End(t, Ending{Ending::Kind::kDone, "", words.outcome, words.reason}, now + limits.power_off * Factor(t));
}

// ---- host actions ------------------------------------------------------------------------------

void Core::State::Said(Tracked& t, const HostActionAsked& words) {
  const auto known = t.host_actions.find(words.id);
  if (known != t.host_actions.end()) {
    if (known->second.reply) Do(SendHostActionReply{t.run.id, *known->second.reply});
    return;
  }
  if (std::string refused = WhyRefused(t, words); !refused.empty()) {
    HostActionDone reply{t.run.id, words.id, std::move(refused), words.alias, absl::ZeroDuration()};
    if (t.host_actions.size() < kMaxHostActions) t.host_actions[words.id] = {words, reply, true};
    return Do(SendHostActionReply{t.run.id, std::move(reply)});
  }
  t.host_actions[words.id] = {words, std::nullopt, false};
  Do(PerformHostAction{t.run.id, t.run.host_id, words, kRelease * Factor(t)});
}

// Returns an empty string if the action is allowed.
std::string Core::State::WhyRefused(const Tracked& t, const HostActionAsked& asked) const {
  const auto& declared = t.descriptor->host_actions();
  if (std::ranges::find(declared, ToString(asked.kind)) == declared.end()) {
    return fmt::format("scenario {} does not declare {}", t.run.scenario, ToString(asked.kind));
  }
  if (t.run.ending) return "the run is ending";
  const auto pending = std::ranges::count_if(t.host_actions, [](const auto& item) { return !item.second.reply; });
  if (pending >= static_cast<std::ptrdiff_t>(kMaxHostActionsAtOnce)) return "too many concurrent host actions";
  if (t.host_actions.size() >= kMaxHostActions) return "too many host actions";
  if (asked.kind == ActionKind::kDetachDimm) return "";
  if (asked.kind == ActionKind::kReplugDisk) {
    const auto disks = static_cast<uint32_t>(t.descriptor->scratch_disks_size());
    return asked.disk < disks ? "" : fmt::format("no scratch disk {}; the run has {}", asked.disk, disks);
  }

  if (asked.bytes % kMemoryBlock != 0) return fmt::format("{} bytes is not a multiple of 128MiB", asked.bytes);
  if (asked.kind == ActionKind::kAttachDimm && asked.bytes == 0) return "invalid DIMM size: 0 bytes";
  uint64_t added = asked.bytes;
  if (asked.kind == ActionKind::kAttachDimm) {
    for (const auto& [alias, bytes] : t.dimms) added += bytes;
    for (const auto& [id, action] : t.host_actions) {
      if (!action.reply && action.asked.kind == ActionKind::kAttachDimm) added += action.asked.bytes;
    }
  }
  const uint64_t room = t.profile->MaxMemory() - t.profile->memory_bytes;
  if (added < asked.bytes || added > room) {
    return fmt::format("{} of hotplugged memory exceeds the profile's limit of {}", FormatBytes(added),
                       FormatBytes(room));
  }
  return "";
}

void Core::State::On(const HostActionDone& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  const auto it = t->host_actions.find(event.id);
  if (it == t->host_actions.end() || it->second.reply) return;
  HostAction& action = it->second;
  if (event.error.empty() && action.asked.kind == ActionKind::kAttachDimm) t->dimms[event.alias] = action.asked.bytes;
  if (event.error.empty() && action.asked.kind == ActionKind::kDetachDimm) t->dimms.erase(action.asked.alias);
  action.reply = event;
  action.undelivered = true;
  Journal(*t, fmt::format("{}: {}", ToString(action.asked.kind), event.error.empty() ? "done" : event.error));
  if (t->connected) Do(SendHostActionReply{t->run.id, event});
}

}  // namespace lk::scheduler
