// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lk::vm::libvirt {

// A guest of two hundred bytes that tells whether an x86 vCPU really runs: a Multiboot image (QEMU's -kernel takes it)
// that enters 32-bit protected mode, builds page tables, goes on to 64-bit long mode, prints kProbeWord on the first
// serial port and halts. Firmware alone proves too little: there are KVMs on which SeaBIOS runs in real mode, and every
// kernel then spins on its way to 64 bits. Where lkd is built for arm64: an Image that prints the same. Empty
// elsewhere.
std::string_view ProbeGuest();
inline constexpr std::string_view kProbeWord = "lk-probe-64";

}  // namespace lk::vm::libvirt
