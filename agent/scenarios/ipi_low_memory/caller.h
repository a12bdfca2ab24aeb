// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/time/time.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <map>
#include <string_view>

#include "agent/scenarios/ipi_low_memory/fault_injection.h"
#include "agent/scenarios/ipi_low_memory/gauge.h"
#include "agent/session/context.h"

namespace lk::agent::ipi_low_memory {

// A call that was not made because there was nothing to call, for example a CPU that is offline.
inline constexpr int kNotMade = -1;

// How calls are made and judged, in all threads.
struct Terms {
  absl::Duration limit;            // on the time that a call takes
  uint64_t inject_percent;         // of the calls under pressure; 0 without fault injection
  UnderPressure pressure = false;  // set when it begins
  std::atomic<uint64_t> failures_landed = 0;
};

// Whether a call that ended with `error` (0, an errno or kNotMade) was refused, given whether one of its allocations
// was made to fail.
inline bool Refused(int error, bool allocation_failed) {
  return error > 0 && !(allocation_failed && error == ENOMEM);
}

// Makes the calls of one thread. Counters: failures_in_<gauge> (injected failures), calls_slow (calls that took longer
// than the limit), calls_refused.
class Caller {
 public:
  Caller(Context& context, Terms& terms) : context_(context), terms_(terms) {}

  // Makes and judges a call, which returns 0, its errno or kNotMade. Records its time if it succeeds, and returns
  // whether it does.
  bool Make(Gauge& gauge, std::string_view name, absl::FunctionRef<int()> call);
  // Does this work. Under pressure, one of its atomic allocations fails: the first one, the next time the second one,
  // and so on until there is none left. Returns whether one failed.
  bool WithFailure(const Gauge& gauge, absl::FunctionRef<void()> work);

 private:
  Context& context_;
  Terms& terms_;
  const FailNth fail_nth_;
  struct Injection {
    unsigned last = 0;   // the last allocation that failed
    uint64_t turns = 0;  // calls under pressure
  };
  std::map<const Gauge*, Injection> injections_;
};

}  // namespace lk::agent::ipi_low_memory
