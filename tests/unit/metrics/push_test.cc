// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/push.h"

#include <thread>

#include "tests/unit/metrics/fixture.h"
#include "tests/unit/support/test_clock.h"

namespace lk::metrics {
namespace {

using campaign::Verdict;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr absl::Duration kNever = absl::Hours(1);

// Accepts PUT requests like a Pushgateway.
class Gateway {
 public:
  explicit Gateway(int port = 0) {
    server_.Put("/.*", [this](const httplib::Request& request, httplib::Response& response) {
      const MutexLock lock(&mutex_);
      paths_.push_back(request.path);
      body_ = request.body;
      response.status = status_;
      response.set_content("pushed metrics are\ninvalid", "text/plain");
      ++puts_;
    });
    port_ = port != 0 ? (server_.bind_to_port("127.0.0.1", port) ? port : -1) : server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    EXPECT_GT(port_, 0) << "port " << port << " is in use";
    while (port_ > 0 && !server_.is_running()) std::this_thread::yield();
  }
  ~Gateway() {
    server_.stop();
    thread_.join();
  }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  int port() const { return port_; }
  void RespondWith(int status) {
    const MutexLock lock(&mutex_);
    status_ = status;
  }
  std::vector<std::string> Paths() {
    const MutexLock lock(&mutex_);
    return paths_;
  }
  std::string Body() {
    const MutexLock lock(&mutex_);
    return body_;
  }
  bool WaitFor(int puts) {
    const MutexLock lock(&mutex_);
    waited_for_ = puts;
    return mutex_.AwaitWithTimeout(absl::Condition(this, &Gateway::Enough), absl::Minutes(1));
  }

 private:
  bool Enough() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return puts_ >= waited_for_; }

  httplib::Server server_;
  Mutex mutex_;
  int status_ ABSL_GUARDED_BY(mutex_) = 200;
  int puts_ ABSL_GUARDED_BY(mutex_) = 0;
  int waited_for_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> paths_ ABSL_GUARDED_BY(mutex_);
  std::string body_ ABSL_GUARDED_BY(mutex_);
  int port_ = 0;
  std::thread thread_;
};

class PushTest : public MetricsTest {
 protected:
  void Finish(const std::string& id, std::vector<campaign::Run> runs, absl::Duration ago = absl::Minutes(1)) {
    store::Change change;
    campaign::Campaign& campaign = change.campaigns.emplace_back();
    campaign.id = id;
    campaign.state = campaign::CampaignState::kFinished;
    campaign.finished = clock_.Now() - ago;
    for (campaign::Run& run : runs) run.campaign_id = id;
    change.runs = std::move(runs);
    ASSERT_TRUE(store_->Apply(change).ok());
  }
  PushOptions To(int port, absl::Duration interval = kNever) const {
    return {.url = "http://127.0.0.1:" + std::to_string(port) + "/", .instance = "ci", .interval = interval};
  }

  TestClock clock_;
};

TEST_F(PushTest, PushesEachFinishedCampaignOnceInASeparateGroup) {
  Finish("c1", {Finished("c1-1", "6.12.1", Verdict::kPass, true)});
  campaign::Run fail = Finished("c2-1", "6.12.1", Verdict::kFail, true);
  fail.findings.resize(2);
  fail.findings[0].title = "WARNING in f";
  fail.findings[1].title = "not the kernel's";
  fail.findings[1].tolerated = true;
  campaign::Run control = Finished("c2-3", "6.12.1", Verdict::kFail, true);
  control.control = true;
  Finish("c2", {fail, Finished("c2-2", "6.12.1", Verdict::kPass, true), control});
  Finish("c3", {Finished("c3-1", "6.12.1", Verdict::kPass, true)}, absl::Hours(25));
  Gateway gateway;
  Pusher pusher(*store_, clock_, To(gateway.port()));
  EXPECT_EQ(pusher.PushAll(), absl::OkStatus());
  EXPECT_THAT(gateway.Paths(),
              ElementsAre("/metrics/job/lk/instance/ci/campaign/c1", "/metrics/job/lk/instance/ci/campaign/c2"));
  const std::string cell = R"({kernel="6.12.1",arch="x86_64",profile="small",scenario="baseline")";
  EXPECT_THAT(
      gateway.Body(),
      AllOf(HasSubstr("lk_runs_total" + cell + R"(,verdict="pass",emulated="true",harness="false"} 1)"),
            HasSubstr("lk_runs_total" + cell + R"(,verdict="fail",emulated="true",harness="false"} 2)"),
            HasSubstr("lk_kernel_pass_ratio" + cell + "} 0.5"), HasSubstr(R"(title="WARNING in f"} 1)"),
            Not(HasSubstr("not the kernel")),
            HasSubstr("lk_latency_seconds_count" + cell + R"(,probe="timer_wakeup"} 30)"),
            HasSubstr(R"(verdict="pass",run="c2-2"} 1700000000)"), HasSubstr("lk_kernel_order{kernel=\"6.12.1\""),
            HasSubstr("lk_build_info{"), HasSubstr("lk_console_bytes_total 300")));
  EXPECT_EQ(pusher.PushAll(), absl::OkStatus());
  EXPECT_EQ(gateway.Paths().size(), 2u);
}

TEST_F(PushTest, RejectedCampaignIsRetriedAndDoesNotDelayOthers) {
  Gateway gateway;
  gateway.RespondWith(400);
  Pusher pusher(*store_, clock_, To(gateway.port()));
  Finish("c1", {});
  Finish("c2", {});
  const Status refused = pusher.PushAll();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("HTTP status 400: pushed metrics are_invalid"));
  EXPECT_EQ(gateway.Paths().size(), 2u);
  gateway.RespondWith(202);
  EXPECT_EQ(pusher.PushAll(), absl::OkStatus());
  EXPECT_EQ(gateway.Paths().size(), 4u);
}

TEST_F(PushTest, RetriesUntilThePushgatewayIsUp) {
  int port = 0;
  { port = Gateway().port(); }
  Finish("c1", {});
  {
    Pusher pusher(*store_, clock_, To(port));
    const Status gone = pusher.PushAll();
    EXPECT_TRUE(absl::IsUnavailable(gone)) << gone;
    EXPECT_THAT(std::string(gone.message()), HasSubstr("campaign c1: http://127.0.0.1:"));
  }
  Gateway gateway(port);
  const Pusher pusher(*store_, clock_, To(port, absl::Milliseconds(1)));
  EXPECT_TRUE(gateway.WaitFor(1));
}

TEST_F(PushTest, TriesOnceMoreWhenLkdStops) {
  Gateway gateway;
  {
    const Pusher pusher(*store_, clock_, To(gateway.port()));
    Finish("c1", {});
    EXPECT_THAT(gateway.Paths(), IsEmpty());
  }
  EXPECT_EQ(gateway.Paths().size(), 1u);
}

TEST_F(PushTest, LargeCampaignIsReadInParts) {
  std::vector<campaign::Run> runs;
  for (int i = 1; i <= 120; ++i) runs.push_back(Finished("c1-" + std::to_string(i), "6.12.1", Verdict::kPass, true));
  Finish("c1", std::move(runs));
  const auto statistics = CampaignStatistics(*store_, "c1");
  ASSERT_EQ(statistics->rows.size(), 1u);
  EXPECT_EQ((statistics->rows[0].verdicts.at({"pass", true})), 120u);
  EXPECT_EQ(statistics->rows[0].latencies.at("timer_wakeup").count(), 1200u);
}

}  // namespace
}  // namespace lk::metrics
