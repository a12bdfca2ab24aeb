// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "server/report/campaign_report.h"
#include "server/report/outcome.h"
#include "support/text.h"

namespace lk::report {
namespace {

using campaign::Run;

constexpr char kVersion[] = "KTAP version 1\n";
// Maximum number of lines of an excerpt; lkd has the rest.
constexpr size_t kMaxExcerptLines = 40;

// A "#" would start a directive, and a newline would start a new line of the report.
std::string OneLine(std::string_view text) {
  std::string line = Escape(text);
  std::ranges::replace(line, '#', '-');
  return line;
}

void Diagnose(std::string& out, std::string_view indent, std::string_view text) {
  out += fmt::format("{}# {}\n", indent, Escape(text, "\t"));
}

void DiagnoseFindings(std::string& out, std::string_view indent, const Run& run) {
  for (const campaign::Finding& finding : run.findings) {
    Diagnose(out, indent,
             fmt::format("{}: {}{}", detect::ToString(finding.kind), finding.title,
                         finding.known.empty() ? "" : fmt::format(" (known: {})", finding.known)));
    for (const detect::Frame& frame : finding.frames) Diagnose(out, indent, "  " + FormatFrame(frame));
    std::istringstream excerpt(finding.excerpt);
    size_t lines = 0;
    for (std::string line; lines < kMaxExcerptLines && std::getline(excerpt, line); ++lines) {
      Diagnose(out, indent, "| " + line);
    }
    if (lines == kMaxExcerptLines) Diagnose(out, indent, "| ...");
  }
}

// "not ok 2 baseline 1 # ERROR agent lost"
void Result(std::string& out, std::string_view indent, size_t number, const std::string& name,
            const ReportedVerdict& reported) {
  const VerdictWords& words = WordsOf(reported.verdict);
  out += fmt::format("{}{} {} {}", indent, words.ktap_ok ? "ok" : "not ok", number, OneLine(name));
  if (!words.ktap_directive.empty()) {
    out += fmt::format(" # {} {}", words.ktap_directive, OneLine(reported.reason));
  } else if (!words.ktap_ok) {
    out += fmt::format(" # {}", OneLine(reported.reason));
  }
  out += '\n';
}

// Returns whether all cases are ok.
bool AddKtapSuite(std::string& out, const Suite& suite) {
  constexpr std::string_view kIndent = "  ";
  out +=
      fmt::format("{0}{1}{0}# Subtest: {2}\n{0}1..{3}\n", kIndent, kVersion, OneLine(suite.Name()), suite.cases.size());
  bool ok = true;
  for (size_t i = 0; i < suite.cases.size(); ++i) {
    const Suite::Case& test = suite.cases[i];
    const Run& run = *test.run;
    Diagnose(
        out, kIndent,
        fmt::format("run {}, seed {}, host {}, {}{}{}", run.id, run.seed, run.host_id.empty() ? "none" : run.host_id,
                    run.accelerator.empty() ? "not run" : run.accelerator, run.emulated ? ", emulated" : "",
                    run.harness ? ", harness" : ""));
    for (const Run* before : test.superseded) {
      Diagnose(out, kIndent,
               fmt::format("attempt {} ({}): {}: {}", before->attempt, before->id, campaign::ToString(before->verdict),
                           before->reason));
    }
    if (test.flaky) Diagnose(out, kIndent, "flaky: some attempts at this repeat passed, others failed");
    DiagnoseFindings(out, kIndent, run);
    Result(out, kIndent, i + 1, CaseName(suite, test), test.reported);
    ok = ok && WordsOf(test.reported.verdict).ktap_ok;
  }
  return ok;
}

}  // namespace

std::string ToKtap(const CampaignReport& report) {
  const std::vector<Suite> suites = MakeSuites(report);
  std::string out = kVersion;
  out += fmt::format("1..{}\n", suites.size());
  Diagnose(out, "", fmt::format("campaign {} {}", report.campaign.id, report.campaign.spec.name));
  for (size_t i = 0; i < suites.size(); ++i) {
    const bool ok = AddKtapSuite(out, suites[i]);
    out += fmt::format("{} {} {}\n", ok ? "ok" : "not ok", i + 1, OneLine(suites[i].Name()));
  }
  return out;
}

}  // namespace lk::report
