// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/registers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>

namespace lk::vm::libvirt {
namespace {

constexpr std::string_view kSection = "CPU#";
// How the lines after the general registers begin: x87 and SSE; NEON, SVE and VFP.
constexpr std::string_view kVectors[] = {"FCW=", "Q00=", "FFR=", "P00=", "Z00=", "s00="};
// Twice the longest output seen, in case other QEMU versions print more.
constexpr size_t kMaxRegisters = 4096;

// How QEMU prints the instruction pointer and the flags in a CPU mode.
struct RegisterRow {
  std::string_view instruction_pointer;
  std::string_view flags;
  uint64_t interrupt_bit;
  bool off_when_set;
};
constexpr uint64_t kIf = uint64_t{1} << 9;  // RFLAGS.IF
constexpr uint64_t kI = uint64_t{1} << 7;   // PSTATE.I
constexpr RegisterRow kRows[] = {
    {"RIP=", "RFL=", kIf, false},
    {"EIP=", "EFL=", kIf, false},  // not in long mode
    {" PC=", "PSTATE=", kI, true},
    {"R15=", "\nPSR=", kI, true},  // aarch64 in a 32-bit program; the newline excludes FPSR
};

// Encodings of instructions with their operands (Arm ARM, C6.2).
constexpr std::string_view kRests[] = {"0xd503207f", "0xd4000002", "0xd4000003"};  // wfi, hvc #0, smc #0

template <typename T>
bool Number(std::string_view text, int base, T& value) {
  return std::from_chars(text.data(), text.data() + text.size(), value, base).ec == std::errc();
}

bool Register(std::string_view section, std::string_view name, uint64_t& value) {
  const size_t at = section.find(name);
  return at != std::string_view::npos && Number(section.substr(at + name.size()), 16, value);
}

// Removes the first line from the text and returns it.
std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line.substr(0, line.find('\r'));
}

Vcpu ParseSection(std::string_view section) {
  Vcpu vcpu;
  Number(TakeLine(section), 10, vcpu.index);
  while (!section.empty()) {
    const std::string_view line = TakeLine(section);
    if (std::any_of(std::begin(kVectors), std::end(kVectors), [&](auto name) { return line.starts_with(name); })) break;
    if (vcpu.registers.size() + line.size() > kMaxRegisters) break;
    if (!line.empty()) vcpu.registers.append(line).push_back('\n');
  }
  for (const RegisterRow& row : kRows) {
    uint64_t flags = 0;
    if (!Register(vcpu.registers, row.flags, flags)) continue;
    Register(vcpu.registers, row.instruction_pointer, vcpu.instruction_pointer);
    vcpu.interrupts_off = ((flags & row.interrupt_bit) != 0) == row.off_when_set;
    // An aarch64 CPU that has never been started is at its reset address, 0.
    vcpu.halted = row.off_when_set && vcpu.instruction_pointer == 0;
  }
  if (vcpu.registers.find("HLT=1") != std::string::npos) vcpu.halted = true;
  return vcpu;
}

}  // namespace

std::vector<Vcpu> ParseRegisters(std::string_view text) {
  std::vector<Vcpu> vcpus;
  for (size_t at = text.find(kSection); at != std::string_view::npos;) {
    text.remove_prefix(at + kSection.size());
    at = text.find(kSection);
    vcpus.push_back(ParseSection(text.substr(0, at)));
  }
  return vcpus;
}

std::string InstructionCommand(const Vcpu& vcpu) {
  if (vcpu.registers.find("PSTATE=") == std::string::npos || vcpu.instruction_pointer < 4) return {};
  return fmt::format(
      R"({{"execute": "human-monitor-command", "arguments": {{"command-line": "x /1wx {:#x}", "cpu-index": {}}}}})",
      vcpu.instruction_pointer - 4, vcpu.index);
}

bool ShowsRest(std::string_view answer) {
  return std::any_of(std::begin(kRests), std::end(kRests),
                     [&](auto word) { return answer.find(word) != std::string_view::npos; });
}

}  // namespace lk::vm::libvirt
