// SPDX-License-Identifier: Apache-2.0
// The post-mortem of guests that do not respond. Its steps are performed once each, in order; the last one destroys the
// VM. A step is recorded as failed before it begins, and its result replaces that record.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/campaign/findings.h"
#include "server/campaign/verdict.h"
#include "server/scheduler/core_state.h"
#include "support/quantity.h"

namespace lk::scheduler {
namespace {

using campaign::Finding;
using EndingKind = Ending::Kind;
using Outcome = PostMortemStep::Outcome;

const PostMortemStep* FindStep(const Run& run, Stage step) {
  const auto it = std::ranges::find(run.post_mortem, step, &PostMortemStep::step);
  return it == run.post_mortem.end() ? nullptr : &*it;
}

Stage Next(Stage step) {
  return static_cast<Stage>(static_cast<int>(step) + 1);
}

// Whether the run ended because the guest fell silent. The cause may be the kernel, the agent's connection, or QEMU.
bool IsSilence(const Ending& ending) {
  return ending.kind == EndingKind::kHang || ending.kind == EndingKind::kBootTimeout;
}

}  // namespace

bool NmiSent(const Run& run) {
  const PostMortemStep* nmi = FindStep(run, Stage::kNmi);
  return nmi && nmi->outcome != Outcome::kSkipped;
}

// ---- beginning and ending steps ----------------------------------------------------------------

void Core::State::BeginPostMortem(Tracked& t, Ending ending) {
  Decide(t, std::move(ending));
  ReadDelays(t);
  BeginStep(t, Stage::kDrain);
}

void Core::State::BeginStep(Tracked& t, Stage step) {
  for (; step != Stage::kDestroy; step = Next(step)) {
    std::string why = WhySkipped(t, step);
    if (why.empty()) break;
    RecordStep(t, {step, Outcome::kSkipped, std::move(why), "", 0});
  }
  if (step == Stage::kDestroy) return Destroy(t);
  t.step = step;
  RecordStep(t, {step, Outcome::kFailed, "not finished", "", 0});
  if (step != Stage::kDrain) Do(PerformPostMortem{t.run.id, t.run.host_id, step});
}

// Returns an empty string if the step must be performed.
std::string Core::State::WhySkipped(const Tracked& t, Stage step) const {
  if (step != Stage::kNmi && step != Stage::kDump) return "";
  const campaign::CampaignSpec& spec = campaigns.at(t.run.campaign_id).campaign.spec;
  if (!(step == Stage::kNmi ? spec.hang_nmi : spec.hang_dump)) return "not requested";
  if (FindStep(t.run, Stage::kRegisters)->outcome != Outcome::kDone) return "the hypervisor does not respond";
  if (step == Stage::kNmi && t.fatal_since != kNever) return "the guest has panicked";
  return "";
}

void Core::State::RecordStep(Tracked& t, PostMortemStep step) {
  if (step.outcome == Outcome::kSkipped) {
    Journal(t, fmt::format("post-mortem: {} skipped: {}", ToString(step.step), step.detail));
  }
  t.step_began = now;
  t.run.post_mortem.push_back(std::move(step));
  Save(t);
}

void Core::State::FinishStep(Tracked& t, Outcome outcome, std::string detail, const std::string& text) {
  PostMortemStep& step = t.run.post_mortem.back();
  step.outcome = outcome;
  step.detail = std::move(detail);
  step.text = text.substr(0, campaign::kMaxExcerpt);
  if (t.step_began != kNever) step.seconds = absl::ToDoubleSeconds(now - t.step_began);
  Journal(t, fmt::format("post-mortem: {} {} in {:.3f}s: {}", ToString(step.step), ToString(outcome), step.seconds,
                         step.detail));
  t.step.reset();
  Save(t);
}

void Core::State::EndStep(Tracked& t, Outcome outcome, std::string detail, const std::string& text) {
  const Stage step = *t.step;
  FinishStep(t, outcome, std::move(detail), text);
  BeginStep(t, Next(step));
}

// Skips all remaining steps, except destroying the VM.
void Core::State::SkipSteps(Tracked& t, const std::string& why) {
  if (t.run.post_mortem.empty()) return;
  for (Stage step = Stage::kDrain; step != Stage::kDestroy; step = Next(step)) {
    if (!FindStep(t.run, step)) RecordStep(t, {step, Outcome::kSkipped, why, "", 0});
  }
}

void Core::State::RecordDestroy(Tracked& t) {
  if (t.run.post_mortem.empty()) return;
  if (FindStep(t.run, Stage::kDestroy)) {
    t.step_began = now;  // it first began before lkd was restarted
  } else {
    RecordStep(t, {Stage::kDestroy, Outcome::kFailed, "not finished", "", 0});
  }
}

void Core::State::RecordGone(Tracked& t, VmGone::How gone, const std::string& how) {
  if (t.run.post_mortem.empty()) return;
  if (t.step) {
    // The VM was gone before it could be examined, which explains the silence.
    const bool unseen = *t.step == Stage::kDrain || *t.step == Stage::kRegisters;
    FinishStep(t, Outcome::kFailed, how);
    if (unseen && IsSilence(*t.run.ending)) Decide(t, {EndingKind::kVmLost, how, {}, {}});
  }
  SkipSteps(t, "the VM is gone");
  if (FindStep(t.run, Stage::kDestroy)) {
    FinishStep(t, gone == VmGone::How::kHostLost ? Outcome::kFailed : Outcome::kDone, how);
  } else {
    RecordStep(t, {Stage::kDestroy, Outcome::kSkipped, how, "", 0});
  }
}

// ---- step results ----------------------------------------------------------------------

void Core::State::On(const PostMortemStepDone& event) {
  Tracked* t = Find(event.run_id);
  if (!t || t->step != event.step.step) return;  // the step's deadline has passed
  const PostMortemStep& step = event.step;
  if (step.step == Stage::kNmi && step.outcome == Outcome::kDone) {
    return Journal(*t, "post-mortem: NMI injected");  // the step ends when the backtraces have been read
  }
  if (step.step == Stage::kRegisters) WeighRegisters(*t, event);
  EndStep(*t, step.outcome, step.detail, step.text);
}

// A silent agent has four possible causes: QEMU hangs, the host is too busy to run the VM, the connection to the agent
// is cut, or the kernel hangs.
void Core::State::WeighRegisters(Tracked& t, const PostMortemStepDone& done) {
  WeighStalls(t);
  t.interrupts_off = done.interrupts_off;
  if (!IsSilence(*t.run.ending)) return;
  Ending ending = *t.run.ending;
  if (t.silence && !campaign::HangExplained(t.run, t.use->budgets)) {
    if (std::string why = WhyDistrusted(t, *t.silence); !why.empty()) {
      t.interrupts_off = false;
      return Decide(t, {EndingKind::kStarved, fmt::format("{}; {}", ending.detail, why), {}, {}});
    }
  }
  if (done.step.outcome != Outcome::kDone) {
    Decide(t, {EndingKind::kVmSilent, done.step.detail, {}, {}});
  } else if (done.interrupts_off) {
    ending.detail += "; all running vCPUs have interrupts off";
    if (ending.kind == EndingKind::kHang && !campaign::HangExplained(t.run, t.use->budgets)) {
      Finding hang;
      hang.kind = detect::Kind::kHang;
      hang.title = "hang in " + t.run.scenario;
      hang.excerpt = ending.detail;
      hang.witnesses = {"agent", "hypervisor"};
      AnnounceOpen(t, std::move(hang));
    }
    t.run.ending = std::move(ending);
  } else if (ending.kind == EndingKind::kHang && !Rebooting(t.run) && !campaign::HangExplained(t.run, t.use->budgets)) {
    // Interrupts are being handled, and the guest's own detectors, which would have fired by now, are silent.
    Decide(t, {EndingKind::kAgentLost,
               fmt::format("{}; the vCPUs are handling interrupts, and the console {}", ending.detail,
                           t.last_console > t.heard_at ? "was still printing" : "was silent"),
               {},
               {}});
  }
}

// lkd caused this panic by sending an NMI. If the kernel hangs, the panic shows where.
void Core::State::AnswerNmi(Tracked& t, const Finding& finding) {
  t.nmi_answer = finding.start_offset;
  const bool hung = t.run.ending->kind == EndingKind::kHang || t.run.ending->kind == EndingKind::kStuck ||
                    t.interrupts_off || campaign::HangExplained(t.run, t.use->budgets);
  if (hung) AddFinding(t, campaign::AsHang(finding, t.run.scenario), Witness::kConsole);
  if (t.step != Stage::kNmi) return;
  std::string detail = fmt::format("backtraces of {} CPUs", 1 + finding.others.size());
  if (!finding.function.empty()) detail += ": " + finding.function;
  EndStep(t, Outcome::kDone, std::move(detail), hung ? "" : finding.excerpt);
}

// ---- step deadlines --------------------------------------------------------------------

absl::Time Core::State::StepDeadline(const Tracked& t) const {
  switch (*t.step) {
    case Stage::kDrain:
      return std::min(std::max(t.last_console, t.last_header) + limits.report_quiet, t.step_began + limits.drain);
    case Stage::kRegisters:
      return t.step_began + limits.registers;
    case Stage::kNmi:
      return t.step_began + limits.nmi * Factor(t);
    case Stage::kDump:
      return t.step_began + limits.dump;
    case Stage::kDestroy:
      break;
  }
  return kNever;
}

void Core::State::EndDrain(Tracked& t) {
  FlushReport(t);
  EndStep(t, Outcome::kDone,
          t.last_console == absl::InfinitePast()
              ? "nothing was printed"
              : fmt::format("console quiet for {}", lk::FormatDuration(now - t.last_console)));
}

void Core::State::EndUnanswered(Tracked& t) {
  std::string detail = "no response within " + lk::FormatDuration(now - t.step_began);
  if (t.step == Stage::kRegisters) {
    WeighRegisters(t, {t.run.id, {Stage::kRegisters, Outcome::kFailed, detail, "", 0}, false});
  }
  EndStep(t, Outcome::kFailed, std::move(detail));
}

}  // namespace lk::scheduler
