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

// A report that is being read: first its header, then further lines as they arrive, until it is complete.
class Report {
 public:
  static constexpr size_t kMaxExcerpt = 16 << 10;

  // `text` is the kernel's text in the line, without prefixes.
  Report(Match header, const Line& line, std::string_view text);

  // Adds the lines that precede the header, from "cut here" onwards; the report then begins there.
  void Precede(uint64_t start, std::string_view lines);

  // Adds a line that follows the header and may or may not belong to the report.
  void Add(const Line& line, std::string_view text);
  // Adds a header that belongs to this report: a subsequent panic, or another line about the same problem.
  void Join(const Match& header, const Line& line, std::string_view text);
  // Whether Join accepts this header.
  bool Takes(const Match& header) const;
  // Whether this header begins a report of another CPU that may be interleaved with this one, so that the following
  // lines may belong to either.
  bool Beside(const Match& header) const;
  // After "Sending NMI from CPU", lines from all CPUs belong to this report.
  bool all_cpus() const { return all_cpus_; }
  // No more lines are expected.
  bool complete() const;
  // Only the header has been read.
  bool only_header() const { return lines_ == 1; }

  // The finding from the header line alone; `open` is set.
  Finding Begun() const;
  Finding Finish() &&;

 private:
  // A report is complete after this many consecutive unrelated lines. It does not end at the first one, because other
  // messages may interrupt a report, and a panic that belongs to it may follow a little later.
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
  std::string pending_;  // unrelated lines, which become part of the excerpt if more of the report follows
  StackReader stacks_;
  std::string access_;
  std::string in_flight_;     // the work function of a stalled workqueue pool
  bool in_the_pool_ = false;  // the current lines describe the stalled pool
  std::string panic_;
  // The stuck CPUs and tasks. If the report names none, the first stack is taken to be that of the stuck code.
  std::vector<int32_t> victim_cpus_;
  std::vector<int32_t> victim_pids_;
  int lines_ = 1;
  int foreign_ = 0;
  bool fatal_;
  bool all_cpus_ = false;
  bool trace_ended_ = false;  // "---[ end trace" has been read, so the next header begins a new report
  bool ended_ = false;
  bool transient_ = false;
  bool saturated_ = false;
};

}  // namespace lk::detect
