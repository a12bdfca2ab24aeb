// SPDX-License-Identifier: Apache-2.0
// The kernel's own statistics for the time during which a trigger runs, as a cross-check of the trigger's counters.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lk::v1 {
class Counter;
}  // namespace lk::v1

namespace lk::agent {

// Not thread-safe.
class GuestFigures {
 public:
  // Reads the current values from files under `root`, omitting those that this kernel lacks.
  explicit GuestFigures(std::string root = "");

  // Returns how much each value has risen since construction, as counters named "guest_<name>".
  std::vector<v1::Counter> Risen() const;

 private:
  struct Row;
  struct Noted {
    const Row* row;
    double value;
  };
  static const Row kRows[];
  std::optional<double> Read(const Row& row) const;

  const std::string root_;
  std::vector<Noted> noted_;
};

}  // namespace lk::agent
