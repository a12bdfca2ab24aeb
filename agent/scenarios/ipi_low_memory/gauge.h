// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "agent/session/context.h"

namespace lk::agent::ipi_low_memory {

// Phase of the run: false while there is enough memory, then true under memory pressure.
using UnderPressure = std::atomic<bool>;

// One latency, at rest (probe <name>_rest) and under pressure (<name>_pressure). Thread-safe.
class Gauge {
 public:
  Gauge(Context& context, const std::string& name, const UnderPressure& pressure)
      : name_(name),
        pressure_(pressure),
        rest_{context.NewRecorder(name + "_rest"), {}},
        stressed_{context.NewRecorder(name + "_pressure"), {}} {}

  const std::string& name() const { return name_; }

  void Record(uint64_t ns) {
    Side& side = pressure_ ? stressed_ : rest_;
    side.reported.Record(ns);
    side.kept.Record(ns);
  }

  // Sets the counters <name>_ratio_p50 and <name>_ratio_p99 to the quantile under pressure divided by the quantile at
  // rest, if there are measurements for both.
  void ReportRatio(Context& context) {
    const Histogram rest = rest_.kept.Take(), stressed = stressed_.kept.Take();
    if (rest.count() == 0 || stressed.count() == 0) return;
    for (const auto& [quantile, suffix] : {std::pair{0.5, "_ratio_p50"}, std::pair{0.99, "_ratio_p99"}}) {
      context.SetCounter(name_ + suffix, static_cast<double>(stressed.Quantile(quantile)) /
                                             static_cast<double>(std::max<uint64_t>(1, rest.Quantile(quantile))));
    }
  }

 private:
  struct Side {
    Recorder& reported;
    Recorder kept;
  };

  const std::string name_;
  const UnderPressure& pressure_;
  Side rest_, stressed_;
};

}  // namespace lk::agent::ipi_low_memory
