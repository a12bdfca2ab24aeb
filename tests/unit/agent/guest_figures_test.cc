// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/guest_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "lk/v1/latency.pb.h"

namespace lk::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class GuestFiguresTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(root_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  static std::map<std::string, double> Risen(const GuestFigures& figures) {
    std::map<std::string, double> risen;
    for (const auto& counter : figures.Risen()) risen[counter.name()] = counter.value();
    return risen;
  }

  std::string root_ = testing::TempDir() + "lk-figures.XXXXXX";
};

TEST_F(GuestFiguresTest, OmitsFiguresThatTheKernelLacks) {
  const GuestFigures figures(root_);
  EXPECT_THAT(Risen(figures), IsEmpty());
  Write("/proc/vmstat", "pgfault 5\n");
  EXPECT_THAT(Risen(figures), IsEmpty());
}

TEST_F(GuestFiguresTest, MatchesWholeNames) {
  Write("/proc/vmstat", "nr_unaccepted 100\npgfault 1000\npgfault_other 7\n");
  const GuestFigures figures(root_);
  Write("/proc/vmstat", "nr_unaccepted 90\npgfault 1500\npgfault_other 9999\n");
  // Less unaccepted memory means that memory was accepted.
  EXPECT_THAT(Risen(figures), ElementsAre(Pair("guest_accepted", 10 * 4096), Pair("guest_page_faults", 500)));
}

TEST_F(GuestFiguresTest, SumsInterruptsOfAllCpus) {
  constexpr char kBefore[] =
      "            CPU0       CPU1       \n"
      "   4:         25          0   IO-APIC   4-edge      ttyS0\n"
      " CAL:        100        200   Function call interrupts\n"
      " TLB:          1          2   TLB shootdowns\n"
      " ERR:          0\n";
  constexpr char kAfter[] =
      "            CPU0       \n"
      "   4:         99   IO-APIC   4-edge      ttyS0\n"
      " CAL:       1100        300   Function call interrupts\n"
      " TLB:          4          2   TLB shootdowns\n";
  Write("/proc/interrupts", kBefore);
  const GuestFigures figures(root_);
  Write("/proc/interrupts", kAfter);
  EXPECT_THAT(Risen(figures), ElementsAre(Pair("guest_function_calls", 1100), Pair("guest_tlb_shootdowns", 3)));
}

TEST_F(GuestFiguresTest, CountsReadsAndWritesOfVirtioDisks) {
  Write("/proc/diskstats",
        "   1       0 ram0 9 9 9 9 9 9 9 9 9 9 9\n"
        " 254       0 vda 10 1 80 5 3 0 24 7 0 12 12 0 0 0 0 1 0\n"
        " 254      16 vdb 4 0 32 1 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
  const GuestFigures figures(root_);
  Write("/proc/diskstats",
        "   1       0 ram0 99 9 9 9 9 9 9 9 9 9 9\n"
        " 254       0 vda 110 1 80 5 53 0 24 7 0 12 12 0 0 0 0 1 0\n"
        " 254      16 vdb 5 0 32 1 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
  EXPECT_THAT(Risen(figures), ElementsAre(Pair("guest_disk_requests", 100 + 50 + 1)));
}

TEST_F(GuestFiguresTest, CountsMemoryBlocksAndUevents) {
  Write("/sys/kernel/uevent_seqnum", "700\n");
  Write("/sys/devices/system/memory/block_size_bytes", "8000000\n");
  Write("/sys/devices/system/memory/memory_failure", "");
  Write("/sys/devices/system/memory/memory0/state", "online\n");
  const GuestFigures figures(root_);
  Write("/sys/kernel/uevent_seqnum", "708\n");
  Write("/sys/devices/system/memory/memory1/state", "online\n");
  Write("/sys/devices/system/memory/memory32/state", "online\n");
  EXPECT_THAT(Risen(figures), ElementsAre(Pair("guest_memory_blocks", 2), Pair("guest_uevents", 8)));
}

}  // namespace
}  // namespace lk::agent
