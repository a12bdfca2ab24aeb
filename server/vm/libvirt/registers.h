// SPDX-License-Identifier: Apache-2.0
// Parses the output of QEMU's monitor about a VM's CPUs. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/vm/hypervisor.h"

namespace lk::vm::libvirt {

// Parses the output of `info registers -a` (QEMU target/i386/cpu-dump.c and target/arm/cpu.c), which has one section
// per vCPU. Floating-point and vector registers are left out of `registers`. `halted` is printed as HLT on x86-64; on
// aarch64, it requires InstructionCommand(). Registers that are missing from a section stay 0.
std::vector<Vcpu> ParseRegisters(std::string_view text);

// QEMU does not print whether an aarch64 CPU is waiting for an interrupt, but the instruction before its PC shows that.
// Returns the QMP command that reads the instruction in the CPU's own address space; empty if there is nothing to read.
std::string InstructionCommand(const Vcpu& vcpu);
// Whether the reply to that command shows a CPU that is idle or off: WFI, or the firmware call that powers a CPU off
// and does not return (PSCI CPU_OFF via HVC or SMC).
bool ShowsRest(std::string_view answer);

}  // namespace lk::vm::libvirt
