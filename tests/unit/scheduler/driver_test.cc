// SPDX-License-Identifier: Apache-2.0
// How the driver handles an event (first it stores the change, then it performs the actions), and what it reports about
// unfinished runs.
#include "server/scheduler/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scheduler/driver_fixture.h"

namespace lk::scheduler {
namespace {

using campaign::RunState;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;
using Kind = vm::VmEvent::Kind;
using Amount = std::pair<uint32_t, uint64_t>;

// ---- storing changes and performing actions ----------------------------------------------------

TEST_F(DriverTest, AChangeIsStoredBeforeItsActionsArePerformed) {
  AddHost();
  Post(NewCampaign("c", 1));
  EXPECT_THAT(log_, ElementsAre("store c-1 preparing, c running", "expect c-1", "build k1", "start lk-c-1",
                                "store c-1 preparing", "store c-1 booting"));
  log_.clear();
  Connect();
  EXPECT_THAT(log_, ElementsAre("store c-1 running", "lease c-1/1"));
  log_.clear();
  Say(AgentDone{"ok", "", 1, {}});
  EXPECT_THAT(log_, ElementsAre("store c-1 finishing", "ack c-1/1 1", "finish c-1"));
}

TEST_F(DriverTest, NoActionIsPerformedWhileTheStoreRefusesTheChange) {
  AddHost();
  int offered = 0;
  bool takes = false;
  store_.takes = [&] {
    ++offered;
    return takes;
  };
  driver_->Post(NewCampaign("c", 1), [&] { log_.emplace_back("stored c"); });
  driver_->Post(NewCampaign("d", 1), [&] { log_.emplace_back("stored d"); });
  absl::Time next = driver_->RunDue();
  EXPECT_EQ(driver_->RunDue(), next);
  EXPECT_EQ(offered, 1) << "nothing is offered to the store before the retry is due";

  std::vector<absl::Duration> pauses = {next - clock_.now};
  while (pauses.size() < 9) {
    clock_.now = next;
    next = driver_->RunDue();
    pauses.push_back(next - clock_.now);
  }
  EXPECT_THAT(pauses, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200), absl::Milliseconds(400),
                                  absl::Milliseconds(800), absl::Milliseconds(1600), absl::Milliseconds(3200),
                                  absl::Milliseconds(6400), absl::Seconds(10), absl::Seconds(10)));
  EXPECT_EQ(offered, 9);
  EXPECT_THAT(log_, IsEmpty());
  EXPECT_THAT(driver_->UnfinishedRuns(), IsEmpty());
  EXPECT_EQ(driver_->Allocated(store_.hosts.begin()->first), Amount(0, 0));

  takes = true;
  Settle();
  EXPECT_THAT(log_, IsEmpty()) << "nothing is stored before the retry is due";
  clock_.now = next;
  Settle();
  EXPECT_THAT(log_,
              ElementsAre("store c-1 preparing, c running", "expect c-1", "stored c", "store d-1 preparing, d running",
                          "expect d-1", "stored d", "build k1", "start lk-c-1", "build k1", "start lk-d-1",
                          "store c-1 preparing", "store c-1 booting", "store d-1 preparing", "store d-1 booting"));

  takes = false;
  driver_->Post(CampaignCancelled{"c"});
  EXPECT_EQ(driver_->RunDue(), clock_.now + absl::Milliseconds(100)) << "a success resets the backoff";
}

TEST_F(DriverTest, AnEventThatChangesNothingIsConfirmedWithoutBeingStored) {
  bool answered = false;
  store_.takes = [] { return false; };
  driver_->Post(CampaignCancelled{"c"}, [&] { answered = true; });
  EXPECT_FALSE(answered);
  EXPECT_EQ(driver_->RunDue(), absl::InfiniteFuture());
  EXPECT_TRUE(answered);
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(DriverTest, RunDueReturnsTheNextDeadlineAndMeetsIt) {
  AddHost();
  Post(NewCampaign("c", 1));
  EXPECT_EQ(driver_->RunDue(), clock_.now + limits_.boot);
  clock_.now += limits_.boot - absl::Milliseconds(1);
  Settle();
  EXPECT_EQ(run().state, RunState::kBooting);
  clock_.now += absl::Milliseconds(1);
  Settle();
  EXPECT_EQ(run().state, RunState::kFinishing);
}

TEST_F(DriverTest, PostAndWaitReturnsWhenTheEventIsStored) {
  driver_->Start();
  EXPECT_TRUE(driver_->PostAndWait(NewCampaign("c", 1)));
  driver_->Stop();
  EXPECT_TRUE(store_.runs.contains("c-1"));
}

TEST_F(DriverTest, StopsWhileTheStoreRefusesChanges) {
  store_.takes = [] { return false; };
  driver_->Start();
  driver_->Post(NewCampaign("c", 1));
  driver_->Stop();
  EXPECT_THAT(store_.runs, IsEmpty());
}

// ---- events, notifications and subscribers -----------------------------------------------------

TEST_F(DriverTest, ACampaignIsAnnouncedWithItsCountsAfterItsRuns) {
  AddHost("fake:///1", 2);
  Post(NewCampaign("c", 2));
  EXPECT_THAT(events_, ElementsAre("c-1 preparing", "c-2 queued", "c running: 2 of 2 pending", "c-1 booting"));
  events_.clear();
  Tell(Kind::kCrashed);
  host().consoles.at("lk-c-1").on_end();
  Settle();
  EXPECT_THAT(events_, ElementsAre("c-1 VM crashed", "c-1 finishing", "c-1 done", "c-2 preparing", "c-2 booting"));
  events_.clear();
  Post(CampaignCancelled{"c"});
  Pass(limits_.drain);
  EXPECT_THAT(events_, ElementsAre("c-2 finishing", "c-2 done", "c cancelled: 0 of 2 pending"));
}

TEST_F(DriverTest, NotificationsAreStoredWithTheVerdict) {
  AddHost();
  Post(NewCampaign("c", 1, "  notify: [ chat, mail ]\n"));
  EXPECT_THAT(log_, Not(Contains(HasSubstr("chat"))));
  Tell(Kind::kStopped);
  log_.clear();
  Pass(limits_.drain);
  EXPECT_THAT(log_, ElementsAre("store c-1 done, c finished, for chat, for mail", "notify", "forget c-1"));
}

TEST_F(DriverTest, ACampaignWithoutTargetsNotifiesNobody) {
  Post(NewCampaign("c", 1));
  EXPECT_THAT(log_, ElementsAre("store c-1 done, c finished")) << "without a host, the run ends immediately";
}

TEST_F(DriverTest, SubscribersAreNotifiedUntilTheyUnsubscribe) {
  AddHost();
  Log heard;
  const auto campaign = driver_->Subscribe("c", [&] { heard.emplace_back("c"); });
  const auto run = driver_->Subscribe("c-1", [&] { heard.emplace_back("c-1"); });
  const auto other = driver_->Subscribe("d", [&] { heard.emplace_back("d"); });
  auto gone = driver_->Subscribe("c", [&] { heard.emplace_back("gone"); });
  gone.reset();
  Post(NewCampaign("c", 1));
  EXPECT_THAT(heard, ElementsAre("c", "c")) << "once for preparing, once for booting";
  heard.clear();
  Print("hello\n");
  EXPECT_THAT(heard, ElementsAre("c-1")) << "only subscribers to the run hear that its console has grown";
  heard.clear();
  Tell(Kind::kStopped);
  EXPECT_THAT(heard, ElementsAre("c"));
  heard.clear();
  Pass(limits_.drain);
  EXPECT_THAT(heard, ElementsAre("c", "c-1")) << "subscribers to the campaign and to the run hear that the run is done";
}

TEST_F(DriverTest, SubscribersAreNotifiedOnceTheEventsAreStored) {
  size_t seen = 0;
  const auto campaign = driver_->Subscribe("c", [&] { seen = events_.size(); });
  store_.takes = [] { return false; };
  Post(NewCampaign("c", 1));
  EXPECT_EQ(seen, 0u);
  store_.takes = [] { return true; };
  Pass(absl::Seconds(1));
  EXPECT_EQ(seen, 2u);
}

TEST_F(DriverTest, CountsUnfinishedRunsAndTheResourcesThatTheyUse) {
  const std::string first = AddHost("fake:///1", 4);
  EXPECT_EQ(driver_->Allocated(first), Amount(0, 0));
  Post(NewCampaign("c", 3));
  Connect("c-1");
  EXPECT_THAT(driver_->UnfinishedRuns(),
              ElementsAre(Pair("c", UnorderedElementsAre(Pair("running", 1), Pair("booting", 1), Pair("queued", 1)))));
  EXPECT_EQ(driver_->Allocated(first), Amount(4, 4 * kGiB));
  EXPECT_EQ(driver_->Allocated("none"), Amount(0, 0));

  Tell(Kind::kStopped, "lk-c-2");
  EXPECT_EQ(driver_->UnfinishedRuns()["c"]["finishing"], 1u);
  EXPECT_EQ(driver_->Allocated(first), Amount(4, 4 * kGiB)) << "a run uses its resources until it is done";
  Post(CampaignCancelled{"c"});
  EXPECT_THAT(driver_->UnfinishedRuns()["c"], UnorderedElementsAre(Pair("finishing", 2), Pair("done", 1)));
  Pass(limits_.drain + limits_.power_off + absl::Minutes(1));
  EXPECT_THAT(driver_->UnfinishedRuns(), IsEmpty());
  EXPECT_EQ(driver_->Allocated(first), Amount(0, 0));
}

// ---- finished runs -----------------------------------------------------------------------------

TEST_F(DriverTest, TheArtifactsOfAFinishedRunAreKept) {
  AddHost();
  Post(NewCampaign("c", 1));
  Print("hello\n");
  const std::filesystem::path directory = state_ / "runs" / "c-1";
  EXPECT_EQ(driver_->Artifact("c-1", "vmcore"), directory / "vmcore");
  std::ofstream(directory / "initrd.img") << "x";
  Tell(Kind::kStopped);
  EXPECT_TRUE(exists(directory / "initrd.img"));
  log_.clear();
  Pass(limits_.drain);
  EXPECT_THAT(log_, Contains("forget c-1"));
  EXPECT_FALSE(exists(directory / "initrd.img"));
  EXPECT_EQ(Recorded(), "hello\n");
}

}  // namespace
}  // namespace lk::scheduler
