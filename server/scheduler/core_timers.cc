// SPDX-License-Identifier: Apache-2.0
// Computes all deadlines of runs.
#include <algorithm>

#include "lk/v1/scenario.pb.h"
#include "server/scheduler/core_state.h"
#include "support/proto_time.h"

namespace lk::scheduler {
namespace {

double Phase(const Run& run, const char* phase) {
  const auto it = run.phase_seconds.find(phase);
  return it == run.phase_seconds.end() ? 0 : it->second;
}

}  // namespace

absl::Time LeasedAt(const Run& run) {
  return run.started + absl::Seconds(Phase(run, "define") + Phase(run, "boot"));
}

Core::State::Timer Core::State::NextTimer(const Tracked& t) const {
  Timer next;
  const auto consider = [&next](absl::Time at, void (State::*then)(Tracked&)) {
    if (at < next.at) next = {at, then};
  };
  if (IsOver(t.run.state)) return next;
  if (t.run.state == RunState::kQueued) {
    const Campaign& campaign = campaigns.at(t.run.campaign_id).campaign;
    consider(campaign.created + campaign.spec.deadline, &State::MissDeadline);
    consider(t.no_host_since + limits.host_retry, &State::MissNoHost);
    return next;
  }
  if (t.gone_at != kNever) return {t.gone_at + limits.drain, &State::Finish};
  if (t.awaiting_reattach) return {t.since + limits.prepare, &State::EndNotFound};
  if (t.report_open) consider(std::max(t.last_console, t.last_header) + limits.report_quiet, &State::FlushReport);

  if (t.step) {
    consider(StepDeadline(t), t.step == Stage::kDrain ? &State::EndDrain : &State::EndUnanswered);
  } else if (t.run.ending) {
    consider(t.destroy_asked == kNever ? t.destroy_by : t.destroy_asked + limits.destroy, &State::Destroy);
  } else if (t.fatal_since != kNever) {
    consider(
        std::min(std::max(t.last_console, t.fatal_since) + limits.after_fatal, t.fatal_since + limits.after_fatal_most),
        &State::EndFatal);
  } else if (t.paused_at != kNever) {
    consider(t.paused_at + limits.paused, &State::EndPaused);
  } else if (t.run.state == RunState::kPreparing) {
    consider(t.since + limits.prepare, &State::EndNotStarted);
  } else if (t.run.state == RunState::kBooting) {
    consider(t.since + limits.boot * Factor(t), &State::EndNoAgent);
  } else {
    const Timer running = NextTimerOfRunning(t);
    consider(running.at, running.then);
  }
  return next;
}

Core::State::Timer Core::State::NextTimerOfRunning(const Tracked& t) const {
  // A rebooting guest is silent and cannot be told to stop.
  if (Rebooting(t.run)) return {t.run.reboot_until, &State::EndNotBack};
  const double factor = Factor(t);
  const absl::Duration progress_limit = ToDuration(t.descriptor->progress_limit()) * factor;
  const absl::Duration heartbeat = limits.heartbeat * factor;
  // Once the guest's own detectors have fired, a shorter timeout is enough. Those for CPUs, which run late by up to
  // half of their timeout, must have had the time to fire.
  const campaign::GuestTimeouts timeouts = Timeouts(t);
  const absl::Time stalled = t.stalled_at + timeouts.silence;
  const absl::Time hang = std::min(t.heard_at + std::max({progress_limit, heartbeat, timeouts.lockup * 1.5}),
                                   std::max(stalled, t.heard_at + heartbeat));

  // If several timers are due at the same time, the one that is considered first wins.
  Timer next;
  const auto consider = [&next](absl::Time at, void (State::*then)(Tracked&)) {
    if (at < next.at) next = {at, then};
  };
  if (!t.connected && t.lost_at - t.heard_at > limits.heartbeat) {
    // The guest fell silent before the stream ended, so gRPC's keepalive, not the agent, closed the stream: a hang.
    consider(std::max(hang, t.lost_at + limits.reconnect * factor), &State::EndHang);
  } else if (!t.connected) {
    consider(t.lost_at + limits.reconnect * factor, &State::EndAgentLost);
  } else {
    consider(hang, &State::EndHang);
    // A trigger counts as stuck only if its guest still sends heartbeats, which are due every second (LeaseTerms).
    const absl::Time stuck = std::min(t.progress_at + progress_limit, stalled);
    if (progress_limit > absl::ZeroDuration() && stuck < t.heard_at + heartbeat / 3) consider(stuck, &State::EndStuck);
  }

  // A disconnected agent cannot be told to stop; its reconnect deadline is handled above.
  if (!t.connected) return next;
  if (t.cancel_sent != kNever) {
    consider(t.cancel_sent + limits.grace * factor, &State::EndOverdue);
  } else {
    const absl::Duration hard_cap = ToDuration(t.descriptor->hard_cap());
    const absl::Duration allowed = t.use->duration + limits.grace * factor;
    consider(LeasedAt(t.run) + absl::Seconds(t.run.paused_seconds) +
                 (hard_cap > absl::ZeroDuration() ? std::min(allowed, hard_cap) : allowed),
             &State::SendOverdue);
  }
  return next;
}

absl::Time Core::State::NextDeadline() const {
  if (restored) return absl::InfinitePast();
  absl::Time next = kNever;
  for (const auto& [id, t] : runs) next = std::min(next, NextTimer(t).at);
  return next;
}

void Core::State::RunTimers() {
  for (auto& [id, t] : runs) {
    for (Timer timer = NextTimer(t); timer.at <= now; timer = NextTimer(t)) (this->*timer.then)(t);
  }
}

}  // namespace lk::scheduler
