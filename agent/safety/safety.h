// SPDX-License-Identifier: Apache-2.0
// Triggers can crash a machine, so they run only in guests started by lkd.
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// Evidence that distinguishes lkd's guests from all other machines.
struct Surroundings {
  // "cpuid hypervisor KVMKVMKVM", "device tree hypervisor" or "<file> names a QEMU machine", where <file> is
  // /sys/class/dmi/id/sys_vendor or /proc/device-tree/compatible. Empty if no VM was detected.
  std::string hypervisor;
  bool has_config = false;  // /lk/run/config exists
  std::string token;        // from /lk/run/config
};

// Collects the evidence on this machine.
Surroundings LookAround();

// Returns OK if the agent may run here. Error: PERMISSION_DENIED with the reason. There is deliberately no override.
Status MayAct(const Surroundings& surroundings);

}  // namespace lk::agent
