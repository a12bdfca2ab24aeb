// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::report {

// The style sheet of the HTML report: the system's fonts, light or dark as the reader has it, nothing fetched.
extern const char kStyle[];

}  // namespace lk::report
