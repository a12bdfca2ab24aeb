// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::report {

// Closed; a confidence interval, at the level that its function was asked for.
struct Interval {
  double low = 0;
  double high = 0;

  // Whether all of it lies strictly between the two.
  bool Inside(double least, double most) const { return low > least && high < most; }
};

}  // namespace lk::report
