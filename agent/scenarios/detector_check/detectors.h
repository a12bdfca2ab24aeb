// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lk::agent::detector_check {

// What another CPU waits for during a lockup.
enum class Awaited {
  kNothing,
  kResponse,  // a response to a cross-CPU call
  kWork,      // work queued on the CPU that is locked up
};

// One of the kernel's detectors, and the lockup that it reports.
struct Detector {
  const char* name;
  // Config symbol, and the file that exists and contains a number other than 0 if the detector is on.
  const char* symbol;
  const char* enabled;
  // File with the detector's timeout, and how long after that it may report: a multiple of the timeout.
  const char* timeout;
  absl::Duration unit = absl::Seconds(1);
  double multiple;
  // Parameters of test_lockup. The lockup ends when the loading thread receives a signal, except for a sleep (D), which
  // is limited by `time_secs`.
  const char* lockup;
  bool sleeps = false;
  Awaited awaited = Awaited::kNothing;
  // Whether the soft lockup detector, which would report first, must be off. A report touches the watchdogs.
  bool after_soft = false;
  // Any of these texts in the kernel log is a report.
  std::vector<std::string_view> reports;
};

std::span<const Detector> Detectors();

// Whether a line of the kernel log is a report of this detector, and not the canary.
bool IsReport(const Detector& detector, std::string_view line);

// How long to wait for the report. Empty if the kernel lacks the detector or has it switched off. `root` is prefixed to
// all paths.
std::optional<absl::Duration> ReportLimit(const Detector& detector, const std::string& root = "");

// "no time left: 39 s required, 12 s left". Empty if there is enough.
std::string WhyNoTime(absl::Duration required, absl::Duration left);

}  // namespace lk::agent::detector_check
