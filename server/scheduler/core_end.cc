// SPDX-License-Identifier: Apache-2.0
// How runs end: deciding the ending, destroying the VM, draining its console, and judging the run.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "server/campaign/matrix.h"
#include "server/campaign/mutation.h"
#include "server/campaign/verdict.h"
#include "server/scheduler/core_state.h"
#include "support/quantity.h"

namespace lk::scheduler {
namespace {

using campaign::Verdict;
using EndingKind = Ending::Kind;

constexpr size_t kMaxJournalLines = 200;
constexpr int kMaxDestroyTries = 3;
// How long a cancelled guest may take to report what it has seen; multiplied by the emulation factor.
constexpr absl::Duration kCancelGrace = absl::Seconds(5);

std::string LastSeen(const Tracked& t) {
  return t.activity.empty() ? "" : ", last activity: " + t.activity;
}

}  // namespace

void Core::State::Journal(Tracked& t, std::string_view text) const {
  if (t.run.journal.size() >= kMaxJournalLines) return;
  t.run.journal.push_back(fmt::format("{:.3f}s {}", absl::ToDoubleSeconds(now - t.run.started), text));
}

// ---- deciding the ending -----------------------------------------------------------------------

void Core::State::Decide(Tracked& t, Ending ending) {
  const std::string& detail = ending.kind == EndingKind::kDone ? ending.agent_outcome : ending.detail;
  t.run.reason = fmt::format("finishing: {}{}{}", ToString(ending.kind), detail.empty() ? "" : ": ", detail);
  Journal(t, t.run.reason);
  t.run.ending = std::move(ending);
  if (WasLeased(t.run)) t.run.phase_seconds.try_emplace("run", absl::ToDoubleSeconds(now - LeasedAt(t.run)));
  Enter(t, RunState::kFinishing);
}

void Core::State::End(Tracked& t, Ending ending, absl::Time destroy_by) {
  Decide(t, std::move(ending));
  t.destroy_by = destroy_by;
  // After a restart, the VM must not be destroyed while the driver is still reattaching to it.
  if (destroy_by <= now && !t.awaiting_reattach) Destroy(t);
}

void Core::State::Cancel(Tracked& t) {
  if (t.run.state == RunState::kQueued) return EndQueued(t, EndingKind::kCancelled, "", false);
  if (t.run.ending) return;
  if (!t.connected) return End(t, EndingKind::kCancelled);
  Do(SendCancel{t.run.id, "the campaign was cancelled"});
  End(t, Ending{EndingKind::kCancelled, "", {}, {}}, now + kCancelGrace * Factor(t));
}

void Core::State::EndNotStarted(Tracked& t) {
  End(t, EndingKind::kNeverStarted, "no VM within " + lk::FormatDuration(limits.prepare));
}

void Core::State::EndNotFound(Tracked& t) {
  t.awaiting_reattach = false;
  SkipSteps(t, "lkd was restarted");
  if (t.run.ending) return Destroy(t);
  End(t, EndingKind::kVmLost, "not found after lkd was restarted");
}

void Core::State::EndNoAgent(Tracked& t) {
  std::string detail = lk::FormatDuration(limits.boot * Factor(t));
  if (t.last_console == absl::InfinitePast()) {
    detail += "; nothing was printed";
  } else {
    detail += fmt::format("; the console has been silent for {}", lk::FormatDuration(now - t.last_console));
  }
  BeginPostMortem(t, {EndingKind::kBootTimeout, std::move(detail), {}, {}});
}

void Core::State::EndAgentLost(Tracked& t) {
  End(t, EndingKind::kAgentLost,
      fmt::format("the agent did not reconnect within {}; the console {}", lk::FormatDuration(now - t.lost_at),
                  t.last_console > t.lost_at ? "was still printing" : "was silent"));
}

void Core::State::EndHang(Tracked& t) {
  t.silence = SilenceSince(t, t.heard_at);
  BeginPostMortem(
      t, {EndingKind::kHang,
          fmt::format("neither progress nor heartbeat for {}{}", lk::FormatDuration(now - t.heard_at), LastSeen(t)),
          {},
          {}});
}

// The guest worked until it rebooted, so it is the newly booted kernel that does not come up.
void Core::State::EndNotBack(Tracked& t) {
  const std::string console =
      t.last_console == absl::InfinitePast()
          ? "nothing was printed"
          : fmt::format("the console has been silent for {}", lk::FormatDuration(now - t.last_console));
  t.silence = SilenceSince(t, t.heard_at);
  BeginPostMortem(t, {EndingKind::kHang,
                      fmt::format("the guest announced a reboot and did not come back; last heard from {} ago, {}{}",
                                  lk::FormatDuration(now - t.heard_at), console, LastSeen(t)),
                      {},
                      {}});
}

void Core::State::EndStuck(Tracked& t) {
  t.silence = SilenceSince(t, t.progress_at);
  Finding finding;
  finding.kind = detect::Kind::kHang;
  finding.title = "trigger stuck in " + t.run.scenario;
  finding.excerpt = fmt::format("progress stuck at {} for {} while heartbeats continue{}", t.progress,
                                lk::FormatDuration(now - t.progress_at), LastSeen(t));
  Ending ending{EndingKind::kStuck, finding.excerpt, {}, {}};
  if (!campaign::HangExplained(t.run, t.use->budgets)) AddFinding(t, std::move(finding), Witness::kAgent);
  BeginPostMortem(t, std::move(ending));
}

void Core::State::EndFatal(Tracked& t) {
  End(t, EndingKind::kFatalFinding);
}

void Core::State::EndPaused(Tracked& t) {
  const absl::Duration pause = now - std::exchange(t.paused_at, kNever);
  t.run.paused_seconds += absl::ToDoubleSeconds(pause);
  End(t, EndingKind::kVmLost, "paused for " + lk::FormatDuration(pause));
}

void Core::State::SendOverdue(Tracked& t) {
  t.cancel_sent = now;
  Journal(t, "over the time limit: told the agent to stop");
  Save(t);
  Do(SendCancel{t.run.id, "over the time limit"});
}

void Core::State::EndOverdue(Tracked& t) {
  End(t, EndingKind::kRunTimeout,
      fmt::format("still running {} after the lease was granted", lk::FormatDuration(now - LeasedAt(t.run))));
}

// ---- destroying the VM and draining its console ------------------------------------------------

void Core::State::Destroy(Tracked& t) {
  if (t.destroy_tries == kMaxDestroyTries) {
    std::string failure = fmt::format("could not destroy the VM; it may have been left on host {}", t.run.host_id);
    if (t.run.post_mortem.empty()) {
      Journal(t, failure);
    } else {
      FinishStep(t, PostMortemStep::Outcome::kFailed, std::move(failure));
    }
    return Finish(t);
  }
  if (t.destroy_tries++ == 0) {
    t.destroy_began = now;
    RecordDestroy(t);
    FlushReport(t);
  }
  t.destroy_asked = now;
  Do(DestroyVm{t.run.id, t.run.host_id});
}

void Core::State::BeginDrain(Tracked& t) {
  t.gone_at = now;
  if (t.destroy_began != kNever) t.run.phase_seconds["destroy"] = absl::ToDoubleSeconds(now - t.destroy_began);
  Save(t);
  if (t.console_ended) Finish(t);
}

// ---- judging the run ---------------------------------------------------------------------------

void Core::State::Finish(Tracked& t) {
  WeighStalls(t);
  if (t.gone_at != kNever) t.run.phase_seconds["drain"] = absl::ToDoubleSeconds(now - t.gone_at);
  const auto fatal = [](const Finding& finding) { return finding.fatal || finding.kind == detect::Kind::kPanic; };
  if (t.fatal_since != kNever && std::ranges::none_of(t.run.findings, fatal)) {
    Finding finding;
    finding.kind = detect::Kind::kPanic;
    finding.title = "kernel panic";
    finding.fatal = true;
    AddFinding(t, std::move(finding), t.panicked ? Witness::kHypervisor : Witness::kConsole);
  }
  Judge(t);
  Do(ReleaseRun{t.run.id});
  --EntryOf(t.run).active;
  auto& [vcpus, bytes] = allocated[t.run.host_id];
  vcpus -= t.profile->vcpus;
  bytes -= t.profile->MaxMemory();
  place = true;
  if (t.run.verdict == Verdict::kPass && t.run.sibling) EndProof(t);
  if (t.run.verdict != Verdict::kPass || !MustAwait(t)) return Conclude(t, true);
  Journal(t, "waiting for its positive controls");
  Enter(t, RunState::kAwaitingControls);
}

void Core::State::EndQueued(Tracked& t, EndingKind kind, std::string reason, bool retry) {
  t.run.ending = Ending{kind, std::move(reason), {}, {}};
  Judge(t);
  Conclude(t, retry);
}

void Core::State::Judge(Tracked& t) {
  const std::vector<Finding> before = t.run.findings;
  campaign::Judgement judgement = campaign::Judge(t.run, *t.run.ending, *t.descriptor, t.use->budgets, KnownTo(t));
  for (size_t i = 0; i < t.run.findings.size(); ++i) {
    Finding& finding = t.run.findings[i];
    if (i >= before.size()) {
      finding.first_seen = finding.last_seen = now;
      finding.phase = campaign::ToString(t.run.state);
      finding.activity = t.activity;
    } else if (finding == before[i]) {
      continue;
    }
    dirty[t.run.id].push_back(finding);
  }
  if (t.run.control && judgement.verdict == Verdict::kFail) {
    // Without a lease, the trigger has not begun.
    if (WasLeased(t.run)) t.run.symptom = campaign::FindSymptom(t.run, *t.descriptor);
    if (t.run.symptom.empty()) {
      judgement.reason += fmt::format("; not a symptom of the mutant, seen after the trigger began (expected {})",
                                      campaign::DescribeSymptoms(t.run, *t.descriptor));
    }
  }
  t.run.finished = now;
  t.run.verdict = judgement.verdict;
  t.run.blame = judgement.blame;
  t.run.reason = std::move(judgement.reason);
}

// Whether a pass must wait for positive controls, which may show that the scenario does not fail where it should.
// Controls themselves need no controls.
bool Core::State::MustAwait(const Tracked& t) {
  CampaignEntry& entry = EntryOf(t.run);
  return !t.run.control && !entry.cancelled && entry.ProofFor(t.run).open();
}

// Tells the proof of the run's scenario and profile how the run ended, if it is a control or a sibling.
void Core::State::EndProof(Tracked& t) {
  if (!t.run.control && !t.run.sibling) return;
  if (std::exchange(t.proof_ended, true)) return;
  EntryOf(t.run).ProofFor(t.run).End(t.run);
  prove = true;
}

void Core::State::ConcludeProven() {
  if (!std::exchange(prove, false)) return;
  for (auto& [id, t] : runs) {
    if (t.run.state == RunState::kAwaitingControls && !MustAwait(t)) Conclude(t, false);
  }
}

void Core::State::Conclude(Tracked& t, bool retry) {
  CampaignEntry& entry = EntryOf(t.run);
  const campaign::CampaignSpec& spec = entry.campaign.spec;
  if (t.run.verdict == Verdict::kPass && !t.run.control) {
    std::string doubt = entry.ProofFor(t.run).Doubt(t.run, spec.positive_controls, *t.descriptor);
    if (!doubt.empty()) {
      t.run.doubted = true;
      t.run.verdict = Verdict::kUnproven;
      t.run.blame = campaign::Blame::kTest;
      t.run.reason = std::move(doubt);
    }
  }
  Enter(t, RunState::kDone);
  --entry.live;
  entry.done.push_back(Outline(t.run));
  if (retry && !entry.cancelled && now < entry.campaign.created + spec.deadline) TryAgain(t);
  EndProof(t);
}

// An error, a miss or a finding that is not trusted says nothing about the kernel, so a retry replaces it. A fail is
// never replaced: its retries count in addition. For a control, a fail is the expected result and is not retried.
void Core::State::TryAgain(Tracked& t) {
  CampaignEntry& entry = EntryOf(t.run);
  const bool failed = t.run.verdict == Verdict::kFail;
  const bool distrusted =
      t.run.blame == campaign::Blame::kInfrastructure && std::ranges::any_of(t.run.findings, campaign::IsDistrusted);
  const bool broke = t.run.verdict == Verdict::kError || t.run.verdict == Verdict::kMiss ||
                     (t.run.verdict == Verdict::kUnproven && distrusted);
  if (failed ? t.run.control : !broke) return;
  const auto alike = std::ranges::count_if(entry.done, [&](const Run& run) {
    return run.cell == t.run.cell && run.repeat == t.run.repeat &&
           (failed ? run.verdict == Verdict::kFail : run.superseded);
  });
  const campaign::CampaignSpec& spec = entry.campaign.spec;
  if (failed ? alike > spec.retries_fail : alike >= spec.retries_error) return;
  if (!failed) t.run.superseded = entry.done.back().superseded = true;
  Tracked& next = Track(campaign::NextAttempt(t.run, now, random_hex));
  next.avoid_host = t.avoid_host;
  Save(next);
  place = true;
}

}  // namespace lk::scheduler
