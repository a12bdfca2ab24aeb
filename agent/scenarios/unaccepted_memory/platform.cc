// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/unaccepted_memory/platform.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "agent/files.h"
#include "agent/scenarios/meminfo.h"
#include "agent/scenarios/unaccepted_memory/prefill.h"
#include "support/file.h"

namespace lk::agent::unaccepted_memory {
namespace {

std::string Emulation(std::string_view name) {
  return fmt::format("/sys/module/lk_unaccepted_memory/parameters/{}", name);
}
std::string Harness(std::string_view name) {
  return fmt::format("/sys/module/lk_unaccepted_memory_harness/parameters/{}", name);
}

// Returns 0 if this kernel has no such file.
uint64_t ReadNumber(const std::string& path) {
  const std::string text = ReadFile(path).value_or("");
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

StatusOr<Platform> Platform::Find() {
  const auto unaccepted = Meminfo("Unaccepted");
  if (!unaccepted)
    return absl::FailedPreconditionError("the kernel does not support unaccepted memory (CONFIG_UNACCEPTED_MEMORY)");
  const auto emulated = ReadFile(Emulation("emulated"));
  Platform platform;
  platform.emulated_ = emulated.ok() && emulated->starts_with('Y');
  if (platform.emulated_) {
    platform.unit_ = ReadNumber(Emulation("unit"));
    platform.harness_ = access(Harness("retries").c_str(), F_OK) == 0;
    platform.eager_ =
        *unaccepted == 0 && ReadFile("/proc/cmdline").value_or("").find("accept_memory=eager") != std::string::npos;
  }
  if (*unaccepted == 0 && !platform.eager_) {
    return absl::FailedPreconditionError(
        emulated.ok() ? "all memory is already accepted: the guest has none above the address in lk_unaccepted="
                      : "all memory is already accepted: this is neither a confidential guest that accepts lazily nor "
                        "a lab kernel (lk_unaccepted=)");
  }
  return platform;
}

uint64_t Platform::step() const {
  return std::max(unit_, kAllocatorChunk);
}

Status Platform::SetCost(absl::Duration per_step) const {
  if (!emulated_) return absl::OkStatus();
  return WriteFile(Emulation("ns_per_page"), fmt::format("{}", absl::ToInt64Nanoseconds(per_step) / (step() / kPage)));
}

Account Platform::Read() const {
  if (!emulated_) return {};
  return {ReadNumber(Emulation("accepted")),      ReadNumber(Emulation("accepted_twice")),
          ReadNumber(Harness("used_unaccepted")), ReadNumber(Harness("retries")),
          ReadNumber(Emulation("most_cpus")),     absl::Nanoseconds(ReadNumber(Emulation("boot_ns")))};
}

void Platform::ResetMostCpus() const {
  if (emulated_) (void)WriteFile(Emulation("most_cpus"), "0");
}

}  // namespace lk::agent::unaccepted_memory
