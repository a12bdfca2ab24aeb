// SPDX-License-Identifier: Apache-2.0
// Waiting for campaigns, watching them, and following logs, across broken streams and restarts of lkd.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "fake_lkd.h"
#include "harness.h"
#include "samples.h"

namespace lk::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Holds the stream open until the client or the server ends it.
grpc::Status Hold(grpc::ServerContext& context) {
  while (!context.IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return grpc::Status::CANCELLED;
}

// Sets up these events: campaign running, three runs done, campaign finished.
void Prepare(FakeLkd& lkd) {
  lkd.campaigns.campaign = SampleCampaign();
  const auto add = [&]() -> v1::CampaignEvent& {
    lkd.campaigns.events.emplace_back();
    lkd.campaigns.events.back().set_sequence(static_cast<uint32_t>(lkd.campaigns.events.size()));
    return lkd.campaigns.events.back();
  };
  v1::Campaign summary = SampleCampaign();
  summary.clear_runs();
  summary.clear_verdict();
  summary.set_state("running");
  *add().mutable_campaign() = summary;
  for (int i : {0, 2, 3}) *add().mutable_run() = SampleCampaign().runs(i);
  *add().mutable_campaign() = SampleCampaign();
  lkd.campaigns.events.back().mutable_campaign()->clear_runs();
}

TEST(Wait, PrintsTheFinishedCampaignAndReturnsItsExitCode) {
  FakeLkd lkd;
  Prepare(lkd);
  const Result json = lkd.Lkctl({"-o", "json", "campaign", "start", "--wait", "-"});
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(json.json()["verdict"], "fail");
  EXPECT_EQ(json.json()["runs"].size(), static_cast<size_t>(SampleCampaign().runs_size()));
  EXPECT_THAT(json.err, HasSubstr("started c00000000abc\n"));
  EXPECT_THAT(
      json.err,
      HasSubstr("fail        c00000000abc-4  crash_hotplug  6.12.95  iommu  35.0s  reason of c00000000abc-4\n"));

  lkd.campaigns.campaign.mutable_counts()->clear_fail();
  EXPECT_EQ(lkd.Lkctl({"campaign", "start", "--wait", "-"}).code, 3);
  lkd.campaigns.campaign.mutable_counts()->clear_error();
  const Result table = lkd.Lkctl({"campaign", "start", "--wait", "-"});
  EXPECT_EQ(table.code, 0);
  EXPECT_THAT(table.out, HasSubstr("KERNEL"));
}

TEST(Watch, ReopensTheStreamAfterTheLastEvent) {
  FakeLkd lkd;
  Prepare(lkd);
  lkd.campaigns.events_per_stream = 2;
  lkd.campaigns.after_events = [](size_t attempt, grpc::ServerContext&) {
    return attempt == 1   ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting")
           : attempt == 2 ? grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too slow")
                          : grpc::Status::OK;
  };
  const Result result = lkd.Lkctl({"-o", "json", "campaign", "watch", "c0"});
  EXPECT_EQ(result.code, 1) << result.err;
  EXPECT_THAT(lkd.campaigns.attached(), ElementsAre(0, 2, 4));
  EXPECT_THAT(result.err, HasSubstr("connection to lkd lost, retrying: restarting\n"));
  const auto events = result.lines();
  ASSERT_EQ(events.size(), 5u);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i]["sequence"], i + 1);
  EXPECT_EQ(events[1]["run"]["verdict"], "pass");
}

TEST(Watch, ContinuesWhenTheStreamEndsEarlyWithoutAnError) {
  FakeLkd lkd;
  Prepare(lkd);
  lkd.campaigns.events_per_stream = 4;
  const Result result = lkd.Lkctl({"-o", "json", "campaign", "watch", "c0"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.lines().size(), 5u);
  EXPECT_THAT(lkd.campaigns.attached(), ElementsAre(0, 4));
}

TEST(Watch, StopsAtPermanentErrors) {
  FakeLkd lkd;
  Prepare(lkd);
  lkd.campaigns.events_per_stream = 1;
  lkd.campaigns.after_events = [](size_t, grpc::ServerContext&) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no longer yours");
  };
  const Result result = lkd.Lkctl({"campaign", "watch", "c0"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("no longer yours"));
  EXPECT_EQ(lkd.campaigns.attached().size(), 1u);
}

TEST(Wait, SurvivesARestartOfLkd) {
  FakeLkd lkd;
  Prepare(lkd);
  lkd.campaigns.events_per_stream = 3;
  lkd.campaigns.after_events = [](size_t attempt, grpc::ServerContext& context) {
    return attempt == 1 ? Hold(context) : grpc::Status::OK;
  };
  Result result;
  std::thread client([&] { result = lkd.Lkctl({"-o", "json", "campaign", "start", "--wait", "-"}); });
  lkd.campaigns.WaitForAttached(1);
  lkd.Stop();
  lkd.Start();
  client.join();
  EXPECT_EQ(result.code, 1) << result.err;
  EXPECT_EQ(result.json()["id"], "c00000000abc");
  // Events that were in flight when lkd stopped may not have arrived; lkctl then requests them again.
  const auto attached = lkd.campaigns.attached();
  ASSERT_GE(attached.size(), 2u);
  EXPECT_LE(attached[1], 3u);
}

TEST(Wait, AnInterruptExitsWith130AndSaysHowToContinue) {
  FakeLkd lkd;
  Prepare(lkd);
  lkd.campaigns.events_per_stream = 2;
  lkd.campaigns.after_events = [](size_t, grpc::ServerContext& context) {
    kill(getpid(), SIGINT);
    return Hold(context);
  };
  const Result result = lkd.Lkctl({"-o", "json", "campaign", "start", "--wait", "-"});
  EXPECT_EQ(result.code, 130);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("the campaign continues. Follow it with: lkctl campaign watch c00000000abc"));
}

TEST(Logs, AreRawInAPipeAndEscapedOnATerminal) {
  FakeLkd lkd;
  lkd.runs.run = SampleRun("c1-1", "6.12", "baseline", "pass");
  lkd.runs.console = std::string("boot\r\n\x1b[2Jgone\0\xff\n", 17);
  EXPECT_EQ(lkd.Lkctl({"run", "logs", "c1-1"}).out, lkd.runs.console);
  EXPECT_EQ(lkd.Lkctl({"run", "logs", "c1-1"}, {.out_terminal = true}).out, "boot\\x0d\n\\x1b[2Jgone\\x00\\xff\n");
}

TEST(Logs, ResumeWhereTheStreamBroke) {
  FakeLkd lkd;
  lkd.runs.run = SampleRun("c1-1", "6.12", "baseline", "pass");
  lkd.runs.console = "0123456789abcdefghijklmnopqrstuvwxyz";
  lkd.runs.break_at = 20;
  const Result result = lkd.Lkctl({"run", "logs", "--follow", "c1-1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, lkd.runs.console);
  EXPECT_THAT(lkd.runs.offsets, ElementsAre(0, 20));
}

TEST(Watch, AFindingIsShownOnceUnlessItsTitleChanges) {
  FakeLkd lkd;
  Prepare(lkd);
  std::vector<v1::CampaignEvent> findings;
  const std::pair<const char*, bool> told[] = {
      {"BUG: soft lockup", true}, {"BUG: soft lockup in f", false}, {"WARNING in g", true}, {"WARNING in g", false}};
  for (const auto& [title, open] : told) {
    v1::CampaignEvent& event = findings.emplace_back();
    event.mutable_finding()->set_run_id("c00000000abc-1");
    event.mutable_finding()->mutable_finding()->set_title(title);
    event.mutable_finding()->mutable_finding()->set_open(open);
  }
  lkd.campaigns.events.insert(lkd.campaigns.events.begin() + 1, findings.begin(), findings.end());
  for (size_t i = 0; i < lkd.campaigns.events.size(); ++i) {
    lkd.campaigns.events[i].set_sequence(static_cast<uint32_t>(i + 1));
  }
  EXPECT_THAT(lkd.Lkctl({"campaign", "watch", "c0"}).out,
              HasSubstr("finding     c00000000abc-1  BUG: soft lockup (incomplete)\n"
                        "finding     c00000000abc-1  BUG: soft lockup in f\n"
                        "finding     c00000000abc-1  WARNING in g (incomplete)\n"
                        "pass "));
  const auto items = lkd.Lkctl({"-o", "json", "campaign", "watch", "c0"}).lines();
  ASSERT_EQ(items.size(), lkd.campaigns.events.size()) << "JSON includes every event";
  EXPECT_EQ(items[1]["finding"]["finding"]["open"], true);
}

}  // namespace
}  // namespace lk::cli
