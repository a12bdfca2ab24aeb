// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::report {

// A closed confidence interval, at the level passed to the function that returns it.
struct Interval {
  double low = 0;
  double high = 0;

  // Whether all of it lies strictly between `least` and `most`.
  bool Inside(double least, double most) const { return low > least && high < most; }
};

}  // namespace lk::report
