// SPDX-License-Identifier: Apache-2.0
// The post-mortem steps that the driver performs on a hung guest: reading its registers from QEMU, sending it an NMI,
// and dumping its memory.
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
  std::string host_uri;             // libvirt URI
  uint64_t memory_bytes = 0;        // maximum, hotplug included
  std::filesystem::path directory;  // of the run; the dump is written there
};

// Name of a memory dump in the run's directory.
inline constexpr char kVmcore[] = "vmcore";

// Performs kRegisters, kNmi or kDump. Blocks for as long as the hypervisor call does. Failures and skips are recorded
// in the step; the core sets its `seconds`.
PostMortemStepDone PerformStep(campaign::PostMortemStep::Step step, const HungGuest& guest, const DumpLimits& limits,
                               vm::Hypervisor& hypervisor);

}  // namespace lk::scheduler
