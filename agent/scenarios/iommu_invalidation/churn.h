// SPDX-License-Identifier: Apache-2.0
// What makes the VT-d driver flush more than I/O mappings.
#pragma once

#include <string>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::iommu_invalidation {

// Numbers of the interrupts in /proc/interrupts, those of one CPU only (NMI, LOC ...) left out.
std::vector<unsigned> ParseInterrupts(std::string_view text);

// Moves interrupts from CPU to CPU until the duration is over: each move flushes an entry of the interrupt remapping
// table's cache. Counters: affinity_changes, interrupts_moved (how many different ones). Interrupts whose place the
// kernel itself manages are left alone. Probe: irq_affinity.
void ChurnAffinity(Context& context, const std::vector<int>& cpus);

// Takes the driver off a PCI device, changes its IOMMU domain and back, and gives it the driver again, every `period`,
// until the duration is over: flushes of its mappings, its device TLB and its context entry. Counters: rebinds,
// domain_changes. Probe: rebind.
void ChurnDevice(Context& context, const std::string& pci_address, absl::Duration period);

}  // namespace lk::agent::iommu_invalidation
