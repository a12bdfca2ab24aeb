// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/probe_guest.h"

#if defined(__x86_64__)

// Multiboot 0.6.96: magic, flags (bit 16: addresses follow), checksum, then the addresses of header, load, load end,
// bss end and entry. Loaded at 1 MiB; page tables and stack are in the bss after it. For the registers of long mode,
// see the AMD64 Architecture Programmer's Manual, volume 2, "Long-Mode Initialization".
asm(R"(
  .section .rodata
  .balign 16
  .set lk_base, 0x100000
lk_probe_guest:
  .long 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
  .long lk_base, lk_base, lk_base + (lk_probe_guest_end - lk_probe_guest), lk_base + 0x10000
  .long lk_base + (1f - lk_probe_guest)
  .code32
1:cli
  mov $lk_base + 0x1000, %edi            # PML4, page directory pointers, page directory: cleared
  xor %eax, %eax
  mov $0x3000 / 4, %ecx
  rep stosl
  movl $lk_base + 0x2003, lk_base + 0x1000
  movl $lk_base + 0x3003, lk_base + 0x2000
  mov $lk_base + 0x3000, %edi            # the first GiB in 2 MiB pages
  mov $0x83, %eax
2:mov %eax, (%edi)
  add $0x200000, %eax
  add $8, %edi
  cmp $0x40000083, %eax
  jb 2b
  mov %cr4, %eax
  or $0x20, %eax                         # PAE
  mov %eax, %cr4
  mov $lk_base + 0x1000, %eax
  mov %eax, %cr3
  mov $0xc0000080, %ecx                  # EFER.LME
  rdmsr
  or $0x100, %eax
  wrmsr
  mov %cr0, %eax
  or $0x80000000, %eax                   # paging on: long mode is active
  mov %eax, %cr0
  lgdt lk_base + (5f - lk_probe_guest)
  ljmp $8, $lk_base + (3f - lk_probe_guest)
  .code64
3:lea 7f(%rip), %rsi
  mov $0x3f8, %dx
  mov $(8f - 7f), %ecx
  rep outsb
4:hlt
  jmp 4b
  .balign 8
6:.quad 0, 0x00af9a000000ffff            # null, 64-bit code
5:.word 15
  .long lk_base + (6b - lk_probe_guest)
7:.ascii "\nlk-probe-64\n"
8:
lk_probe_guest_end:
  .text
)");

#elif defined(__aarch64__)

// An arm64 Image (Documentation/arch/arm64/booting.rst), entered with the MMU off. The PL011 of machine type virt is at
// 0x09000000 (QEMU hw/arm/virt.c).
asm(R"(
  .section .rodata
  .balign 16
lk_probe_guest:
  b 1f
  .long 0
  .quad 0                                // text_offset
  .quad lk_probe_guest_end - lk_probe_guest
  .quad 0, 0, 0, 0
  .ascii "ARM\x64"
  .long 0
1:adr x0, 4f
  mov x1, #0x09000000
2:ldrb w2, [x0], #1
  cbz w2, 3f
  strb w2, [x1]
  b 2b
3:wfi
  b 3b
4:.asciz "\nlk-probe-64\n"
lk_probe_guest_end:
  .text
)");

#endif

#if defined(__x86_64__) || defined(__aarch64__)

extern "C" const char lk_probe_guest[];
extern "C" const char lk_probe_guest_end[];

namespace lk::vm::libvirt {

std::string_view ProbeGuest() {
  return {lk_probe_guest, static_cast<size_t>(lk_probe_guest_end - lk_probe_guest)};
}

}  // namespace lk::vm::libvirt

#else

namespace lk::vm::libvirt {

std::string_view ProbeGuest() {
  return {};
}

}  // namespace lk::vm::libvirt

#endif
