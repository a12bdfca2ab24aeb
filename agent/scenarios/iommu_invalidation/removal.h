// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/scenarios/iommu_invalidation/direct_io.h"
#include "agent/scenarios/iommu_invalidation/disks.h"
#include "agent/session/context.h"
#include "support/status.h"

namespace lk::agent::iommu_invalidation {

// Until time is up, does I/O on the disk for `removalPeriod`, has it removed under I/O as the parameter `removal` says,
// and attached again. The disk's I/O errors are expected from then on. Its requests must end, and the disk come back,
// within shape.patience. If the first removal fails or does not end in time, that part is skipped. Counters: removals,
// requests_removed (completed on this disk), disks_lost. Probe: replug. Errors: DEADLINE_EXCEEDED (no reply from lkd);
// those of later removals, which say nothing about the kernel: ABORTED (the host cannot do it), UNAVAILABLE (the guest
// did not respond to it), FAILED_PRECONDITION (the guest refused); those of DoDirectIo.
Status ChurnDisk(Context& context, Disk disk, const IoShape& shape);

}  // namespace lk::agent::iommu_invalidation
