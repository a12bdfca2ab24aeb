// SPDX-License-Identifier: Apache-2.0
#include <absl/time/clock.h>
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "agent/scenarios/crash_hotplug/crash_header.h"
#include "agent/scenarios/crash_hotplug/memory_blocks.h"
#include "agent/scenarios/crash_hotplug/swarm.h"
#include "agent/scenarios/crash_hotplug/uevent.h"
#include "agent/session/channel.h"
#include "lk/v1/agent.pb.h"

namespace lk::agent::crash_hotplug {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kIomem[] =
    "00000000-00000fff : Reserved\n"
    "00001000-0009fbff : System RAM\n"
    "00100000-3ffdffff : System RAM\n"
    "  01000000-023fffff : Kernel code\n"
    "  30000000-3bffffff : Crash kernel\n"
    "3ffe0000-3fffffff : Reserved\n"
    "100000000-13fffffff : System RAM\n"
    "140000000-147ffffff : virtio0\n"
    "  140000000-147ffffff : System RAM (virtio_mem)\n";

TEST(Iomem, FindsRangesAtAnyDepth) {
  EXPECT_THAT(ParseIomem(kIomem, "Crash kernel"), ElementsAre(Range{0x30000000, 0x3c000000}));
  // Adjacent ranges are merged.
  EXPECT_THAT(ParseIomem(kIomem, "System RAM"),
              ElementsAre(Range{0x1000, 0x9fc00}, Range{0x100000, 0x3ffe0000}, Range{0x100000000, 0x148000000}));
  EXPECT_THAT(ParseIomem("garbage\n-: x\n12 : System RAM\n", "System RAM"), IsEmpty());
}

TEST(Iomem, DumpExcludesTheCrashKernelAndTheFirstMiB) {
  EXPECT_THAT(MemoryToDump(kIomem),
              ElementsAre(Range{0x100000, 0x30000000}, Range{0x3c000000, 0x3ffe0000}, Range{0x100000000, 0x148000000}));
}

TEST(Ranges, Subtract) {
  const Ranges ram{{10, 20}, {30, 40}};
  EXPECT_THAT(Subtract(ram, {{0, 5}, {20, 30}}), ElementsAre(Range{10, 20}, Range{30, 40}));
  EXPECT_THAT(Subtract(ram, {{15, 35}}), ElementsAre(Range{10, 15}, Range{35, 40}));
  EXPECT_THAT(Subtract(ram, {{12, 14}}), ElementsAre(Range{10, 12}, Range{14, 20}, Range{30, 40}));
  EXPECT_THAT(Subtract(ram, {{0, 100}}), IsEmpty());
}

std::string CoreHeader(const Ranges& loads) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_type = ET_CORE;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(loads.size() + 1);
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  Elf64_Phdr note{};
  note.p_type = PT_NOTE;
  note.p_paddr = 0x5000000;
  note.p_memsz = 0x1000;
  bytes.append(reinterpret_cast<const char*>(&note), sizeof note);
  for (const Range& range : loads) {
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_paddr = range.start;
    load.p_memsz = range.end - range.start;
    bytes.append(reinterpret_cast<const char*>(&load), sizeof load);
  }
  return bytes;
}

// Segments in the order that the kernel uses: first its own text, which is also part of a later segment.
const Ranges kLoads{
    {0x1000000, 0x2400000}, {0x100000, 0x30000000}, {0x3c000000, 0x3ffe0000}, {0x100000000, 0x148000000}};

TEST(CoreHeader, CoversAllMemoryToDump) {
  const auto covered = ParseCoreHeader(CoreHeader(kLoads));
  ASSERT_TRUE(covered.ok()) << covered.status();
  EXPECT_EQ(*covered, MemoryToDump(kIomem));
}

TEST(CoreHeader, DetectsAStaleHeader) {
  Ranges stale = kLoads;
  stale.back().end = 0x140000000;  // does not include the last DIMM
  const auto covered = ParseCoreHeader(CoreHeader(stale));
  ASSERT_TRUE(covered.ok());
  EXPECT_NE(*covered, MemoryToDump(kIomem));
  EXPECT_EQ(ToString({covered->back()}), "0x100000000-0x13fffffff");
}

TEST(CoreHeader, RejectsOtherAndTruncatedData) {
  const std::string good = CoreHeader(kLoads);
  EXPECT_FALSE(ParseCoreHeader("").ok());
  EXPECT_FALSE(ParseCoreHeader(std::string(4096, '\0')).ok());
  EXPECT_FALSE(ParseCoreHeader(good.substr(0, good.size() - 1)).ok());
  std::string executable = good;
  executable[offsetof(Elf64_Ehdr, e_type)] = ET_EXEC;
  EXPECT_FALSE(ParseCoreHeader(executable).ok());
}

std::optional<HotplugEvent> Parse(std::string_view text) {
  return ParseUevent(text);
}

TEST(Uevent, ParsesEventsForMemoryBlocksAndCpus) {
  using namespace std::string_view_literals;
  const auto block = Parse("online@/devices/system/memory/memory40\0ACTION=online\0SUBSYSTEM=memory\0"sv);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->device, HotplugEvent::Device::kMemoryBlock);
  EXPECT_EQ(block->action, "online");
  EXPECT_EQ(block->number, 40u);
  const auto cpu = Parse("offline@/devices/system/cpu/cpu3\0ACTION=offline\0SUBSYSTEM=cpu\0"sv);
  ASSERT_TRUE(cpu);
  EXPECT_EQ(cpu->device, HotplugEvent::Device::kCpu);
  EXPECT_EQ(cpu->action, "offline");
  EXPECT_EQ(cpu->number, 3u);
}

TEST(Uevent, RejectsOtherEvents) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(Parse("add@/devices/system/cpu/cpufreq\0"sv));
  EXPECT_FALSE(Parse("add@/devices/system/cpu/cpu1/cache\0"sv));
  EXPECT_FALSE(Parse("add@/devices/system/memory/memory\0"sv));
  EXPECT_FALSE(Parse("add@/devices/system/memory/memory4x\0"sv));
  EXPECT_FALSE(Parse("libudev\0\xfe\xed\xca\xfe"sv));
  EXPECT_FALSE(Parse(""));
}

TEST(Swarm, WaitsForBlocksFromTheEndOfASlowAttachOn) {
  auto events = UeventSocket::Open();
  auto kmsg = KmsgReader::Open(KmsgReader::From::kNow);
  if (!events.ok() || !kmsg.ok()) GTEST_SKIP() << events.status() << ", " << kmsg.status();
  const auto channel = MakeChannel();
  ASSERT_TRUE(channel.ok());
  SharedState state;
  Context context(v1::Lease(), channel->second.get(), state, v1::Carried());
  Swarm swarm(context, *std::move(events), *std::move(kmsg), {});
  constexpr absl::Duration kTimeout = absl::Milliseconds(200);
  swarm.BeginAttach();
  absl::SleepFor(2 * kTimeout);
  const absl::Time attached = BootNow();
  swarm.EndAttach(1, kTimeout);
  EXPECT_GE(BootNow() - attached, kTimeout);
}

TEST(MemoryBlocks, OnlyPagesThatCannotBeMovedAndSignalsExcuseARefusal) {
  for (const int error : {EBUSY, EAGAIN, EINTR}) EXPECT_TRUE(MayStayOnline(absl::ErrnoToStatus(error, ""))) << error;
  for (const int error : {EINVAL, ENOMEM, EPERM, EHWPOISON, ENOENT, EIO}) {
    EXPECT_FALSE(MayStayOnline(absl::ErrnoToStatus(error, ""))) << error;
  }
}

}  // namespace
}  // namespace lk::agent::crash_hotplug
