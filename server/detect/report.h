// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/detect/finding.h"
#include "server/detect/line_assembler.h"
#include "server/detect/readers.h"
#include "server/detect/signatures.h"
#include "server/detect/stack.h"

namespace lk::detect {

// A report that is being read: first its header, then further lines as they arrive, until it is complete.
class Report {
 public:
  static constexpr size_t kMaxExcerpt = 16 << 10;

  // `text` is the kernel's text in the line, without prefixes; `micros` is its time since boot, 0 if not known.
  Report(Match header, const Line& line, std::string_view text, int64_t micros);

  // Adds the lines that precede the header, from "cut here" onwards; the report then begins there.
  void Precede(uint64_t start, std::string_view lines);

  // Adds a line that follows the header and may or may not belong to the report.
  void Add(const Line& line, std::string_view text, int64_t micros);
  // Adds a header that belongs to this report: a subsequent panic, or another line about the same problem.
  void Join(const Match& header, const Line& line, std::string_view text, int64_t micros);
  // Whether Join accepts this header.
  bool Takes(const Match& header, int64_t micros) const;
  // Whether this header begins a report of another CPU that may be interleaved with this one, so that the following
  // lines may belong to either.
  bool Beside(const Match& header) const;
  // After "Sending NMI from CPU", lines from all CPUs belong to this report.
  bool all_cpus() const { return all_cpus_; }
  // No more lines are expected.
  bool complete() const;
  // A line at this time does not belong to the report, because the silence before it was too long.
  bool IsOver(int64_t micros) const;
  // The stack that should follow has not been read.
  bool lacks_stack() const { return header_.signature->walk != Walk::kNone && !stacks_.HasFrames(); }
  // Only the header has been read.
  bool only_header() const { return lines_ == 1; }
  // The CPU that is stuck until a cross-CPU call is answered, if the report may be of one. `lock` is -1 if it is any
  // call of that CPU.
  std::optional<CsdWait> Wait() const;
  // Time of the header since boot; 0 if not known.
  int64_t micros() const { return micros_; }

  // The finding from the header line alone; `open` is set.
  Finding Begun() const;
  Finding Finish() &&;

 private:
  class Alternates;

  // A report with a stack is complete after this many consecutive unrelated lines. It does not end at the first one,
  // because other messages may interrupt a report, and a panic that belongs to it may follow a little later.
  static constexpr int kMaxForeign = 8;
  // Before its stack, and before the kernel says whether a cross-CPU call was answered after all.
  static constexpr int kMaxForeignBeforeStack = 400;
  // A CPU that shows its stack waits this long at most for the others (nmi_trigger_cpumask_backtrace,
  // lib/nmi_backtrace.c), and a little more: no report continues after a longer silence.
  static constexpr int64_t kMaxSilence = 15'000'000;  // microseconds
  // A check for hung tasks prints all of them within this time; the next check is many seconds later.
  static constexpr int64_t kSamePass = 3'000'000;  // microseconds
  static constexpr int kMaxLines = 2000;
  static constexpr size_t kUsualExcerpt = 4 << 10;

  Finding Describe(const std::string& function) const;
  void Keep(const Line& line);
  void ReadLine(std::string_view text);
  void ReadModules(std::string_view text);
  void ReadWork(std::string_view text);
  bool AwaitsMore() const;
  bool IsVictim(const Stack& stack) const;
  bool IsLookedAtLate() const;
  const Stack* Choose() const;
  const Stack* Waiter(const Stack* victim) const;
  const std::string& TaskOf(const Stack& stack) const;
  const Stack* StackOf(int32_t pid) const;
  std::string LockSite() const;
  std::string NameBy(const Stack* stack) const;
  std::string FunctionOf(const Stack* stack) const;
  void AddOthers(Finding& finding, const Stack* chosen) const;
  void AddParties(Finding& finding, const Stack* stack) const;

  Match header_;
  uint64_t start_;
  uint64_t end_ = 0;
  std::string excerpt_;
  std::string pending_;  // unrelated lines, which become part of the excerpt if more of the report follows
  StackReader stacks_;
  Body body_;
  std::string panic_;
  std::vector<std::string> modules_;
  std::string work_function_;  // of the worker that runs on the CPU
  int lines_ = 1;
  int foreign_ = 0;
  int64_t micros_;
  int64_t last_micros_;  // of the last line that belongs to the report
  bool fatal_;
  bool all_cpus_ = false;
  bool trace_ended_ = false;  // "---[ end trace" has been read, so the next header begins a new report
  bool ended_ = false;
};

}  // namespace lk::detect
