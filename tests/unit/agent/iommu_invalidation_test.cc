// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "agent/scenarios/iommu_invalidation/churn.h"
#include "agent/scenarios/iommu_invalidation/disks.h"
#include "agent/scenarios/iommu_invalidation/invalidations.h"
#include "agent/scenarios/iommu_invalidation/queue_latency.h"
#include "agent/scenarios/iommu_invalidation/stamps.h"
#include "agent/scenarios/iommu_invalidation/stuck.h"

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

}  // namespace
}  // namespace lk::agent::iommu_invalidation
