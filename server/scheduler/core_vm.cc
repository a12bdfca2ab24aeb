// SPDX-License-Identifier: Apache-2.0
// The life cycle of a run's VM, as reported by the hypervisor and the console.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/campaign/findings.h"
#include "server/campaign/verdict.h"
#include "server/scheduler/core_state.h"
#include "support/quantity.h"

namespace lk::scheduler {
namespace {

std::string Describe(const VmGone& gone) {
  using How = VmGone::How;
  std::string_view how;
  switch (gone.how) {
    case How::kStopped:
      how = "it stopped on its own";
      break;
    case How::kCrashed:
      how = "it crashed";
      break;
    case How::kDestroyed:
      how = "it was destroyed from outside";
      break;
    case How::kHostLost:
      how = "host lost";
      break;
    case How::kMissing:
      how = "it was gone after lkd was restarted";
      break;
  }
  return gone.detail.empty() ? std::string(how) : fmt::format("{}: {}", how, gone.detail);
}

Finding VmCrash(std::string title, std::string detail) {
  Finding finding;
  finding.kind = detect::Kind::kVmCrash;
  finding.title = std::move(title);
  finding.excerpt = std::move(detail);
  return finding;
}

}  // namespace

void Core::State::Enter(Tracked& t, RunState state) {
  t.run.state = state;
  t.since = now;
  Save(t);
}

// ---- launch ------------------------------------------------------------------------------------

void Core::State::On(const ImageReady& event) {
  Tracked* t = Find(event.run_id);
  if (!t || !t->launching) return;
  t->run.phase_seconds["image"] = event.seconds;
  t->run.provenance.image_sha256 = event.sha256;
  t->run.started = now;
  Save(*t);
}

void Core::State::On(const VmStarted& event) {
  Tracked* t = Find(event.run_id);
  if (!t || !std::exchange(t->launching, false)) return;
  t->run.phase_seconds["define"] = event.define_seconds;
  Journal(*t, "VM started");
  if (t->run.state == RunState::kPreparing) Enter(*t, RunState::kBooting);
  Save(*t);
}

void Core::State::On(const StartFailed& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  t->launching = false;
  if (event.host_fault) t->avoid_host = t->run.host_id;
  Journal(*t, "not started: " + event.reason);
  if (!t->run.ending) t->run.ending = Ending{Ending::Kind::kNeverStarted, event.reason, {}, {}};
  Finish(*t);
}

// ---- after a restart of lkd --------------------------------------------------------------------

void Core::State::On(const VmReattached& event) {
  Tracked* t = Find(event.run_id);
  if (!t || !std::exchange(t->awaiting_reattach, false)) return;
  Journal(*t, "lkd was restarted and found the VM again");
  SkipSteps(*t, "lkd was restarted");
  if (t->run.ending) return Destroy(*t);
  if (!t->connected) t->lost_at = now;
  Enter(*t, WasLeased(t->run) ? RunState::kRunning : RunState::kBooting);
}

// ---- the end of the VM -------------------------------------------------------------------------

void Core::State::On(const VmGone& event) {
  Tracked* t = Find(event.run_id);
  if (!t || t->run.state == RunState::kQueued || t->gone_at != kNever) return;
  const bool restored_run = std::exchange(t->awaiting_reattach, false);
  if (t->run.ending) {
    Journal(*t, "VM gone");
    if (restored_run) SkipSteps(*t, "lkd was restarted");
    RecordGone(*t, event.how, Describe(event));
  } else if (t->fatal_since != kNever) {
    Decide(*t, {Ending::Kind::kFatalFinding, Describe(event), {}, {}});
  } else if (restored_run && t->run.state == RunState::kPreparing) {
    Decide(*t, {Ending::Kind::kNeverStarted, "lkd was restarted before the VM was up", {}, {}});
  } else {
    if (event.how == VmGone::How::kStopped)
      AddFinding(*t, VmCrash("VM stopped on its own", event.detail), Witness::kHypervisor);
    if (event.how == VmGone::How::kCrashed) AddFinding(*t, VmCrash("VM crashed", event.detail), Witness::kHypervisor);
    Decide(*t, {Ending::Kind::kVmLost, Describe(event), {}, {}});
  }
  // A launch in progress may still create the VM; DestroyVm is queued after the launch.
  if (t->launching && (t->destroy_tries == 0 || event.how != VmGone::How::kDestroyed)) {
    if (t->destroy_tries == 0) Destroy(*t);
    return;
  }
  BeginDrain(*t);
}

void Core::State::On(const VmPanicked& event) {
  Tracked* t = Find(event.run_id);
  if (!t || std::exchange(t->panicked, true)) return;
  Journal(*t, "the panic device reports a guest panic");
  if (!NmiSent(t->run)) MarkFatal(*t);
}

// ---- pauses ------------------------------------------------------------------------------------

void Core::State::On(const VmPaused& event) {
  Tracked* t = Find(event.run_id);
  if (!t || t->run.state == RunState::kQueued) return;
  Journal(*t, fmt::format("VM paused{}: {}", event.by_itself ? " on its own" : "", event.detail));
  if (event.by_itself) {
    // A panic or lkd's NMI caused the pause, and has already been recorded.
    if (t->fatal_since != kNever || NmiSent(t->run)) return;
    AddFinding(*t, VmCrash("VM paused on its own", event.detail), Witness::kHypervisor);
    if (!t->run.ending) End(*t, Ending::Kind::kVmLost, "it paused on its own: " + event.detail);
  } else if (!t->run.ending && t->paused_at == kNever) {
    t->paused_at = now;
    Save(*t);
  }
}

// All timers are reset or extended, since the guest could not run while it was paused.
void Core::State::On(const VmResumed& event) {
  Tracked* t = Find(event.run_id);
  if (!t || t->paused_at == kNever) return;
  const absl::Duration pause = now - std::exchange(t->paused_at, kNever);
  t->run.paused_seconds += absl::ToDoubleSeconds(pause);
  Journal(*t, "VM resumed after " + lk::FormatDuration(pause));
  for (absl::Time* at : {&t->heard_at, &t->progress_at, &t->lost_at}) {
    if (*at != kNever) *at = now;
  }
  for (absl::Time* at : {&t->since, &t->cancel_sent, &t->run.reboot_until}) *at += pause;
  t->stalled_at = kNever;
  t->distrust = campaign::PausedFor(pause);
  t->distrust_until = now + campaign::Longest(Timeouts(*t));
  Save(*t);
}

void Core::State::On(const VmWatchdogFired& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  AddFinding(*t, VmCrash("watchdog device fired", "action " + event.action), Witness::kHypervisor);
}

// ---- findings and the console -------------------------------------------------------------------

std::string_view ToString(Witness witness) {
  switch (witness) {
    case Witness::kConsole:
      return "console";
    case Witness::kAgent:
      return "agent";
    case Witness::kHypervisor:
      break;
  }
  return "hypervisor";
}

void Core::State::On(const ReportSeen& event) {
  if (Tracked* t = Find(event.run_id)) Seen(*t, event.finding, event.witness);
}

void Core::State::Seen(Tracked& t, Finding finding, Witness witness) {
  if (finding.kind == detect::Kind::kUnexpectedReboot) {
    // The state under test was lost with the old boot.
    finding.fatal = true;
    // An NMI early in boot, before the kernel has installed its handler, resets the guest.
    if (NmiSent(t.run)) {
      Journal(t, "after the NMI: the guest rebooted");
      if (t.step == Stage::kNmi) EndStep(t, PostMortemStep::Outcome::kDone, "the guest rebooted");
      return;
    }
  }
  if (finding.nmi && NmiSent(t.run)) return AnswerNmi(t, finding);
  // Reports that follow the panic caused by the NMI do not count: the guest is dying, or a crash kernel is booting.
  if (t.nmi_answer && finding.start_offset > *t.nmi_answer) return Journal(t, "after the NMI: " + finding.title);
  AddFinding(t, finding, witness);
  if (t.step == Stage::kNmi && finding.fatal) EndStep(t, PostMortemStep::Outcome::kDone, finding.title);
}

void Core::State::On(const ReportBegan& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  t->report_open = true;
  t->last_header = now;
  const Finding& finding = event.finding;
  if (NmiSent(t->run) && (finding.nmi || t->nmi_answer)) return;
  if (finding.fatal || finding.kind == detect::Kind::kPanic) MarkFatal(*t);
  const bool known = std::ranges::any_of(t->run.findings, [&](const Finding& kept) {
    return kept.kind == finding.kind && kept.start_offset == finding.start_offset && campaign::OnConsole(kept);
  });
  if (known) return;  // the console log is being read again
  t->announced_open.try_emplace({finding.start_offset, finding.kind}, now);
  if (campaign::IsStall(finding.kind)) ReadDelays(*t);
  Finding open = finding;
  Complete(*t, open, Witness::kConsole);
  AnnounceOpen(*t, std::move(open));
}

void Core::State::On(const ReportOver& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  const Finding* changed = campaign::EndStall(t->run, t->console, event.start_offset, SpecOf(*t).transient);
  if (!changed) return;
  Journal(*t, "over, according to the kernel: " + changed->title);
  Save(*t);
  dirty[t->run.id].push_back(*changed);
}

void Core::State::On(const ConsoleCanary& event) {
  Tracked* t = Find(event.run_id);
  if (!t || event.nonce != t->run.canary_nonce || std::exchange(t->run.canary_console, true)) return;
  Journal(*t, "canary seen on console");
  Save(*t);
}

void Core::State::On(const ConsoleBytes& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  t->run.console_bytes = event.bytes;
  t->last_console = now;
  SampleDelays(*t);
}

void Core::State::On(const ConsoleEnded& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  t->console_ended = true;
  t->report_open = false;
  if (t->gone_at != kNever) Finish(*t);
}

void Core::State::FlushReport(Tracked& t) {
  t.report_open = false;
  Do(FlushConsole{t.run.id});
}

// The kernel is dead: from now on, lkd only waits for the rest of its output.
void Core::State::MarkFatal(Tracked& t) {
  if (t.fatal_since == kNever) t.fatal_since = now;
}

void Core::State::Complete(const Tracked& t, Finding& finding, Witness witness) const {
  if (finding.witnesses.empty()) finding.witnesses = {std::string(ToString(witness))};
  finding.phase = campaign::ToString(t.run.state);
  finding.activity = t.activity;
  if (finding.first_seen == absl::InfinitePast()) finding.first_seen = now;
  finding.last_seen = now;
  if (!campaign::IsStall(finding.kind) && finding.kind != detect::Kind::kHang) return;
  if (std::string why = WhyPauseExplains(t); !why.empty()) finding.distrust = std::move(why);
}

std::string Core::State::WhyPauseExplains(const Tracked& t) const {
  if (t.paused_at != kNever) return campaign::PausedFor(now - t.paused_at);
  return now <= t.distrust_until ? t.distrust : "";
}

void Core::State::AddFinding(Tracked& t, Finding finding, Witness witness) {
  Complete(t, finding, witness);
  if (finding.fatal) MarkFatal(t);
  const auto open = t.announced_open.extract({finding.start_offset, finding.kind});
  if (!RestoreTrust(t, finding)) WeighStall(t, finding, open ? open.mapped() : now);
  const std::string doubt = finding.distrust;
  const size_t before = t.run.findings.size();
  const bool report =
      witness == Witness::kConsole && campaign::OnConsole(finding) && finding.kind != detect::Kind::kHang;
  const Finding* changed =
      report ? campaign::AddReport(t.run, t.console, std::move(finding), *t.descriptor, KnownTo(t), SpecOf(t).transient)
             : campaign::AddFinding(t.run, std::move(finding), *t.descriptor, KnownTo(t), SpecOf(t).transient);
  if (!changed) return;
  Save(t);
  // As long as no report is trusted, the reason is that of the latest one.
  Finding& kept = t.run.findings[static_cast<size_t>(changed - t.run.findings.data())];
  const bool copy = witness != Witness::kConsole && campaign::OnConsole(kept);
  if (!kept.distrust.empty() && !doubt.empty() && !copy) kept.distrust = doubt;
  NoteStall(t, kept);
  if (t.run.findings.size() > before) {
    Journal(t, fmt::format("finding: {}{}", changed->title,
                           changed->known.empty() ? "" : fmt::format(" (known: {})", changed->known)));
  } else if (t.run.findings.size() < before) {
    Journal(t, "earlier findings have the same cause: " + changed->title);
  } else if (!open) {
    return;
  }
  if (kept.distrust != kUnweighed) dirty[t.run.id].push_back(kept);
}

void Core::State::AnnounceOpen(Tracked& t, Finding finding) {
  finding.open = true;
  finding.tolerated = campaign::IsTolerated(finding, *t.descriptor);
  finding.known = KnownTo(t).ReasonFor(finding);
  dirty[t.run.id].push_back(std::move(finding));
}

}  // namespace lk::scheduler
