// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

namespace lk::v1 {
class CompareKernelsResponse;
}

namespace lk::cli {

// One kernel against another, for reading: what there is of each, the rows with the worst first, what would decide
// those that are undecided, and the sum of it.
void ShowComparison(const v1::CompareKernelsResponse& comparison, bool color, std::ostream& out);

}  // namespace lk::cli
