// SPDX-License-Identifier: Apache-2.0
// The behaviour of guests.
#include <fmt/format.h>

#include <utility>

#include "tests/sim/world.h"

namespace lk::sim {
namespace {

using Kind = vm::VmEvent::Kind;

// A backtrace as x86-64 kernels print it.
const std::vector<std::string> kSpinning = {
    "CPU: 0 PID: 77 Comm: spin Not tainted 6.1.0 #1",
    "RIP: 0010:spin_wait+0x10/0x20",
    "Call Trace:",
    " <TASK>",
    " spin_main+0x1/0x2",
    " ret_from_fork+0x1/0x2",
    " </TASK>",
};

std::vector<std::string> Headed(std::string header, const std::vector<std::string>& lines = kSpinning) {
  std::vector<std::string> report = {std::move(header)};
  report.insert(report.end(), lines.begin(), lines.end());
  return report;
}

}  // namespace

void World::LiveGuest(Guest& guest) {
  if (guest.panicked || guest.nmi || IsPaused(guest)) return;
  const bool may_connect = guest.fate != Fate::kNeverConnects && expected_.contains(guest.run_id);
  if (!guest.connected && clock_.now >= guest.next_connect && may_connect) Connect(guest);
  if (guest.leased && clock_.now >= guest.fate_at && !MeetFate(guest)) return;
  if (guest.leased && !guest.done_said) Work(guest);
  if (guest.finish && dice_.Chance(0.9)) PowerOff(guest, Kind::kStopped);
}

// From time to time, a VM is paused from outside, or pauses on its own and never resumes.
bool World::IsPaused(Guest& guest) {
  if (guest.resumes == absl::InfinitePast()) {
    if (!dice_.Chance(hazards_.paused)) return false;
    const bool by_itself = dice_.Chance(0.3);
    guest.resumes = by_itself ? absl::InfiniteFuture() : clock_.now + dice_.UpTo(70);
    Tell(guest, Kind::kPaused, "paused", by_itself);
    return true;
  }
  if (clock_.now < guest.resumes) return true;
  guest.resumes = absl::InfinitePast();
  guest.done_at += absl::Seconds(1);
  Tell(guest, Kind::kResumed);
  return false;
}

void World::Connect(Guest& guest) {
  guest.connected = true;
  guest.session = ++sessions_;
  scheduler::AgentConnected connected;
  connected.run_id = guest.run_id;
  connected.session = guest.session;
  connected.boot_id = fmt::format("{}-{}", guest.run_id, guest.boot);
  connected.kernel_release = "6.1.0";
  connected.hypervisor = "KVM";
  post(std::move(connected));
  for (scheduler::AgentSaid& said : guest.unacknowledged) {
    said.session = guest.session;
    post(said);
  }
}

void World::Disconnect(Guest& guest) {
  guest.connected = false;
  guest.next_connect = clock_.now + dice_.UpTo(6);
}

bool World::MeetFate(Guest& guest) {
  const bool starves = guest.fate == Fate::kStarves && clock_.now < guest.fate_at + guest.starves;
  const bool first = !starves && !std::exchange(guest.fulfilled, true);
  switch (guest.fate) {
    case Fate::kPanics:
    case Fate::kDiesOnItsOwn:
      guest.panicked = true;
      Print(guest,
            {fmt::format("Kernel panic - not syncing: {}",
                         guest.fate == Fate::kPanics ? "simulated" : "Attempted to kill init! exitcode=0x00000100"),
             "CPU: 0 PID: 1 Comm: lk-agent Not tainted 6.1.0 #1"});
      if (dice_.Chance(0.3)) Tell(guest, Kind::kPanicked);
      return false;
    case Fate::kStalls:
      if (first) Print(guest, Headed("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [spin:77]"));
      return false;
    case Fate::kStarves:
      if (starves) {
        guest.delay += absl::Seconds(1);
        guest.done_at += absl::Seconds(2);  // so that it reports the stall while the trigger is running
        return false;
      }
      if (first) Print(guest, Headed("watchdog: BUG: soft lockup - CPU#0 stuck for 8s! [spin:77]"));
      return true;
    case Fate::kIsCounted:
      if (first) {
        scheduler::Finding counted;
        counted.kind = detect::Kind::kSoftLockup;
        counted.title = "soft lockup counted";
        counted.counted = true;
        Say(guest, scheduler::GuestFinding{counted});
      }
      return true;
    case Fate::kDies:
      PowerOff(guest, Kind::kCrashed);
      return false;
    case Fate::kHangs:
    case Fate::kNetworkCut:
      Print(guest, {"still here"});
      return false;
    case Fate::kQemuStops:
      return false;
    case Fate::kAgentDies:
      if (guest.connected) post(scheduler::AgentDisconnected{guest.run_id, guest.session});
      guest.connected = false;
      guest.next_connect = absl::InfiniteFuture();
      return false;
    case Fate::kFlaps:
      if (guest.connected && dice_.Chance(0.2)) {
        post(scheduler::AgentDisconnected{guest.run_id, guest.session});
        Disconnect(guest);
      }
      return true;
    case Fate::kNeverBack:
      if (first) Say(guest, scheduler::RebootAnnounced{"kexec", absl::Seconds(20)});
      return false;
    case Fate::kReboots:
      // The guest does not reboot before lkd has acknowledged the announcement.
      if (first) Say(guest, scheduler::RebootAnnounced{"kexec", absl::Seconds(40)});
      if (guest.unacknowledged.empty()) Reboot(guest);
      return false;
    case Fate::kRebootsUnasked:
      Reboot(guest);
      return false;
    default:
      return true;
  }
}

void World::Reboot(Guest& guest) {
  if (guest.connected) post(scheduler::AgentDisconnected{guest.run_id, guest.session});
  Disconnect(guest);
  guest.fate = Fate::kGood;
  guest.unacknowledged.clear();
  guest.leased = false;
  guest.sequence = 0;
  ++guest.boot;
  PrintBoot(guest);
}

void World::Work(Guest& guest) {
  if (!guest.canary_written && guest.fate != Fate::kNoCanary) {
    guest.canary_written = true;
    Print(guest, {fmt::format("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [lk-canary-{}:1]", guest.nonce)});
    scheduler::KmsgSeen seen;
    seen.canary = guest.nonce;
    Say(guest, seen);
  }
  const bool stuck = guest.fate == Fate::kSticks && clock_.now >= guest.fate_at;
  Say(guest, scheduler::Heartbeat{stuck ? guest.progress : ++guest.progress, "at work", {}});
  if (dice_.Chance(0.1)) {
    using Action = scheduler::HostActionAsked;
    const bool dimm = dice_.Chance(0.5);
    Say(guest, dimm ? Action{guest.sequence, Action::Kind::kAttachDimm, uint64_t{128} << 20, ""}
                    : Action{guest.sequence, Action::Kind::kReplugDisk, 0, "", 0});
  }
  if (guest.fate == Fate::kOverruns || stuck || clock_.now < guest.done_at) return;
  guest.done_said = true;
  Say(guest, scheduler::AgentDone{"ok", "", guest.progress, {}});
}

void World::Say(Guest& guest, decltype(scheduler::AgentSaid::what) what) {
  guest.unacknowledged.push_back({guest.run_id, guest.session, ++guest.sequence, std::move(what)});
  if (guest.connected) post(guest.unacknowledged.back());
}

void World::Print(Guest& guest, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += fmt::format("[{:5}.000000] {}\n", absl::ToInt64Seconds(clock_.now - guest.booted), line);
  }
  PrintRaw(guest, text);
}

void World::PrintBoot(Guest& guest) {
  guest.booted = clock_.now;
  PrintRaw(guest, fmt::format("[    0.000000] Linux version 6.1.0 (builder@lk) (gcc 12)\n"
                              "[    0.000000] Command line: quiet\n"
                              "[    0.{:06}] smp: Brought up 1 node, 4 CPUs\n",
                              100'000 + dice_.Below(800'000)));
}

void World::PrintRaw(Guest& guest, std::string_view text) {
  guest.console += text;
  if (guest.sink) guest.sink->on_bytes(text);
}

// The guest's reaction to an NMI.
void World::PrintNmi(Guest& guest) {
  if (dice_.Chance(0.5)) Tell(guest, Kind::kPanicked);
  Print(guest, Headed("Kernel panic - not syncing: NMI: Not continuing"));
  if (dice_.Chance(0.2)) PrintBoot(guest);
}

}  // namespace lk::sim
