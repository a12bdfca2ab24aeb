// SPDX-License-Identifier: Apache-2.0
// Comparisons and reports over a real connection, from a real store.
#include "server/api/report_service.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "lk/v1/scenario.pb.h"
#include "server/webhooks/outbound/sender.h"
#include "support/worker_pool.h"

namespace lk::api {
namespace {

using campaign::Verdict;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kLab[] = "k111111111111";
constexpr char kMutant[] = "k122222222222";
constexpr char kOther[] = "k933333333333";

std::string ReportsDirectory() {
  std::string name = testing::TempDir() + "lk-reports-XXXXXX";
  return mkdtemp(name.data());
}

class ReportServiceTest : public testing::Test {
 protected:
  ReportServiceTest() {
    v1::ScenarioDescriptor& scenario = descriptors_.emplace_back();
    scenario.set_name("crash_hotplug");
    scenario.set_summary("Memory hotplug against kexec");
    PutKernel(kLab, "6.12.90-lab", {});
    PutKernel(kMutant, "6.12.90-lab-crash_hotplug", {{"mutant", "crash_hotplug"}});
    PutKernel(kOther, "6.1.0", {});
    PutKernel("k944444444444", "6.1.0", {});

    campaign::Campaign campaign;
    campaign.id = "c0abc";
    campaign.spec.name = "nightly";
    campaign.state = campaign::CampaignState::kFinished;
    campaign.verdict = Verdict::kPass;
    campaign.created = absl::FromUnixSeconds(1'764'300'000);
    campaign.finished = absl::FromUnixSeconds(1'764'300'900);
    EXPECT_TRUE(store_->Apply({.campaigns = {campaign}, .runs = {}, .events = {}, .time = {}}).ok());

    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::ReportService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  }
  ~ReportServiceTest() override {
    server_->Shutdown();
    std::filesystem::remove_all(directory_);
  }

  void PutKernel(const std::string& id, const std::string& release, const campaign::Labels& labels) const {
    campaign::KernelBuild kernel;
    kernel.id = id;
    kernel.release = release;
    kernel.labels = labels;
    kernel.added = absl::FromUnixSeconds(1);
    EXPECT_TRUE(store_->PutKernel(kernel).ok());
  }

  campaign::Run& Add(const std::string& kernel, Verdict verdict) {
    campaign::Run& run = runs_.emplace_back();
    run.cell = static_cast<uint32_t>(runs_.size());
    run.id = fmt::format("c0abc-{:03}", run.cell);
    run.campaign_id = "c0abc";
    run.kernel_id = kernel;
    run.kernel_release = "6.12.90-lab";
    run.profile = "hotplug";
    run.scenario = "crash_hotplug";
    run.accelerator = "tcg";
    run.state = campaign::RunState::kDone;
    run.verdict = verdict;
    run.control = kernel == kMutant;
    run.created = run.started = run.finished = absl::FromUnixSeconds(1'764'300'000);
    return run;
  }
  void Store() const { EXPECT_TRUE(store_->Apply({.campaigns = {}, .runs = runs_, .events = {}, .time = {}}).ok()); }

  grpc::Status Compare(const std::string& a, const std::string& b, const std::string& scenario = "") {
    v1::CompareKernelsRequest request;
    request.set_a(a);
    request.set_b(b);
    request.set_scenario(scenario);
    return Compare(request);
  }
  grpc::Status Compare(const v1::CompareKernelsRequest& request) {
    grpc::ClientContext context;
    return stub_->CompareKernels(&context, request, &comparison_);
  }

  grpc::Status Report(const std::string& campaign, const std::string& format, const std::string& origin = "") {
    v1::GetCampaignReportRequest request;
    request.set_campaign_id(campaign);
    request.set_format(format);
    request.set_kcidb_origin(origin);
    grpc::ClientContext context;
    const auto reader = stub_->GetCampaignReport(&context, request);
    report_.clear();
    for (v1::ReportChunk chunk; reader->Read(&chunk); report_ += chunk.data()) {
      largest_ = std::max(largest_, chunk.data().size());
    }
    return reader->Finish();
  }

  const std::filesystem::path directory_ = ReportsDirectory();
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::Open("sqlite::memory:").value();
  campaign::Descriptors descriptors_;
  WorkerPool pool_{2};
  Reports reports_{*store_, descriptors_, [this](const std::string& run) { return directory_ / run; }, clock_};
  ReportService service_{reports_, *store_, descriptors_, pool_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ReportService::Stub> stub_;

  std::vector<campaign::Run> runs_;
  v1::CompareKernelsResponse comparison_;
  std::string report_;
  size_t largest_ = 0;
};

TEST_F(ReportServiceTest, DetectsTheRegressionOfAMutant) {
  for (int i = 0; i < 3; ++i) {
    Add(kLab, Verdict::kPass);
    Add(kMutant, Verdict::kFail);
  }
  Add(kLab, Verdict::kError);
  Store();
  // By release, and by id prefix.
  ASSERT_TRUE(Compare("6.12.90-lab", "k12").ok());
  EXPECT_EQ(comparison_.worse(), 1u);
  ASSERT_EQ(comparison_.rows_size(), 1);
  const v1::ComparisonRow& row = comparison_.rows(0);
  EXPECT_EQ(row.call(), "worse");
  EXPECT_EQ(row.scenario(), "crash_hotplug");
  EXPECT_EQ(row.measure(), "pass_rate");
  EXPECT_EQ(row.effect(), -1);
  EXPECT_LT(row.adjusted_p(), 0.05);
  EXPECT_LT(row.interval().high(), 0);
  EXPECT_EQ(row.lacks(), "");
  EXPECT_EQ(comparison_.a().counted(), 3u);
  EXPECT_EQ(comparison_.a().undecided(), 1u);
  EXPECT_EQ(comparison_.a().controls(), 0u);
  EXPECT_EQ(comparison_.b().controls(), 3u);
  EXPECT_EQ(comparison_.b().kernel().labels().at("mutant"), "crash_hotplug");

  ASSERT_TRUE(Compare(kMutant, kLab).ok());
  EXPECT_EQ(comparison_.worse(), 0u);
  EXPECT_EQ(comparison_.better(), 1u);
}

TEST_F(ReportServiceTest, SuggestsMoreRepeats) {
  for (int i = 0; i < 2; ++i) {
    Add(kLab, Verdict::kPass);
    Add(kMutant, Verdict::kFail);
  }
  Store();
  ASSERT_TRUE(Compare(kLab, kMutant).ok());
  EXPECT_EQ(comparison_.undecided(), 1u);
  EXPECT_FALSE(comparison_.rows(0).tested());
  EXPECT_EQ(comparison_.rows(0).more_repeats(), 1u);
  EXPECT_THAT(comparison_.rows(0).lacks(), HasSubstr("1 more repeat would be enough to decide"));
}

TEST_F(ReportServiceTest, DistinguishesAttemptsAndEmulation) {
  Add(kLab, Verdict::kFail);
  campaign::Run again = runs_.back();
  again.id += ".2";
  again.attempt = 2;
  again.verdict = Verdict::kPass;
  runs_.push_back(again);
  Add(kMutant, Verdict::kPass).emulated = true;
  Add(kMutant, Verdict::kPass);
  Store();
  ASSERT_TRUE(Compare(kLab, kMutant).ok());
  EXPECT_EQ(comparison_.a().counted(), 1u);
  EXPECT_EQ(comparison_.a().repeated(), 1u);
  ASSERT_EQ(comparison_.rows_size(), 2);
  EXPECT_FALSE(comparison_.rows(0).emulated());
  EXPECT_EQ(comparison_.rows(0).a().value(), 0) << "the first attempt counts";
  EXPECT_TRUE(comparison_.rows(1).emulated());
  EXPECT_EQ(comparison_.rows(1).a().runs(), 0u);
}

TEST_F(ReportServiceTest, ReadsMoreThanOnePageOfRuns) {
  for (int i = 0; i < 210; ++i) Add(kLab, Verdict::kPass);
  for (int i = 0; i < 210; ++i) Add(kMutant, Verdict::kPass);
  Store();
  ASSERT_TRUE(Compare(kLab, kMutant).ok());
  EXPECT_EQ(comparison_.a().counted(), 210u);
  EXPECT_EQ(comparison_.b().counted(), 210u);
  EXPECT_EQ(comparison_.same(), 1u);
}

TEST_F(ReportServiceTest, RefusesInvalidComparisons) {
  Add(kLab, Verdict::kPass);
  Add(kMutant, Verdict::kError);
  Store();
  const auto expect = [](const grpc::Status& status, grpc::StatusCode code, const std::string& text) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  };
  expect(Compare("nothing", kLab), grpc::StatusCode::NOT_FOUND, "no kernel \"nothing\"");
  expect(Compare(kLab, "6.1.0"), grpc::StatusCode::FAILED_PRECONDITION, "matches 2 builds");
  expect(Compare(kLab, "6.12.90-lab"), grpc::StatusCode::INVALID_ARGUMENT, "are the same build");
  expect(Compare(kLab, kOther), grpc::StatusCode::NOT_FOUND,
         "has no run that passed or failed; run a campaign on it first");
  expect(Compare(kLab, kMutant), grpc::StatusCode::NOT_FOUND, "passed or failed, only 1 undecided");
  expect(Compare(kLab, kMutant, "baseline"), grpc::StatusCode::NOT_FOUND,
         "no scenario \"baseline\" (available: crash_hotplug)");
  v1::CompareKernelsRequest request;
  request.set_a(kLab);
  request.set_b(kMutant);
  request.set_error_rate(0.9);
  expect(Compare(request), grpc::StatusCode::INVALID_ARGUMENT, "invalid error rate 0.9");
  request.set_error_rate(0);
  request.set_latency_margin(0.001);
  expect(Compare(request), grpc::StatusCode::INVALID_ARGUMENT, "invalid latency margin");
}

TEST_F(ReportServiceTest, StreamsAReportInBoundedChunks) {
  campaign::Run& failed = Add(kLab, Verdict::kFail);
  failed.reason = "BUG: soft lockup in f";
  const std::string id = failed.id;
  Add(kMutant, Verdict::kFail);
  Store();
  // Longer than the inlined part; the cut falls in the middle of a line.
  std::string console;
  for (int i = 0; console.size() < (200 << 10); ++i) console += fmt::format("[ {:8}.000000] line {}\n", i, i);
  std::ofstream(directory_ / id, std::ios::binary) << console;

  ASSERT_TRUE(Report("c0a", "html").ok());
  EXPECT_LE(largest_, 64u << 10);
  EXPECT_GT(report_.size(), largest_) << "the report has more than one chunk";
  EXPECT_THAT(report_, AllOf(HasSubstr("BUG: soft lockup in f"), HasSubstr("Mutation score")));
}

TEST_F(ReportServiceTest, InlinesTheEndOfAConsoleLog) {
  campaign::Run& failed = Add(kLab, Verdict::kFail);
  Store();
  std::string console;
  for (int i = 0; console.size() < (200 << 10); ++i) console += fmt::format("line {:08}\n", i);
  std::ofstream(directory_ / failed.id, std::ios::binary) << console;
  ASSERT_TRUE(Report("c0abc", "html").ok());
  EXPECT_THAT(report_, HasSubstr(console.substr(console.size() - (60 << 10))));
  EXPECT_THAT(report_, Not(HasSubstr("line 00000000")));
  EXPECT_THAT(report_, HasSubstr("earlier bytes: lkctl run logs c0abc-001"));
}

TEST_F(ReportServiceTest, WritesEachFormat) {
  Add(kLab, Verdict::kPass).provenance.image_sha256 = "5eed";
  Store();
  ASSERT_TRUE(Report("c0abc", "junit").ok());
  EXPECT_THAT(report_, HasSubstr("<testsuites name=\"nightly\""));
  ASSERT_TRUE(Report("c0abc", "ktap").ok());
  EXPECT_TRUE(report_.starts_with("KTAP version 1\n1..1\n"));
  ASSERT_TRUE(Report("c0abc", "kcidb", "my_ci").ok());
  EXPECT_THAT(report_, HasSubstr("\"my_ci:c0abc-001\""));
  ASSERT_TRUE(Report("c0abc", "json").ok());
  v1::CampaignReport report;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(report_, &report).ok());
  EXPECT_EQ(report.campaign().runs(0).provenance().image_sha256(), "5eed");
  EXPECT_EQ(report.kernels(0).release(), "6.12.90-lab");
}

// Keeps the body of the last request.
class KeptBody final : public webhooks::Transport {
 public:
  explicit KeptBody(std::string& body) : body_(body) {}
  StatusOr<webhooks::PostReply> Post(const webhooks::PostRequest& request) override {
    body_ = request.body;
    return webhooks::PostReply{.status = 200, .retry_after = std::nullopt};
  }

 private:
  std::string& body_;
};

TEST_F(ReportServiceTest, AWebhookSubmitsTheSameDataToKcidb) {
  Histogram latencies;
  latencies.Record(1000);
  Add(kLab, Verdict::kPass).latencies["timer_wakeup"] = latencies;
  Add(kLab, Verdict::kFail).superseded = true;
  campaign::Run& failed = Add(kLab, Verdict::kFail);
  failed.findings.emplace_back().excerpt = "BUG: \x1b\xff\n";
  Add(kMutant, Verdict::kFail).arch = campaign::Arch::kAarch64;
  Add("k955555555555", Verdict::kMiss);  // of a kernel that has been removed
  Store();

  config::Webhooks config;
  config::WebhookTarget& target = config.targets.emplace_back();
  target.name = "kernelci";
  target.format = "kcidb";
  target.url = "https://kcidb.test/submit";
  target.context = "my_ci";
  std::string body;
  const auto sender = webhooks::Sender::Create(
                          config, *store_, clock_, [] { return 0.0; }, std::make_unique<KeptBody>(body))
                          .value();
  ASSERT_TRUE(sender->AddTest("kernelci", "c0abc").ok());
  sender->Step("kernelci");
  ASSERT_TRUE(Report("c0abc", "kcidb", "my_ci").ok());
  EXPECT_EQ(body, report_);
  for (const char* part : {"lk.crash_hotplug.hotplug.timer_wakeup_p99", "arm64", "MISS"}) {
    EXPECT_THAT(body, HasSubstr(part));
  }
}

TEST_F(ReportServiceTest, RefusesUnknownCampaignsAndFormats) {
  EXPECT_EQ(Report("c9", "html").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(Report("c0abc", "pdf").error_message(), HasSubstr("expected html, junit, ktap, kcidb or json"));
  EXPECT_EQ(Report("c0abc", "kcidb", "My CI").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace lk::api
