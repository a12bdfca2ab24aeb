// SPDX-License-Identifier: Apache-2.0
// SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), as code scanning services read it.
#pragma once

#include <memory>

#include "cli/output/finding_view.h"

namespace lk::cli {

// Writes one document with one run: results as they come, then the rules of the kinds that occurred.
std::unique_ptr<FindingPrinter> MakeSarifPrinter(LocalContext& context, FindingStyle style);

}  // namespace lk::cli
