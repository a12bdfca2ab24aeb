// SPDX-License-Identifier: Apache-2.0
// What QEMU's monitor prints about a VM's CPUs. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/vm/hypervisor.h"

namespace lk::vm::libvirt {

// Reads the output of `info registers -a` (QEMU target/i386/cpu-dump.c and target/arm/cpu.c), a section for each vCPU.
// Floating point and vector registers are left out of `registers`. `halted` is what x86-64 prints as HLT; for aarch64
// it takes AsksForInstruction(). A section without the registers that it looks for keeps zeros there.
std::vector<Vcpu> ParseRegisters(std::string_view text);

// QEMU does not print whether an aarch64 CPU waits for an interrupt; the instruction before its PC tells. The QMP
// command that reads it in the CPU's own address space; empty where there is nothing to ask.
std::string InstructionCommand(const Vcpu& vcpu);
// Whether the answer shows a CPU that rests: WFI, or the call to the firmware that switches a CPU off, which it does
// not return from (PSCI CPU_OFF through HVC or SMC).
bool ShowsRest(std::string_view answer);

}  // namespace lk::vm::libvirt
