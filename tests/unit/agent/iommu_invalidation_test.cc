// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/scenarios/iommu_invalidation/churn.h"
#include "agent/scenarios/iommu_invalidation/idle.h"
#include "agent/scenarios/iommu_invalidation/invalidations.h"
#include "agent/scenarios/iommu_invalidation/queue_latency.h"

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

TEST(Idle, FindsUnchangedTotals) {
  EXPECT_THAT(Idle({5, 7, 0}, {5, 8, 0}), ElementsAre(0, 2));
  EXPECT_THAT(Idle({5, 7}, {6, 8}), IsEmpty());
}

}  // namespace
}  // namespace lk::agent::iommu_invalidation
