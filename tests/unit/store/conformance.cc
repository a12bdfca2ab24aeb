// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/store/conformance.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <thread>

#include "tests/unit/filled.h"

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

TEST_P(StoreTest, CampaignRoundTrips) {
  Campaign campaign = SomeCampaign("c1");
  ASSERT_TRUE(store_->Apply(With({campaign})).ok());
  EXPECT_EQ(Differences(store_->GetCampaign("c1").value(), campaign), "");

  campaign.state = CampaignState::kFinished;
  campaign.verdict = Verdict::kUnproven;
  campaign.finished = absl::FromUnixMicros(5);
  ASSERT_TRUE(store_->Apply(With({campaign})).ok());
  EXPECT_EQ(Differences(Reopen()->GetCampaign("c1").value(), campaign), "");
  EXPECT_TRUE(absl::IsNotFound(store_->GetCampaign("c2").status()));
}

TEST_P(StoreTest, CampaignsArePagedNewestFirst) {
  Campaign finished = SomeCampaign("cB");
  finished.state = CampaignState::kCancelled;
  ASSERT_TRUE(store_->Apply(With({SomeCampaign("cA"), finished, SomeCampaign("ca")})).ok());
  EXPECT_THAT(Ids(store_->ListCampaigns("", 2)), ElementsAre("ca", "cB"));
  EXPECT_THAT(Ids(store_->ListCampaigns("cB", 2)), ElementsAre("cA"));
  EXPECT_THAT(Ids(store_->UnfinishedCampaigns()), ElementsAre("cA", "ca"));
}

TEST_P(StoreTest, CampaignIsFoundByPrefix) {
  ASSERT_TRUE(store_->Apply(With({SomeCampaign("cab"), SomeCampaign("cabc"), SomeCampaign("cb")})).ok());
  EXPECT_EQ(store_->ResolveCampaign("cb").value(), "cb");
  EXPECT_EQ(store_->ResolveCampaign("cabc").value(), "cabc");
  EXPECT_EQ(store_->ResolveCampaign("cab").value(), "cab") << "an exact match takes precedence over a prefix";
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->ResolveCampaign("ca").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->ResolveCampaign("c%").status()));
}

TEST_P(StoreTest, RunRoundTrips) {
  const campaign::Run run = DoneRun("c1-7", Verdict::kFail);
  ASSERT_TRUE(store_->Apply(With({run})).ok());
  EXPECT_EQ(Differences(store_->GetRun("c1-7").value(), run), "");
  EXPECT_TRUE(absl::IsNotFound(store_->GetRun("c1-8").status()));
}

TEST_P(StoreTest, EveryFieldRoundTrips) {
  const Campaign campaign = Filled<Campaign>();
  campaign::Run run = Filled<campaign::Run>();
  ASSERT_TRUE(store_->Apply({.campaigns = {campaign}, .runs = {run}, .events = {}, .time = {}}).ok());
  EXPECT_EQ(Differences(store_->GetCampaign(campaign.id).value(), campaign), "");
  for (campaign::Finding& finding : run.findings) finding.saturated = false;  // not stored
  const campaign::Run got = store_->GetRun(run.id).value();
  EXPECT_EQ(Differences(got, run), "");
  ASSERT_EQ(got.findings.size(), run.findings.size());
  for (size_t i = 0; i < got.findings.size(); ++i) EXPECT_EQ(Differences(got.findings[i], run.findings[i]), "");

  // Rows are read into the same object, so nothing of the previous row may remain.
  campaign::Run other = SomeRun("c1-2");
  other.ending.reset();
  ASSERT_TRUE(store_->Apply(With({other})).ok());
  Execute("UPDATE runs SET body = '{}' WHERE id = 'c1-2'");
  const std::vector<campaign::Run> all = store_->ListRuns("", {}, "", 0).value();
  ASSERT_EQ(all.size(), 2u);
  const campaign::Run& bare = all[0].id == "c1-2" ? all[0] : all[1];
  EXPECT_EQ(static_cast<const campaign::Session&>(bare), campaign::Session());
  EXPECT_EQ(bare.reason, campaign::Run().reason);

  const KernelBuild kernel = Filled<KernelBuild>();
  ASSERT_TRUE(store_->PutKernel(kernel).ok());
  EXPECT_EQ(Differences(store_->GetKernel(kernel.id).value(), kernel), "");
  const Host host = Filled<Host>();
  ASSERT_TRUE(store_->PutHost(host).ok());
  EXPECT_EQ(Differences(store_->ListHosts().value().at(0), host), "");
}

TEST_P(StoreTest, ARunThatAwaitsItsControlsKeepsItsState) {
  campaign::Run waiting = SomeRun("c1-1");
  waiting.state = RunState::kAwaitingControls;
  waiting.verdict = Verdict::kPass;
  campaign::Run ending = SomeRun("c1-2");
  ending.state = RunState::kFinishing;
  ASSERT_TRUE(store_->Apply(With({waiting, ending})).ok());
  EXPECT_EQ(store_->GetRun("c1-1")->state, RunState::kAwaitingControls);
  EXPECT_EQ(store_->GetRun("c1-2")->state, RunState::kFinishing);
  EXPECT_EQ(store_->CountRuns("c1")->pending, 2u);
}

TEST_P(StoreTest, FieldsThatAnOlderLkdDidNotWriteGetDefaults) {
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

TEST_P(StoreTest, AnythingThatGuestsSendCanBeStored) {
  campaign::Run run = SomeRun("c1-1");
  run.findings[0].task = std::string("a\0b\xff", 4);
  run.counters["odd"] = {.value = std::numeric_limits<double>::quiet_NaN(), .unit = ""};
  run.latencies["'; DROP TABLE runs; --"].Record(1);
  ASSERT_TRUE(store_->Apply(With({run})).ok());
  const campaign::Run got = store_->GetRun("c1-1").value();
  EXPECT_EQ(got.findings[0].task, std::string("a\0b\xEF\xBF\xBD", 6)) << "invalid UTF-8 becomes U+FFFD";
  EXPECT_TRUE(std::isnan(got.counters.at("odd").value));
  EXPECT_TRUE(got.latencies.contains("'; DROP TABLE runs; --"));
}

TEST_P(StoreTest, ReplacingARunRemovesItsOldData) {
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

TEST_P(StoreTest, RunsAreSortedByTheirNumbers) {
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

TEST_P(StoreTest, RunsAreCountedByVerdict) {
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

TEST_P(StoreTest, ControlsAreCountedSeparately) {
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

TEST_P(StoreTest, CountingEventsIncludeTheirOwnChange) {
  ASSERT_TRUE(store_->Apply(With({SomeRun("c1-1"), SomeRun("c1-2"), DoneRun("c2-1", Verdict::kPass)})).ok());
  Change change = With({DoneRun("c1-2", Verdict::kFail), SomeRun("c1-3")});
  change.events = {{"c1", "run"}};
  change.counting_events.emplace_back("c1", [](const campaign::Counts& counts) {
    EXPECT_EQ(Differences(counts, campaign::Counts{.total = 3, .fail = 1, .pending = 2}), "");
    return std::string("campaign");
  });
  EXPECT_THAT(store_->Apply(change).value(), ElementsAre(1, 2));
  const std::vector<Event> events = store_->EventsAfter("c1", 0, 9).value();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].payload, "run");
  EXPECT_EQ(events[1].payload, "campaign");
}

TEST_P(StoreTest, ChangeIsAtomic) {
  Change change = With({SomeCampaign("c1")});
  change.events = {{"c1", "x"}};
  change.runs = {SomeRun("c1-1"), SomeRun("c1-01")};  // refused: two ids with the same position
  EXPECT_FALSE(store_->Apply(change).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->GetCampaign("c1").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->GetRun("c1-1").status()));
  change.runs.pop_back();
  EXPECT_THAT(store_->Apply(change).value(), ElementsAre(1));
}

TEST_P(StoreTest, KernelsAreAddedAndRemoved) {
  KernelBuild kernel = SomeKernel("k1", "6.1");
  ASSERT_TRUE(store_->PutKernel(kernel).ok());
  KernelBuild newer = SomeKernel("k2", "5.10");
  newer.added = kernel.added + absl::Seconds(1);
  ASSERT_TRUE(store_->PutKernel(newer).ok());
  kernel.labels["more"] = "yes";
  ASSERT_TRUE(store_->PutKernel(kernel).ok());

  EXPECT_EQ(Differences(store_->GetKernel("k1").value(), kernel), "");
  EXPECT_THAT(Ids(store_->ListKernels()), ElementsAre("k2", "k1"));
  EXPECT_TRUE(store_->RemoveKernel("k1").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->RemoveKernel("k1")));
  EXPECT_TRUE(absl::IsNotFound(store_->GetKernel("k1").status()));
}

TEST_P(StoreTest, OnlyFinishedRunsOfAKernelCount) {
  ASSERT_TRUE(store_->Apply(With({DoneRun("c1-1", Verdict::kPass), SomeRun("c1-2")})).ok());
  EXPECT_EQ(store_->RunsOfKernel("k0123456789ab").value(), 1u);
  EXPECT_EQ(store_->RunsOfKernel("k1").value(), 0u);
}

TEST_P(StoreTest, DoneRunsOfAKernelArePagedNewestFirst) {
  std::vector<campaign::Run> runs;
  for (const char* id : {"c1-2", "c1-10", "c1-10.2", "c2-1"}) runs.push_back(DoneRun(id, Verdict::kPass));
  runs.push_back(SomeRun("c2-2"));  // not finished
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

TEST_P(StoreTest, HostsAreAddedAndRemoved) {
  Host host;
  host.id = "h1";
  host.state = Host::State::kDrained;
  ASSERT_TRUE(store_->PutHost(host).ok());
  ASSERT_TRUE(store_->PutHost(host).ok());
  const std::vector<Host> hosts = store_->ListHosts().value();
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(Differences(hosts[0], host), "");
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

TEST_P(StoreTest, TokensAreLiveUntilTheyExpireOrAreRevoked) {
  ASSERT_TRUE(store_->AddToken(SomeToken("t1", "ci")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->AddToken(SomeToken("t2", "ci"))))
      << "the name of a live token cannot be used again";
  access::Token later = SomeToken("t3", "ci");
  later.created = absl::FromUnixSeconds(2000);
  later.expires = absl::FromUnixSeconds(3000);
  EXPECT_TRUE(store_->AddToken(later).ok()) << "the first token has expired by then";
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
  EXPECT_EQ(store_->RevokeToken("ci", now).value().id, "t3") << "a name identifies the live token";
  EXPECT_EQ(store_->RevokeToken("t3", absl::FromUnixSeconds(2600)).value().revoked, now)
      << "the first revocation is kept";
  EXPECT_TRUE(absl::IsNotFound(store_->RevokeToken("ci", now).status()));
  EXPECT_FALSE(store_->FindToken(later.hash).value().Live(now));
}

TEST_P(StoreTest, AuditEntriesArePagedNewestFirst) {
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

TEST_P(StoreTest, DamageIsReported) {
  ASSERT_TRUE(store_->Apply(With({SomeRun("c1-1")})).ok());
  Execute("UPDATE findings SET body = '{'");
  EXPECT_TRUE(absl::IsDataLoss(store_->GetRun("c1-1").status()));
  Execute("UPDATE runs SET verdict = 'maybe'");
  const Status status = store_->GetRun("c1-1").status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_P(StoreTest, ThreadsMayCallConcurrently) {
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

TEST_P(StoreTest, ObserverIsCalledForEachCall) {
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
