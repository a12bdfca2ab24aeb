// SPDX-License-Identifier: Apache-2.0
// What one boot hands on to the next one of its run.
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::v1 {
class Carried;
}  // namespace lk::v1

namespace lk::agent {

// Where the guest finds lk.v1.Carried of the boot before; in a run's first boot there is none.
inline constexpr char kCarriedPath[] = "/lk/run/carried";

// The file's content, always of the same size: two boots shall differ in nothing but what is in it.
// Error: RESOURCE_EXHAUSTED (more than fits).
StatusOr<std::string> EncodeCarried(const v1::Carried& carried);
// Error: DATA_LOSS (not what EncodeCarried gives).
StatusOr<v1::Carried> DecodeCarried(std::string_view content);

}  // namespace lk::agent
