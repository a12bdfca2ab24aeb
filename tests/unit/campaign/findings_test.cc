// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/campaign/descriptors.h"
#include "tests/unit/campaign/runs.h"

namespace lk::campaign {
namespace {

using detect::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

TEST(HeldAgainstKernel, UnlessToleratedKnownOrDistrusted) {
  Finding finding;
  EXPECT_TRUE(HeldAgainstKernel(finding));
  EXPECT_TRUE(IsCompleteAndHeld(finding));
  finding.open = true;
  EXPECT_TRUE(HeldAgainstKernel(finding));
  EXPECT_FALSE(IsCompleteAndHeld(finding));

  finding.open = false;
  finding.distrust = "the VM was paused for 12s";
  EXPECT_FALSE(HeldAgainstKernel(finding));
  EXPECT_FALSE(IsCompleteAndHeld(finding));
  EXPECT_TRUE(IsDistrusted(finding));
  finding.known = "reported";
  EXPECT_FALSE(IsDistrusted(finding)) << "a known finding is not also distrusted";
  finding.distrust.clear();
  EXPECT_FALSE(HeldAgainstKernel(finding));
  EXPECT_FALSE(IsCompleteAndHeld(finding));
  EXPECT_TRUE(IsKnown(finding));
  finding.known.clear();
  finding.distrust = "the VM was paused for 12s";
  finding.tolerated = true;
  EXPECT_FALSE(HeldAgainstKernel(finding));
  EXPECT_FALSE(IsDistrusted(finding)) << "a tolerated finding is not also distrusted";
}

TEST(AddFinding, FoldsFindingsThatShareATitle) {
  campaign::Run run;
  EXPECT_TRUE(AddFinding(run, Console(Kind::kRcuStall, "INFO: rcu detected stall in f", 100, {"stall in f"}), Rest()));
  EXPECT_TRUE(AddFinding(run, Console(Kind::kSoftLockup, "BUG: soft lockup in f", 900, {"stall in f"}), Rest()));
  EXPECT_TRUE(AddFinding(run, Console(Kind::kSoftLockup, "BUG: soft lockup in g", 2000, {"stall in g"}), Rest()));
  ASSERT_EQ(run.findings.size(), 2u);
  EXPECT_EQ(run.findings[0].kind, Kind::kRcuStall);
  EXPECT_EQ(run.findings[0].count, 2u);
  EXPECT_THAT(run.findings[0].alt_titles, ElementsAre("stall in f", "BUG: soft lockup in f"));
  EXPECT_EQ(run.findings[0].last_seen, absl::FromUnixSeconds(900));
  EXPECT_EQ(run.findings[1].count, 1u);
}

TEST(AddFinding, DoesNotFoldReportsThatEndedInTheSamePanic) {
  const std::string panic = "kernel panic: Fatal exception";
  campaign::Run run;
  AddFinding(run, Console(Kind::kOops, "BUG: unable to handle page fault in f", 100, {panic}), Rest());
  AddFinding(run, Console(Kind::kOops, "general protection fault in g", 900, {panic}), Rest());
  EXPECT_EQ(run.findings.size(), 2u);
  AddFinding(run, Console(Kind::kPanic, panic, 1500), Rest());
  EXPECT_EQ(run.findings.size(), 2u);
}

TEST(AddFinding, KeepsCountsIfTheConsoleIsReadAgain) {
  campaign::Run run;
  const std::vector<Finding> console = {Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100),
                                        Console(Kind::kSoftLockup, "BUG: soft lockup in f", 500),
                                        Console(Kind::kWarning, "WARNING in g", 700),
                                        Console(Kind::kSoftLockup, "BUG: soft lockup in f", 900)};
  for (int times = 0; times < 2; ++times) {
    for (const Finding& finding : console) AddFinding(run, finding, Rest());
    ASSERT_EQ(run.findings.size(), 2u);
    EXPECT_EQ(run.findings[0].count, 3u);
    EXPECT_EQ(run.findings[1].count, 1u);
  }
  EXPECT_FALSE(AddFinding(run, console[2], Rest()));
}

TEST(AddFinding, CountsAnEventOnceWhoeverReportsItFirst) {
  const Finding console = Console(Kind::kOops, "BUG: unable to handle page fault in f", 100);
  const Finding agent = From("agent", Kind::kOops, "BUG: unable to handle page fault in f");
  for (const bool console_first : {true, false}) {
    campaign::Run run;
    AddFinding(run, console_first ? console : agent, Rest());
    AddFinding(run, console_first ? agent : console, Rest());
    ASSERT_EQ(run.findings.size(), 1u);
    EXPECT_EQ(run.findings[0].count, 1u);
    EXPECT_EQ(run.findings[0].end_offset, 200u);
    EXPECT_THAT(run.findings[0].witnesses, UnorderedElementsAre("console", "agent"));
  }
}

TEST(AddFinding, FoldsThePanicDeviceIntoTheConsoleReport) {
  Finding lockup = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100);
  lockup.fatal = true;
  const Finding device = From("hypervisor", Kind::kPanic, "kernel panic");
  for (const bool console_first : {true, false}) {
    campaign::Run run;
    AddFinding(run, console_first ? lockup : device, Rest());
    AddFinding(run, console_first ? device : lockup, Rest());
    ASSERT_EQ(run.findings.size(), 1u);
    EXPECT_EQ(run.findings[0].title, "BUG: soft lockup in f");
    EXPECT_TRUE(run.findings[0].fatal);
    EXPECT_THAT(run.findings[0].witnesses, UnorderedElementsAre("console", "hypervisor"));
  }
  // A warning, which the kernel survives, is not the cause of the panic.
  campaign::Run run;
  AddFinding(run, Console(Kind::kWarning, "WARNING in g", 10), Rest());
  AddFinding(run, device, Rest());
  EXPECT_EQ(run.findings.size(), 2u);
}

TEST(AddFinding, MarksToleratedFindings) {
  campaign::Run run;
  AddFinding(run, Console(Kind::kWarning, "WARNING in harmless_function", 10), Swarm());
  AddFinding(run, Console(Kind::kOops, "oops in harmless_function", 300), Swarm());
  EXPECT_TRUE(run.findings[0].tolerated);
  EXPECT_FALSE(run.findings[1].tolerated);
}

TEST(AddFinding, KeepsAHundredAndCountsTheRest) {
  campaign::Run run;
  for (int i = 0; i < 100; ++i) {
    AddFinding(run, Console(Kind::kWarning, "WARNING in harmless_function" + std::to_string(i), 1000 * i), Swarm());
  }
  ASSERT_TRUE(run.findings.back().tolerated);
  for (int i = 0; i < 3; ++i)
    AddFinding(run, Console(Kind::kOops, "oops in f" + std::to_string(i), 200000 + i), Swarm());
  ASSERT_EQ(run.findings.size(), 100u);
  EXPECT_EQ(run.findings.back().count, 4u);
  EXPECT_FALSE(run.findings.back().tolerated);
}

// ---- counters and VM events --------------------------------------------------------------------------------------

Finding CountedBy(Kind kind, std::string title) {
  Finding finding = From("agent", kind, std::move(title));
  finding.counted = true;
  return finding;
}

TEST(AddFinding, FoldsACounterIntoItsReportInEitherOrder) {
  const Finding console = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100);
  const Finding counter = CountedBy(Kind::kSoftLockup, "soft lockup counted by the kernel");
  for (const bool console_first : {true, false}) {
    campaign::Run run;
    AddFinding(run, console_first ? console : counter, Rest());
    AddFinding(run, console_first ? counter : console, Rest());
    ASSERT_EQ(run.findings.size(), 1u);
    EXPECT_EQ(run.findings[0].title, "BUG: soft lockup in f");
    EXPECT_EQ(run.findings[0].count, 1u);
    EXPECT_FALSE(run.findings[0].counted);
    EXPECT_TRUE(run.findings[0].alt_titles.empty());
    EXPECT_THAT(run.findings[0].witnesses, UnorderedElementsAre("console", "agent"));
  }
}

TEST(AddFinding, ACounterAloneIsAFinding) {
  campaign::Run run;
  AddFinding(run, Console(Kind::kWarning, "WARNING in g", 10), Rest());
  AddFinding(run, CountedBy(Kind::kSoftLockup, "soft lockup counted by the kernel"), Rest());
  ASSERT_EQ(run.findings.size(), 2u);
  EXPECT_TRUE(run.findings[1].counted);
}

TEST(AddFinding, FoldsATaintFlagIntoAReportThatExplainsIt) {
  campaign::Run run;
  AddFinding(run, Console(Kind::kSleepInAtomic, "BUG: sleeping function called from invalid context in f", 10), Rest());
  AddFinding(run, CountedBy(Kind::kWarning, "taint rose to 512"), Rest());
  AddFinding(run, CountedBy(Kind::kOops, "taint rose to 640"), Rest());
  EXPECT_EQ(run.findings.size(), 2u);
}

TEST(AddFinding, AToleratedReportStaysToleratedDespiteItsCounter) {
  const Finding report = Console(Kind::kWarning, "WARNING in harmless_function", 10);
  const Finding counter = CountedBy(Kind::kWarning, "taint rose to 512");
  for (const bool report_first : {true, false}) {
    campaign::Run run;
    AddFinding(run, report_first ? report : counter, Swarm());
    AddFinding(run, report_first ? counter : report, Swarm());
    ASSERT_EQ(run.findings.size(), 1u);
    EXPECT_TRUE(run.findings[0].tolerated);
  }
}

TEST(AddFinding, FoldsAWatchdogIntoTheHangItDetected) {
  const Finding device = From("hypervisor", Kind::kVmCrash, "watchdog device fired");
  const Finding lockup = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100);
  for (const bool console_first : {true, false}) {
    campaign::Run run;
    AddFinding(run, console_first ? lockup : device, Rest());
    AddFinding(run, console_first ? device : lockup, Rest());
    ASSERT_EQ(run.findings.size(), 1u);
    EXPECT_EQ(run.findings[0].title, "BUG: soft lockup in f");
    EXPECT_THAT(run.findings[0].witnesses, UnorderedElementsAre("console", "hypervisor"));
  }
  campaign::Run run;
  AddFinding(run, Console(Kind::kWarning, "WARNING in g", 10), Rest());
  AddFinding(run, device, Rest());
  EXPECT_EQ(run.findings.size(), 2u);
}

TEST(AddFinding, FoldsARebootOnlyIntoAnEarlierPanic) {
  Finding panic = Console(Kind::kPanic, "kernel panic: p", 100);
  panic.fatal = true;
  const Finding reboot = Console(Kind::kUnexpectedReboot, "unexpected reboot", 900);
  campaign::Run after;
  AddFinding(after, panic, Rest());
  AddFinding(after, reboot, Rest());
  EXPECT_EQ(after.findings.size(), 1u);
  campaign::Run before;
  AddFinding(before, reboot, Rest());
  AddFinding(before, panic, Rest());
  EXPECT_EQ(before.findings.size(), 2u);
}

TEST(AddFinding, CountsARebootSeenByTwoWitnessesOnce) {
  campaign::Run run;
  AddFinding(run, Console(Kind::kUnexpectedReboot, "unexpected reboot", 900), Rest());
  AddFinding(run, From("agent", Kind::kUnexpectedReboot, "unexpected reboot"), Rest());
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].count, 1u);
  EXPECT_THAT(run.findings[0].witnesses, ElementsAre("console", "agent"));
}

TEST(AddFinding, TrustsAFindingIfAnyOfItsReportsIsTrusted) {
  Finding distrusted = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100);
  distrusted.distrust = "the VM was paused for 5s";
  campaign::Run run;
  AddFinding(run, distrusted, Rest());
  EXPECT_EQ(run.findings[0].distrust, "the VM was paused for 5s");
  AddFinding(run, Console(Kind::kSoftLockup, "BUG: soft lockup in f", 700), Rest());
  EXPECT_EQ(run.findings[0].distrust, "");
  distrusted.start_offset = 1500;
  AddFinding(run, distrusted, Rest());
  EXPECT_EQ(run.findings[0].distrust, "");
}

// ---- the output of an NMI ----------------------------------------------------------------------------------------

Finding NmiPanic(uint64_t start) {
  Finding nmi =
      Console(Kind::kPanic, "kernel panic: NMI: Not continuing", start, {"hang in qi_submit_sync", "stall in qi"});
  nmi.fatal = nmi.nmi = true;
  nmi.function = "qi_submit_sync";
  nmi.cpu = 0;
  nmi.frames = {{"qi_submit_sync", 0x10, "", ""}};
  nmi.others = {{1, "fio:77", "native_queued_spin_lock_slowpath", {}}};
  nmi.excerpt = "Kernel panic - not syncing: NMI: Not continuing";
  return nmi;
}

TEST(AsHang, IsNamedAfterTheFunction) {
  campaign::Run run;
  AddFinding(run, AsHang(NmiPanic(500), "rest"), Rest());
  AddFinding(run, AsHang(NmiPanic(500), "rest"), Rest());  // the console log is read again
  ASSERT_EQ(run.findings.size(), 1u);
  const Finding& hang = run.findings[0];
  EXPECT_EQ(hang.kind, Kind::kHang);
  EXPECT_EQ(hang.title, "hang in qi_submit_sync");
  EXPECT_THAT(hang.alt_titles, ElementsAre("stall in qi"));
  EXPECT_THAT(hang.witnesses, ElementsAre("console", "hypervisor"));
  EXPECT_EQ(hang.start_offset, 500u);
  EXPECT_EQ(hang.others.size(), 1u);
  EXPECT_FALSE(hang.fatal);

  Finding nameless = NmiPanic(500);
  nameless.function.clear();
  EXPECT_EQ(AsHang(nameless, "rest").title, "hang in rest");
}

TEST(AddFinding, FoldsAHangIntoTheStallBeforeIt) {
  campaign::Run run;
  Finding lockup = Console(Kind::kSoftLockup, "BUG: soft lockup in set_mtrr", 100);
  lockup.cpu = 1;
  AddFinding(run, lockup, Rest());
  for (int i = 0; i < 2; ++i) AddFinding(run, AsHang(NmiPanic(500), "rest"), Rest());
  ASSERT_EQ(run.findings.size(), 1u);
  const Finding& kept = run.findings[0];
  EXPECT_EQ(kept.title, "BUG: soft lockup in set_mtrr");
  EXPECT_EQ(kept.start_offset, 100u);
  EXPECT_EQ(kept.count, 1u);
  EXPECT_THAT(kept.alt_titles, UnorderedElementsAre("hang in qi_submit_sync", "stall in qi"));
  EXPECT_THAT(kept.witnesses, ElementsAre("console", "hypervisor"));
  // The CPU that handled the NMI, in addition to the one that reported the stall.
  ASSERT_EQ(kept.others.size(), 1u);
  EXPECT_EQ(kept.others[0].cpu, 0);
  EXPECT_EQ(kept.others[0].function, "qi_submit_sync");
}

TEST(AddFinding, FoldsAStallNamedByTheNmiIntoAnEarlierOneOfThatName) {
  campaign::Run run;
  AddFinding(run, Console(Kind::kRcuStall, "INFO: rcu detected stall in qi", 100, {"stall in qi"}), Rest());
  AddFinding(run, Console(Kind::kWorkqueueLockup, "BUG: workqueue lockup", 300, {}), Rest());
  ASSERT_EQ(run.findings.size(), 2u) << "the workqueue lockup does not name a function yet";
  const Finding* changed = AddFinding(run, AsHang(NmiPanic(500), "rest"), Rest());
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(changed, &run.findings[0]);
  EXPECT_EQ(run.findings[0].title, "INFO: rcu detected stall in qi");
  EXPECT_THAT(run.findings[0].alt_titles,
              UnorderedElementsAre("stall in qi", "hang in qi_submit_sync", "BUG: workqueue lockup"));
  EXPECT_THAT(run.findings[0].witnesses, ElementsAre("console", "hypervisor"));
}

TEST(AddFinding, AddsStacksFromTheNmiToAStuckTrigger) {
  campaign::Run run;
  AddFinding(run, From("agent", Kind::kHang, "trigger stuck in rest"), Rest());
  AddFinding(run, AsHang(NmiPanic(500), "rest"), Rest());
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].title, "trigger stuck in rest");
  EXPECT_EQ(run.findings[0].start_offset, 500u);
  EXPECT_EQ(run.findings[0].function, "qi_submit_sync");
  EXPECT_EQ(run.findings[0].others.size(), 1u);
  EXPECT_THAT(run.findings[0].excerpt, HasSubstr("Not continuing"));
}

TEST(AddFinding, FoldsALateDetectorIntoTheKnownHang) {
  campaign::Run run;
  AddFinding(run, From("agent", Kind::kHang, "trigger stuck in rest"), Rest());
  Finding pool = Console(Kind::kWorkqueueLockup, "BUG: workqueue lockup", 300);
  pool.cpu = 1;
  AddFinding(run, pool, Rest());
  AddFinding(run, AsHang(NmiPanic(500), "rest"), Rest());
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].kind, Kind::kHang);
  EXPECT_EQ(run.findings[0].title, "trigger stuck in rest");
  EXPECT_THAT(run.findings[0].alt_titles,
              UnorderedElementsAre("BUG: workqueue lockup", "hang in qi_submit_sync", "stall in qi"));
  EXPECT_THAT(run.findings[0].witnesses, ElementsAre("agent", "console", "hypervisor"));
  EXPECT_EQ(run.findings[0].start_offset, 300u);

  Finding distrusted = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100);
  distrusted.distrust = "the VM was paused for 5s";
  campaign::Run paused;
  AddFinding(paused, From("agent", Kind::kHang, "trigger stuck in rest"), Rest());
  AddFinding(paused, distrusted, Rest());
  EXPECT_EQ(paused.findings.size(), 2u);
}

TEST(AddFinding, FoldsAWorkqueueLockupIntoTheStallOfItsCpu) {
  Finding stall = Console(Kind::kRcuStall, "INFO: rcu detected stall in f", 100, {"stall in f"});
  Finding pool = Console(Kind::kWorkqueueLockup, "BUG: workqueue lockup", 300);
  stall.cpu = pool.cpu = 1;
  campaign::Run run;
  AddFinding(run, stall, Rest());
  AddFinding(run, pool, Rest());
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].title, "INFO: rcu detected stall in f");
}

TEST(AddFinding, DoesNotFoldAHangIntoADistrustedStall) {
  Finding distrusted = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100);
  distrusted.distrust = "the VM was paused for 5s";
  campaign::Run run;
  AddFinding(run, distrusted, Rest());
  AddFinding(run, AsHang(NmiPanic(500), "rest"), Rest());
  EXPECT_EQ(run.findings.size(), 2u);
}

// ---- known problems ----------------------------------------------------------------------------------------------

TEST(AddFinding, MarksKnownFindings) {
  const known::List list = Known("WARNING in f");
  campaign::Run run;
  AddFinding(run, Console(Kind::kWarning, "WARNING in f", 100), Rest(), Now(list));
  AddFinding(run, Console(Kind::kWarning, "WARNING in g", 900), Rest(), Now(list));
  EXPECT_EQ(run.findings.at(0).known, "reported");
  EXPECT_EQ(run.findings.at(1).known, "");
}

TEST(AddFinding, AHangIsKnownByAnyTitleItsDetectorsGiveIt) {
  const Finding rcu = Console(Kind::kRcuStall, "INFO: rcu detected stall in f", 100, {"stall in f"});
  const Finding soft = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 900, {"stall in f"});
  for (const char* title : {"INFO: rcu detected stall in f", "BUG: soft lockup in f", "stall in f"}) {
    const known::List list = Known(title);
    campaign::Run run;
    AddFinding(run, rcu, Rest(), Now(list));
    AddFinding(run, soft, Rest(), Now(list));
    ASSERT_EQ(run.findings.size(), 1u);
    EXPECT_EQ(run.findings[0].known, "reported") << title;
  }
}

TEST(AddFinding, AKnownConsequenceDoesNotMakeItsCauseKnown) {
  const known::List list = Known("WARNING in g");
  campaign::Run run;
  AddFinding(run, Console(Kind::kOops, "BUG: unable to handle page fault in f", 100), Rest(), Now(list));
  AddFinding(run, Console(Kind::kWarning, "WARNING in g", 900, {"BUG: unable to handle page fault in f"}), Rest(),
             Now(list));
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].known, "");
  EXPECT_TRUE(HeldAgainstKernel(run.findings[0]));
}

TEST(AddFinding, AnUnknownFindingBeyondTheLimitCounts) {
  const known::List list = Known("WARNING in f.*");
  campaign::Run run;
  for (uint64_t i = 1; i <= 100; ++i) {
    AddFinding(run, Console(Kind::kWarning, "WARNING in f" + std::to_string(i), 1000 * i), Rest(), Now(list));
  }
  ASSERT_EQ(run.findings.back().known, "reported");
  AddFinding(run, Console(Kind::kOops, "BUG in g", 200000), Rest(), Now(list));
  ASSERT_EQ(run.findings.size(), 100u);
  EXPECT_EQ(run.findings.back().known, "");
}

TEST(AddFinding, TheNmiShowsWhereAKnownStallIs) {
  const known::List list = Known("BUG: soft lockup in f");
  campaign::Run run;
  AddFinding(run, Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100), Rest(), Now(list));
  Finding nmi = Console(Kind::kPanic, "kernel panic: NMI: Not continuing", 900);
  nmi.nmi = true;
  nmi.function = "g";
  AddFinding(run, AsHang(nmi, "rest"), Rest(), Now(list));
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].known, "reported");
  EXPECT_THAT(run.findings[0].alt_titles, testing::Contains("hang in g"));
}

TEST(AddFinding, ASilentHangGetsTheFactsOfALateStall) {
  campaign::Run run;
  AddFinding(run, From("agent", Kind::kHang, "hang in rest"), Rest());
  Finding late = Console(Kind::kCommandTimeout, "ITS queue timeout", 900);
  late.victim = {.cpu = 1, .task = "trigger:80", .function = "f"};
  late.culprit = {.cpu = 2, .task = "", .function = "g"};
  late.architecture = "aarch64";
  late.modules = {"virtio_net"};
  AddFinding(run, late, Rest());
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].kind, Kind::kHang);
  EXPECT_EQ(run.findings[0].victim, late.victim);
  EXPECT_EQ(run.findings[0].culprit, late.culprit);
  EXPECT_EQ(run.findings[0].architecture, "aarch64");
  EXPECT_THAT(run.findings[0].modules, ElementsAre("virtio_net"));
}

TEST(AddReport, MakesFindingsOneIfAReportShowsThatTheyHaveOneCause) {
  campaign::Run run;
  ConsoleReports console;
  AddReport(run, console, Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100, {"stall in f"}), Rest());
  AddFinding(run, From("agent", Kind::kHungTask, "INFO: task hung in g", {"hang in g"}), Rest());
  AddReport(run, console, Console(Kind::kHardLockup, "BUG: hard lockup in h", 500, {"stall in h"}), Rest());
  AddFinding(run, From("agent", Kind::kHardLockup, "BUG: hard lockup in h", {"stall in h"}), Rest());
  ASSERT_EQ(run.findings.size(), 3u);

  const Finding* changed = AddReport(
      run, console, Console(Kind::kSoftLockup, "BUG: soft lockup in h", 900, {"stall in h", "stall in f"}), Rest());
  ASSERT_EQ(run.findings.size(), 2u);
  EXPECT_EQ(changed, &run.findings[0]);
  EXPECT_EQ(changed->title, "BUG: soft lockup in f");
  EXPECT_THAT(changed->alt_titles,
              ElementsAre("stall in f", "BUG: hard lockup in h", "stall in h", "BUG: soft lockup in h"));
  EXPECT_EQ(changed->count, 3u);
  EXPECT_EQ(changed->first_seen, absl::FromUnixSeconds(100));
  EXPECT_EQ(changed->last_seen, absl::FromUnixSeconds(900));
  EXPECT_THAT(changed->witnesses, ElementsAre("console", "agent"));
  EXPECT_EQ(run.findings[1].title, "INFO: task hung in g");
}

TEST(AddReport, ReadsTheConsoleAgainWithoutChangingTheRun) {
  const std::vector<Finding> reports = {Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100, {"stall in f"}),
                                        Console(Kind::kSoftLockup, "BUG: soft lockup in f", 500, {"stall in f"}),
                                        Console(Kind::kWarning, "WARNING in g", 900)};
  campaign::Run run;
  ConsoleReports console;
  for (const Finding& report : reports) AddReport(run, console, report, Rest());
  const std::vector<Finding> before = run.findings;
  for (const Finding& report : reports) EXPECT_EQ(AddReport(run, console, report, Rest()), nullptr);
  EXPECT_EQ(run.findings, before);

  ConsoleReports restarted;
  for (const Finding& report : reports) AddReport(run, restarted, report, Rest());
  EXPECT_EQ(run.findings, before);
}

TEST(AddReport, CountsAnyNumberOfReports) {
  campaign::Run run;
  ConsoleReports console;
  constexpr uint32_t kEach = 1000;
  for (uint64_t i = 0; i < kEach; ++i) {
    AddReport(run, console, Console(Kind::kSoftLockup, "BUG: soft lockup in f", 1000 * i, {"stall in f"}), Rest());
    AddReport(run, console, Console(Kind::kWarning, "WARNING in g", 1000 * i + 500), Rest());
  }
  ASSERT_EQ(run.findings.size(), 2u);
  AddReport(run, console, Console(Kind::kRcuStall, "INFO: rcu detected stall in f", 1000 * kEach, {"stall in f"}),
            Rest());
  EXPECT_EQ(run.findings[0].count, kEach + 1);
  EXPECT_EQ(run.findings[0].start_offset, 0u);
  EXPECT_EQ(run.findings[1].count, kEach);
}

TEST(AddReport, AHangRemainsOne) {
  campaign::Run run;
  ConsoleReports console;
  AddFinding(run, From("agent", Kind::kHang, "trigger stuck in spin"), Rest());
  AddReport(run, console, Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100, {"stall in f"}), Rest());
  AddReport(run, console, Console(Kind::kRcuStall, "INFO: rcu detected stall in f", 500, {"stall in f"}), Rest());
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].kind, Kind::kHang);
  EXPECT_EQ(run.findings[0].title, "trigger stuck in spin");
  EXPECT_THAT(run.findings[0].alt_titles,
              UnorderedElementsAre("stall in f", "BUG: soft lockup in f", "INFO: rcu detected stall in f"));
}

}  // namespace
}  // namespace lk::campaign
