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

// Of all CPUs: interrupts that came as messages through an ITS, in the text of /proc/interrupts.
uint64_t ItsInterrupts(std::string_view interrupts);

// Reads the run's scratch disks, virtio with MSI-X, past the page cache, a block every millisecond or so, as long as it
// lives.
class Traffic {
 public:
  explicit Traffic(Context& context);
  // Disks that are read.
  size_t disks() const { return disks_.size(); }

 private:
  std::vector<UniqueFd> disks_;
  std::vector<std::jthread> readers_;
};

}  // namespace lk::agent::gic_lpi_hotplug
