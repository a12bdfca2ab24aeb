// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace lk {

// The order in which verdicts decide what becomes of many runs: lkd of a campaign, lkctl of a cell of its matrix.
inline constexpr std::array<std::string_view, 6> kWorstVerdictFirst = {"fail",     "error", "miss",
                                                                       "unproven", "pass",  "skip"};

}  // namespace lk
