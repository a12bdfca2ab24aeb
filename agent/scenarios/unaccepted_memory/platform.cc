// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/unaccepted_memory/platform.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

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
    platform.harness_ = access(Harness("retries").c_str(), F_OK) == 0;
    std::vector<std::string> files;
    for (const char* name : {"unit", "ns_per_page", "accepted", "accepted_twice", "most_cpus", "boot_ns"})
      files.push_back(Emulation(name));
    if (platform.harness_) files.push_back(Harness("used_unaccepted"));
    // Later, ReadNumber would take a file that does not exist for one that counts nothing.
    for (const std::string& file : files) {
      if (access(file.c_str(), R_OK) != 0) return absl::NotFoundError(file + ": cannot read it");
    }
    platform.unit_ = ReadNumber(Emulation("unit"));
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

absl::Duration Platform::Cost() const {
  return absl::Nanoseconds(ReadNumber(Emulation("ns_per_page")) * (step() / kPage));
}

Account Platform::Read() const {
  if (!emulated_) return {};
  return {ReadNumber(Emulation("accepted")),      ReadNumber(Emulation("accepted_twice")),
          ReadNumber(Harness("used_unaccepted")), ReadNumber(Harness("retries")),
          ReadNumber(Emulation("most_cpus")),     absl::Nanoseconds(ReadNumber(Emulation("boot_ns")))};
}

Status Platform::ResetMostCpus() const {
  return emulated_ ? WriteFile(Emulation("most_cpus"), "0") : absl::OkStatus();
}

}  // namespace lk::agent::unaccepted_memory
