// SPDX-License-Identifier: Apache-2.0
// Verdicts in the terms of other formats.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/report/campaign_report.h"

namespace lk::report {

// A verdict in the terms of each format.
struct VerdictWords {
  std::string_view kcidb;
  bool ktap_ok = false;
  std::string_view ktap_directive;  // empty if none
  std::string_view junit;           // element of a test case; empty if none
  std::string_view github_status;
  std::string_view github_check;  // never "neutral", which would let an unverified pull request through
  std::string_view gitlab_status;
};
const VerdictWords& WordsOf(campaign::Verdict verdict);

// A verdict as reported to others. A run that is not done is reported as an error.
struct ReportedVerdict {
  campaign::Verdict verdict = campaign::Verdict::kError;
  std::string reason;
};
ReportedVerdict Reported(const campaign::Run& run);
// The same for a positive control, in formats that have only tests: the control passes if its run failed.
ReportedVerdict ReportedControl(const campaign::Run& run);

// The attempts at one repeat, in order.
struct Attempts {
  std::vector<const campaign::Run*> runs;

  // Whether some attempts passed and others failed. Both results are kept, and neither is preferred.
  bool flaky() const;
};
std::vector<Attempts> GroupAttempts(const std::vector<campaign::Run>& runs);

// Runs that are reported together: those of one kernel on one profile, or all controls.
struct Suite {
  std::string kernel_id;
  std::string kernel_release;
  std::string profile;
  bool controls = false;
  struct Case {
    const campaign::Run* run = nullptr;
    ReportedVerdict reported;
    bool flaky = false;
    std::vector<const campaign::Run*> superseded;  // earlier attempts
  };
  std::vector<Case> cases;  // without superseded attempts

  // "6.12.95 (k0123456789ab) on iommu", "positive controls"
  std::string Name() const;
};
// In the order of their first runs, with the controls last.
std::vector<Suite> MakeSuites(const CampaignReport& report);
// "baseline 1", "baseline 1 attempt 2"; for a control "6.12.95-mutant k0123456789ab: baseline on iommu 1".
std::string CaseName(const Suite& suite, const Suite::Case& test);

// Seconds from the start of the VM to the end of the run; 0 if it never ran or is still running.
double Seconds(const campaign::Run& run);

// The most interesting finding: the first one held against the kernel, else the first one; nullptr if there is none.
const campaign::Finding* MainFinding(const campaign::Evidence& evidence);
// "smp_call_function_many_cond+0x1a2 [module] kernel/smp.c:820"
std::string FormatFrame(const detect::Frame& frame);
// Whether the finding is named after the function of this frame, ignoring the compiler's suffixes (.isra.0, .cold).
bool Names(const campaign::Finding& finding, const detect::Frame& frame);

// "2026-01-02T03:04:05+00:00"; empty if the time is unknown.
std::string UtcTime(absl::Time time);

}  // namespace lk::report
