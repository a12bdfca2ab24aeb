// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/scenarios/iommu_invalidation/direct_io.h"
#include "agent/scenarios/iommu_invalidation/disks.h"
#include "agent/session/context.h"
#include "support/status.h"

namespace lk::agent::iommu_invalidation {

// Until time is up, does I/O on the disk for `removalPeriod`, has it removed under I/O as the parameter `removal` says,
// and attached again. The disk's I/O errors are expected from then on. Its requests must end, and the disk come back,
// within shape.patience. If the first removal fails, that part is skipped. Counters: removals, requests_removed
// (completed on this disk), disks_lost. Probe: replug. Errors of later removals: ABORTED (the host cannot do it),
// DEADLINE_EXCEEDED (no reply from the host); those of DoDirectIo.
Status ChurnDisk(Context& context, Disk disk, const IoShape& shape);

}  // namespace lk::agent::iommu_invalidation
