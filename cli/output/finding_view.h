// SPDX-License-Identifier: Apache-2.0
// Output of `lkctl detect`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/io.h"
#include "server/detect/engine.h"
#include "server/detect/finding.h"

namespace lk::cli {

// Lines of a log, counted from 1; both are part of the range.
struct LineRange {
  uint64_t first = 0;
  uint64_t last = 0;
};

// The findings in a log, or, if it is followed, those since it was last printed.
struct LogReport {
  std::string file;
  detect::LogFacts facts;
  std::vector<detect::Finding> findings;
  std::map<uint64_t, LineRange> lines;  // of the findings, by start_offset; only if NeedsLines
  bool ended = true;
  size_t earlier = 0;  // the number of findings printed before
};

struct Totals {
  size_t files = 0;
  size_t findings = 0;
  size_t with_findings = 0;
  size_t unreadable = 0;
};

struct FindingStyle {
  bool show = false;     // the reports in full
  bool located = false;  // debug information was available, so that frames may have a file and line
};

class FindingPrinter {
 public:
  virtual ~FindingPrinter() = default;
  virtual void Print(const LogReport& log) = 0;
  // After the last log.
  virtual void End(const Totals& totals) = 0;
};

// Table: one row per finding, or full details with `show`. JSON and YAML: one document per report, with those fields of
// lk.v1.Finding that can be determined from a log alone. SARIF: one document. Markdown: a section per report.
std::unique_ptr<FindingPrinter> MakeFindingPrinter(LocalContext& context, FindingStyle style);

// Whether the format shows line numbers.
bool NeedsLines(Format format);

// Reservations about a finding: "unreliable stack; known: bug 7". Apart from the title, which people copy.
std::string NoteOf(const detect::Finding& finding);
// "3 files: 1 finding in 1; 1 unreadable"
std::string Summary(const Totals& totals);

// The location of the function named in the title; otherwise, of the innermost frame that has one.
std::string LocationOf(const detect::Finding& finding);

}  // namespace lk::cli
