// SPDX-License-Identifier: Apache-2.0
// Tests the inspection of VMs that hang, panic or are paused, with a real libvirtd and QEMU.
#include <gmock/gmock.h>
#include <libvirt/libvirt.h>
#include <sys/resource.h>

#include <thread>

#include "tests/integration/vm_fixture.h"

namespace lk::vm {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PostMortemTest : public VmTest {
 protected:
  fs::path Dump() const { return spec_.console_log.parent_path() / "memory.kdump"; }

  // Waits until the vCPU at `index` is halted, and returns the state of both vCPUs.
  StatusOr<std::vector<Vcpu>> AwaitHalted(size_t index) {
    StatusOr<std::vector<Vcpu>> vcpus;
    const bool done = Await([&] {
      vcpus = hypervisor_->VcpuState(spec_.name);
      return !vcpus.ok() || vcpus->size() != 2 || (*vcpus)[index].halted;
    });
    if (!vcpus.ok()) return vcpus.status();
    if (vcpus->size() != 2) return absl::InternalError(fmt::format("{} vCPUs", vcpus->size()));
    if (done) return vcpus;
    return absl::DeadlineExceededError(fmt::format("vCPU {} is not halted:\n{}", index, (*vcpus)[index].registers));
  }

  void ExpectDumped() {
    ASSERT_EQ(hypervisor_->DumpMemory(spec_.name, Dump()), absl::OkStatus());
    std::string signature(8, '\0');
    std::ifstream(Dump(), std::ios::binary).read(signature.data(), 8);
    EXPECT_EQ(signature, "KDUMP   ");
    EXPECT_LT(fs::file_size(Dump()), spec_.profile.memory_bytes);
    EXPECT_FALSE(fs::exists(Dump().string() + ".pipe"));
  }
};

TEST_F(PostMortemTest, VcpuStateReportsHaltAndInstructionPointer) {
  spec_.profile.vcpus = 2;
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000004"));
  const auto vcpus = AwaitHalted(1);
  ASSERT_TRUE(vcpus.ok()) << vcpus.status();
  EXPECT_FALSE((*vcpus)[0].halted);
  EXPECT_TRUE((*vcpus)[0].interrupts_off);
  EXPECT_GE((*vcpus)[0].instruction_pointer, 0x100000u);
  EXPECT_LT((*vcpus)[0].instruction_pointer, 0x100000u + Ticker().size());
  EXPECT_EQ(hypervisor_->InjectNmi(spec_.name), absl::OkStatus());
}

TEST_F(PostMortemTest, Aarch64VcpusHaltAndNmiIsUnimplemented) {
  spec_.profile.arch = campaign::Arch::kAarch64;
  spec_.profile.machine = "virt";
  spec_.profile.vcpus = 2;
  SetGuest(Waiter());
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  const auto vcpus = AwaitHalted(0);
  ASSERT_TRUE(vcpus.ok()) << vcpus.status();
  EXPECT_THAT((*vcpus)[0].registers, HasSubstr("PSTATE="));
  EXPECT_TRUE((*vcpus)[1].halted) << "a vCPU that has never been started is halted";
  const auto status = hypervisor_->InjectNmi(spec_.name);
  EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
  EXPECT_EQ(FaultOf(status), Fault::kOurs);
}

TEST_F(PostMortemTest, DestroyKillsAStoppedQemu) {
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000004"));
  const pid_t qemu = QemuOf(spec_.name);
  ASSERT_GT(qemu, 0);
  ASSERT_EQ(kill(qemu, SIGSTOP), 0);
  StatusOr<std::vector<Vcpu>> vcpus;
  std::thread asking([&] { vcpus = hypervisor_->VcpuState(spec_.name); });
  const absl::Time start = absl::Now();
  // libvirt sends SIGTERM, which a stopped process does not handle, then SIGKILL after 10 s.
  EXPECT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus());
  asking.join();
  RecordProperty("seconds", fmt::format("{:.1f}", absl::ToDoubleSeconds(absl::Now() - start)));
  EXPECT_FALSE(vcpus.ok());
  EXPECT_TRUE(witness_.Ends());
}

TEST_F(PostMortemTest, MemoryIsDumpedAsKdumpAndTheVmContinues) {
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000004"));
  ExpectDumped();
  const auto size = witness_.text().size();
  EXPECT_TRUE(witness_.PrintsMoreThan(size + 500));
  EXPECT_THAT(witness_.Pauses(), IsEmpty()) << "lk's own pause is not reported";
  EXPECT_TRUE(absl::IsAlreadyExists(hypervisor_->DumpMemory(spec_.name, Dump())));
  EXPECT_TRUE(fs::exists(Dump())) << "the existing file is kept";
}

TEST_F(PostMortemTest, AFullDiskLeavesNoDump) {
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000004"));
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_NE(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  const rlimit small{4096, before.rlim_max};  // causes EFBIG, the only way to simulate a full disk without privileges
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto status = hypervisor_->DumpMemory(spec_.name, Dump());
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(FaultOf(status), Fault::kHost) << status;
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(fs::exists(Dump()));
  EXPECT_FALSE(fs::exists(Dump().string() + ".pipe"));
  const auto size = witness_.text().size();
  EXPECT_TRUE(witness_.PrintsMoreThan(size + 500));
  EXPECT_THAT(witness_.Pauses(), IsEmpty());
}

TEST_F(PostMortemTest, APanickedVmCanBeDumped) {
  SetGuest(Panicker());
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Sees(VmEvent::Kind::kPanicked, spec_.name));
  for (const auto& pause : witness_.Pauses()) EXPECT_TRUE(pause.by_itself) << pause.detail;
  ExpectDumped();
  const auto vcpus = hypervisor_->VcpuState(spec_.name);
  ASSERT_TRUE(vcpus.ok()) << vcpus.status();
  EXPECT_GT((*vcpus)[0].instruction_pointer, 0x100000u);
}

TEST_F(PostMortemTest, AnExternalPauseIsReported) {
  for (const bool log : {true, false}) {
    if (!log) spec_.console_log.clear();
    ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
    ASSERT_THAT(witness_.Pauses(), SizeIs(log ? 0 : 2)) << "starting a VM is not reported as a pause";
    if (!log) break;
    virConnectPtr connection = virConnectOpen(LibvirtEnvironment::uri.c_str());
    ASSERT_NE(connection, nullptr);
    virDomainPtr domain = virDomainLookupByName(connection, spec_.name.c_str());
    ASSERT_NE(domain, nullptr);
    EXPECT_EQ(virDomainSuspend(domain), 0);
    EXPECT_TRUE(witness_.Sees(VmEvent::Kind::kPaused, spec_.name));
    EXPECT_EQ(virDomainResume(domain), 0);
    EXPECT_TRUE(witness_.Sees(VmEvent::Kind::kResumed, spec_.name));
    virDomainFree(domain);
    virConnectClose(connection);
    ASSERT_THAT(witness_.Pauses(), SizeIs(2));
    EXPECT_FALSE(witness_.Pauses()[0].by_itself);
    EXPECT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus());
    EXPECT_TRUE(witness_.Ends());
  }
}

// The parameter is an environment variable with the path of a kernel package that tests/run has fetched.
class NmiTest : public PostMortemTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(NmiTest, AKernelThatPanicsOnAnNmiPrintsAllBacktraces) {
  const char* package = std::getenv(GetParam());
  if (!package) GTEST_SKIP() << GetParam() << " is not set";
  const auto unpack = fmt::format("dpkg-deb --fsys-tarfile '{}' | tar -x -O --wildcards './boot/vmlinuz-*' > '{}'",
                                  package, spec_.kernel.string());
  ASSERT_EQ(std::system(unpack.c_str()), 0);
  ASSERT_GT(fs::file_size(spec_.kernel), 1u << 20);
  spec_.profile.vcpus = 2;
  spec_.profile.memory_bytes = 256u << 20;
  spec_.cmdline = "console=ttyS0 nokaslr unknown_nmi_panic panic_print=0x40 rdinit=/none root=/dev/none rootwait";
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("Waiting for root device"));
  ASSERT_EQ(hypervisor_->InjectNmi(spec_.name), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("---[ end Kernel panic"));
  for (const char* line :
       {"Kernel panic - not syncing: NMI: Not continuing", "NMI backtrace for cpu 0", "NMI backtrace for cpu 1"}) {
    EXPECT_THAT(witness_.text(), HasSubstr(line));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, NmiTest, ::testing::Values("LK_TEST_KERNEL_6_1", "LK_TEST_KERNEL_6_12"));

}  // namespace
}  // namespace lk::vm
