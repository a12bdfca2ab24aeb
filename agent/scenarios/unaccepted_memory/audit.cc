// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/unaccepted_memory/audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/scenarios/meminfo.h"

namespace lk::agent::unaccepted_memory {

uint64_t Unaccounted(uint64_t accepted, uint64_t before, uint64_t after, uint64_t slack) {
  const uint64_t claimed = before - std::min(before, after);
  const uint64_t difference = std::max(accepted, claimed) - std::min(accepted, claimed);
  return difference - std::min(difference, slack);
}

Audit::Audit(Context& context, const Platform& platform)
    : context_(context), platform_(platform), start_(platform.Read()), unaccepted_(Meminfo("Unaccepted").value_or(0)) {
  if (!platform.emulated()) context.SkipPart("accounting: hardware does not show how much memory it has accepted");
  if (!platform.harness()) context.SkipPart("retries: only the lab kernel counts them");
}

void Audit::Raise(const std::string& counter, uint64_t value, const std::string& what, const std::string& unit) {
  if (value == 0) return;
  // Keeps the text of the first difference.
  context_.CountFailure(counter, what);
  context_.SetCounter(counter, static_cast<double>(value), unit);
}

void Audit::Check() {
  if (!platform_.emulated()) return;
  const Account now = platform_.Read();
  const uint64_t twice = now.accepted_twice - start_.accepted_twice;
  Raise("accepted_twice", twice, fmt::format("{} units of {} KiB were accepted twice", twice, platform_.unit() >> 10));
  if (!platform_.harness()) return;
  const uint64_t used = now.used_unaccepted - start_.used_unaccepted;
  Raise("used_unaccepted", used, fmt::format("the page allocator handed out {} unaccepted pages", used));
  context_.SetCounter("retries", static_cast<double>(now.retries - start_.retries));
}

void Audit::CheckAtRest() {
  Check();
  if (!platform_.emulated()) return;
  const uint64_t accepted = platform_.Read().accepted - start_.accepted;
  const uint64_t unaccepted = Meminfo("Unaccepted").value_or(0);
  // The unit beyond a chunk is accepted before the chunk that it belongs to, and the kernel may accept a chunk for
  // itself at any time.
  const uint64_t bytes = Unaccounted(accepted, unaccepted_, unaccepted, 4 * platform_.step());
  Raise("unaccounted", bytes,
        fmt::format("{} MiB were accepted, but Unaccepted fell from {} MiB to {} MiB", accepted >> 20,
                    unaccepted_ >> 20, unaccepted >> 20),
        "By");
}

void Audit::ReportRetries() {
  if (platform_.harness() && platform_.Read().retries == start_.retries)
    context_.SkipPart("retries: no CPU found its range in progress on another one");
}

}  // namespace lk::agent::unaccepted_memory
