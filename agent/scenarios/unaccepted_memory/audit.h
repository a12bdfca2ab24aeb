// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "agent/scenarios/unaccepted_memory/platform.h"
#include "agent/session/context.h"

namespace lk::agent::unaccepted_memory {

// Compares what the kernel says about accepted memory with what the platform has seen, from its construction on.
// Counts a difference as accepted_twice (units), used_unaccepted (pages) or unaccounted (bytes), and sets the counter
// retries. What this kernel or platform does not count is reported as a skipped part.
class Audit {
 public:
  Audit(Context& context, const Platform& platform);
  void Check();
  // Also compares the amount of accepted memory, for which no CPU may be accepting any.
  void CheckAtRest();
  // Reports a skipped part if no CPU had to retry.
  void ReportRetries();

 private:
  void Raise(const std::string& counter, uint64_t value, const std::string& what, const std::string& unit = "1");

  Context& context_;
  const Platform& platform_;
  const Account start_;
  const uint64_t unaccepted_;  // at the start
};

// Returns by how many bytes the memory that the platform accepted differs from the fall of Unaccepted, beyond `slack`.
uint64_t Unaccounted(uint64_t accepted, uint64_t before, uint64_t after, uint64_t slack);

}  // namespace lk::agent::unaccepted_memory
