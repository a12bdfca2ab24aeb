// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/fault_injection.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>

#include "agent/files.h"
#include "support/file.h"

namespace lk::agent::ipi_low_memory {
namespace {

// Initial value of "times", which the kernel decrements for each failure.
constexpr uint64_t kTimes = 2'000'000'000;

// The last three settings make the kernel log injected failures, but at most one per second.
constexpr struct {
  const char* file;
  const char* value;
} kSettings[] = {{"probability", "0"},
                 {"task-filter", "Y"},
                 {"interval", "1"},
                 {"ignore-gfp-wait", "Y"},
                 {"times", "2000000000"},
                 {"verbose", "1"},
                 {"verbose_ratelimit_interval_ms", "1000"},
                 {"verbose_ratelimit_burst", "1"}};

}  // namespace

StatusOr<FaultInjection> FaultInjection::Open() {
  FaultInjection injection;
  for (const char* folder : {"/sys/kernel/debug/failslab", "/sys/kernel/debug/fail_page_alloc"}) {
    if (access(folder, F_OK) != 0) continue;
    for (const auto& [file, value] : kSettings) {
      LK_RETURN_IF_ERROR(WriteFile(fmt::format("{}/{}", folder, file), value));
    }
    injection.folders_.emplace_back(folder);
  }
  if (injection.folders_.empty()) {
    return absl::FailedPreconditionError(
        "the kernel has neither failslab nor fail_page_alloc (FAULT_INJECTION_DEBUG_FS)");
  }
  // Include allocations of a single page; by default only larger ones fail.
  if (const std::string& last = injection.folders_.back(); last.ends_with("fail_page_alloc")) {
    LK_RETURN_IF_ERROR(WriteFile(last + "/min-order", "0"));
  }
  return injection;
}

Status FaultInjection::SetPercent(uint64_t percent) const {
  for (const std::string& folder : folders_) {
    LK_RETURN_IF_ERROR(WriteFile(folder + "/probability", fmt::format("{}", percent)));
  }
  return absl::OkStatus();
}

uint64_t FaultInjection::Landed() const {
  uint64_t landed = 0;
  for (const std::string& folder : folders_) {
    const auto text = ReadFile(folder + "/times");
    uint64_t left = kTimes;
    if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), left);
    landed += kTimes - left;
  }
  return landed;
}

void MakeThisThreadFail() {
  (void)WriteFile("/proc/thread-self/make-it-fail", "1");
}

}  // namespace lk::agent::ipi_low_memory
