// SPDX-License-Identifier: Apache-2.0
// Keeps interrupts flowing through the ITS.
#pragma once

#include <cstdint>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/session/context.h"
#include "support/unique_fd.h"

namespace lk::agent::gic_lpi_hotplug {

// Returns the number of interrupts delivered through an ITS, on all CPUs together, from the text of /proc/interrupts.
uint64_t ItsInterrupts(std::string_view interrupts);

// While it exists, reads the run's scratch disks (virtio with MSI-X) with direct I/O, about one block per
// millisecond from each disk.
class Traffic {
 public:
  explicit Traffic(Context& context);
  // Number of disks being read.
  size_t disks() const { return disks_.size(); }

 private:
  std::vector<UniqueFd> disks_;
  std::vector<std::jthread> readers_;
};

}  // namespace lk::agent::gic_lpi_hotplug
