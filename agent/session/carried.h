// SPDX-License-Identifier: Apache-2.0
// State that is passed from one boot of a run to the next.
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::v1 {
class Carried;
}  // namespace lk::v1

namespace lk::agent {

// Holds the lk.v1.Carried of the previous boot; does not exist in a run's first boot.
inline constexpr char kCarriedPath[] = "/lk/run/carried";

// Returns the contents for kCarriedPath, padded to a fixed size so that boots differ as little as possible.
// Error: RESOURCE_EXHAUSTED (too large).
StatusOr<std::string> EncodeCarried(const v1::Carried& carried);
// Error: DATA_LOSS (not written by EncodeCarried).
StatusOr<v1::Carried> DecodeCarried(std::string_view content);

}  // namespace lk::agent
