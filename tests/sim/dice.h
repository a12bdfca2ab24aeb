// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <random>

namespace lk::sim {

// All chance of a simulation, from its seed.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(double p) { return static_cast<double>(Below(1000000)) < p * 1000000; }
  // From one second.
  absl::Duration UpTo(uint64_t seconds) { return absl::Seconds(Below(seconds) + 1); }

 private:
  std::mt19937_64 random_;
};

// What may go wrong, as probabilities: each second, unless stated.
struct Hazards {
  double odd_fate = 0.7;  // of a guest
  double host_lost = 0.0005;
  double host_back = 0.02;       // while it is lost
  double start_fails = 0.05;     // of a VM
  double destroy_fails = 0.05;   // of a VM
  double paused = 0.002;         // a running guest
  double step_fails = 0.1;       // of a post-mortem
  double console_cut = 0.1;      // a guest's console ends and nobody says so
  double cancelled = 0.001;      // a campaign
  double killed = 0.0002;        // lkd, at each thing it does
  double store_refuses = 0.001;  // a change

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
