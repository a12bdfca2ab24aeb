// SPDX-License-Identifier: Apache-2.0
// Stalls that the host may have caused, because it kept the guest's vCPUs from running.
#include <algorithm>
#include <utility>

#include "server/campaign/findings.h"
#include "server/campaign/verdict.h"
#include "server/scheduler/core_state.h"

namespace lk::scheduler {

// Short enough for the shortest stall, and long enough for the samples to reach back to the beginning of the longest.
absl::Duration Core::State::Spacing(const Tracked& t) const {
  return campaign::Longest(Timeouts(t)) / 16;
}

void Core::State::ReadDelays(Tracked& t) {
  if (std::exchange(t.delays_asked, true)) return;
  Do(ReadVcpuDelays{t.run.id, t.run.host_id});
}

void Core::State::On(const VcpuDelays& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  t->delays_asked = false;
  if (!event.lost.empty()) {
    if (t->delays.empty()) {
      t->delays = LostTime(Spacing(*t));
      t->delays.Add(t->run.started, {});
    }
    t->delays.Add(event.at, event.lost);
    t->run.delay_seconds = absl::ToDoubleSeconds(t->delays.Total());
    if (std::ranges::any_of(t->unweighed, [&](const Stall& stall) { return stall.to > event.at; })) {
      return ReadDelays(*t);
    }
  }
  WeighStalls(*t);
}

void Core::State::SampleLostTime(Tracked& t, absl::Duration steal) {
  if (t.steal.empty()) t.steal = LostTime(Spacing(t));
  t.steal.Add(now, {steal});
  if (t.delays.last() + Spacing(t) <= now) ReadDelays(t);
}

// Scenarios and profiles may set shorter timeouts, so a detector may have fired earlier than lkd's own would have.
Stall Core::State::StallThatEnded(const Tracked& t, absl::Time at, absl::Duration length, detect::Kind kind) const {
  const absl::Duration limit = campaign::TimeoutOf(kind, TimeoutsAt(t, 1));
  return {at - length, at, std::min(limit, length / Factor(t))};
}

Stall Core::State::StallOf(const Tracked& t, const Finding& finding, absl::Time reported) const {
  const absl::Duration length =
      finding.seconds_stuck > 0 ? absl::Seconds(finding.seconds_stuck) : campaign::TimeoutOf(finding.kind, Timeouts(t));
  return StallThatEnded(t, reported, length, finding.kind);
}

Stall Core::State::SilenceSince(const Tracked& t, absl::Time since) const {
  return StallThatEnded(t, now, now - since, detect::Kind::kHang);
}

// A vCPU that could not run may hold what the others wait for, so each of them counts, whichever one the report names.
// Where vCPUs that are all busy share fewer CPUs, a stall is still the kernel's: it lasts until they have run for as
// long as the detector waits on a real CPU.
std::string Core::State::WhyDistrusted(const Tracked& t, const Stall& stall) {
  const auto explains = [&](const LostTime::Loss& loss) {
    return loss.lost > absl::ZeroDuration() && loss.lost >= loss.of / 2 && loss.of - loss.lost < stall.limit;
  };
  const bool told = !t.delays.empty();
  const LostTime::Loss loss = (told ? t.delays : t.steal).Most(stall.from, stall.to);
  if (!explains(loss)) return {};
  return told ? campaign::DelayedFor(loss.vcpu, loss.lost, loss.of) : campaign::StolenFor(loss.lost, loss.of);
}

void Core::State::WeighStall(Tracked& t, Finding& finding, absl::Time reported) {
  const bool hang = finding.kind == detect::Kind::kHang;
  if ((!campaign::IsStall(finding.kind) && !hang) || !finding.distrust.empty()) return;
  finding.distrust = campaign::WhyIoIsDistrusted(finding);
  if (!finding.distrust.empty()) return;
  const Stall stall = hang && t.silence ? *t.silence : StallOf(t, finding, reported);
  if (t.delays.empty() || t.delays.last() >= stall.to) {
    finding.distrust = WhyDistrusted(t, stall);
    return;
  }
  finding.distrust = kUnweighed;
  t.unweighed.push_back(stall);
  ReadDelays(t);
}

void Core::State::WeighStalls(Tracked& t) {
  std::string why;
  for (const Stall& stall : std::exchange(t.unweighed, {})) {
    if (why.empty()) why = WhyDistrusted(t, stall);
  }
  for (Finding& finding : t.run.findings) {
    if (finding.distrust != kUnweighed) continue;
    finding.distrust = why;
    NoteStall(t, finding);
    dirty[t.run.id].push_back(finding);
  }
}

void Core::State::NoteStall(Tracked& t, const Finding& finding) {
  if (campaign::IsStall(finding.kind) && campaign::HangExplained(t.run, t.use->budgets)) {
    t.stalled_at = std::min(t.stalled_at, now);
  }
}

}  // namespace lk::scheduler
