// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/caller.h"

#include <fmt/format.h>

#include <cstring>

#include "agent/probes/probes.h"

namespace lk::agent::ipi_low_memory {

bool Caller::WithFailure(const Gauge& gauge, absl::FunctionRef<void()> work) {
  Injection& injection = injections_[&gauge];
  if (!terms_.pressure || injection.turns++ % 100 >= terms_.inject_percent) {
    work();
    return false;
  }
  fail_nth_.Arm(injection.last + 1);
  work();
  const bool failed = fail_nth_.Disarm();
  injection.last = failed ? injection.last + 1 : 0;
  if (failed) {
    ++terms_.failures_landed;
    context_.Count("failures_in_" + gauge.name());
  }
  return failed;
}

bool Caller::Make(Gauge& gauge, std::string_view name, absl::FunctionRef<int()> call) {
  int error = 0;
  uint64_t took = 0;
  const bool failed = WithFailure(gauge, [&] {
    const uint64_t start = MonotonicNs();
    error = call();
    took = MonotonicNs() - start;
  });
  if (error == kNotMade) return false;
  if (error == 0) gauge.Record(took);
  const absl::Duration time = absl::Nanoseconds(took);
  if (time > terms_.limit) {
    context_.CountLate("calls_slow", fmt::format("{} took {}", name, absl::FormatDuration(time)), time, terms_.limit);
  }
  if (Refused(error, failed)) context_.CountFailure("calls_refused", fmt::format("{}: {}", name, strerror(error)));
  return error == 0;
}

}  // namespace lk::agent::ipi_low_memory
