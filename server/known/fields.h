// SPDX-License-Identifier: Apache-2.0
// Lists the fields of a known problem; see support/fields.h.
#pragma once

#include "server/known/known.h"
#include "support/fields.h"

namespace lk::known {

LK_FIELDS(Problem, title, kind, reason, until)

}  // namespace lk::known
