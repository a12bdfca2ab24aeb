// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <iosfwd>
#include <string>

namespace lk::v1 {
class Finding;
class Run;
}  // namespace lk::v1

namespace lk::cli {

// The same rule as campaign::HeldAgainstKernel, applied to the fields that it depends on.
bool HeldAgainstKernel(const v1::Finding& finding);

// The title, or the kind if there is none, marked if the finding is tolerated, known or not trusted.
std::string FindingTitle(const v1::Finding& finding);

// "1.23ms"
std::string FormatSeconds(double seconds);

// Prints everything known about a run.
void ShowRun(const v1::Run& run, absl::TimeZone zone, bool color, std::ostream& out);

}  // namespace lk::cli
