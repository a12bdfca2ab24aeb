// SPDX-License-Identifier: Apache-2.0
// Stalls that the host may have caused, because it kept the guest's vCPUs from running.
#include <algorithm>
#include <utility>

#include "server/campaign/findings.h"
#include "server/campaign/verdict.h"
#include "server/scheduler/core_state.h"

namespace lk::scheduler {
namespace {

constexpr size_t kMaxUnweighed = 128;

}  // namespace

absl::Duration Core::State::Spacing(const Tracked& t) const {
  return Timeouts(t).csd / 4;  // of the shortest stall
}

void Core::State::ReadDelays(Tracked& t) {
  if (std::exchange(t.delays_asked, true)) return;
  Do(ReadVcpuDelays{t.run.id, t.run.host_id});
}

void Core::State::On(const VcpuDelays& event) {
  Tracked* t = Find(event.run_id);
  if (!t) return;
  t->delays_asked = false;
  t->delays_read = event.at;
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

void Core::State::SampleDelays(Tracked& t) {
  if (t.delays_read + Spacing(t) <= now) ReadDelays(t);
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
  return told ? campaign::DelayedFor(loss.vcpu, loss.lost, loss.of)
              : campaign::StolenFor(loss.vcpu, loss.lost, loss.of);
}

bool Core::State::IsKnown(const Tracked& t, const Stall& stall) {
  const bool host_is_mute = t.delays.empty() && t.delays_read != absl::InfinitePast();
  return host_is_mute || t.delays.last() >= stall.to;
}

std::string Core::State::Weigh(Tracked& t, Stall stall) {
  if (IsKnown(t, stall)) return WhyDistrusted(t, stall);
  if (t.unweighed.size() < kMaxUnweighed) t.unweighed.push_back(std::move(stall));
  ReadDelays(t);
  return std::string(kUnweighed);
}

bool Core::State::RestoreTrust(const Tracked& t, Finding& finding) {
  if (!campaign::OnConsole(finding) || finding.start_offset >= t.replayed) return false;
  const auto stored = std::ranges::find_if(t.run.findings, [&](const Finding& kept) {
    return campaign::OnConsole(kept) && detect::HasTitle(kept, finding.title);
  });
  if (stored == t.run.findings.end()) return false;
  finding.distrust = stored->distrust;
  return true;
}

void Core::State::WeighStall(Tracked& t, Finding& finding, absl::Time reported) {
  const bool hang = finding.kind == detect::Kind::kHang;
  if ((!campaign::IsStall(finding.kind) && !hang) || !finding.distrust.empty()) return;
  finding.distrust = campaign::WhyIoIsDistrusted(finding);
  if (!finding.distrust.empty()) return;
  Stall stall = hang && t.silence ? *t.silence : StallOf(t, finding, reported);
  stall.title = finding.title;
  stall.on_console = campaign::OnConsole(finding);
  finding.distrust = Weigh(t, std::move(stall));
}

void Core::State::WeighStalls(Tracked& t) {
  const std::vector<Stall> weighed = std::exchange(t.unweighed, {});
  for (Finding& finding : t.run.findings) {
    if (finding.distrust != kUnweighed) continue;
    // A copy of a report on the console may come late, and then does not tell when the stall was.
    const auto reported = [&](const Stall& stall) {
      return stall.on_console == campaign::OnConsole(finding) && detect::HasTitle(finding, stall.title);
    };
    // A corrupted title is not kept.
    const bool titled = std::ranges::any_of(weighed, reported);
    finding.distrust.clear();
    for (const Stall& stall : weighed) {
      if (!stall.counter.empty() || (titled && !reported(stall))) continue;
      finding.distrust = WhyDistrusted(t, stall);
      if (finding.distrust.empty()) break;
    }
    NoteStall(t, finding);
    dirty[t.run.id].push_back(finding);
  }
  for (const Stall& stall : weighed) {
    if (stall.counter.empty()) continue;
    std::string& distrust = t.run.counters[stall.counter].distrust;
    if (!distrust.empty()) distrust = WhyDistrusted(t, stall);
    Save(t);
  }
}

void Core::State::Count(Tracked& t, const std::string& name, campaign::CounterValue value) {
  campaign::CounterValue& counter = t.run.counters[name];
  value.distrust = counter.distrust;
  const bool first = !(counter.value > 0);
  const bool rose = value.value > counter.value;
  counter = std::move(value);
  // Once one of the events is trusted, so is the counter.
  if (!rose || (!first && counter.distrust.empty())) return;
  const bool late = counter.took_seconds > 0;
  counter.distrust = late ? WhyPauseExplains(t) : "";
  if (!late || !counter.distrust.empty()) return;
  Stall stall{now - absl::Seconds(counter.took_seconds), now, absl::Seconds(counter.limit_seconds)};
  stall.counter = name;
  counter.distrust = Weigh(t, std::move(stall));
}

void Core::State::NoteStall(Tracked& t, const Finding& finding) {
  if (campaign::IsStall(finding.kind) && campaign::HangExplained(t.run, t.use->budgets)) {
    t.stalled_at = std::min(t.stalled_at, now);
  }
}

}  // namespace lk::scheduler
