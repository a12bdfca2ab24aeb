// SPDX-License-Identifier: Apache-2.0
#include "server/detect/architecture.h"

#include <algorithm>
#include <span>

namespace lk::detect {
namespace {

struct Sign {
  std::string_view begins;
  std::string_view architecture;
};

constexpr Sign kRegisters[] = {
    {"RIP: ", "x86_64"},
    {"EIP: ", "i686"},
    {"EIP is at ", "i686"},
    {"pstate: ", "aarch64"},
    {"PC is at ", "armv7l"},
    {"LR is at ", "armv7l"},
    {"Krnl PSW : ", "s390x"},
    {"NIP [c0000000000", "ppc64"},
    {"NIP:  c00000000", "ppc64"},
    {"NIP: c00000000", "ppc64"},
    {"NIP [c0", "ppc"},
    {"epc : ", "riscv64"},
    {"epc   : ffffffff", "mips64"},
    {"epc   : 9", "mips64"},
    {"epc   : 8", "mips"},
    {"era : 9", "loongarch64"},
    {"ERA: 9", "loongarch64"},
    {"era   : 9", "loongarch64"},
};

constexpr Sign kEntries[] = {
    {"entry_SYSCALL_64", "x86_64"},  {"asm_sysvec_", "x86_64"},      {"entry_INT80_32", "i686"},
    {"el0t_64_sync", "aarch64"},     {"el1h_64_", "aarch64"},        {"el0_svc", "aarch64"},
    {"ret_fast_syscall", "armv7l"},  {"__irq_svc", "armv7l"},        {"system_call_ex", "ppc64"},
    {"handle_riscv_irq", "riscv64"}, {"do_trap_ecall_u", "riscv64"}, {"handle_syscall", "loongarch64"},
};

std::string_view Find(std::span<const Sign> signs, std::string_view text) {
  const auto sign = std::ranges::find_if(signs, [&](const Sign& s) { return text.starts_with(s.begins); });
  return sign == signs.end() ? std::string_view() : sign->architecture;
}

}  // namespace

std::string_view ArchitectureOfRegisters(std::string_view line) {
  return Find(kRegisters, line.substr(std::min(line.size(), line.find_first_not_of(" \t"))));
}

std::string_view ArchitectureOfEntry(std::string_view function) {
  return Find(kEntries, function);
}

}  // namespace lk::detect
