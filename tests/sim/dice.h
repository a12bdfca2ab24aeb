// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <random>

namespace lk::sim {

// The source of all randomness in a simulation, derived from its seed.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(double p) { return static_cast<double>(Below(1000000)) < p * 1000000; }
  // At least one second.
  absl::Duration UpTo(uint64_t seconds) { return absl::Seconds(Below(seconds) + 1); }

 private:
  std::mt19937_64 random_;
};

// Probabilities of faults, per second unless stated otherwise.
struct Hazards {
  double odd_fate = 0.7;  // per guest
  double host_lost = 0.0005;
  double host_back = 0.02;       // while it is lost
  double start_fails = 0.05;     // per VM
  double destroy_fails = 0.05;   // per VM
  double paused = 0.002;         // per running guest
  double step_fails = 0.1;       // per post-mortem step
  double console_cut = 0.1;      // per guest: the end of its console stream is not reported
  double cancelled = 0.001;      // of one of the campaigns
  double killed = 0.0002;        // per action of lkd
  double store_refuses = 0.001;  // per change

  static Hazards None() {
    return {.odd_fate = 0,
            .host_lost = 0,
            .host_back = 0,
            .start_fails = 0,
            .destroy_fails = 0,
            .paused = 0,
            .step_fails = 0,
            .console_cut = 0,
            .cancelled = 0,
            .killed = 0,
            .store_refuses = 0};
  }
};

}  // namespace lk::sim
