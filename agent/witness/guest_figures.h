// SPDX-License-Identifier: Apache-2.0
// What the kernel's own statistics say of the time that a trigger ran: a second opinion on the trigger's counters.
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
  // Notes where each figure stands, in files below `root`; what this kernel has not is left out.
  explicit GuestFigures(std::string root = "");

  // How far each has risen since, as counters "guest_<name>".
  std::vector<v1::Counter> Risen() const;

 private:
  struct Row;
  struct Noted {
    const Row* row;
    double value;
  };
  static const Row kRows[];
  std::optional<double> Look(const Row& row) const;

  const std::string root_;
  std::vector<Noted> noted_;
};

}  // namespace lk::agent
