// SPDX-License-Identifier: Apache-2.0
// What kexec_load(2) wants of an arm64 kernel: many builds, Debian's among them, have no kexec_file_load(2), by which
// the kernel would see to all this itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/witness/iomem.h"
#include "support/status.h"

namespace lk::agent {

struct KexecSegment {
  uint64_t address = 0;  // physical, a multiple of the page size
  uint64_t bytes = 0;    // a multiple of the page size; what `content` does not fill is zero
  std::string content;
};
struct KexecPlan {
  uint64_t entry = 0;
  std::vector<KexecSegment> segments;
};

struct Arm64Boot {
  std::string_view kernel;  // an Image (Documentation/arch/arm64/booting.rst)
  std::string_view initramfs;
  std::string_view device_tree;  // that of the running kernel (/sys/firmware/fdt)
  std::string command_line;
  std::string random;  // for the next kernel's random pool, 32 bytes or more
  uint64_t page_size = 4096;
};

// Memory that a new kernel may be put into: System RAM of /proc/iomem without all that is reserved in it, by the
// firmware or for a later kernel, and without the running kernel.
Ranges FreeMemory(std::string_view iomem);

// Puts kernel, initramfs, device tree and the few instructions that hand the tree to the kernel one behind the other
// into one free range. Errors: INVALID_ARGUMENT (no Image, a broken device tree), RESOURCE_EXHAUSTED (no range is large
// enough).
StatusOr<KexecPlan> PlanArm64(const Arm64Boot& boot, const Ranges& free);

}  // namespace lk::agent
