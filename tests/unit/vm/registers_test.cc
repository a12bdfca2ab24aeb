// SPDX-License-Identifier: Apache-2.0
// The files in registers/ were printed by QEMU 10.0 running Debian kernels. Most vector registers have been removed.
#include "server/vm/libvirt/registers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace lk::vm::libvirt {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string Recorded(const std::string& name) {
  std::ifstream in(LK_REGISTERS "/" + name + ".txt", std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_NE(text.str(), "") << name;
  return text.str();
}

TEST(Registers, AreReadFromRecordedOutput) {
  const struct {
    const char* text;
    uint32_t index;
    bool halted;
    bool interrupts_off;
    uint64_t instruction_pointer;
  } rows[] = {
      {"x86_64-idle", 0, true, false, 0xffffffff9f80dfeb},
      {"x86_64-idle", 1, true, false, 0xffffffff9f80dfeb},
      {"x86_64-panicked", 0, false, false, 0xffffffffa1c7b567},  // waits in panic() with interrupts on
      {"x86_64-panicked", 1, true, true, 0xffffffffa1050737},    // stop_this_cpu()
      {"x86_64-one-cpu-started", 0, true, false, 0xffffffffb640dfeb},
      {"x86_64-one-cpu-started", 1, true, true, 0xfd0cf},    // still in the firmware, in protected mode
      {"aarch64-idle", 0, false, true, 0xffffdc9850e3239c},  // another command shows whether it is halted
      {"aarch64-idle", 1, false, true, 0xffffdc9850e3239c},
      {"aarch64-one-cpu-started", 0, false, true, 0xffffb6ec3a43239c},
      {"aarch64-one-cpu-started", 1, true, true, 0},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(row.text) + " CPU#" + std::to_string(row.index));
    const auto vcpus = ParseRegisters(Recorded(row.text));
    ASSERT_THAT(vcpus, SizeIs(2));
    const Vcpu& vcpu = vcpus[row.index];
    EXPECT_EQ(vcpu.index, row.index);
    EXPECT_EQ(vcpu.halted, row.halted);
    EXPECT_EQ(vcpu.interrupts_off, row.interrupts_off);
    EXPECT_EQ(vcpu.instruction_pointer, row.instruction_pointer);
  }
}

TEST(Registers, GeneralRegistersAreKeptAsPrinted) {
  const auto x86 = ParseRegisters(Recorded("x86_64-idle"))[0].registers;
  EXPECT_THAT(x86, StartsWith("RAX=000000000001ad40 RBX=0000000000000000"));
  EXPECT_THAT(x86, HasSubstr("EFER=0000000000000d01\n"));
  const auto arm = ParseRegisters(Recorded("aarch64-idle"))[1].registers;
  EXPECT_THAT(arm, StartsWith(" PC=ffffdc9850e3239c X00=0000000000000001"));
  EXPECT_THAT(arm, HasSubstr("PSTATE=600000c5 -ZC- EL1h"));
  for (const auto& text : {x86, arm}) {
    EXPECT_THAT(text, Not(HasSubstr("\r")));
    EXPECT_THAT(text, Not(HasSubstr("FCW=")));
    EXPECT_THAT(text, Not(HasSubstr("XMM")));
    EXPECT_THAT(text, Not(HasSubstr("Q00=")));
  }
}

TEST(Registers, OtherTextIsIgnored) {
  EXPECT_THAT(ParseRegisters(""), IsEmpty());
  EXPECT_THAT(ParseRegisters("unknown command: 'info'\r\n"), IsEmpty());
  const auto bare = ParseRegisters("CPU#7");
  ASSERT_THAT(bare, SizeIs(1));
  EXPECT_EQ(bare[0].index, 7u);
  EXPECT_EQ(bare[0].registers, "");
  EXPECT_FALSE(bare[0].interrupts_off);
}

TEST(Registers, AreBounded) {
  std::string text = "CPU#0\r\n";
  for (int i = 0; i < 10000; ++i) text += "R0=0000000000000000\r\n";
  EXPECT_LE(ParseRegisters(text)[0].registers.size(), 5000u);
}

TEST(Registers, TheInstructionBeforeThePcShowsWhetherAnAarch64CpuIsHalted) {
  const auto idle = ParseRegisters(Recorded("aarch64-one-cpu-started"));
  EXPECT_EQ(InstructionCommand(idle[0]),
            R"({"execute": "human-monitor-command", "arguments": {"command-line": "x /1wx 0xffffb6ec3a432398", )"
            R"("cpu-index": 0}})");
  EXPECT_EQ(InstructionCommand(idle[1]), "") << "the CPU has never been started";
  EXPECT_EQ(InstructionCommand(ParseRegisters(Recorded("x86_64-idle"))[0]), "")
      << "on x86-64, QEMU prints whether a CPU is halted";

  EXPECT_TRUE(ShowsRest(R"({"return":"ffffdc9850e32398: 0xd503207f\r\n","id":"libvirt-12"})"));
  EXPECT_TRUE(ShowsRest(R"({"return":"ffff800080000000: 0xd4000002\r\n","id":"libvirt-12"})"));
  EXPECT_FALSE(ShowsRest(R"({"return":"ffffdc9850e32398: 0x14000000\r\n","id":"libvirt-12"})"));
  EXPECT_FALSE(ShowsRest(R"({"return":"ffffdc9850e32398: Cannot access memory\r\n","id":"libvirt-12"})"));
}

}  // namespace
}  // namespace lk::vm::libvirt
