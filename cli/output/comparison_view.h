// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

namespace lk::v1 {
class CompareKernelsResponse;
}

namespace lk::cli {

// Prints a comparison of two kernels: the runs of each, the rows (worst first), what it would take to decide the
// undecided ones, and a summary.
void ShowComparison(const v1::CompareKernelsResponse& comparison, bool color, std::ostream& out);

}  // namespace lk::cli
