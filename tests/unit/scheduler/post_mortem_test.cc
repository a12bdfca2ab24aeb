// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/post_mortem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "tests/unit/scheduler/fake_hypervisor.h"

namespace lk::scheduler {
namespace {

using campaign::PostMortemStep;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Outcome = PostMortemStep::Outcome;
using Step = PostMortemStep::Step;

vm::Vcpu Cpu(uint32_t index, bool halted, bool interrupts_off) {
  vm::Vcpu cpu;
  cpu.index = index;
  cpu.halted = halted;
  cpu.interrupts_off = interrupts_off;
  cpu.instruction_pointer = 0xffffffff81000010 + index;
  cpu.registers = "RAX=" + std::to_string(index);
  return cpu;
}

class PostMortemTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "lk-post-mortem-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    guest_.directory = name;
  }
  void TearDown() override { std::filesystem::remove_all(guest_.directory); }

  PostMortemStepDone Perform(Step step) {
    const PostMortemStepDone done = PerformStep(step, guest_, limits_, hypervisor_);
    EXPECT_EQ(done.run_id, "c0-1");
    EXPECT_EQ(done.step.step, step);
    return done;
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(guest_.directory)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  FakeHost host_;
  FakeHypervisor hypervisor_{host_};
  HungGuest guest_{.run_id = "c0-1",
                   .vm = "lk-c0-1",
                   .host_uri = "qemu:///session",
                   .memory_bytes = uint64_t{1} << 30,
                   .directory = {}};
  DumpLimits limits_{.max_bytes = uint64_t{1} << 30, .keep_free = 1};
};

TEST_F(PostMortemTest, ListsTheCpusWithInterruptsOff) {
  host_.cpus = {{Cpu(0, false, true), Cpu(1, false, true)}};
  const PostMortemStepDone done = Perform(Step::kRegisters);
  EXPECT_EQ(done.step.outcome, Outcome::kDone);
  EXPECT_EQ(done.step.detail,
            "2 of 2 CPUs running with interrupts off; CPU 0 at 0xffffffff81000010, CPU 1 at 0xffffffff81000011");
  EXPECT_EQ(done.step.text, "CPU 0\nRAX=0\nCPU 1\nRAX=1\n");
  EXPECT_TRUE(done.interrupts_off);
  EXPECT_THAT(host_.calls, ElementsAre("registers lk-c0-1"));
}

TEST_F(PostMortemTest, InterruptsAreOffIfAllRunningCpusHaveThemOff) {
  host_.cpus = {{Cpu(0, false, true), Cpu(1, true, false)}};
  PostMortemStepDone done = Perform(Step::kRegisters);
  EXPECT_EQ(done.step.detail,
            "1 of 2 CPUs running with interrupts off; CPU 0 at 0xffffffff81000010 (off), CPU 1 halted");
  EXPECT_TRUE(done.interrupts_off);

  host_.cpus = {{Cpu(0, false, true), Cpu(1, false, false)}};
  EXPECT_FALSE(Perform(Step::kRegisters).interrupts_off);

  host_.cpus = {{Cpu(0, true, false), Cpu(1, true, true)}};
  done = Perform(Step::kRegisters);
  EXPECT_FALSE(done.interrupts_off) << "interrupts do not count as off if no CPU is running";
  EXPECT_THAT(done.step.detail, HasSubstr("0 of 2 CPUs running with interrupts off; CPU 0 halted, CPU 1 halted"));
}

TEST_F(PostMortemTest, ManyCpusAreSummarizedAndTheTextIsBounded) {
  std::vector<vm::Vcpu> cpus;
  for (uint32_t i = 0; i < 64; ++i) {
    cpus.push_back(Cpu(i, false, true));
    cpus.back().registers.assign(2000, 'r');
  }
  host_.cpus = cpus;
  const PostMortemStepDone done = Perform(Step::kRegisters);
  EXPECT_THAT(done.step.detail, AllOf(HasSubstr("64 of 64 CPUs"), HasSubstr("CPU 7 at"), HasSubstr(" and 56 more")));
  EXPECT_EQ(done.step.text.size(), 16u << 10);
}

TEST_F(PostMortemTest, AStepFailsIfTheHypervisorReturnsAnError) {
  host_.cpus = absl::UnavailableError("QEMU does not respond");
  host_.nmi = absl::UnavailableError("no such domain");
  const PostMortemStepDone registers = Perform(Step::kRegisters);
  EXPECT_EQ(registers.step.outcome, Outcome::kFailed);
  EXPECT_EQ(registers.step.detail, "QEMU does not respond");
  EXPECT_FALSE(registers.interrupts_off);
  EXPECT_EQ(Perform(Step::kNmi).step.outcome, Outcome::kFailed);
}

TEST_F(PostMortemTest, TheNmiIsSkippedOnAMachineWithoutOne) {
  host_.nmi = absl::UnimplementedError("QEMU does not support NMIs for this machine type");
  const PostMortemStepDone done = Perform(Step::kNmi);
  EXPECT_EQ(done.step.outcome, Outcome::kSkipped);
  EXPECT_EQ(done.step.detail, "QEMU does not support NMIs for this machine type");
}

TEST_F(PostMortemTest, SendsAnNmi) {
  EXPECT_EQ(Perform(Step::kNmi).step.outcome, Outcome::kDone);
  EXPECT_THAT(host_.calls, ElementsAre("nmi lk-c0-1"));
}

TEST_F(PostMortemTest, ADumpGetsItsFinalNameOnceItIsComplete) {
  const PostMortemStepDone done = Perform(Step::kDump);
  EXPECT_EQ(done.step.outcome, Outcome::kDone) << done.step.detail;
  EXPECT_EQ(done.step.detail, "vmcore, 4KiB");
  EXPECT_THAT(host_.calls, ElementsAre("dump vmcore.part"));
  EXPECT_THAT(Files(), ElementsAre("vmcore"));
}

TEST_F(PostMortemTest, APartialDumpFromAnEarlierLkdIsReplaced) {
  std::ofstream(guest_.directory / "vmcore.part") << "half";
  EXPECT_EQ(Perform(Step::kDump).step.outcome, Outcome::kDone);
  EXPECT_THAT(Files(), ElementsAre("vmcore"));
}

TEST_F(PostMortemTest, AFailedDumpLeavesNoFile) {
  host_.dump = absl::ResourceExhaustedError("no space left");
  const PostMortemStepDone done = Perform(Step::kDump);
  EXPECT_EQ(done.step.outcome, Outcome::kFailed);
  EXPECT_EQ(done.step.detail, "no space left");
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(PostMortemTest, DumpsRespectTheirLimits) {
  guest_.memory_bytes = limits_.max_bytes + (uint64_t{1} << 30);
  EXPECT_EQ(Perform(Step::kDump).step.outcome, Outcome::kSkipped);
  EXPECT_EQ(Perform(Step::kDump).step.detail, "2GiB of memory exceeds dumps.maxBytes (1GiB)");

  guest_.memory_bytes = limits_.max_bytes;
  limits_.keep_free = uint64_t{1} << 60;
  EXPECT_THAT(Perform(Step::kDump).step.detail, AllOf(HasSubstr("1GiB of memory, "), HasSubstr("dumps.keepFree is")));

  limits_.keep_free = 1;
  for (const char* far : {"qemu+tls://far.example/system", "qemu+ssh://root@far/system"}) {
    guest_.host_uri = far;
    const PostMortemStepDone done = Perform(Step::kDump);
    EXPECT_EQ(done.step.outcome, Outcome::kSkipped);
    EXPECT_EQ(done.step.detail, std::string("the dump would remain on the remote host ") + far);
  }
  EXPECT_THAT(host_.calls, IsEmpty());
  guest_.host_uri = "qemu+unix:///system";
  EXPECT_EQ(Perform(Step::kDump).step.outcome, Outcome::kDone);
}

}  // namespace
}  // namespace lk::scheduler
