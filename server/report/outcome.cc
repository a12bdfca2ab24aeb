// SPDX-License-Identifier: Apache-2.0
#include "server/report/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "server/campaign/findings.h"
#include "server/campaign/mutation.h"

namespace lk::report {
namespace {

using campaign::ControlState;
using campaign::Finding;
using campaign::Run;
using campaign::RunState;
using campaign::Verdict;

// In the order of Verdict's values: pass, fail, error, miss, skip, unproven. Columns: KCIDB, KTAP's result and
// directive, JUnit, GitHub's status and check, GitLab's status.
constexpr std::array<VerdictWords, 6> kWords = {{
    {"PASS", true, "", "", "success", "success", "success"},
    {"FAIL", false, "", "failure", "failure", "failure", "failed"},
    {"ERROR", false, "ERROR", "error", "error", "failure", "failed"},
    {"MISS", false, "ERROR", "error", "error", "failure", "failed"},
    {"SKIP", true, "SKIP", "skipped", "success", "skipped", "success"},
    {"ERROR", false, "ERROR", "error", "error", "failure", "failed"},
}};

}  // namespace

const VerdictWords& WordsOf(Verdict verdict) {
  return kWords[static_cast<size_t>(verdict)];
}

ReportedVerdict Reported(const Run& run) {
  if (run.state == RunState::kDone) return {run.verdict, run.reason};
  return {Verdict::kError, fmt::format("not finished: {}", campaign::ToString(run.state))};
}

ReportedVerdict ReportedControl(const Run& run) {
  switch (campaign::StateOf(run)) {
    case ControlState::kKilled:
      return {Verdict::kPass, "killed: " + run.reason};
    case ControlState::kSurvived:
      return {Verdict::kUnproven, "the mutant survived: passes of its scenario on this profile prove nothing"};
    case ControlState::kSkipped:
      return {Verdict::kSkip, run.reason};
    case ControlState::kUndecided:
    case ControlState::kPending:
      break;
  }
  return {Verdict::kError, "unknown whether the mutant was killed: " + Reported(run).reason};
}

bool Attempts::flaky() const {
  const auto has = [&](Verdict verdict) {
    return std::ranges::any_of(runs, [&](const Run* run) {
      return !run->control && run->state == RunState::kDone && run->verdict == verdict;
    });
  };
  return has(Verdict::kPass) && has(Verdict::kFail);
}

std::vector<Attempts> GroupAttempts(const std::vector<Run>& runs) {
  std::vector<Attempts> groups;
  std::map<uint32_t, size_t> of_cell;
  for (const Run& run : runs) {
    const auto [it, added] = of_cell.try_emplace(run.cell, groups.size());
    if (added) groups.emplace_back();
    groups[it->second].runs.push_back(&run);
  }
  return groups;
}

std::string Suite::Name() const {
  return controls ? "positive controls" : fmt::format("{} ({}) on {}", kernel_release, kernel_id, profile);
}

std::vector<Suite> MakeSuites(const CampaignReport& report) {
  std::vector<Suite> suites;
  Suite controls{.kernel_id = "", .kernel_release = "", .profile = "", .controls = true, .cases = {}};
  for (const Attempts& attempts : GroupAttempts(report.runs)) {
    std::vector<const Run*> superseded;
    for (const Run* run : attempts.runs) {
      if (run->superseded) {
        superseded.push_back(run);
        continue;
      }
      Suite* suite = &controls;
      if (!run->control) {
        auto it = std::ranges::find_if(
            suites, [&](const Suite& s) { return s.kernel_id == run->kernel_id && s.profile == run->profile; });
        if (it == suites.end()) {
          suites.push_back({.kernel_id = run->kernel_id,
                            .kernel_release = run->kernel_release,
                            .profile = run->profile,
                            .controls = false,
                            .cases = {}});
          it = suites.end() - 1;
        }
        suite = &*it;
      }
      suite->cases.push_back(
          {run, run->control ? ReportedControl(*run) : Reported(*run), attempts.flaky(), superseded});
      superseded.clear();
    }
  }
  if (!controls.cases.empty()) suites.push_back(std::move(controls));
  return suites;
}

std::string CaseName(const Suite& suite, const Suite::Case& test) {
  const Run& run = *test.run;
  std::string name = suite.controls ? fmt::format("{} {}: {} on {} {}", run.kernel_release, run.kernel_id, run.scenario,
                                                  run.profile, run.repeat)
                                    : fmt::format("{} {}", run.scenario, run.repeat);
  if (run.attempt > 1) name += fmt::format(" attempt {}", run.attempt);
  return name;
}

double Seconds(const Run& run) {
  const bool ran = run.started != absl::InfinitePast() && run.finished != absl::InfinitePast();
  return ran ? std::max(0.0, absl::ToDoubleSeconds(run.finished - run.started)) : 0;
}

const Finding* MainFinding(const campaign::Evidence& evidence) {
  const auto held = std::ranges::find_if(evidence.findings, campaign::HeldAgainstKernel);
  if (held != evidence.findings.end()) return &*held;
  return evidence.findings.empty() ? nullptr : &evidence.findings.front();
}

std::string FormatFrame(const detect::Frame& frame) {
  std::string text = fmt::format("{}+{:#x}", frame.function, frame.offset);
  if (!frame.module.empty()) text += " [" + frame.module + "]";
  if (!frame.location.empty()) text += " " + frame.location;
  return text;
}

bool Names(const Finding& finding, const detect::Frame& frame) {
  return !finding.function.empty() && frame.function.substr(0, frame.function.find('.')) == finding.function;
}

std::string UtcTime(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return {};
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S+00:00", time, absl::UTCTimeZone());
}

}  // namespace lk::report
