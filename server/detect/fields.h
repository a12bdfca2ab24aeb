// SPDX-License-Identifier: Apache-2.0
// Lists the fields of a finding; see support/fields.h.
#pragma once

#include "server/detect/finding.h"
#include "support/fields.h"

namespace lk::detect {

LK_FIELDS(Frame, function, offset, module, location)
LK_FIELDS(CpuStack, cpu, task, function, frames)
LK_FIELDS(Party, cpu, task, function)
LK_FIELDS(Finding, kind, title, alt_titles, corrupted, start_offset, end_offset, excerpt, function, frames, others, cpu,
          task, open, seconds_stuck, count, nmi, fatal, transient, saturated, victim, culprit, taint, kernel_release,
          architecture, modules, first_seen, last_seen, witnesses, phase, activity, tolerated, distrust, known, counted)

}  // namespace lk::detect
