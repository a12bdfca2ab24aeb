// SPDX-License-Identifier: Apache-2.0
// Synthetic runs, generated from a seed.
#pragma once

#include <cmath>
#include <random>

#include "server/report/compare.h"

namespace lk::report {

// Gives the same values on any machine, unlike the distributions in <random>.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  double Share() { return static_cast<double>(random_() >> 11) / 9007199254740992.0; }
  bool Hits(double probability) { return Share() < probability; }
  // Approximately normal: the sum of 12 uniform values (Irwin-Hall).
  double Normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += Share();
    return sum;
  }
  std::mt19937_64& engine() { return random_; }

 private:
  std::mt19937_64 random_;
};

// The properties of a kernel's runs.
struct Nature {
  double pass_rate = 1;
  double median_ns = 100'000;
  // Standard deviations of the logarithm: between runs, and between the samples of a run, which share boot and host.
  double between = 0.1;
  double within = 0.4;
  int latencies = 200;  // per run
};

inline RunSample Draw(const Nature& nature, const std::vector<std::string>& probes, Dice& dice) {
  RunSample run;
  run.passed = dice.Hits(nature.pass_rate);
  for (const std::string& probe : probes) {
    const double median = nature.median_ns * std::exp(nature.between * dice.Normal());
    Histogram& histogram = run.latencies[probe];
    for (int i = 0; i < nature.latencies; ++i) {
      histogram.Record(static_cast<uint64_t>(median * std::exp(nature.within * dice.Normal())));
    }
  }
  return run;
}

inline std::vector<RunSample> Draw(int runs, const Nature& nature, const std::vector<std::string>& probes, Dice& dice) {
  std::vector<RunSample> drawn;
  for (int i = 0; i < runs; ++i) drawn.push_back(Draw(nature, probes, dice));
  return drawn;
}

}  // namespace lk::report
