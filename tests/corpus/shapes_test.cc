// SPDX-License-Identifier: Apache-2.0
// One log for each shape in which kernels of different versions and architectures print a report, and in which other
// programs hand it on. What `lkctl detect` must say about each is in the table below.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/detect/engine.h"
#include "server/detect/fold.h"

namespace lk::detect {
namespace {

struct Expected {
  Kind kind;
  std::string_view title;
  int cpu = -1;
  std::string_view task = "";
  std::string_view notes = "";  // "fatal", "transient", "corrupted", "x 3": the count if it is not 1
};

struct Shape {
  std::string_view file;  // in shapes/, without ".log"
  std::vector<Expected> findings;
};

const Expected kStall = {Kind::kSoftLockup, "BUG: soft lockup in tide_proc_write", 2, "tidectl:3127"};

// NOLINTNEXTLINE(cert-err58-cpp)
const std::vector<Shape> kShapes = {
    // containers
    {"01-journalctl-k", {kStall}},
    {"02-journalctl-short-monotonic", {kStall}},
    {"03-dmesg-T", {kStall}},
    {"04-kernelci-dmesg", {kStall}},
    {"05-dev-kmsg-netconsole-extended", {kStall}},
    {"06-dmesg-human", {kStall}},
    // text that looks like a boot
    {"07-dmesg-printed-on-console", {}},
    {"08-kdump-second-kernel", {{Kind::kPanic, "kernel panic: sysrq triggered crash", 3, "tee:2204", "fatal"}}},
    {"09-proc-version-no-timestamps", {}},
    // architectures
    {"10-powerpc-hard-lockup",
     {{Kind::kHardLockup, "BUG: hard lockup in tide_ring_pop", 21, "kworker/21:2:4417"},
      {Kind::kHardLockup, "BUG: hard lockup in corrupted", 6, "", "corrupted"}}},
    {"10-powerpc-hard-lockup-other-cpu",
     {{Kind::kHardLockup, "BUG: hard lockup in tide_pick_target", 6, "tidectl:5120"}}},
    {"11-powerpc-oops",
     {{Kind::kOops, "BUG: unable to handle kernel NULL pointer dereference in tide_query", 9, "tidestat:6032"}}},
    {"12-s390-oops",
     {{Kind::kOops, "BUG: unable to handle kernel pointer dereference in tide_slot_hash", 2, "tidectl:871"}}},
    {"13-riscv-illegal-instruction", {{Kind::kOops, "illegal instruction in tide_csr_read", 1, "tidestat:1459"}}},
    {"14-loongarch-paging-request",
     {{Kind::kOops, "BUG: unable to handle kernel paging request in tide_post", 3, "tidectl:1207"}}},
    {"14-mips-paging-request",
     {{Kind::kOops, "BUG: unable to handle kernel paging request in tide_post", 1, "tidectl:533"}}},
    {"15-arm32-null-pointer",
     {{Kind::kOops, "BUG: unable to handle kernel NULL pointer dereference in tide_post", 1, "tidectl:214"}}},
    {"16-powerpc-soft-lockup", {{Kind::kSoftLockup, "BUG: soft lockup in tide_proc_write", 5, "tidectl:2280"}}},
    // stacks
    {"35-guessed-stack", {{Kind::kSoftLockup, "BUG: soft lockup in tide_flush", 3, "tide_flushd:1871"}}},
    {"36-netdev-watchdog-text-follows", {{Kind::kWarning, "WARNING in dev_watchdog", -1, "swapper:0"}}},
    {"37-i386-oops",
     {{Kind::kOops, "BUG: unable to handle kernel NULL pointer dereference in tide_unlink", 1, "tidectl:2951"}}},
    {"39-allocation-stuck-in-softirq", {{Kind::kSoftLockup, "BUG: soft lockup in tide_grow_zone", 2, "swapper/2:0"}}},
    {"40-rcu-kthread-does-not-run", {{Kind::kRcuStall, "INFO: rcu detected stall in tide_ioctl", 1, "tidectl:2206"}}},
    // the same report twice
    {"38-fortify-warns-then-dies", {{Kind::kOops, "kernel BUG in tide_set_label", 2, "tidectl:3405", "x 2"}}},
    {"41-dmesg-printed-with-a-report",
     {{Kind::kSoftLockup, "BUG: soft lockup in tide_rescan_work", 0, "kworker/0:3:214", "x 2"}}},
    {"42-kdump-prints-the-old-messages",
     {{Kind::kSoftLockup, "BUG: soft lockup in tide_rescan_work", 0, "kworker/0:3:214", "fatal"}}},
    // kinds and wordings
    {"17-bad-page-map", {{Kind::kOops, "BUG: Bad page map", 3, "tidectl:1844"}}},
    {"18-assuming-atomic-context",
     {{Kind::kSleepInAtomic, "BUG: assuming atomic context in tide_classify", 1, "irq/47-tide0:611"}}},
    {"19-assuming-non-migratable",
     {{Kind::kSleepInAtomic, "BUG: assuming non migratable context in tide_run_percpu", 0, "tidestat:1320"}}},
    {"20-nohz-tick-stop", {{Kind::kWarning, "NOHZ tick-stop error: local softirq work is pending", -1, "", "x 3"}}},
    {"21-unregister-netdevice",
     {{Kind::kHungTask, "unregister_netdevice: waiting for DEV to become free", -1, "", "x 3"}}},
    {"22-vtd-invalidation-timeout", {{Kind::kCommandTimeout, "DMAR: VT-d detected Invalidation Time-out Error"}}},
    {"23-amd-vi-completion-wait",
     {{Kind::kCommandTimeout, "AMD-Vi: Completion-Wait loop timed out"},
      {Kind::kCommandTimeout, "AMD-Vi: IOTLB_INV_TIMEOUT"}}},
    {"24-smmuv3-cmd-sync-timeout",
     {{Kind::kCommandTimeout, "arm-smmu-v3: CMD_SYNC timeout"},
      {Kind::kCommandTimeout, "arm-smmu-v3: ATC invalidate timeout"}}},
    {"25-gicv3-its-queue-timeout",
     {{Kind::kCommandTimeout, "ITS queue timeout"}, {Kind::kCommandTimeout, "GICv3: RWP timeout"}}},
    {"26-lockdep-out-of-chains", {{Kind::kLockdep, "BUG: MAX_LOCKDEP_CHAINS too low!", 2, "kworker/2:3:3310"}}},
    {"27-slub-redzone", {{Kind::kSanitizer, "SLUB: Right Redzone overwritten in tide_release", 0, "tidectl:905"}}},
    {"28-kdump-loaded-comm", {{Kind::kWarning, "WARNING in tide_detach", 5, "tidectl:41877"}}},
    {"29-rcu-stall-ended", {{Kind::kRcuStall, "INFO: rcu detected stall", -1, "", "transient"}}},
    {"30-csd-unstuck-later", {{Kind::kCsdStall, "BUG: CSD lock stall in tide_remote_kick", 5, "", "transient"}}},
    {"31-hung-task-owner", {{Kind::kHungTask, "INFO: task hung in tide_link_work", -1, "kworker/3:2:187"}}},
    {"32-kernel-BUG-not-verbose", {{Kind::kOops, "kernel BUG in tide_free_slot", 1, "tidectl:268"}}},
    {"33-workqueue-lockup-rescuer", {{Kind::kWorkqueueLockup, "BUG: workqueue lockup in tide_reclaim_fn", 3}}},
    {"34-rust-panic", {{Kind::kOops, "kernel BUG in tide_rust_probe", 2, "insmod:344"}}},
};

void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.file;
}

std::string LogOf(const Shape& shape) {
  std::ifstream in(std::filesystem::path(LK_SHAPES) / (std::string(shape.file) + ".log"), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <typename Next>
std::vector<Finding> FindingsIn(std::string_view log, Next next, bool prefilter = true) {
  std::vector<Finding> findings;
  Callbacks callbacks;
  callbacks.on_finding = [&](Finding finding) { findings.push_back(std::move(finding)); };
  Options options;
  options.prefilter = prefilter;
  options.containers = true;
  Engine engine(std::move(options), std::move(callbacks));
  while (!log.empty()) {
    const std::string_view piece = log.substr(0, next());
    engine.Feed(piece);
    log.remove_prefix(piece.size());
  }
  engine.Finish();
  return Fold(std::move(findings));
}

std::vector<Finding> FindingsIn(const Shape& shape) {
  const std::string log = LogOf(shape);
  EXPECT_FALSE(log.empty()) << shape.file;
  return FindingsIn(log, [&] { return log.size(); });
}

std::string Line(Kind kind, std::string_view title, int cpu, std::string_view task, std::string_view notes) {
  return fmt::format("{}: {}, cpu {}, task \"{}\"{}{}\n", ToString(kind), title, cpu, task, notes.empty() ? "" : ", ",
                     notes);
}

std::string Lines(const Shape& shape) {
  std::string lines;
  for (const Expected& e : shape.findings) lines += Line(e.kind, e.title, e.cpu, e.task, e.notes);
  return lines;
}

std::string Lines(const std::vector<Finding>& findings) {
  std::string lines;
  for (const Finding& f : findings) {
    std::string notes = f.fatal ? "fatal" : f.transient ? "transient" : f.corrupted ? "corrupted" : "";
    if (f.count > 1) notes += fmt::format("x {}", f.count);
    lines += Line(f.kind, f.title, f.cpu, f.task, notes);
  }
  return lines;
}

const Shape& ShapeOf(std::string_view file) {
  return *std::ranges::find(kShapes, file, &Shape::file);
}

class Shapes : public testing::TestWithParam<Shape> {};

TEST_P(Shapes, AreReadAndNamed) {
  EXPECT_EQ(Lines(FindingsIn(GetParam())), Lines(GetParam()));
}

TEST_P(Shapes, DoNotDependOnHowTheLogIsSplit) {
  const std::string log = LogOf(GetParam());
  const auto whole = FindingsIn(GetParam());
  EXPECT_EQ(FindingsIn(log, [] { return size_t{1}; }), whole);
  EXPECT_EQ(FindingsIn(
                log, [&] { return log.size(); }, false),
            whole)
      << "without the prefilter";
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<size_t> sizes(1, seed * 97);
    EXPECT_EQ(FindingsIn(log, [&] { return sizes(random); }), whole) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Logs, Shapes, testing::ValuesIn(kShapes), [](const auto& test) {
  std::string name(test.param.file);
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(ShapesOfFiles, AreAllInTheTable) {
  for (const auto& entry : std::filesystem::directory_iterator(LK_SHAPES)) {
    EXPECT_NE(std::ranges::find(kShapes, entry.path().stem().string(), &Shape::file), kShapes.end()) << entry;
  }
}

// kernel/hung_task.c prints the owner's stack after that of the task that waits for it.
TEST(ShapesOfWaits, NameTheOwnerOfWhatIsWaitedFor) {
  const auto findings = FindingsIn(ShapeOf("31-hung-task-owner"));
  ASSERT_EQ(findings.size(), 1u);
  const Finding& f = findings[0];
  ASSERT_TRUE(f.victim && f.culprit);
  EXPECT_EQ(f.victim->task, "kworker/3:2:187");
  EXPECT_EQ(f.victim->function, "tide_link_work");
  EXPECT_EQ(f.culprit->task, "tidecfg:1409");
  EXPECT_EQ(f.culprit->function, "tide_phy_attach");
  ASSERT_EQ(f.others.size(), 1u);
  EXPECT_EQ(f.others[0].task, "tidecfg:1409");
  EXPECT_EQ(f.others[0].function, "tide_phy_attach");
}

TEST(ShapesOfStalls, HaveTheSystemCallAsAnAlternate) {
  const auto findings = FindingsIn(ShapeOf("01-journalctl-k"));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].alt_titles,
            (std::vector<std::string>{"stall in tide_proc_write", "BUG: soft lockup in sys_write"}));
}

}  // namespace
}  // namespace lk::detect
