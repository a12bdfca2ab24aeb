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

// As campaign::HeldAgainstKernel has it: both of its reasons are told, so that the answer needs no field of its own.
bool HeldAgainstKernel(const v1::Finding& finding);

// The title, or where there is none the kind; marked when it is tolerated or not trusted.
std::string FindingTitle(const v1::Finding& finding);

// "1.23ms"
std::string FormatSeconds(double seconds);

// All that is known of a run, for reading.
void ShowRun(const v1::Run& run, absl::TimeZone zone, bool color, std::ostream& out);

}  // namespace lk::cli
