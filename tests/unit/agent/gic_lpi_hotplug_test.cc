// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/scenarios/gic_lpi_hotplug/boot_cpus.h"
#include "agent/scenarios/gic_lpi_hotplug/churn.h"
#include "agent/scenarios/gic_lpi_hotplug/interrupts.h"
#include "agent/scenarios/gic_lpi_hotplug/lpi_tables.h"
#include "agent/scenarios/gic_lpi_hotplug/reserved_memory.h"

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

std::vector<std::string> Counters(const std::vector<Fault>& faults) {
  std::vector<std::string> counters;
  for (const Fault& fault : faults) counters.push_back(fault.counter);
  return counters;
}

TEST(JudgeTables, RowsHaveACellForEachColumn) {
  EXPECT_EQ(ToRow(2, {1, true, 0x1f0000}).size(), TableColumns().size());
  EXPECT_THAT(ToRow(2, {1, true, 0x1f0000}), ElementsAre("2", "1", "reserved", "0x1f0000"));
  EXPECT_THAT(ToRow(0, {0, false, 0}), ElementsAre("0", "0", "allocated", "0x0"));
}

TEST(JudgeTables, AcceptsTablesThatAreAllocatedOnceAndThenInherited) {
  const PendingTable first = {0, false, 0x10000}, second = {1, false, 0x20000};
  EXPECT_THAT(Counters(Judge(0, second, {first}, {})), IsEmpty());
  EXPECT_THAT(Counters(Judge(1, {1, true, 0x20000}, {{0, true, 0x10000}}, ToRows(0, {first, second}))), IsEmpty());
}

TEST(JudgeTables, AcceptsANewTableOfACpuThatWasNotOnlineBefore) {
  EXPECT_THAT(Counters(Judge(1, {3, false, 0x40000}, {}, ToRows(0, {{0, false, 0x10000}}))), IsEmpty());
}

TEST(JudgeTables, CountsEachFault) {
  const Rows earlier = ToRows(0, {{0, false, 0x10000}, {1, false, 0x20000}});
  EXPECT_THAT(Counters(Judge(0, {0, false, 0}, {}, {})), ElementsAre("tables_at_zero"));
  EXPECT_THAT(Counters(Judge(1, {1, true, 0x30000}, {}, earlier)), ElementsAre("tables_moved"));
  EXPECT_THAT(Counters(Judge(1, {1, false, 0x30000}, {}, earlier)), ElementsAre("tables_not_reserved", "tables_moved"));
  EXPECT_THAT(Counters(Judge(1, {1, true, 0x20000}, {{1, true, 0x20000}}, earlier)), ElementsAre("tables_repeated"));
  EXPECT_THAT(Counters(Judge(2, {1, false, 0x30000}, {}, earlier)), IsEmpty())
      << "a table is compared only with that in the previous boot";
}

TEST(JudgeTables, SaysWhichTableIsWrong) {
  const std::vector<Fault> faults = Judge(1, {1, true, 0x30000}, {}, ToRows(0, {{1, false, 0x20000}}));
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].what, "CPU 1: reserved table at 0x30000; before kexec at 0x20000");
}

TEST(JudgeTables, CountsOnlineCpusWithoutATable) {
  const std::vector<Fault> faults = Missing({0, 1, 2}, {{0, true, 0x10000}, {2, true, 0x30000}});
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].counter, "tables_missing");
  EXPECT_THAT(faults[0].what, testing::StartsWith("CPU 1 "));
}

// ---- reserved memory ---------------------------------------------------------------------------

TEST(ParseMemblock, ParsesRangesWithAndWithoutNodes) {
  EXPECT_EQ(ParseMemblock("   0: 0x0000000040000000..0x00000000bfffffff    0 NONE\n"
                          "   1: 0x0000000100000000..0x000000013fffffff    0 NOMAP\n"),
            (Ranges{{0x40000000, 0xc0000000}, {0x100000000, 0x140000000}}));
  EXPECT_EQ(ParseMemblock("   0: 0x0000000000000000..0x000000000000ffff\n"), (Ranges{{0, 0x10000}}));
  EXPECT_EQ(ParseMemblock(""), Ranges());
  EXPECT_EQ(ParseMemblock("   0: 0x1000\n   1: 0xzz..0x10\n"), Ranges());
}

TEST(Misplaced, AcceptsNewReservationsInMemory) {
  const Ranges memory = {{0x40000000, 0x80000000}};
  EXPECT_EQ(Misplaced({memory, {}}, {memory, {{0x40010000, 0x40020000}}}), Ranges());
}

TEST(Misplaced, ReturnsWhatIsAtZeroOrNotInMemory) {
  const Ranges memory = {{0x40000000, 0x80000000}};
  EXPECT_EQ(Misplaced({memory, {}}, {memory, {{0, 0x10000}}}), (Ranges{{0, 0x10000}}));
  EXPECT_EQ(Misplaced({memory, {}}, {memory, {{0x7fff0000, 0x80010000}}}), (Ranges{{0x80000000, 0x80010000}}));
  const Ranges from_zero = {{0, 0x80000000}};
  EXPECT_EQ(Misplaced({from_zero, {}}, {from_zero, {{0, 0x10000}, {0x20000, 0x30000}}}), (Ranges{{0, 0x10000}}));
}

TEST(Misplaced, IgnoresWhatWasReservedBefore) {
  const ReservedMemory memory = {{{0x40000000, 0x80000000}}, {{0, 0x10000}, {0x9000000, 0x9010000}}};
  EXPECT_EQ(Misplaced(memory, memory), Ranges());
}

// ---- the next kernel's command line ------------------------------------------------------------

TEST(WithBootCpus, ReplacesMaxcpus) {
  EXPECT_EQ(WithBootCpus("console=ttyAMA0 maxcpus=2 quiet\n", 3), "maxcpus=3 console=ttyAMA0 quiet");
  EXPECT_EQ(WithBootCpus("a maxcpus=2 -- b maxcpus=4", 1), "maxcpus=1 a -- b");
  EXPECT_EQ(WithBootCpus("a maxcpus=2 b", 0), "a b");
  EXPECT_EQ(WithBootCpus("", 2), "maxcpus=2");
}

// ---- CPU hotplug -------------------------------------------------------------------------------

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
