// SPDX-License-Identifier: Apache-2.0
// Many comparisons at once.
#pragma once

#include <span>
#include <vector>

namespace lk::report {

// p-values adjusted by S. Holm's step-down method (Scandinavian Journal of Statistics 6, 1979, 65-70): rejecting those
// that are at most alpha makes one wrong rejection or more with a probability of at most alpha, however the comparisons
// depend on each other. In the order given.
std::vector<double> HolmAdjusted(std::span<const double> p);

// Which comparisons are worth making at all: those whose smallest possible p-value is low enough for a place among
// those made (R. E. Tarone, Biometrics 46, 1990, 515-522). `smallest` must follow from the sample sizes alone, never
// from what was seen; then the others take nothing from those made, and Holm's method over these keeps its promise.
std::vector<bool> WorthTesting(std::span<const double> smallest, double alpha);

}  // namespace lk::report
