// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/scenarios/gic_lpi_hotplug/churn.h"
#include "agent/scenarios/gic_lpi_hotplug/interrupts.h"
#include "agent/scenarios/gic_lpi_hotplug/lpi_tables.h"

namespace lk::agent::gic_lpi_hotplug {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// ---- LPI pending tables ------------------------------------------------------------------------

TEST(ParseTableLine, ParsesAllocatedAndReservedTables) {
  PendingTable table;
  ASSERT_TRUE(ParseTableLine("GICv3: CPU0: using allocated LPI pending table @0x0000000045a40000", table));
  EXPECT_EQ(table, (PendingTable{0, false, 0x45a40000}));
  ASSERT_TRUE(ParseTableLine("GICv3: CPU13: using reserved LPI pending table @0x00000001fff70000", table));
  EXPECT_EQ(table, (PendingTable{13, true, 0x1fff70000}));
  ASSERT_TRUE(ParseTableLine("GICv3: CPU2: using reserved LPI pending table @0x0000000000000000", table));
  EXPECT_EQ(table.address, 0u);
}

TEST(ParseTableLine, RejectsOtherLines) {
  PendingTable table{7, true, 7};
  for (const char* line :
       {"", "GICv3: CPU0: found redistributor 0 region 0:0x00000000080a0000",
        "GICv3: using LPI property table @0x0000000045a30000", "GICv3: CPU: using reserved",
        "GICv3: CPU1: using lost LPI pending table @0x10", "GICv3: CPU1: using reserved LPI pending table @",
        "GICv3: CPU1: using reserved LPI pending table @0xzz"}) {
    EXPECT_FALSE(ParseTableLine(line, table)) << line;
  }
  EXPECT_EQ(table, (PendingTable{7, true, 7}));
}

Rows ToRows(uint32_t boot, const std::vector<PendingTable>& tables) {
  Rows rows;
  for (const PendingTable& table : tables) rows.push_back(ToRow(boot, table));
  return rows;
}

TEST(JudgeTables, RowsHaveACellForEachColumn) {
  EXPECT_EQ(ToRow(2, {1, true, 0x1f0000}).size(), TableColumns().size());
  EXPECT_THAT(ToRow(2, {1, true, 0x1f0000}), ElementsAre("2", "1", "reserved", "0x1f0000"));
  EXPECT_THAT(ToRow(0, {0, false, 0}), ElementsAre("0", "0", "allocated", "0x0"));
}

TEST(JudgeTables, AcceptsCorrectTables) {
  const std::vector<PendingTable> first = {{0, false, 0x10000}, {1, false, 0x20000}};
  EXPECT_EQ(Judge(0, {0, 1}, first, {}), Faults());
  const std::vector<PendingTable> second = {{0, true, 0x10000}, {1, true, 0x20000}};
  EXPECT_EQ(Judge(1, {0, 1}, second, ToRows(0, first)), Faults());
}

TEST(JudgeTables, CountsEachFault) {
  const Rows earlier = ToRows(0, {{0, false, 0x10000}, {1, false, 0x20000}, {2, false, 0x30000}});
  EXPECT_EQ(Judge(1, {0, 1, 2}, {{0, true, 0x10000}, {2, true, 0x30000}}, earlier), (Faults{.missing = 1}));
  EXPECT_EQ(Judge(1, {0, 1}, {{0, true, 0x10000}, {1, false, 0x20000}}, earlier), (Faults{.not_reserved = 1}));
  EXPECT_EQ(Judge(1, {0, 1}, {{0, true, 0x10000}, {1, true, 0x30000}}, earlier), (Faults{.moved = 1}));
  EXPECT_EQ(Judge(1, {0}, {{0, true, 0x10000}, {0, true, 0x10000}}, earlier), (Faults{.duplicate = 1}));
  EXPECT_EQ(Judge(0, {0}, {{0, false, 0}}, {}), (Faults{.at_zero = 1}));
  EXPECT_EQ(Judge(2, {0}, {{0, true, 0x10000}}, earlier), (Faults{.moved = 1}))
      << "the address is compared only with that in the previous boot";
}

// ---- CPU hotplug -------------------------------------------------------------------------------

TEST(ParseCpuList, ParsesRangesAndNumbers) {
  EXPECT_THAT(ParseCpuList("0-3,5,7-8\n"), ElementsAre(0, 1, 2, 3, 5, 7, 8));
  EXPECT_THAT(ParseCpuList("0\n"), ElementsAre(0));
  EXPECT_THAT(ParseCpuList(""), IsEmpty());
  EXPECT_THAT(ParseCpuList("2,x"), ElementsAre(2));
}

TEST(MakeRound, GroupsCpusByPattern) {
  std::mt19937 random(1);
  const std::vector<int> cpus = {1, 2, 3};
  EXPECT_THAT(MakeRound("one", 0, cpus, random), ElementsAre(ElementsAre(1), ElementsAre(2), ElementsAre(3)));
  EXPECT_THAT(MakeRound("pairs", 0, cpus, random),
              ElementsAre(ElementsAre(1, 2), ElementsAre(2, 3), ElementsAre(3, 1)));
  EXPECT_THAT(MakeRound("pairs", 0, {1}, random), ElementsAre(ElementsAre(1)));
  EXPECT_THAT(MakeRound("all", 0, cpus, random), ElementsAre(ElementsAre(1, 2, 3)));
}

TEST(MakeRound, MixedUsesAllPatternsInTurn) {
  std::mt19937 random(1);
  const std::vector<int> cpus = {1, 2, 3};
  const std::vector<std::pair<uint64_t, std::string>> expected = {
      {0, "one"}, {1, "pairs"}, {2, "all"}, {4, "one"}, {6, "all"}};
  for (const auto& [round, pattern] : expected) {
    EXPECT_EQ(MakeRound("mixed", round, cpus, random), MakeRound(pattern, 0, cpus, random)) << round;
  }
}

TEST(MakeRound, RandomMakesEveryNonEmptySubset) {
  std::mt19937 random(1);
  std::set<std::vector<int>> seen;
  for (int i = 0; i < 200; ++i) {
    const Round round = MakeRound("random", 0, {1, 2}, random);
    ASSERT_EQ(round.size(), 1u);
    seen.insert(round[0]);
  }
  EXPECT_THAT(seen, UnorderedElementsAre(ElementsAre(1), ElementsAre(2), ElementsAre(1, 2)));
}

// ---- counts of ITS interrupts ------------------------------------------------------------------

TEST(ItsInterrupts, SumsItsInterruptsOfAllCpus) {
  constexpr char kText[] = R"(           CPU0       CPU1
 11:       1207        991     GICv3  27 Level     arch_timer
 14:          3          0     GICv3  33 Level     uart-pl011
 45:        100         20   ITS-MSI 16384 Edge      virtio0-config
 46:          7          0   ITS-PCI-MSIX-0000:00:02.0   1 Edge      virtio1-input.0
IPI0:       412        388       Rescheduling interrupts
Err:          0
)";
  EXPECT_EQ(ItsInterrupts(kText), 127u);
  EXPECT_EQ(ItsInterrupts(""), 0u);
}

}  // namespace
}  // namespace lk::agent::gic_lpi_hotplug
