// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/store/conformance.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <thread>

#include "support/histogram_proto.h"

namespace lk::store {
namespace {

using campaign::Campaign;
using campaign::CampaignState;
using campaign::Host;
using campaign::KernelBuild;
using campaign::RunState;
using campaign::Verdict;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Change With(std::vector<campaign::Run> runs) {
  return {.campaigns = {}, .runs = std::move(runs), .events = {}, .time = {}};
}
Change With(std::vector<Campaign> campaigns) {
  return {.campaigns = std::move(campaigns), .runs = {}, .events = {}, .time = {}};
}
std::string Message(const Status& status) {
  return std::string(status.message());
}

TEST_P(StoreTest, CampaignComesBack) {
  Campaign campaign = SomeCampaign("c1");
  ASSERT_TRUE(store_->Apply(With({campaign})).ok());
  Campaign got = store_->GetCampaign("c1").value();
  EXPECT_EQ(got.id, "c1");
  EXPECT_EQ(got.state, CampaignState::kRunning);
  EXPECT_EQ(got.verdict, std::nullopt);
  EXPECT_EQ(got.created, campaign.created);
  EXPECT_EQ(got.finished, absl::InfinitePast());
  EXPECT_EQ(got.spec_yaml, campaign.spec_yaml);
  EXPECT_EQ(got.overrides, campaign.overrides);
  EXPECT_EQ(got.spec.name, "nightly");
  EXPECT_EQ(got.spec.labels, campaign.spec.labels);
  EXPECT_EQ(got.seed, campaign.seed);

  campaign.state = CampaignState::kFinished;
  campaign.verdict = Verdict::kUnproven;
  campaign.finished = absl::FromUnixMicros(5);
  ASSERT_TRUE(store_->Apply(With({campaign})).ok());
  got = Reopen()->GetCampaign("c1").value();
  EXPECT_EQ(got.verdict, Verdict::kUnproven);
  EXPECT_EQ(got.finished, absl::FromUnixMicros(5));
  EXPECT_TRUE(absl::IsNotFound(store_->GetCampaign("c2").status()));
}

TEST_P(StoreTest, CampaignsNewestFirstInPages) {
  Campaign finished = SomeCampaign("cB");
  finished.state = CampaignState::kCancelled;
  ASSERT_TRUE(store_->Apply(With({SomeCampaign("cA"), finished, SomeCampaign("ca")})).ok());
  EXPECT_THAT(Ids(store_->ListCampaigns("", 2)), ElementsAre("ca", "cB"));
  EXPECT_THAT(Ids(store_->ListCampaigns("cB", 2)), ElementsAre("cA"));
  EXPECT_THAT(Ids(store_->UnfinishedCampaigns()), ElementsAre("cA", "ca"));
}

TEST_P(StoreTest, CampaignByBeginning) {
  ASSERT_TRUE(store_->Apply(With({SomeCampaign("cab"), SomeCampaign("cabc"), SomeCampaign("cb")})).ok());
  EXPECT_EQ(store_->ResolveCampaign("cb").value(), "cb");
  EXPECT_EQ(store_->ResolveCampaign("cabc").value(), "cabc");
  EXPECT_EQ(store_->ResolveCampaign("cab").value(), "cab") << "a whole id beats a beginning";
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->ResolveCampaign("ca").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->ResolveCampaign("c%").status()));
}

TEST_P(StoreTest, RunComesBack) {
  const campaign::Run run = DoneRun("c1-7", Verdict::kFail);
  ASSERT_TRUE(store_->Apply(With({run})).ok());
  const campaign::Run got = store_->GetRun("c1-7").value();
  EXPECT_EQ(got.id, run.id);
  EXPECT_EQ(got.campaign_id, "c1");
  EXPECT_EQ(got.kernel_id, run.kernel_id);
  EXPECT_EQ(got.kernel_release, run.kernel_release);
  EXPECT_EQ(got.arch, run.arch);
  EXPECT_EQ(got.profile, run.profile);
  EXPECT_EQ(got.scenario, run.scenario);
  EXPECT_EQ(got.cell, run.cell);
  EXPECT_EQ(got.repeat, run.repeat);
  EXPECT_EQ(got.attempt, run.attempt);
  EXPECT_FALSE(got.superseded);
  EXPECT_EQ(got.state, run.state);
  EXPECT_EQ(got.verdict, run.verdict);
  EXPECT_EQ(got.reason, run.reason);
  EXPECT_EQ(got.blame, run.blame);
  EXPECT_TRUE(got.emulated);
  EXPECT_EQ(got.host_id, run.host_id);
  EXPECT_EQ(got.accelerator, run.accelerator);
  EXPECT_EQ(got.created, run.created);
  EXPECT_EQ(got.started, run.started);
  EXPECT_EQ(got.finished, run.finished);
  EXPECT_EQ(got.phase_seconds, run.phase_seconds);
  EXPECT_EQ(got.counters.at("blocks_onlined").value, 8.5);
  EXPECT_EQ(got.counters.at("blocks_onlined").unit, "1");
  EXPECT_TRUE(got.canary_console);
  EXPECT_TRUE(got.canary_kmsg);
  EXPECT_EQ(got.operations, run.operations);
  EXPECT_EQ(got.console_bytes, run.console_bytes);
  EXPECT_EQ(got.cmdline, run.cmdline);
  EXPECT_EQ(got.skipped_parts, run.skipped_parts);
  EXPECT_EQ(got.journal, run.journal);
  ASSERT_EQ(got.post_mortem.size(), 2u);
  for (size_t i = 0; i < got.post_mortem.size(); ++i) {
    EXPECT_EQ(got.post_mortem[i].step, run.post_mortem[i].step);
    EXPECT_EQ(got.post_mortem[i].outcome, run.post_mortem[i].outcome);
    EXPECT_EQ(got.post_mortem[i].detail, run.post_mortem[i].detail);
    EXPECT_EQ(got.post_mortem[i].text, run.post_mortem[i].text);
    EXPECT_EQ(got.post_mortem[i].seconds, run.post_mortem[i].seconds);
  }
  EXPECT_EQ(got.paused_seconds, 12.5);
  EXPECT_EQ(got.steal_seconds, 0.125);
  EXPECT_EQ(got.token, run.token);
  EXPECT_EQ(got.canary_nonce, run.canary_nonce);
  EXPECT_EQ(got.boot_id, run.boot_id);
  EXPECT_EQ(got.agent_sequence, run.agent_sequence);
  EXPECT_EQ(got.reboot_until, run.reboot_until);
  EXPECT_EQ(got.announced_boots, run.announced_boots);
  ASSERT_TRUE(got.tables.contains("lpi_tables"));
  EXPECT_EQ(got.tables.at("lpi_tables").columns, run.tables.at("lpi_tables").columns);
  EXPECT_EQ(got.tables.at("lpi_tables").rows, run.tables.at("lpi_tables").rows);
  ASSERT_EQ(got.ending.has_value(), run.ending.has_value());
  if (run.ending) {
    EXPECT_EQ(got.ending->kind, run.ending->kind);
    EXPECT_EQ(got.ending->agent_outcome, run.ending->agent_outcome);
    EXPECT_EQ(got.ending->agent_reason, run.ending->agent_reason);
  }
  EXPECT_EQ(got.seed, run.seed);
  EXPECT_EQ(got.provenance.config_sha256, run.provenance.config_sha256);
  EXPECT_EQ(got.provenance.kernel_source, run.provenance.kernel_source);
  EXPECT_EQ(got.provenance.kernel_commit, run.provenance.kernel_commit);
  EXPECT_EQ(got.provenance.image_sha256, run.provenance.image_sha256);
  EXPECT_EQ(got.provenance.host_uri, run.provenance.host_uri);
  EXPECT_EQ(got.provenance.host_kernel, run.provenance.host_kernel);
  EXPECT_EQ(got.provenance.hypervisor, run.provenance.hypervisor);
  EXPECT_EQ(got.provenance.libvirt, run.provenance.libvirt);

  ASSERT_EQ(got.latencies.size(), 1u);
  EXPECT_EQ(ToProto(got.latencies.at("timer_wakeup"), "").SerializeAsString(),
            ToProto(run.latencies.at("timer_wakeup"), "").SerializeAsString());

  ASSERT_EQ(got.findings.size(), 1u);
  const detect::Finding& finding = got.findings[0];
  const detect::Finding& want = run.findings[0];
  EXPECT_EQ(finding.kind, want.kind);
  EXPECT_EQ(finding.title, want.title);
  EXPECT_EQ(finding.alt_titles, want.alt_titles);
  EXPECT_TRUE(finding.corrupted);
  EXPECT_EQ(finding.start_offset, want.start_offset);
  EXPECT_EQ(finding.end_offset, want.end_offset);
  EXPECT_EQ(finding.excerpt, want.excerpt);
  ASSERT_EQ(finding.frames.size(), 1u);
  EXPECT_EQ(finding.frames[0].function, "do_idle");
  EXPECT_EQ(finding.frames[0].offset, 12u);
  EXPECT_EQ(finding.frames[0].module, "m");
  EXPECT_EQ(finding.frames[0].location, "idle.c:1");
  EXPECT_EQ(finding.function, "do_idle");
  ASSERT_EQ(finding.others.size(), 1u);
  EXPECT_EQ(finding.others[0].cpu, 1);
  EXPECT_EQ(finding.others[0].task, "kworker/1:0:30");
  EXPECT_EQ(finding.others[0].function, "smp_call");
  ASSERT_EQ(finding.others[0].frames.size(), 1u);
  EXPECT_EQ(finding.others[0].frames[0].location, "idle.c:1");
  EXPECT_EQ(finding.cpu, 3);
  EXPECT_EQ(finding.task, want.task);
  EXPECT_EQ(finding.seconds_stuck, 22u);
  EXPECT_EQ(finding.count, 5u);
  EXPECT_TRUE(finding.fatal);
  EXPECT_EQ(finding.taint, want.taint);
  EXPECT_EQ(finding.kernel_release, want.kernel_release);
  EXPECT_EQ(finding.first_seen, want.first_seen);
  EXPECT_EQ(finding.last_seen, want.last_seen);
  EXPECT_EQ(finding.witnesses, want.witnesses);
  EXPECT_EQ(finding.phase, want.phase);
  EXPECT_EQ(finding.activity, want.activity);
  EXPECT_FALSE(finding.tolerated);
  EXPECT_TRUE(finding.nmi);

  EXPECT_TRUE(absl::IsNotFound(store_->GetRun("c1-8").status()));
}

TEST_P(StoreTest, StateOfAFindingComesBack) {
  campaign::Run run = SomeRun("c1-1");
  run.findings.resize(4, run.findings[0]);
  run.findings[0].open = true;
  run.findings[1].tolerated = true;
  run.findings[2].distrust = "the VM was paused for 12s";
  run.findings[3].counted = true;
  ASSERT_TRUE(store_->Apply(With({run})).ok());
  const campaign::Run got = store_->GetRun("c1-1").value();
  ASSERT_EQ(got.findings.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(got.findings[i].open, i == 0);
    EXPECT_EQ(got.findings[i].tolerated, i == 1);
    EXPECT_EQ(got.findings[i].distrust, run.findings[i].distrust);
    EXPECT_EQ(got.findings[i].counted, i == 3);
  }
}

TEST_P(StoreTest, WhatAnOlderLkdWroteReadsWithDefaults) {
  ASSERT_TRUE(store_->Apply(With({SomeRun("c1-1")})).ok());
  Execute("UPDATE runs SET body = '{\"reason\":\"old\"}'");
  Execute("UPDATE findings SET body = '{\"kind\":\"hang\",\"frames\":[{\"function\":\"f\"}]}'");
  const campaign::Run got = store_->GetRun("c1-1").value();
  EXPECT_EQ(got.reason, "old");
  EXPECT_THAT(got.post_mortem, IsEmpty());
  EXPECT_EQ(got.paused_seconds, 0);
  ASSERT_EQ(got.findings.size(), 1u);
  EXPECT_EQ(got.findings[0].frames[0].function, "f");
  EXPECT_EQ(got.findings[0].cpu, -1);
  EXPECT_FALSE(got.findings[0].open);
  EXPECT_THAT(got.findings[0].others, IsEmpty());
}

TEST_P(StoreTest, WhateverGuestsSayCanBeStored) {
  campaign::Run run = SomeRun("c1-1");
  run.findings[0].task = std::string("a\0b\xff", 4);
  run.counters["odd"] = {.value = std::numeric_limits<double>::quiet_NaN(), .unit = ""};
  run.latencies["'; DROP TABLE runs; --"].Record(1);
  ASSERT_TRUE(store_->Apply(With({run})).ok());
  const campaign::Run got = store_->GetRun("c1-1").value();
  EXPECT_EQ(got.findings[0].task, std::string("a\0b\xEF\xBF\xBD", 6)) << "what is not UTF-8 becomes U+FFFD";
  EXPECT_TRUE(std::isnan(got.counters.at("odd").value));
  EXPECT_TRUE(got.latencies.contains("'; DROP TABLE runs; --"));
}

TEST_P(StoreTest, ReplacedRunKeepsNothingOfTheOld) {
  campaign::Run run = SomeRun("c1-1");
  run.findings.push_back(run.findings[0]);
  run.findings[1].title = "second";
  run.latencies["other"].Record(7);
  ASSERT_TRUE(store_->Apply(With({run})).ok());
  run.findings.pop_back();
  run.findings[0].count = 9;
  run.latencies.erase("other");
  run.latencies["timer_wakeup"].Record(9);
  run.journal = {"new"};
  ASSERT_TRUE(store_->Apply(With({run})).ok());
  const campaign::Run got = store_->GetRun("c1-1").value();
  ASSERT_EQ(got.findings.size(), 1u);
  EXPECT_EQ(got.findings[0].count, 9u);
  ASSERT_EQ(got.latencies.size(), 1u);
  EXPECT_EQ(got.latencies.at("timer_wakeup").count(), 12u);
  EXPECT_THAT(got.journal, ElementsAre("new"));
}

TEST_P(StoreTest, FindingsKeepTheirOrder) {
  campaign::Run run = SomeRun("c1-1");
  run.findings.resize(100, run.findings[0]);
  for (size_t i = 0; i < run.findings.size(); ++i) run.findings[i].count = static_cast<uint32_t>(i);
  ASSERT_TRUE(store_->Apply(With({run})).ok());
  const campaign::Run got = store_->GetRun("c1-1").value();
  ASSERT_EQ(got.findings.size(), 100u);
  for (size_t i = 0; i < got.findings.size(); ++i) EXPECT_EQ(got.findings[i].count, i);
}

TEST_P(StoreTest, RunsInOrderOfTheirNumbers) {
  ASSERT_TRUE(store_
                  ->Apply(With({DoneRun("c1-10", Verdict::kPass), DoneRun("c1-2", Verdict::kFail),
                                DoneRun("c1-2.2", Verdict::kPass), DoneRun("c2-1", Verdict::kPass)}))
                  .ok());
  EXPECT_THAT(Ids(store_->ListRuns("c1", {}, "", 0)), ElementsAre("c1-2", "c1-2.2", "c1-10"));
  EXPECT_THAT(Ids(store_->ListRuns("c1", {}, "c1-2", 1)), ElementsAre("c1-2.2"));
  EXPECT_THAT(Ids(store_->ListRuns("c1", {}, "c1-2.2", 1)), ElementsAre("c1-10"));
  EXPECT_THAT(Ids(store_->ListRuns("", Verdict::kPass, "", 0)), ElementsAre("c1-2.2", "c1-10", "c2-1"));
  EXPECT_EQ(store_->ListRuns("c1", {}, "", 0).value()[0].findings.size(), 1u);
  EXPECT_THAT(Ids(store_->ListRuns("c3", {}, "", 0)), IsEmpty());
}

TEST_P(StoreTest, CountsByVerdict) {
  campaign::Run superseded = DoneRun("c1-3", Verdict::kError);
  superseded.superseded = true;
  ASSERT_TRUE(store_
                  ->Apply(With({DoneRun("c1-1", Verdict::kPass), DoneRun("c1-2", Verdict::kPass), superseded,
                                DoneRun("c1-3.2", Verdict::kMiss), SomeRun("c1-4"), DoneRun("c2-1", Verdict::kFail)}))
                  .ok());
  const campaign::Counts counts = store_->CountRuns("c1").value();
  EXPECT_EQ(counts.total, 4u);
  EXPECT_EQ(counts.pass, 2u);
  EXPECT_EQ(counts.miss, 1u);
  EXPECT_EQ(counts.pending, 1u);
  EXPECT_EQ(counts.superseded, 1u);
  EXPECT_EQ(counts.fail + counts.error + counts.skip + counts.unproven, 0u);
}

TEST_P(StoreTest, ControlsAreCountedApart) {
  campaign::Run killed = DoneRun("c1-1", Verdict::kFail);
  campaign::Run waiting = SomeRun("c1-2");
  killed.control = waiting.control = true;
  ASSERT_TRUE(store_->Apply(With({killed, waiting, DoneRun("c1-3", Verdict::kPass)})).ok());
  EXPECT_TRUE(Reopen()->GetRun("c1-1")->control);
  EXPECT_FALSE(store_->GetRun("c1-3")->control);
  const campaign::Counts counts = store_->CountRuns("c1").value();
  EXPECT_EQ(counts.controls, 2u);
  EXPECT_EQ(counts.total, 1u);
  EXPECT_EQ(counts.pass, 1u);
  EXPECT_EQ(counts.fail + counts.pending, 0u);
}

TEST_P(StoreTest, EventsAreNumberedWithinTheirCampaign) {
  const std::string bytes("\0\xff\n", 3);
  const absl::Time time = absl::FromUnixMicros(77);
  Change change{.campaigns = {}, .runs = {}, .events = {{"c1", "one"}, {"c2", "uno"}, {"c1", bytes}}, .time = time};
  EXPECT_THAT(store_->Apply(change).value(), ElementsAre(1, 1, 2));
  EXPECT_THAT(Reopen()->Apply(change).value(), ElementsAre(3, 2, 4));
  const std::vector<Event> events = store_->EventsAfter("c1", 1, 2).value();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].sequence, 2u);
  EXPECT_EQ(events[0].time, time);
  EXPECT_EQ(events[0].payload, bytes);
  EXPECT_EQ(events[1].sequence, 3u);
  EXPECT_THAT(store_->EventsAfter("c1", 4, 10).value(), IsEmpty());
}

TEST_P(StoreTest, ChangeIsWrittenWholeOrNotAtAll) {
  Change change = With({SomeCampaign("c1")});
  change.events = {{"c1", "x"}};
  change.runs = {SomeRun("c1-1"), SomeRun("c1-01")};  // two ids with one place in the order: refused
  EXPECT_FALSE(store_->Apply(change).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->GetCampaign("c1").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->GetRun("c1-1").status()));
  change.runs.pop_back();
  EXPECT_THAT(store_->Apply(change).value(), ElementsAre(1));
}

TEST_P(StoreTest, KernelsComeAndGo) {
  KernelBuild kernel = SomeKernel("k1", "6.1");
  ASSERT_TRUE(store_->PutKernel(kernel).ok());
  KernelBuild newer = SomeKernel("k2", "5.10");
  newer.added = kernel.added + absl::Seconds(1);
  ASSERT_TRUE(store_->PutKernel(newer).ok());
  kernel.labels["more"] = "yes";
  ASSERT_TRUE(store_->PutKernel(kernel).ok());

  const KernelBuild got = store_->GetKernel("k1").value();
  EXPECT_EQ(got.id, kernel.id);
  EXPECT_EQ(got.release, kernel.release);
  EXPECT_EQ(got.arch, kernel.arch);
  EXPECT_EQ(got.flavour, kernel.flavour);
  EXPECT_EQ(got.labels, kernel.labels);
  EXPECT_EQ(got.config_sha256, kernel.config_sha256);
  EXPECT_EQ(got.config, kernel.config);
  EXPECT_TRUE(got.has_modules);
  EXPECT_EQ(got.guest_modules, kernel.guest_modules);
  EXPECT_EQ(got.image_bytes, kernel.image_bytes);
  EXPECT_EQ(got.banner, kernel.banner);
  EXPECT_EQ(got.added, kernel.added);
  EXPECT_EQ(got.source, kernel.source);

  EXPECT_THAT(Ids(store_->ListKernels()), ElementsAre("k2", "k1"));
  EXPECT_TRUE(store_->RemoveKernel("k1").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->RemoveKernel("k1")));
  EXPECT_TRUE(absl::IsNotFound(store_->GetKernel("k1").status()));
}

TEST_P(StoreTest, RunsOfAKernelAreTheFinishedOnes) {
  ASSERT_TRUE(store_->Apply(With({DoneRun("c1-1", Verdict::kPass), SomeRun("c1-2")})).ok());
  EXPECT_EQ(store_->RunsOfKernel("k0123456789ab").value(), 1u);
  EXPECT_EQ(store_->RunsOfKernel("k1").value(), 0u);
}

TEST_P(StoreTest, DoneRunsOfAKernelInPagesNewestFirst) {
  std::vector<campaign::Run> runs;
  for (const char* id : {"c1-2", "c1-10", "c1-10.2", "c2-1"}) runs.push_back(DoneRun(id, Verdict::kPass));
  runs.push_back(SomeRun("c2-2"));  // under way
  runs.push_back(DoneRun("c2-3", Verdict::kPass));
  runs.back().kernel_id = "kother";
  runs.push_back(DoneRun("c2-4", Verdict::kFail));
  runs.back().scenario = "another";
  ASSERT_TRUE(store_->Apply({.campaigns = {}, .runs = runs, .events = {}, .time = {}}).ok());
  const auto ids = [&](const std::string& scenario, const std::string& before, int limit) {
    std::vector<std::string> result;
    const std::vector<campaign::Run> found = store_->DoneRunsOfKernel("k0123456789ab", scenario, before, limit).value();
    for (const campaign::Run& run : found) {
      EXPECT_FALSE(run.latencies.empty());
      result.push_back(run.id);
    }
    return result;
  };
  EXPECT_THAT(ids("", "", 10), ElementsAre("c2-4", "c2-1", "c1-10.2", "c1-10", "c1-2"));
  EXPECT_THAT(ids("baseline", "", 2), ElementsAre("c2-1", "c1-10.2"));
  EXPECT_THAT(ids("baseline", "c1-10.2", 2), ElementsAre("c1-10", "c1-2"));
  EXPECT_THAT(ids("baseline", "c1-2", 2), IsEmpty());
}

TEST_P(StoreTest, HostsComeAndGo) {
  Host host;
  host.id = "h1";
  host.uri = "qemu:///system";
  host.state = Host::State::kDrained;
  host.state_reason = "asked";
  host.vcpus = 2;
  host.memory_bytes = uint64_t{24} << 30;
  host.accelerator = "tcg";
  host.accelerator_reason = "guest did not boot";
  host.hypervisor_version = "QEMU 10.0.2";
  host.libvirt_version = "11.3.0";
  host.kernel_release = "6.1.0-40-amd64";
  host.broken_qemu = true;
  host.allow_broken_qemu = true;
  host.features = {"iommu:intel"};
  host.archs = {"x86_64"};
  host.added = absl::FromUnixMicros(3);
  ASSERT_TRUE(store_->PutHost(host).ok());
  ASSERT_TRUE(store_->PutHost(host).ok());
  const std::vector<Host> hosts = store_->ListHosts().value();
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].id, host.id);
  EXPECT_EQ(hosts[0].uri, host.uri);
  EXPECT_EQ(hosts[0].state, host.state);
  EXPECT_EQ(hosts[0].state_reason, host.state_reason);
  EXPECT_EQ(hosts[0].vcpus, host.vcpus);
  EXPECT_EQ(hosts[0].memory_bytes, host.memory_bytes);
  EXPECT_EQ(hosts[0].accelerator, host.accelerator);
  EXPECT_EQ(hosts[0].accelerator_reason, host.accelerator_reason);
  EXPECT_EQ(hosts[0].hypervisor_version, host.hypervisor_version);
  EXPECT_EQ(hosts[0].libvirt_version, host.libvirt_version);
  EXPECT_EQ(hosts[0].kernel_release, host.kernel_release);
  EXPECT_TRUE(hosts[0].broken_qemu);
  EXPECT_TRUE(hosts[0].allow_broken_qemu);
  EXPECT_EQ(hosts[0].features, host.features);
  EXPECT_EQ(hosts[0].archs, host.archs);
  EXPECT_EQ(hosts[0].added, host.added);
  EXPECT_TRUE(store_->RemoveHost("h1").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->RemoveHost("h1")));
}

TEST_P(StoreTest, NewerSchemaIsRefused) {
  Execute("INSERT INTO schema_migrations (version, name) VALUES (999, 'future')");
  const Status status = Open(url_).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("999"));
  EXPECT_THAT(Message(status), HasSubstr("newer lkd"));
}

access::Token SomeToken(const std::string& id, const std::string& name) {
  access::Token token;
  token.id = id;
  token.name = name;
  token.hash = access::HashToken("secret of " + id);
  token.role = access::Role::kOperator;
  token.created = absl::FromUnixSeconds(1000);
  token.expires = absl::FromUnixSeconds(2000);
  token.created_by = "uid 0";
  return token;
}

TEST_P(StoreTest, TokensComeBackUntilTheyAreRevoked) {
  ASSERT_TRUE(store_->AddToken(SomeToken("t1", "ci")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->AddToken(SomeToken("t2", "ci")))) << "the name is taken";
  access::Token later = SomeToken("t3", "ci");
  later.created = absl::FromUnixSeconds(2000);
  later.expires = absl::FromUnixSeconds(3000);
  EXPECT_TRUE(store_->AddToken(later).ok()) << "the first has expired by then";
  EXPECT_THAT(Ids(Reopen()->ListTokens()), ElementsAre("t3", "t1"));

  const access::Token found = store_->FindToken(access::HashToken("secret of t1")).value();
  EXPECT_EQ(found.id, "t1");
  EXPECT_EQ(found.name, "ci");
  EXPECT_EQ(found.role, access::Role::kOperator);
  EXPECT_EQ(found.expires, absl::FromUnixSeconds(2000));
  EXPECT_EQ(found.created_by, "uid 0");
  EXPECT_TRUE(found.Live(absl::FromUnixSeconds(1999)));
  EXPECT_FALSE(found.Live(found.expires));
  EXPECT_TRUE(absl::IsNotFound(store_->FindToken("secret of t1").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->FindToken("").status()));

  const absl::Time now = absl::FromUnixSeconds(2500);
  EXPECT_EQ(store_->RevokeToken("ci", now).value().id, "t3") << "by name: the live one";
  EXPECT_EQ(store_->RevokeToken("t3", absl::FromUnixSeconds(2600)).value().revoked, now) << "once";
  EXPECT_TRUE(absl::IsNotFound(store_->RevokeToken("ci", now).status()));
  EXPECT_FALSE(store_->FindToken(later.hash).value().Live(now));
}

TEST_P(StoreTest, AuditEntriesNewestFirstInPages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    access::AuditEntry entry;
    entry.time = absl::FromUnixSeconds(1000 + i);
    entry.id = access::NewAuditId(entry.time);
    entry.caller = "token ci (t1)";
    entry.method = "HostService/AddHost";
    entry.subject = "qemu:///system";
    entry.outcome = "OK";
    ASSERT_TRUE(store_->AddAudit(entry).ok());
    ids.insert(ids.begin(), entry.id);
  }
  EXPECT_THAT(Ids(store_->ListAudit("", 2)), ElementsAre(ids[0], ids[1]));
  EXPECT_THAT(Ids(store_->ListAudit(ids[1], 2)), ElementsAre(ids[2]));
  const access::AuditEntry last = store_->ListAudit("", 1).value().at(0);
  EXPECT_EQ(last.time, absl::FromUnixSeconds(1002));
  EXPECT_EQ(last.caller, "token ci (t1)");
  EXPECT_EQ(last.method, "HostService/AddHost");
  EXPECT_EQ(last.subject, "qemu:///system");
  EXPECT_EQ(last.outcome, "OK");
  ASSERT_TRUE(store_->TrimAudit(absl::FromUnixSeconds(1001)).ok());
  EXPECT_THAT(Ids(store_->ListAudit("", 9)), ElementsAre(ids[0], ids[1]));
}

TEST_P(StoreTest, DamageIsTold) {
  ASSERT_TRUE(store_->Apply(With({SomeRun("c1-1")})).ok());
  Execute("UPDATE findings SET body = '{'");
  EXPECT_TRUE(absl::IsDataLoss(store_->GetRun("c1-1").status()));
  Execute("UPDATE runs SET verdict = 'maybe'");
  const Status status = store_->GetRun("c1-1").status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_P(StoreTest, ThreadsMayCallAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 10; ++i) {
        Change change = With({SomeRun("c1-" + std::to_string(t))});
        change.events = {{"c1", "x"}};
        ASSERT_TRUE(store_->Apply(change).ok());
        ASSERT_TRUE(store_->Statistics().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->EventsAfter("c1", 0, 1000).value().size(), 40u);
}

TEST_P(StoreTest, ObserverIsToldOfEachCall) {
  std::vector<std::string> operations;
  const auto store = Reopen([&](std::string_view operation, double seconds) {
    operations.emplace_back(operation);
    EXPECT_GT(seconds, 0);
  });
  EXPECT_TRUE(store->ListKernels().ok());
  EXPECT_FALSE(store->GetRun("none").ok());
  EXPECT_THAT(operations, ElementsAre("open", "list_kernels", "get_run"));
}

}  // namespace
}  // namespace lk::store
