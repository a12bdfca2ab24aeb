// SPDX-License-Identifier: Apache-2.0
// Finds lockups and other kernel reports in a console stream. No I/O; lkctl links it too.
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
  // Announced: that many further "Linux version" lines are no unexpected_reboot.
  uint32_t announced_boots = 0;
  // Lines are read only where a literal of the table was seen in the bytes, or a report is open. Off: every line is
  // read, as on a CPU that the prefilter does not run on. The findings are the same.
  bool prefilter = true;
};

struct Callbacks {
  // A complete report. Called from Feed, Flush or Finish.
  std::function<void(Finding)> on_finding;
  // The first line of a report has been seen: what that line says, `open` set. The finding follows, whole, with the
  // same kind and start_offset, when the report is complete; not where the header turns out to be a cut copy.
  std::function<void(Finding)> on_header;
  // A canary line, with its nonce (16 hex digits). Never a finding.
  std::function<void(std::string_view nonce)> on_canary;
};

// A record of the kernel log, as /dev/kmsg gives it.
struct KernelRecord {
  absl::Duration since_boot;
  std::string_view text;  // lines of one record are separated by "\n"
};

// Same findings however the bytes are split. Memory is bounded whatever comes in.
class Engine {
 public:
  Engine(Options options, Callbacks callbacks);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void Feed(std::string_view bytes);
  // One record; its text holds no prefix of a console's line. Excerpts show it as a console would. Not to be mixed with
  // Feed in the middle of a line.
  void FeedRecord(const KernelRecord& record);
  // Reports a report still being read, as it is (the console has been silent for a while, or has ended). Text that
  // comes later starts anew. The unfinished line is kept.
  void Flush();
  // The stream has ended: what is left is judged as if a newline came.
  void Finish();
  // One more boot is expected.
  void AnnounceBoot();
  // Bytes fed so far.
  uint64_t offset() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// All findings of a complete log, each report by itself; Fold (fold.h) makes one of those that share a cause.
std::vector<Finding> Detect(std::string_view log, const Options& options = {});

}  // namespace lk::detect
