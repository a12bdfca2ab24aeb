// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <iosfwd>
#include <string>

namespace lk::v1 {
class Campaign;
class Counts;
}  // namespace lk::v1

namespace lk::cli {

// "10 pass, 1 fail, 2 pending"; "no runs".
std::string FormatCounts(const v1::Counts& counts);

// Prints a campaign: the matrix of kernels and scenarios, mutants, runs that did not pass, latencies, findings, and
// suggested next commands.
void ShowCampaign(const v1::Campaign& campaign, absl::TimeZone zone, bool color, std::ostream& out);

}  // namespace lk::cli
