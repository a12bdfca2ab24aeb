// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "agent/scenarios/iommu_invalidation/churn.h"
#include "agent/scenarios/iommu_invalidation/direct_io.h"
#include "agent/scenarios/iommu_invalidation/disks.h"
#include "agent/scenarios/iommu_invalidation/invalidations.h"
#include "agent/scenarios/iommu_invalidation/queue_latency.h"
#include "agent/scenarios/iommu_invalidation/stamps.h"
#include "agent/scenarios/iommu_invalidation/stuck.h"
#include "agent/session/channel.h"
#include "agent/session/context.h"
#include "lk/v1/agent.pb.h"

namespace lk::agent::iommu_invalidation {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Filter, TestsAllFourBits) {
  EXPECT_EQ(FilterFor(2), "!(qw0 & 1) && (qw0 & 2) && !(qw0 & 4) && !(qw0 & 8)");
  EXPECT_EQ(FilterFor(7), "(qw0 & 1) && (qw0 & 2) && (qw0 & 4) && !(qw0 & 8)");
}

TEST(QueueLatency, ReadsRowsOfEveryIommu) {
  const auto rows = ParseQueueLatency(
      "IOMMU: dmar0 Register Base Address: fed90000\n"
      "                  <0.1us   0.1us-1us    1us-10us  10us-100us   100us-1ms    1ms-10ms      >=10ms     min(us)"
      "     max(us) average(us)\n"
      "   inv_iotlb           0         286         123           2           0           0           0           1"
      "          34           5\n"
      "     inv_iec           0           3           0           0           0           0           0           0"
      "           7           2\n"
      "IOMMU: dmar1 Register Base Address: fed91000\n"
      "   inv_iotlb 1 2\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].type, "inv_iotlb");
  EXPECT_EQ(rows[0].min_us, 1u);
  EXPECT_EQ(rows[0].max_us, 34u);
  EXPECT_EQ(rows[0].average_us, 5u);
  EXPECT_EQ(rows[1].type, "inv_iec");
  EXPECT_EQ(rows[1].max_us, 7u);
  EXPECT_THAT(ParseQueueLatency("no such thing"), IsEmpty());
}

TEST(Interrupts, ReturnsOnlyNumberedInterrupts) {
  EXPECT_THAT(ParseInterrupts("           CPU0       CPU1\n"
                              "   0:         41          0   IO-APIC    2-edge      timer\n"
                              " 24:          0          9   PCI-MSIX-0000:01:00.0   0-edge      virtio0-config\n"
                              "123:          0          9   IR-PCI-MSIX-0000:01:00.0   1-edge      virtio0-input.0\n"
                              " NMI:          0          0   Non-maskable interrupts\n"
                              " ERR:          0\n"),
              ElementsAre(0, 24, 123));
  EXPECT_THAT(ParseInterrupts(""), IsEmpty());
}

TEST(Stuck, IsACpuWhoseRequestsAreInFlightAndDoNotComplete) {
  EXPECT_THAT(Stuck({{5, 4}, {7, 4}, {0, 0}}, {{5, 4}, {8, 4}, {0, 4}}), ElementsAre(0, 2));
  EXPECT_THAT(Stuck({{5, 4}, {7, 4}}, {{6, 4}, {7, 0}}), IsEmpty()) << "a CPU whose thread has ended is not stuck";
}

TEST(Stamps, TellWhereDataCameFrom) {
  std::vector<char> buffer(2 * kSector);
  EXPECT_EQ(CheckBuffer(buffer.data(), buffer.size(), 1, 8), "") << "sectors that were never written";
  ClearBuffer(buffer.data(), buffer.size());
  EXPECT_EQ(CheckBuffer(buffer.data(), buffer.size(), 1, 8), "sector 8 did not arrive in the buffer");
  StampBuffer(buffer.data(), buffer.size(), 1, 8);
  EXPECT_EQ(CheckBuffer(buffer.data(), buffer.size(), 1, 8), "");
  EXPECT_EQ(CheckBuffer(buffer.data(), buffer.size(), 2, 8),
            "sector 8: expected 6c6b020000000008, found 6c6b010000000008");
  EXPECT_NE(CheckBuffer(buffer.data(), buffer.size(), 1, 9), "");
  ClearBuffer(buffer.data() + kSector, kSector);
  EXPECT_EQ(CheckBuffer(buffer.data(), buffer.size(), 1, 8), "sector 9 did not arrive in the buffer");
}

TEST(Disks, AreNumberedByTheirSerials) {
  EXPECT_EQ(ParseSerial("lk-scratch-12\n"), 12u);
  EXPECT_EQ(ParseSerial("lk-scratch-"), std::nullopt);
  EXPECT_EQ(ParseSerial("disk-1"), std::nullopt);
}

class DirectIoTest : public testing::Test {
 protected:
  static v1::Lease Lease() {
    v1::Lease lease;
    lease.mutable_duration()->set_seconds(3600);
    return lease;
  }
  // Reads from a disk with two requests in flight.
  void Read(UniqueFd fd, const std::atomic<bool>& removed) {
    Disk disk;
    disk.name = "vdb";
    disk.number = 1;
    disk.fd = std::move(fd);
    disk.bytes = 4096;
    IoShape shape;
    shape.depth = 2;
    shape.writes = false;
    shape.patience = absl::Minutes(1);
    status_ = DoDirectIo(context_, {&disk, 1}, shape, 1, requests_, removed);
  }
  v1::Counter Failures() {
    context_.Count("other");  // without any counter, nothing is sent
    EXPECT_TRUE(context_.SendSamples().ok());
    v1::AgentMessage message;
    EXPECT_TRUE(ReceiveMessage(channel_.first.get(), message).ok());
    for (const v1::Counter& counter : message.samples().counters()) {
      if (counter.name() == "requests_failed") return counter;
    }
    return {};
  }

  std::pair<UniqueFd, UniqueFd> channel_ = *MakeChannel();
  SharedState state_;
  Context context_{Lease(), channel_.second.get(), state_, v1::Carried()};
  Requests requests_;
  Status status_;
};

TEST(Patience, CountsFromTheRemovalOrTheLastCompletionOn) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  const auto at = [&](int seconds) { return start + absl::Seconds(seconds); };
  Patience patience(absl::Seconds(3), start);
  // A slow disk, which is removed while the last wait goes on.
  for (int second = 1; second <= 4; ++second) patience.Waited(at(second), false, false);
  patience.Waited(at(6), false, true);
  EXPECT_FALSE(patience.IsOver(at(6)));
  patience.Waited(at(6), true, true);
  patience.Waited(at(8), false, true);
  EXPECT_FALSE(patience.IsOver(at(8)));
  EXPECT_TRUE(patience.IsOver(at(9)));
}

TEST_F(DirectIoTest, WaitsForTheRequestsOfARemovedDisk) {
  // The requests end when the other end of the pipe is closed.
  std::array<int, 2> ends;
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  UniqueFd disk(ends[0]), other(ends[1]);
  std::atomic<bool> removed = true;
  std::jthread io([&] { Read(std::move(disk), removed); });
  other.reset();
  io.join();
  if (absl::IsUnimplemented(status_)) GTEST_SKIP() << status_;
  EXPECT_EQ(status_, absl::OkStatus());
  EXPECT_EQ(requests_.in_flight, 0u);
}

TEST_F(DirectIoTest, WrongDataCountsEvenFromADiskThatIsBeingRemoved) {
  UniqueFd disk(memfd_create("disk", MFD_CLOEXEC));
  std::vector<char> content(4096);
  StampBuffer(content.data(), content.size(), 2, 0);
  ASSERT_EQ(pwrite(disk.get(), content.data(), content.size(), 0), ssize_t{4096});
  context_.Cancel();
  Read(std::move(disk), true);
  if (absl::IsUnimplemented(status_)) GTEST_SKIP() << status_;
  EXPECT_EQ(status_, absl::OkStatus());
  const v1::Counter failures = Failures();
  EXPECT_EQ(failures.value(), 2);
  EXPECT_EQ(failures.first(), "read of vdb at 0x0: sector 0: expected 6c6b010000000000, found 6c6b020000000000");
}

TEST_F(DirectIoTest, ErrorsCountUnlessTheDiskIsBeingRemoved) {
  Read(UniqueFd(), true);
  if (absl::IsUnimplemented(status_)) GTEST_SKIP() << status_;
  EXPECT_EQ(status_, absl::OkStatus());
  EXPECT_EQ(requests_.in_flight, 0u);
  EXPECT_EQ(Failures().value(), 0);
  context_.Cancel();
  Read(UniqueFd(), false);
  EXPECT_EQ(Failures().first(), "read of vdb at 0x0: Bad file descriptor");
}

}  // namespace
}  // namespace lk::agent::iommu_invalidation
