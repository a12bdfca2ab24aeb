// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/guests.h"

// Multiboot images at 1 MiB (see server/vm/libvirt/probe_guest.cc).
asm(R"(
  .section .rodata
  .balign 16
  .set lk_base, 0x100000
lk_ticker:
  .long 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
  .long lk_base, lk_base, lk_base + (lk_ticker_end - lk_ticker), lk_base + 0x10000
  .long lk_base + (1f - lk_ticker)
  .code32
1:xor %ebx, %ebx
2:mov $lk_base + (7f - lk_ticker), %esi
  mov $5, %ecx
  mov $0x3f8, %dx
  rep outsb
  mov $8, %ecx
3:rol $4, %ebx
  mov %ebx, %eax
  and $15, %eax
  mov lk_base + (8f - lk_ticker)(%eax), %al
  outb %al, %dx
  loop 3b
  mov $10, %al
  outb %al, %dx
  inc %ebx
  mov $300000, %ecx
4:loop 4b
  jmp 2b
7:.ascii "line "
8:.ascii "0123456789abcdef"
lk_ticker_end:
  .balign 16
lk_panicker:
  .long 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
  .long lk_base, lk_base, lk_base + (lk_panicker_end - lk_panicker), lk_base + 0x10000
  .long lk_base + (1f - lk_panicker)
1:mov $0x505, %dx
  mov $1, %al
  outb %al, %dx
2:hlt
  jmp 2b
lk_panicker_end:
  .code64
  .text
)");
extern "C" const char lk_ticker[];
extern "C" const char lk_ticker_end[];
extern "C" const char lk_panicker[];
extern "C" const char lk_panicker_end[];

namespace lk::vm {

std::string_view Ticker() {
  return {lk_ticker, static_cast<size_t>(lk_ticker_end - lk_ticker)};
}

std::string_view Panicker() {
  return {lk_panicker, static_cast<size_t>(lk_panicker_end - lk_panicker)};
}

std::string_view Waiter() {
  // 1: wfi; b 1b
  static constexpr char kCode[] = "\x7f\x20\x03\xd5\xff\xff\xff\x17";
  return {kCode, sizeof(kCode) - 1};
}

}  // namespace lk::vm
