// SPDX-License-Identifier: Apache-2.0
// Activities that make the VT-d driver flush caches other than that of I/O mappings.
#pragma once

#include <string>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::iommu_invalidation {

// Returns the numbers of the interrupts in /proc/interrupts, without per-CPU interrupts (NMI, LOC ...).
std::vector<unsigned> ParseInterrupts(std::string_view text);

// Moves interrupts from CPU to CPU until time is up: each move flushes an entry from the cache of the interrupt
// remapping table. Ignores interrupts whose affinity the kernel manages. Counters: affinity_changes, interrupts_moved
// (number of interrupts that can be moved). Probe: irq_affinity.
void ChurnAffinity(Context& context, const std::vector<int>& cpus);

// Every `period` until time is up, unbinds a PCI device from its driver, changes its IOMMU domain and restores it, and
// binds the device again. This flushes the device's mappings, device TLB and context entry. Counters: rebinds,
// domain_changes, rebinds_failed. Probe: rebind.
void ChurnDevice(Context& context, const std::string& pci_address, absl::Duration period);

}  // namespace lk::agent::iommu_invalidation
