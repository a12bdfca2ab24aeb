// SPDX-License-Identifier: Apache-2.0
// Finds lockups and other kernel reports in a console stream. Does no I/O; lkctl links it as well.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/detect/finding.h"

namespace lk::detect {

// A literal that a scenario's invariant looks for in kernel log lines.
struct InvariantLiteral {
  std::string name;
  std::string literal;
};

struct Options {
  std::vector<InvariantLiteral> invariants;
  // Number of expected "Linux version" lines after the first one. They are not reported as unexpected_reboot.
  uint32_t announced_boots = 0;
  // Parse a line only if it contains a literal of the signature table or of an invariant, or if a report is open. If
  // false, every line is parsed, as on CPUs that the prefilter does not support. The findings are the same either way.
  bool prefilter = true;
  // The log may be in any container (container.h), wrapped by a mailer, and in UTF-16; offsets are those of the UTF-8.
  // Not for the console of a guest, on which programs could print what looks like a container.
  bool containers = false;
};

struct Callbacks {
  // A complete report. Called from Feed, FeedRecord, Flush or Finish.
  std::function<void(Finding)> on_finding;
  // The first line of a report, with `open` set. The complete finding follows later, with the same kind and
  // start_offset, unless the header turns out to be a truncated copy.
  std::function<void(Finding)> on_header;
  // The agent's canary, a line that looks like a soft lockup, with its nonce (16 hex digits). It is not reported as a
  // finding.
  std::function<void(std::string_view nonce)> on_canary;
  // The kernel has printed that the problem of a finding is over: the one with this start_offset, which has been
  // reported without `transient`.
  std::function<void(uint64_t start_offset)> on_over = {};
};

// A record of the kernel log, as read from /dev/kmsg.
struct KernelRecord {
  absl::Duration since_boot;
  std::string_view text;  // may consist of several lines, separated by "\n"
};

// What the log itself shows.
struct LogFacts {
  // What carries the kernel's text (container.h): "journalctl", "dmesg -T" and so on; "console" if there is nothing in
  // front of it.
  std::string container = "console";
  bool kernel_lines = false;  // whether a line looks like the kernel's
  std::string architecture;   // as in Finding; of the first report or boot that shows it
  std::string kernel_release;
};

// The findings do not depend on how the input is split between calls. Memory use is bounded, whatever the input.
class Engine {
 public:
  Engine(Options options, Callbacks callbacks);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void Feed(std::string_view bytes);
  // Feeds one record. Its text has no console prefix; excerpts show it as it would appear on a console. Must not be
  // called while a line from Feed is incomplete.
  void FeedRecord(const KernelRecord& record);
  // Completes all open reports with the lines read so far. To be called when the console has been silent for a while.
  // Later lines are not added to these reports. An unfinished line is kept.
  void Flush();
  // The stream has ended: handles an unfinished line as if a newline followed, then completes all open reports.
  void Finish();
  // Announces one more boot, which is then not reported as unexpected_reboot.
  void AnnounceBoot();
  // Number of bytes fed so far.
  uint64_t offset() const;
  // From what has been fed so far.
  LogFacts facts() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Returns the findings in a complete log, one per report; findings that share a cause are not merged (see fold.h).
std::vector<Finding> Detect(std::string_view log, const Options& options = {});

}  // namespace lk::detect
