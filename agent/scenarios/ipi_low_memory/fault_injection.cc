// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/fault_injection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "agent/files.h"

namespace lk::agent::ipi_low_memory {
namespace {

constexpr char kFailNth[] = "/proc/thread-self/fail-nth";

// The kernel logs injected failures, but at most one per second.
constexpr struct {
  const char* file;
  const char* value;
} kSettings[] = {{"ignore-gfp-wait", "Y"},
                 {"verbose", "1"},
                 {"verbose_ratelimit_interval_ms", "1000"},
                 {"verbose_ratelimit_burst", "1"}};

}  // namespace

Status PrepareFaultInjection() {
  bool any = false;
  for (const std::string folder : {"/sys/kernel/debug/failslab", "/sys/kernel/debug/fail_page_alloc"}) {
    if (access(folder.c_str(), F_OK) != 0) continue;
    for (const auto& [file, value] : kSettings) {
      LK_RETURN_IF_ERROR(WriteFile(fmt::format("{}/{}", folder, file), value));
    }
    // Include allocations of a single page; by default only larger ones fail.
    if (folder.ends_with("fail_page_alloc")) LK_RETURN_IF_ERROR(WriteFile(folder + "/min-order", "0"));
    any = true;
  }
  if (!any) {
    return absl::FailedPreconditionError(
        "the kernel has neither failslab nor fail_page_alloc (FAULT_INJECTION_DEBUG_FS)");
  }
  if (access(kFailNth, W_OK) != 0) return absl::FailedPreconditionError("the kernel has no fail-nth (since 4.13)");
  return absl::OkStatus();
}

FailNth::FailNth() : fd_(open(kFailNth, O_RDWR | O_CLOEXEC)) {}

void FailNth::Arm(unsigned nth) const {
  const auto text = fmt::format_int(nth);
  (void)!pwrite(fd_.get(), text.data(), text.size(), 0);
}

bool FailNth::Disarm() const {
  char left = 0;
  const bool failed = pread(fd_.get(), &left, 1, 0) == 1 && left == '0';
  Arm(0);
  return failed;
}

}  // namespace lk::agent::ipi_low_memory
