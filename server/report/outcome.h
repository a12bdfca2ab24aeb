// SPDX-License-Identifier: Apache-2.0
// Verdicts in the words of others.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/report/campaign_report.h"

namespace lk::report {

// One verdict, as each format calls it.
struct VerdictWords {
  std::string_view kcidb;
  bool ktap_ok = false;
  std::string_view ktap_directive;  // empty: none
  std::string_view junit;           // element of a test case; empty: none
  std::string_view github_status;
  std::string_view github_check;  // "neutral" would let a pull request through that nothing is known about
  std::string_view gitlab_status;
};
const VerdictWords& WordsOf(campaign::Verdict verdict);

// What a format is told of a run: the default is failure, so a run that is not done is an error.
struct Told {
  campaign::Verdict verdict = campaign::Verdict::kError;
  std::string reason;
};
Told Tell(const campaign::Run& run);
// Of a positive control, to readers who know tests alone: that it failed is the pass.
Told TellControl(const campaign::Run& run);

// The attempts at one repeat, in order.
struct Attempts {
  std::vector<const campaign::Run*> runs;

  // Passed and failed: both stand, and neither is the truth.
  bool flaky() const;
};
std::vector<Attempts> GroupAttempts(const std::vector<campaign::Run>& runs);

// Runs that are told together: of one kernel on one profile, or all controls.
struct Suite {
  std::string kernel_id;
  std::string kernel_release;
  std::string profile;
  bool controls = false;
  struct Case {
    const campaign::Run* run = nullptr;
    Told told;
    bool flaky = false;
    std::vector<const campaign::Run*> superseded;  // attempts that came before
  };
  std::vector<Case> cases;  // superseded attempts left out

  // "6.12.95 (k0123456789ab) on iommu", "positive controls"
  std::string Name() const;
};
// In the order of their first run, the controls last.
std::vector<Suite> MakeSuites(const CampaignReport& report);
// "baseline 1", "baseline 1 attempt 2"; of a control "6.12.95-mutant k0123456789ab: baseline on iommu 1".
std::string CaseName(const Suite& suite, const Suite::Case& test);

// Seconds from the VM's start to the end; 0: it never ran, or runs.
double Seconds(const campaign::Run& run);

// The one that a reader wants: the first held against the kernel, else the first; nullptr: there is none.
const campaign::Finding* MainFinding(const campaign::Evidence& evidence);
// "smp_call_function_many_cond+0x1a2 [module] kernel/smp.c:820"
std::string FormatFrame(const detect::Frame& frame);
// Whether it is the function that names the finding; the compiler's suffixes (.isra.0, .cold) are no part of that.
bool Names(const campaign::Finding& finding, const detect::Frame& frame);

// "2026-01-02T03:04:05+00:00"; empty for a time that is not known.
std::string UtcTime(absl::Time time);

}  // namespace lk::report
