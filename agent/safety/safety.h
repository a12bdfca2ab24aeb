// SPDX-License-Identifier: Apache-2.0
// The triggers can take a machine down: they run in guests that a controller started, nowhere else.
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// What tells a guest of ours from any other machine.
struct Surroundings {
  // "cpuid hypervisor KVMKVMKVM", "device tree hypervisor", "DMI QEMU"; empty: nothing says that this is a VM.
  std::string hypervisor;
  bool has_config = false;  // /lk/run/config is there
  std::string token;        // of it
};

Surroundings LookAround();

// OK: we may act. PERMISSION_DENIED: what speaks against it. There is deliberately no way around.
Status MayAct(const Surroundings& surroundings);

}  // namespace lk::agent
