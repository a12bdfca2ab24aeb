// SPDX-License-Identifier: Apache-2.0
// What the driver does about a guest that hung: asks its QEMU for the registers, sends it an NMI, dumps its memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "server/scheduler/core.h"
#include "server/scheduler/limits.h"
#include "server/vm/hypervisor.h"

namespace lk::scheduler {

struct HungGuest {
  std::string run_id;
  std::string vm;                   // name of the domain
  std::string host_uri;             // libvirt's
  uint64_t memory_bytes = 0;        // at most, hotplug included
  std::filesystem::path directory;  // of the run; the dump goes there
};

// Name of a memory dump in the run's directory.
inline constexpr char kVmcore[] = "vmcore";

// Performs kRegisters, kNmi or kDump; blocks as the hypervisor's call does. What fails or is skipped is told in the
// step; `seconds` is left to the core, which knows when it asked.
PostMortemStepDone PerformStep(campaign::PostMortemStep::Step step, const HungGuest& guest, const DumpLimits& limits,
                               vm::Hypervisor& hypervisor);

}  // namespace lk::scheduler
