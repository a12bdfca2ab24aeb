// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/unaccepted_memory/platform.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "agent/files.h"
#include "agent/scenarios/meminfo.h"
#include "support/file.h"

namespace lk::agent::unaccepted_memory {
namespace {

constexpr char kEmulated[] = "/sys/module/lk_unaccepted_memory/parameters/emulated";
constexpr char kUnit[] = "/sys/module/lk_unaccepted_memory/parameters/unit";
constexpr char kCost[] = "/sys/module/lk_unaccepted_memory/parameters/ns_per_page";

}  // namespace

StatusOr<Platform> Platform::Find() {
  const auto unaccepted = Meminfo("Unaccepted");
  if (!unaccepted)
    return absl::FailedPreconditionError("the kernel does not support unaccepted memory (CONFIG_UNACCEPTED_MEMORY)");
  const auto emulated = ReadFile(kEmulated);
  if (*unaccepted == 0) {
    return absl::FailedPreconditionError(
        emulated.ok() ? "all memory is already accepted: the guest has none above the address in lk_unaccepted="
                      : "all memory is already accepted: this is neither a confidential guest that accepts lazily nor "
                        "a lab kernel (lk_unaccepted=)");
  }
  if (!emulated.ok() || !emulated->starts_with('Y')) return Platform(false, 0);
  LK_ASSIGN_OR_RETURN(const std::string text, ReadFile(kUnit));
  uint64_t unit = 0;
  std::from_chars(text.data(), text.data() + text.size(), unit);
  return Platform(true, unit);
}

Status Platform::SetCost(absl::Duration per_page) const {
  if (!emulated_) return absl::OkStatus();
  return WriteFile(kCost, fmt::format("{}", absl::ToInt64Nanoseconds(per_page)));
}

}  // namespace lk::agent::unaccepted_memory
