// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/campaign/descriptors.h"
#include "tests/unit/filled.h"

namespace lk::campaign {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1000);

// Returns different digits each time.
std::function<std::string(size_t)> Hex() {
  return [n = 0](size_t bytes) mutable {
    std::string digits = std::to_string(++n);
    return std::string(2 * bytes - digits.size(), '0') + digits;
  };
}

KernelBuild Kernel(std::string id, Arch arch, std::vector<std::string> symbols = {}) {
  KernelBuild kernel;
  kernel.id = std::move(id);
  kernel.release = "6.12.1";
  kernel.arch = arch;
  kernel.config_sha256 = "known";
  kernel.config["BLK_DEV_INITRD"] = "y";
  for (std::string& symbol : symbols) kernel.config[std::move(symbol)] = "y";
  return kernel;
}

Profile X86(std::string name, bool hotplug) {
  Profile profile;
  profile.name = std::move(name);
  if (hotplug) profile.memory_hotplug = {MemoryHotplug::Model::kDimm, 2, uint64_t{4} << 30};
  return profile;
}

Campaign TwoByTwo() {
  Campaign campaign;
  campaign.id = "c0001";
  campaign.seed = 7;
  campaign.spec.repeats = 2;
  Profile arm;
  arm.name = "arm";
  arm.arch = Arch::kAarch64;
  campaign.spec.profiles = {X86("plain", false), X86("dimm", true), arm};
  ScenarioUse rest;
  rest.name = "rest";
  ScenarioUse swarm;
  swarm.name = "swarm";
  swarm.profiles = {"plain", "dimm"};
  campaign.spec.scenarios = {rest, swarm};
  return campaign;
}

TEST(Expand, SpreadsRepeatsAndSkipsWhatCannotRun) {
  const std::vector<KernelBuild> kernels = {Kernel("kx", Arch::kX86_64, {"CRASH_HOTPLUG"}),
                                            Kernel("ka", Arch::kAarch64)};
  const std::vector<campaign::Run> runs = Expand(TwoByTwo(), kernels, AllDescriptors(), kNow, Hex());
  std::vector<std::string> cells;
  for (const campaign::Run& run : runs) {
    cells.push_back(run.id + " " + run.kernel_id + " " + run.profile + " " + run.scenario + " " +
                    std::to_string(run.repeat) + (run.state == RunState::kDone ? " done" : ""));
  }
  EXPECT_THAT(cells, ElementsAre("c0001-001 kx plain rest 1", "c0001-002 kx plain swarm 1 done",
                                 "c0001-003 kx dimm rest 1", "c0001-004 kx dimm swarm 1", "c0001-005 ka arm rest 1",
                                 "c0001-006 kx plain rest 2", "c0001-007 kx plain swarm 2 done",
                                 "c0001-008 kx dimm rest 2", "c0001-009 kx dimm swarm 2", "c0001-010 ka arm rest 2"));

  const campaign::Run& skipped = runs[1];
  EXPECT_EQ(skipped.verdict, Verdict::kSkip);
  EXPECT_EQ(skipped.blame, Blame::kNone);
  EXPECT_THAT(skipped.reason, HasSubstr("memory_hotplug"));
  EXPECT_EQ(skipped.finished, kNow);
  const campaign::Run& queued = runs[0];
  EXPECT_EQ(queued.state, RunState::kQueued);
  EXPECT_EQ(queued.verdict, Verdict::kError);
  EXPECT_EQ(queued.created, kNow);
  EXPECT_EQ(queued.started, absl::InfinitePast());
  EXPECT_EQ(queued.finished, absl::InfinitePast());
  EXPECT_EQ(queued.token.size(), 64u);
  EXPECT_EQ(queued.canary_nonce.size(), 16u);

  std::set<std::string> secrets;
  std::set<uint32_t> seeds;
  for (const campaign::Run& run : runs) {
    secrets.insert(run.token);
    secrets.insert(run.canary_nonce);
    seeds.insert(run.seed);
  }
  EXPECT_EQ(secrets.size(), 2 * runs.size());
  EXPECT_EQ(seeds.size(), runs.size());
}

std::vector<std::string> Cells(const std::vector<campaign::Run>& runs) {
  std::vector<std::string> cells;
  for (const campaign::Run& run : runs) {
    cells.push_back(run.kernel_id + " " + run.profile + " " + run.scenario + " " + std::to_string(run.repeat) +
                    (run.control ? " control" : ""));
  }
  return cells;
}

TEST(Expand, RunsMutantsFirstAndOnlyWithTheirScenario) {
  KernelBuild mutant = Kernel("km", Arch::kX86_64, {"CRASH_HOTPLUG"});
  mutant.labels["mutant"] = "swarm";
  const std::vector<KernelBuild> kernels = {Kernel("kx", Arch::kX86_64), mutant};
  Campaign campaign = TwoByTwo();
  campaign.spec.profiles.pop_back();
  const auto expand = [&] { return Cells(Expand(campaign, kernels, AllDescriptors(), kNow, Hex())); };
  EXPECT_THAT(expand(),
              ElementsAre("km plain swarm 1 control", "km dimm swarm 1 control", "kx plain rest 1", "kx plain swarm 1",
                          "kx dimm rest 1", "kx dimm swarm 1", "km plain swarm 2 control", "km dimm swarm 2 control",
                          "kx plain rest 2", "kx plain swarm 2", "kx dimm rest 2", "kx dimm swarm 2"));
  campaign.spec.positive_controls = PositiveControls::kRequire;
  EXPECT_EQ(expand().size(), 12u);
  campaign.spec.positive_controls = PositiveControls::kOff;
  EXPECT_EQ(expand().size(), 16u);
  EXPECT_EQ(expand()[4], "km plain rest 1");
}

TEST(Expand, FindsTheUnmutatedKernelOfAMutantByItsLabels) {
  KernelBuild mutant = Kernel("km", Arch::kX86_64, {"CRASH_HOTPLUG"});
  mutant.labels = {{"mutant", "swarm"}, {"mutation", "mutex"}, {"mutant-of", "lab-1"}, {"build", "lab-2"}};
  KernelBuild base = Kernel("kb", Arch::kX86_64, {"CRASH_HOTPLUG"});
  base.labels = {{"build", "lab-1"}};
  KernelBuild arm = Kernel("ka", Arch::kAarch64, {"CRASH_HOTPLUG"});
  arm.labels = {{"build", "lab-1"}};
  Campaign campaign = TwoByTwo();
  campaign.spec.repeats = 1;
  campaign.spec.profiles.pop_back();
  const auto expand = [&](const std::vector<KernelBuild>& kernels) {
    return Expand(campaign, kernels, AllDescriptors(), kNow, Hex());
  };
  for (const campaign::Run& run : expand({mutant, Kernel("kx", Arch::kX86_64), arm, base})) {
    EXPECT_EQ(run.mutation, run.control ? "mutex" : "") << run.id;
    EXPECT_EQ(run.unmutated, run.control ? "kb" : "") << run.id;
    EXPECT_EQ(run.sibling, run.kernel_id == "kb" && run.scenario == "swarm") << run.id;
  }
  for (const campaign::Run& run : expand({mutant, arm})) EXPECT_EQ(run.unmutated, "") << run.id;
}

TEST(NotesOn, WarnsOfMutantsThatWillProveNothing) {
  KernelBuild mutant = Kernel("km", Arch::kX86_64, {"CRASH_HOTPLUG"});
  mutant.labels = {{"mutant", "swarm"}, {"mutant-of", "lab-1"}};
  Campaign campaign = TwoByTwo();
  campaign.spec.profiles.pop_back();
  const auto notes = [&] {
    return NotesOn(campaign.spec, {mutant}, Expand(campaign, {mutant}, AllDescriptors(), kNow, Hex()));
  };
  EXPECT_THAT(notes(), ElementsAre("the mutant 6.12.1 will prove nothing: the same kernel without the mutation (label "
                                   "build=lab-1) is not in the campaign"));
  mutant.labels.erase("mutant-of");
  EXPECT_THAT(notes(), ElementsAre("the mutant 6.12.1 will prove nothing: it has no label mutant-of, which names the "
                                   "same kernel without the mutation"));
}

TEST(NotesOn, GivesTheReasonWhyAKernelHasNoRuns) {
  KernelBuild stranger = Kernel("ks", Arch::kX86_64);
  stranger.labels["mutant"] = "another";
  Campaign campaign = TwoByTwo();
  campaign.spec.profiles.pop_back();
  const std::vector<KernelBuild> kernels = {stranger, Kernel("ka", Arch::kAarch64), Kernel("kx", Arch::kX86_64)};
  const auto runs = Expand(campaign, kernels, AllDescriptors(), kNow, Hex());
  EXPECT_THAT(
      NotesOn(campaign.spec, kernels, runs),
      ElementsAre("6.12.1 has no runs: it is a mutant of another, a scenario that the campaign does not run on x86_64",
                  "6.12.1 has no runs: the campaign runs no scenario on aarch64"));
}

TEST(Expand, DerivesSeedsFromTheCampaignSeed) {
  Campaign campaign = TwoByTwo();
  const std::vector<KernelBuild> kernels = {Kernel("kx", Arch::kX86_64)};
  const uint32_t first = Expand(campaign, kernels, AllDescriptors(), kNow, Hex())[0].seed;
  EXPECT_EQ(Expand(campaign, kernels, AllDescriptors(), kNow, Hex())[0].seed, first);
  campaign.seed = 8;
  EXPECT_NE(Expand(campaign, kernels, AllDescriptors(), kNow, Hex())[0].seed, first);
}

TEST(NextAttempt, KeepsTheCellAndStartsFromScratch) {
  campaign::Run run = Expand(TwoByTwo(), {Kernel("kx", Arch::kX86_64)}, AllDescriptors(), kNow, Hex())[0];
  const std::string id = run.id;
  Filler().Fill(run);
  run.id = id;
  run.attempt = 1;
  const auto hex = Hex();
  const campaign::Run second = NextAttempt(run, kNow + absl::Seconds(1), hex);
  EXPECT_NE(second.token, run.token);
  EXPECT_NE(second.canary_nonce, run.canary_nonce);

  campaign::Run expected;
  static_cast<campaign::Asked&>(expected) = run;
  expected.id = "c0001-001.2";
  expected.attempt = 2;
  expected.created = kNow + absl::Seconds(1);
  static_cast<campaign::KernelOrigin&>(expected.provenance) = run.provenance;
  expected.token = second.token;
  expected.canary_nonce = second.canary_nonce;
  EXPECT_EQ(Differences(second, expected), "");
  EXPECT_EQ(NextAttempt(second, kNow, hex).id, "c0001-001.3");
}

TEST(WhyNot, NamesTheUnmetRequirement) {
  const Profile good = X86("dimm", true);
  const KernelBuild kernel = Kernel("kx", Arch::kX86_64, {"CRASH_HOTPLUG"});
  EXPECT_EQ(WhyNot(Swarm(), kernel, good), "");

  KernelBuild old = kernel;
  old.release = "5.10.0-30";
  EXPECT_EQ(WhyNot(Swarm(), old, good), "needs kernel 6.1 or later, but this is 5.10.0-30");

  KernelBuild without = Kernel("kx", Arch::kX86_64);
  EXPECT_EQ(WhyNot(Swarm(), without, good), "needs CONFIG_CRASH_HOTPLUG, which 6.12.1 lacks");
  without.config_sha256.clear();
  EXPECT_EQ(WhyNot(Swarm(), without, good), "");

  Profile lone = good;
  lone.vcpus = 1;
  EXPECT_EQ(WhyNot(Swarm(), kernel, lone), "needs 2 vCPUs, but profile dimm has 1");

  const auto arm = Descriptor("requirements { arch: 'aarch64' }");
  EXPECT_EQ(WhyNot(arm, kernel, good), "needs architecture aarch64, but the kernel is for x86_64");
  const auto large = Descriptor("requirements { min_memory_bytes: 4294967296 }");
  EXPECT_EQ(WhyNot(large, kernel, good), "needs 4GiB of memory, but profile dimm has 1GiB");
  const auto uefi = Descriptor("requirements { vm: 'uefi' }");
  EXPECT_EQ(WhyNot(uefi, kernel, good), "needs a VM with uefi, which profile dimm lacks");
}

TEST(CommandLine, EndsWithTheProfileArguments) {
  Profile profile = X86("a", false);
  profile.cmdline = "loglevel=8 quiet";
  const std::string line = CommandLine(Swarm(), profile, TimeoutsFor(1));
  EXPECT_THAT(line, StartsWith("console=ttyS0 "));
  EXPECT_THAT(line, HasSubstr(" panic=0 csdlock_debug=1 "));
  EXPECT_THAT(line, EndsWith(" panic_print=0x40 crashkernel=256M loglevel=8 quiet"));
  profile.arch = Arch::kAarch64;
  EXPECT_THAT(CommandLine(Rest(), profile, TimeoutsFor(1)), StartsWith("console=ttyAMA0 "));
}

Run Judged(Verdict verdict) {
  campaign::Run run;
  run.state = RunState::kDone;
  run.verdict = verdict;
  return run;
}

TEST(WorstVerdict, FollowsTheOrderOfSeverity) {
  EXPECT_EQ(WorstVerdict({}), Verdict::kError);
  std::vector<campaign::Run> runs;
  for (const Verdict verdict :
       {Verdict::kSkip, Verdict::kPass, Verdict::kUnproven, Verdict::kMiss, Verdict::kError, Verdict::kFail}) {
    runs.push_back(Judged(verdict));
    EXPECT_EQ(WorstVerdict(Count(runs)), verdict);
  }
}

TEST(Count, CountsSupersededAndPendingSeparately) {
  std::vector<campaign::Run> runs = {Judged(Verdict::kPass), Judged(Verdict::kError), Judged(Verdict::kPass),
                                     campaign::Run()};
  runs[1].superseded = true;
  const Counts counts = Count(runs);
  EXPECT_EQ(counts.total, 3u);
  EXPECT_EQ(counts.pass, 2u);
  EXPECT_EQ(counts.error, 0u);
  EXPECT_EQ(counts.superseded, 1u);
  EXPECT_EQ(counts.pending, 1u);
}

TEST(Words, RoundTrip) {
  for (const std::string_view word : {"pass", "fail", "error", "miss", "skip", "unproven"}) {
    EXPECT_EQ(ToString(ParseVerdict(word).value()), word);
  }
  for (const std::string_view word : {"", "kernel", "test", "infrastructure"}) {
    EXPECT_EQ(ToString(ParseBlame(word).value()), word);
  }
  EXPECT_EQ(ParseArch("aarch64").value(), Arch::kAarch64);
  EXPECT_EQ(ParseRunState("done").value(), RunState::kDone);
  EXPECT_EQ(ParseCampaignState("cancelled").value(), CampaignState::kCancelled);
  EXPECT_EQ(ParseHostState("drained").value(), Host::State::kDrained);
  EXPECT_EQ(ToString(ParseEnding("VM silent").value()), ToString(Ending::Kind::kVmSilent));
  EXPECT_EQ(ParseEnding("cancelled").value(), Ending::Kind::kCancelled);
  EXPECT_EQ(ParseStep("registers").value(), PostMortemStep::Step::kRegisters);
  EXPECT_EQ(ParseStep("destroy").value(), PostMortemStep::Step::kDestroy);
  EXPECT_EQ(ParseOutcome("skipped").value(), PostMortemStep::Outcome::kSkipped);
  EXPECT_EQ(std::string(ParseBlame("me").status().message()),
            "invalid blame \"me\" (expected one of kernel, test, infrastructure)");
}

TEST(WhyUnbootable, NamesWhatTheInitramfsNeeds) {
  KernelBuild kernel = Kernel("k1", Arch::kX86_64, {"CRASH_HOTPLUG"});
  EXPECT_EQ(WhyUnbootable(kernel), "");
  kernel.config.erase("BLK_DEV_INITRD");
  EXPECT_EQ(WhyUnbootable(kernel), "6.12.1 lacks CONFIG_BLK_DEV_INITRD, so it cannot boot lk-agent's initramfs");
  const auto runs = Expand(TwoByTwo(), {kernel}, {Rest(), Swarm()}, kNow, Hex());
  ASSERT_FALSE(runs.empty());
  for (const campaign::Run& run : runs) {
    EXPECT_EQ(run.state, RunState::kDone);
    EXPECT_EQ(run.verdict, Verdict::kMiss);
    EXPECT_EQ(run.blame, Blame::kInfrastructure);
    EXPECT_EQ(run.reason, WhyUnbootable(kernel));
  }
  kernel.config.clear();
  EXPECT_EQ(WhyUnbootable(kernel), "") << "the configuration is unknown";
}

}  // namespace
}  // namespace lk::campaign
