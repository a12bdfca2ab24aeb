// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/detect/finding.h"
#include "server/detect/line_assembler.h"
#include "server/detect/signatures.h"
#include "server/detect/stack.h"

namespace lk::detect {

// A report being read: its header, then its lines as they come, until it is complete.
class Report {
 public:
  static constexpr size_t kMaxExcerpt = 16 << 10;

  // `text` is what the kernel printed on the line, its prefixes taken off.
  Report(Match header, const Line& line, std::string_view text);

  // Lines that stood before the header, from a "cut here" on: the report's text begins there.
  void Precede(uint64_t start, std::string_view lines);

  // A line of the report's context.
  void Add(const Line& line, std::string_view text);
  // A header that belongs to this report: a panic after it, or a later line of the same problem.
  void Join(const Match& header, const Line& line, std::string_view text);
  bool Takes(const Match& header) const;
  // Whether that one's report may come at the same time, from another CPU: the lines that follow are of either.
  bool Beside(const Match& header) const;
  // After "Sending NMI from CPU" the lines of all CPUs are this report's.
  bool all_cpus() const { return all_cpus_; }
  // Nothing more of it will come.
  bool complete() const;
  // Only its header has been read.
  bool only_header() const { return lines_ == 1; }

  // What the header line alone tells; `open` is set.
  Finding Begun() const;
  Finding Finish() &&;

 private:
  // Lines that are not a report's, in a row, after which it is over: other messages come in between, and a panic that
  // belongs to it comes a little later.
  static constexpr int kMaxForeign = 8;
  static constexpr int kMaxLines = 2000;
  static constexpr size_t kUsualExcerpt = 4 << 10;

  Finding Describe(const std::string& function) const;
  void Keep(const Line& line);
  void ReadBody(std::string_view text);
  void ReadVictims(std::string_view text);
  void ReadWorkers(std::string_view text);
  void ReadWorkFunction(std::string_view text);
  bool IsVictim(const Stack& stack) const;
  bool IsLookedAtLate() const;
  const Stack* Choose() const;
  const Stack* Waiter(const Stack* victim) const;
  const std::string& TaskOf(const Stack& stack) const;
  void AddAlternates(Finding& finding, const Stack* stack) const;
  void AddOthers(Finding& finding) const;

  Match header_;
  uint64_t start_;
  uint64_t end_ = 0;
  std::string excerpt_;
  std::string pending_;  // foreign lines: the report's if more of it follows
  StackReader stacks_;
  std::string access_;
  std::string in_flight_;     // the work function of a stalled pool
  bool in_the_pool_ = false;  // the lines are about the stalled pool's work
  std::string panic_;
  std::vector<int32_t> victim_cpus_;  // whom the report is about; none: whose stack comes first
  std::vector<int32_t> victim_pids_;
  int lines_ = 1;
  int foreign_ = 0;
  bool fatal_;
  bool all_cpus_ = false;
  bool trace_ended_ = false;  // "---[ end trace": a new header is a new report
  bool ended_ = false;
  bool transient_ = false;
  bool saturated_ = false;
};

}  // namespace lk::detect
