// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::report {

// The style sheet of the HTML report. It uses system fonts, is light or dark as the reader prefers, and fetches
// nothing.
extern const char kStyle[];

}  // namespace lk::report
