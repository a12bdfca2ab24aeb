// SPDX-License-Identifier: Apache-2.0
// Findings with several witnesses, and findings that are announced before they are complete.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/detect/engine.h"
#include "server/detect/fold.h"
#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {
namespace {

using campaign::Blame;
using campaign::Verdict;
using detect::Kind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Live, AReportIsAnnouncedImmediatelyAndAgainWhenItIsComplete) {
  World world;
  world.ToRunning();
  EXPECT_THAT(world.Step(ReportBegan{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup")}),
              ElementsAre("save c-1 running", "delays c-1"));
  EXPECT_THAT(world.announced, ElementsAre("open: BUG: soft lockup"));
  EXPECT_THAT(world.run().findings, IsEmpty());
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  EXPECT_THAT(world.announced, ElementsAre("open: BUG: soft lockup", "BUG: soft lockup in f"));
  EXPECT_EQ(world.run().findings.size(), 1u);
}

TEST(Live, AnOpenReportThatIsFoldedIsClosedForWatchersToo) {
  World world;
  world.ToRunning();
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f", 100)});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f", 400)});
  EXPECT_THAT(world.announced, ElementsAre("BUG: soft lockup in f"))
      << "a folded report is announced only if it was announced as open";
  world.Step(ReportBegan{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup", 700)});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f", 700)});
  EXPECT_THAT(world.announced, ElementsAre("BUG: soft lockup in f", "open: BUG: soft lockup", "BUG: soft lockup in f"));
  EXPECT_EQ(world.run().findings.at(0).count, 3u);
}

TEST(Live, AConsoleLogThatIsReadAgainAnnouncesNothing) {
  World world;
  world.ToRunning();
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  world.Step(ReportBegan{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup")});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  EXPECT_THAT(world.announced, ElementsAre("BUG: soft lockup in f"));
}

// The stall of CPU 1 delays a workqueue and a task that waits for RCU, which are reported first. Then the kernel
// panics.
constexpr std::string_view kStallAndConsequences =
    R"([   70.000001] BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 33s!
[   70.000002] Showing busy workqueues and worker pools:
[   70.000003] workqueue events: flags=0x0
[   70.000004]   pwq 6: cpus=1 node=0 flags=0x0 nice=0 active=1 refcnt=2
[   70.000005]     pending: meter_flush
[   74.000001] INFO: task reloader:88 blocked for more than 30 seconds.
[   74.000002]       Not tainted 6.12.95-lab #1
[   74.000003] task:reloader        state:D stack:0     pid:88    tgid:88    ppid:1      flags:0x00004002
[   74.000004] Call Trace:
[   74.000005]  <TASK>
[   74.000006]  __schedule+0x3b4/0xa30
[   74.000007]  schedule+0x27/0xd0
[   74.000008]  schedule_timeout+0xba/0x160
[   74.000009]  __wait_for_common+0x8e/0x1d0
[   74.000010]  __wait_rcu_gp+0x125/0x130
[   74.000011]  synchronize_rcu_normal.part.0+0x2c/0x60
[   74.000012]  meter_swap_table+0x5f/0xa0
[   74.000013]  </TASK>
[   76.000001] rcu: INFO: rcu_preempt self-detected stall on CPU
[   76.000002] rcu: 	1-....: (20999 ticks this GP) idle=0b5c/1/0x4000000000000000 softirq=411/411 fqs=5249
[   76.000003] rcu: 	(t=21000 jiffies g=509 q=12 ncpus=2)
[   76.000004] CPU: 1 UID: 0 PID: 61 Comm: trigger Not tainted 6.12.95-lab #1
[   76.000005] RIP: 0010:meter_scan+0x6e/0x2e0
[   76.000006] Call Trace:
[   76.000007]  <TASK>
[   76.000008]  meter_scan_all+0x30/0x40
[   76.000009]  __x64_sys_munmap+0x5f/0xa0
[   76.000010]  do_syscall_64+0x87/0x170
[   76.000011]  entry_SYSCALL_64_after_hwframe+0x76/0x7e
[   76.000012]  </TASK>
[   76.000013] Kernel panic - not syncing: RCU Stall
)";

TEST(Live, ARunShowsWhatTheWholeConsoleSays) {
  World world;
  world.ToRunning();
  detect::Callbacks callbacks;
  callbacks.on_finding = [&](const Finding& f) { world.Step(ReportSeen{"c-1", f}); };
  detect::Engine engine({}, std::move(callbacks));
  for (const char& byte : kStallAndConsequences) engine.Feed({&byte, 1});
  engine.Finish();

  const std::vector<Finding> reports = detect::Detect(kStallAndConsequences);
  const std::vector<Finding> whole = detect::Fold(reports);
  ASSERT_GE(reports.size(), 3u);
  ASSERT_EQ(whole.size(), 1u);
  ASSERT_EQ(world.run().findings.size(), 1u);
  const Finding& live = world.run().findings[0];
  EXPECT_EQ(live.kind, whole[0].kind);
  EXPECT_EQ(live.title, whole[0].title);
  EXPECT_EQ(live.alt_titles, whole[0].alt_titles);
  EXPECT_EQ(live.count, whole[0].count);
  EXPECT_TRUE(live.fatal);
  EXPECT_THAT(world.announced,
              ElementsAre("BUG: workqueue lockup", "INFO: task hung in meter_swap_table", "BUG: workqueue lockup"))
      << "each finding is announced when it is complete, and what they have become when that is known";
  EXPECT_THAT(world.run().journal, Contains(HasSubstr("the same cause: " + live.title)));
}

TEST(Witness, AKernelCounterSuffices) {
  World world;
  world.ToRunning(WithoutRetries());
  world.BringCanary();
  Finding counted = Report(Kind::kSoftLockup, "soft lockup counted by the kernel");
  counted.start_offset = counted.end_offset = 0;
  counted.counted = true;
  world.Said("c-1", GuestFinding{counted});
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
  EXPECT_THAT(world.run().findings.at(0).witnesses, ElementsAre("agent"));
}

TEST(Witness, TheWatchdogDeviceConfirmsALockup) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(VmWatchdogFired{"c-1", "none"});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().findings[0].title, "BUG: soft lockup in f");
  EXPECT_THAT(world.run().findings[0].witnesses, ElementsAre("console", "hypervisor"));
}

TEST(Witness, TheHypervisorWitnessesAVmCrash) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(VmGone{"c-1", VmGone::How::kCrashed, "failed"});
  world.Step(ConsoleEnded{"c-1"});
  EXPECT_EQ(world.run().reason, "VM crashed: failed (seen by: hypervisor)");
  EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
}

TEST(Witness, ANewBootIdConfirmsARebootSeenOnTheConsole) {
  World world;
  world.ToRunning();
  world.Step(ReportSeen{"c-1", Report(Kind::kUnexpectedReboot, "unexpected reboot")});
  world.Connect("boot-2");
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_THAT(world.run().findings[0].witnesses, ElementsAre("console", "agent"));
}

TEST(Witness, TheKernelIsNotBlamedForADeadAgent) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(VmPanicked{"c-1"});
  world.Step(ReportSeen{"c-1", Panic("Attempted to kill init!")});
  EXPECT_THAT(world.After(absl::Seconds(3)), Contains("destroy c-1"));
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kError);
  EXPECT_EQ(world.run().blame, Blame::kTest);
}

// Runs a guest whose cross-CPU call stalls; the kernel prints that it is over after the report is complete.
campaign::Run WithTransientStall(campaign::TransientStalls transient, bool over = true) {
  CampaignAdded added = WithoutRetries();
  added.campaign.spec.transient = std::move(transient);
  World world;
  world.ToRunning(added);
  world.BringCanary();
  const std::string title = "BUG: CSD lock stall in handler";
  world.Step(ReportSeen{"c-1", Report(Kind::kCsdStall, title, 700)});
  Finding by_agent = Report(Kind::kCsdStall, title);
  by_agent.start_offset = by_agent.end_offset = 0;
  world.Step(ReportSeen{"c-1", by_agent, Witness::kAgent});
  if (over) world.Step(ReportOver{"c-1", 700});
  world.Step(ReportOver{"c-1", 999});  // of no report
  world.Step(ReportSeen{"c-1", by_agent, Witness::kAgent});
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  world.Gone();
  return world.run();
}

TEST(Transient, StallsFailARunUnlessTheCampaignIgnoresThem) {
  const campaign::Run held = WithTransientStall({});
  EXPECT_EQ(held.verdict, Verdict::kFail);
  ASSERT_EQ(held.findings.size(), 1u);
  EXPECT_TRUE(held.findings[0].transient);
  EXPECT_FALSE(held.findings[0].tolerated);

  const campaign::Run ignored = WithTransientStall({{Kind::kCsdStall}});
  EXPECT_EQ(ignored.verdict, Verdict::kPass) << ignored.reason;
  EXPECT_TRUE(ignored.findings.at(0).transient);
  EXPECT_TRUE(ignored.findings.at(0).tolerated);

  const campaign::Run not_over = WithTransientStall({{Kind::kCsdStall}}, false);
  EXPECT_EQ(not_over.verdict, Verdict::kFail);
  EXPECT_FALSE(not_over.findings.at(0).transient);
}

TEST(Transient, AnRcuStallThatEndedBeforeItsDumpIsIgnored) {
  World world;
  world.ToRunning(WithoutRetries());
  world.BringCanary();
  Finding stall = Report(Kind::kRcuStall, "INFO: rcu detected stall");
  stall.transient = true;
  world.Step(ReportSeen{"c-1", stall});
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kPass) << world.run().reason;
}

TEST(Transient, AStallThatIsFoldedWithALastingOneIsNot) {
  CampaignAdded added = WithoutRetries();
  added.campaign.spec.transient = {{Kind::kCsdStall}};
  World world;
  world.ToRunning(added);
  Finding csd = Report(Kind::kCsdStall, "BUG: CSD lock stall in handler", 100);
  Finding lockup = Report(Kind::kSoftLockup, "BUG: soft lockup in handler", 900);
  csd.alt_titles = lockup.alt_titles = {"stall in handler"};
  world.Step(ReportSeen{"c-1", csd});
  world.Step(ReportSeen{"c-1", lockup});
  world.Step(ReportOver{"c-1", 100});
  world.Gone();
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_FALSE(world.run().findings[0].transient);
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
}

TEST(Known, IsDecidedByTheDayOnWhichTheRunStarts) {
  const absl::CivilDay day(2027, 1, 15);
  for (const bool ended : {false, true}) {
    CampaignAdded added = WithoutRetries();
    added.campaign.spec.known = known::List({{"WARNING in f", std::nullopt, "fix is queued", ended ? day - 1 : day}});
    World world;
    world.now = added.campaign.created = absl::FromCivil(day + 1, absl::UTCTimeZone()) - absl::Seconds(5);
    world.ToRunning(added);
    world.BringCanary();
    Beat(world, absl::Seconds(10), true);
    world.Step(ReportSeen{"c-1", Report(Kind::kWarning, "WARNING in f")});
    world.Said("c-1", AgentDone{"ok", "", 5, {}});
    EXPECT_THAT(world.Gone(), Contains(ended ? "save c-1 done fail" : "save c-1 done pass"));
    ASSERT_EQ(world.run().findings.size(), 1u);
    EXPECT_EQ(world.run().findings[0].known, ended ? "" : "fix is queued");
  }
}

TEST(Known, SurvivesARestart) {
  CampaignAdded added = WithoutRetries();
  added.campaign.spec.known =
      known::List({{"WARNING in f", std::nullopt, "fix is queued", absl::CivilDay(2027, 1, 15)}});
  World old;
  old.ToRunning(added);
  old.BringCanary();
  Restarted world(old);
  world.Step(VmReattached{"c-1"});
  world.Connect("boot-1");
  world.Step(ReportSeen{"c-1", Report(Kind::kWarning, "WARNING in f")});
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done pass"));
  EXPECT_THAT(world.run().reason, HasSubstr("known: WARNING in f (fix is queued)"));
}

}  // namespace
}  // namespace lk::scheduler
