// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace lk {

// The verdict of several runs is the first verdict in this list that at least one of the runs has. lkd uses the list
// for campaigns, lkctl for the cells of its table of verdicts.
inline constexpr std::array<std::string_view, 6> kWorstVerdictFirst = {"fail",     "error", "miss",
                                                                       "unproven", "pass",  "skip"};

}  // namespace lk
