// SPDX-License-Identifier: Apache-2.0
// Tests the libvirt adapter with a real libvirtd and QEMU.
#include <gmock/gmock.h>

#include "tests/integration/vm_fixture.h"

namespace lk::vm {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Expects consecutive numbers in the guest's lines, which shows that nothing was lost or repeated.
void ExpectConsecutive(std::string text, unsigned first) {
  std::istringstream lines(text.substr(text.find("line ")));
  std::string line;
  unsigned expected = first;
  while (std::getline(lines, line) && lines.good()) {
    ASSERT_EQ(line, fmt::format("line {:08x}", expected));
    ++expected;
  }
  EXPECT_GT(expected, first);
}

TEST_F(VmTest, RunsAVmFromFirstByteToDestruction) {
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000040"));
  ExpectConsecutive(witness_.text(), 0);

  auto vms = hypervisor_->List(spec_.owner);
  ASSERT_TRUE(vms.ok()) << vms.status();
  ASSERT_THAT(*vms, SizeIs(1));
  EXPECT_EQ(vms->front().name, spec_.name);
  EXPECT_EQ(vms->front().run_id, spec_.run_id);
  EXPECT_TRUE(vms->front().running);
  EXPECT_THAT(*hypervisor_->List("a different owner"), IsEmpty());

  const auto state = hypervisor_->VcpuState(spec_.name);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_THAT(*state, SizeIs(spec_.profile.vcpus));

  // Each vCPU's thread has waited for a CPU at least once.
  const auto delays = hypervisor_->VcpuDelays(spec_.name);
  ASSERT_TRUE(delays.ok()) << delays.status();
  EXPECT_THAT(*delays, SizeIs(spec_.profile.vcpus));
  EXPECT_THAT(*delays, testing::Each(testing::Gt(absl::ZeroDuration())));

  EXPECT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus());
  EXPECT_TRUE(witness_.Sees(VmEvent::Kind::kDestroyed, spec_.name));
  EXPECT_TRUE(witness_.Ends());
  EXPECT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus()) << "destroying a VM twice is not an error";
  EXPECT_THAT(*hypervisor_->List(spec_.owner), IsEmpty());
}

TEST_F(VmTest, ConsoleStreamHasEveryByte) {
  spec_.console_log.clear();
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000020"));
  ExpectConsecutive(witness_.text(), 0);
  EXPECT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus());
  EXPECT_TRUE(witness_.Ends());
}

TEST_F(VmTest, AKilledQemuIsReportedAsACrash) {
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000008"));
  const pid_t qemu = QemuOf(spec_.name);
  ASSERT_GT(qemu, 0);
  ASSERT_EQ(kill(qemu, SIGKILL), 0);
  EXPECT_TRUE(witness_.Sees(VmEvent::Kind::kCrashed, spec_.name));
  EXPECT_TRUE(witness_.Ends());
  ExpectConsecutive(witness_.text(), 0);
  const auto state = hypervisor_->VcpuState(spec_.name);
  EXPECT_EQ(FaultOf(state.status()), Fault::kGuest) << state.status();
}

TEST_F(VmTest, ReattachingLosesNothing) {
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000010"));
  hypervisor_.reset();
  const auto recorded = witness_.text();
  // While nobody is attached, only the hypervisor's log shows that the guest has printed more.
  const auto size = fs::file_size(spec_.console_log);
  ASSERT_TRUE(Await([&] { return fs::file_size(spec_.console_log) >= size + 500; })) << "the guest continues to print";

  hypervisor_ = MustConnect(second_);
  ASSERT_EQ(hypervisor_->Reattach(spec_.name, spec_.console_log, recorded.size(), second_.Sink()), absl::OkStatus());
  ASSERT_TRUE(second_.PrintsMoreThan(1000)) << "more than the guest had printed before";
  ExpectConsecutive(recorded + second_.text(), 0);
  EXPECT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus());
  EXPECT_TRUE(second_.Sees(VmEvent::Kind::kDestroyed, spec_.name));
  EXPECT_TRUE(second_.Ends());
}

TEST_F(VmTest, ReattachingToADestroyedVmReturnsItsLastBytes) {
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  ASSERT_TRUE(witness_.Prints("line 00000010"));
  ASSERT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus());
  ASSERT_TRUE(witness_.Ends());
  const auto status = hypervisor_->Reattach(spec_.name, spec_.console_log, 0, second_.Sink());
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FaultOf(status), Fault::kGuest);
  EXPECT_EQ(second_.text(), witness_.text());
  EXPECT_TRUE(second_.Ends());
}

TEST_F(VmTest, DropConsoleHookDropsBytes) {
  hypervisor_ = MustConnect(second_, {.drop_console = true});
  ASSERT_EQ(hypervisor_->Start(spec_, second_.Sink()), absl::OkStatus());
  ASSERT_TRUE(Await([&] { return fs::file_size(spec_.console_log) >= 1000; })) << "the guest prints";
  EXPECT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus());
  EXPECT_TRUE(second_.Ends());
  EXPECT_EQ(second_.text(), "");
}

TEST_F(VmTest, MemoryIsHotplugged) {
  spec_.profile.memory_hotplug = campaign::MemoryHotplug{campaign::MemoryHotplug::Model::kDimm, 4, uint64_t{2} << 30};
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  const auto first = hypervisor_->AttachDimm(spec_.name, 256u << 20);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, "ua-lk-dimm-0");
  const auto second = hypervisor_->AttachDimm(spec_.name, 256u << 20);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(*second, "ua-lk-dimm-1");
  EXPECT_FALSE(hypervisor_->AttachDimm(spec_.name, uint64_t{8} << 30).ok())
      << "a DIMM that exceeds maxMemory is refused";
  const auto unknown = hypervisor_->DetachDimm(spec_.name, "ua-lk-dimm-7", absl::Seconds(30));
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound) << unknown;
}

TEST_F(VmTest, VirtioMemIsResized) {
  spec_.profile.memory_hotplug =
      campaign::MemoryHotplug{campaign::MemoryHotplug::Model::kVirtioMem, 1, uint64_t{1} << 30};
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  EXPECT_EQ(hypervisor_->ResizeVirtioMem(spec_.name, 256u << 20), absl::OkStatus());
  EXPECT_EQ(hypervisor_->ResizeVirtioMem(spec_.name, uint64_t{4} << 30).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(VmTest, AVmWithUefiAnIommuAndAWatchdogStarts) {
  spec_.profile.uefi = true;
  spec_.profile.iommu = campaign::Iommu{campaign::Iommu::Model::kIntel, true, true, true, false};
  spec_.profile.watchdog = campaign::Watchdog{"i6300esb", "none"};
  EXPECT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
}

// The disks are private to the user of this process, and QEMU may run as a different user.
TEST_F(VmTest, QemuOpensScratchDisks) {
  for (const char* name : {"scratch-0.img", "scratch-1.img"}) {
    const auto path = spec_.console_log.parent_path() / name;
    std::ofstream(path).close();
    fs::resize_file(path, 64u << 20);
    chmod(path.c_str(), 0600);
    spec_.disks.push_back({path, 64u << 20});
  }
  spec_.profile.iommu = campaign::Iommu{campaign::Iommu::Model::kIntel, true, true, true, false};
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  EXPECT_EQ(hypervisor_->Destroy(spec_.name), absl::OkStatus());
  for (const auto& disk : spec_.disks) {
    struct stat info;
    ASSERT_EQ(stat(disk.path.c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, geteuid()) << "the original owner is restored";
  }
}

TEST_F(VmTest, AVmWithAnAmdIommuStarts) {
  spec_.profile.iommu = campaign::Iommu{.model = campaign::Iommu::Model::kAmd, .intremap = true, .device_iotlb = true};
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  EXPECT_TRUE(witness_.Prints("line 00000008"));
}

// A disk that does not exist cannot be attached; the test's guest does not release one that does.
TEST_F(VmTest, AScratchDiskWithoutAFileIsNotAttached) {
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  const vm::ScratchDisk disk{spec_.console_log.parent_path() / "scratch-0.img", 64u << 20};
  EXPECT_THAT(std::string(hypervisor_->ReplugDisk(spec_.name, spec_.profile, disk, 0, absl::Seconds(30)).message()),
              HasSubstr("cannot attach ua-lk-scratch-0"));
}

TEST_F(VmTest, ScalableModeIsReportedIfAndOnlyIfItStarts) {
  const auto facts = hypervisor_->Probe();
  ASSERT_TRUE(facts.ok()) << facts.status();
  spec_.profile.iommu = campaign::Iommu{campaign::Iommu::Model::kIntel, true, true, true, true};
  EXPECT_EQ(hypervisor_->Start(spec_, witness_.Sink()).ok(),
            std::ranges::find(facts->features, "iommu:intel-scalable") != facts->features.end());
}

TEST_F(VmTest, AVmThatCannotStartLeavesNothingBehind) {
  spec_.kernel = "/nonexistent/kernel";
  const auto status = hypervisor_->Start(spec_, witness_.Sink());
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(FaultOf(status), Fault::kHost);
  EXPECT_THAT(*hypervisor_->List(spec_.owner), IsEmpty());
}

TEST_F(VmTest, ProbesTheHost) {
  const auto facts = hypervisor_->Probe();
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_GT(facts->cpus, 0u);
  EXPECT_GT(facts->memory_bytes, uint64_t{1} << 30);
  EXPECT_THAT(facts->hypervisor_version, HasSubstr("QEMU "));
  EXPECT_THAT(facts->archs, ::testing::Contains("x86_64"));
  EXPECT_THAT(facts->features, ::testing::IsSupersetOf({"iommu:intel", "memory:dimm", "firmware:uefi"}));
  EXPECT_THAT(facts->accelerator, ::testing::AnyOf("kvm", "tcg"));
  EXPECT_NE(facts->accelerator_reason, "");
  RecordProperty("accelerator", facts->accelerator + ": " + facts->accelerator_reason);
  // A VM starts with the accelerator that the probe has chosen.
  spec_.accelerator = facts->accelerator;
  ASSERT_EQ(hypervisor_->Start(spec_, witness_.Sink()), absl::OkStatus());
  EXPECT_TRUE(witness_.Prints("line 00000010"));
}

TEST(Connect, BadUrisAreHostFaults) {
  const struct {
    const char* uri;
    absl::StatusCode code;
  } rows[] = {
      {"nonsense:///system", absl::StatusCode::kInvalidArgument},
      {"not a uri", absl::StatusCode::kInvalidArgument},
      {"qemu:///system?socket=/nonexistent/socket", absl::StatusCode::kUnavailable},
      {"qemu+tcp://127.0.0.1:1/system", absl::StatusCode::kUnavailable},
  };
  for (const auto& row : rows) {
    const auto hypervisor = Connect(row.uri, [](const VmEvent&) {});
    ASSERT_FALSE(hypervisor.ok()) << row.uri;
    EXPECT_EQ(hypervisor.status().code(), row.code) << row.uri << ": " << hypervisor.status();
    EXPECT_EQ(FaultOf(hypervisor.status()), Fault::kHost) << row.uri;
  }
}

}  // namespace
}  // namespace lk::vm
