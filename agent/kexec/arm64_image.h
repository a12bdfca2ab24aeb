// SPDX-License-Identifier: Apache-2.0
// Prepares the segments of an arm64 kernel for kexec_load(2). kexec_file_load(2) would prepare them in the kernel, but
// many kernels, including Debian's, lack that system call.
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
  uint64_t bytes = 0;    // a multiple of the page size; zero-filled beyond `content`
  std::string content;
};
struct KexecPlan {
  uint64_t entry = 0;
  std::vector<KexecSegment> segments;
};

struct Arm64Boot {
  std::string_view kernel;  // an Image (Documentation/arch/arm64/booting.rst)
  std::string_view initramfs;
  std::string_view device_tree;  // the running kernel's (/sys/firmware/fdt)
  std::string command_line;
  std::string random;  // seed for the next kernel's random number generator, 32 bytes or more
  uint64_t page_size = 4096;
};

// Returns the memory in which a new kernel can be placed, according to the text of /proc/iomem: System RAM, except the
// running kernel and everything that is reserved by firmware or for a crash kernel.
Ranges FreeMemory(std::string_view iomem);

// Places kernel, trampoline (which passes the device tree to the kernel), device tree and initramfs back to back in one
// free range. Errors: INVALID_ARGUMENT (not an Image, or a malformed device tree), RESOURCE_EXHAUSTED (no range is
// large enough).
StatusOr<KexecPlan> PlanArm64(const Arm64Boot& boot, const Ranges& free);

}  // namespace lk::agent
