// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lk::vm::libvirt {

// A guest of about 200 bytes that shows whether an x86 vCPU really works: a Multiboot image (for QEMU's -kernel) that
// starts in 32-bit protected mode, builds page tables, switches to 64-bit long mode, prints kProbeWord on the first
// serial port and halts. Running the firmware proves too little: on some hosts with KVM, SeaBIOS runs in real mode, but
// every kernel hangs on its way to 64-bit mode. If lkd is built for arm64, this is an Image that prints the same word;
// on other architectures, it is empty.
std::string_view ProbeGuest();
inline constexpr std::string_view kProbeWord = "lk-probe-64";

}  // namespace lk::vm::libvirt
