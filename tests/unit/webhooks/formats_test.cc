// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/outbound/formats.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/webhooks/fixture.h"

namespace lk::webhooks {
namespace {

using campaign::Verdict;
using nlohmann::json;
using report::CampaignReport;
using testing::HasSubstr;

campaign::Run MakeRun(const std::string& id, Verdict verdict) {
  campaign::Run run;
  run.id = id;
  run.campaign_id = "c1";
  run.kernel_id = "k1";
  run.kernel_release = "6.12.1";
  run.profile = "small";
  run.scenario = "baseline";
  run.state = campaign::RunState::kDone;
  run.verdict = verdict;
  run.reason = "because";
  run.started = absl::FromUnixSeconds(1'700'000'000);
  run.finished = absl::FromUnixSeconds(1'700'000'060);
  run.provenance.kernel_commit = kCommit;
  return run;
}

CampaignReport Failed() {
  CampaignReport report;
  report.campaign.id = "c1";
  report.campaign.state = campaign::CampaignState::kFinished;
  report.campaign.verdict = Verdict::kFail;
  report.campaign.created = absl::FromUnixSeconds(1'700'000'000);
  report.campaign.finished = absl::FromUnixSeconds(1'700'000'100);
  report.campaign.spec.name = "nightly";
  report.campaign.spec.labels = {{"repository", "octo/linux"}, {"commit", kCommit}};
  report.runs = {MakeRun("c1-1", Verdict::kPass), MakeRun("c1-2", Verdict::kFail)};
  detect::Finding finding;
  finding.kind = detect::Kind::kSoftLockup;
  finding.title = "BUG: soft lockup in f";
  report.runs[1].findings = {finding};
  report.kernels["k1"].id = "k1";
  report.kernels["k1"].release = "6.12.1";
  report.kernels["k1"].labels = {{"commit", kCommit}};
  return report;
}
CampaignReport With(Verdict verdict) {
  CampaignReport report = Failed();
  report.campaign.verdict = verdict;
  return report;
}
config::WebhookTarget Target(const std::string& format, const std::string& url = "https://api.test") {
  config::WebhookTarget target;
  target.name = "ci";
  target.format = format;
  target.url = url;
  target.link = "https://lk.test/${campaign}";
  return target;
}
json Body(const config::WebhookTarget& target, const CampaignReport& report) {
  return json::parse(Format(target, report).value().body);
}

TEST(Formats, LksOwnFormat) {
  const PostRequest request = Format(Target("lk", "https://ci.test/lk"), Failed()).value();
  EXPECT_EQ(request.url, "https://ci.test/lk");
  const json body = json::parse(request.body);
  EXPECT_EQ(body["type"], "campaign.finished");
  EXPECT_EQ(body["version"], 1);
  EXPECT_EQ(body["timestamp"], "2023-11-14T22:15:00.000Z");
  const json& data = body["data"];
  EXPECT_EQ(data["id"], "c1");
  EXPECT_EQ(data["name"], "nightly");
  EXPECT_EQ(data["labels"]["commit"], kCommit);
  EXPECT_EQ(data["verdict"], "fail");
  EXPECT_EQ(data["counts"]["total"], 2);
  EXPECT_EQ(data["counts"]["fail"], 1);
  EXPECT_EQ(data["kernels"][0]["release"], "6.12.1");
  ASSERT_EQ(data["runs"].size(), 1u) << "only runs that did not pass are listed";
  EXPECT_EQ(data["runs"][0]["id"], "c1-2");
  EXPECT_EQ(data["runs"][0]["findings"][0]["title"], "BUG: soft lockup in f");
  EXPECT_EQ(data["runsLeftOut"], 0);
}

TEST(Formats, LargeCampaignsHaveSmallBodies) {
  CampaignReport report = Failed();
  for (int i = 0; i < 1000; ++i) {
    report.runs.push_back(MakeRun("c1-" + std::to_string(i + 3), Verdict::kFail));
    report.runs.back().reason = std::string(100000, '\xff');
  }
  const std::string body = LkJson(report);
  EXPECT_LT(body.size(), 200'000u);
  EXPECT_EQ(json::parse(body)["data"]["runsLeftOut"], 951);
}

TEST(Formats, GitHubStatus) {
  const PostRequest request = Format(Target("github_status"), Failed()).value();
  EXPECT_EQ(request.url, "https://api.test/repos/octo/linux/statuses/" + kCommit);
  const json body = json::parse(request.body);
  EXPECT_EQ(body["state"], "failure");
  EXPECT_EQ(body["context"], "lk");
  EXPECT_EQ(body["description"], "fail: 1 of 2 runs passed; BUG: soft lockup in f");
  EXPECT_EQ(body["target_url"], "https://lk.test/c1");
  EXPECT_EQ(Body(Target("github_status"), With(Verdict::kPass))["state"], "success");
  EXPECT_EQ(Body(Target("github_status"), With(Verdict::kSkip))["state"], "success");
  for (const Verdict verdict : {Verdict::kError, Verdict::kMiss, Verdict::kUnproven}) {
    EXPECT_EQ(Body(Target("github_status"), With(verdict))["state"], "error");
  }
  CampaignReport report = Failed();
  report.runs[1].findings[0].title = std::string(139, 'x') + "ä" + std::string(100, 'y');
  EXPECT_LE(Body(Target("github_status"), report)["description"].get<std::string>().size(), 140u);
}

TEST(Formats, GitHubCheckRun) {
  const PostRequest request = Format(Target("github_check"), Failed()).value();
  EXPECT_EQ(request.url, "https://api.test/repos/octo/linux/check-runs");
  const json body = json::parse(request.body);
  EXPECT_EQ(body["head_sha"], kCommit);
  EXPECT_EQ(body["status"], "completed");
  EXPECT_EQ(body["conclusion"], "failure");
  EXPECT_EQ(body["external_id"], "c1");
  EXPECT_EQ(Body(Target("github_check"), With(Verdict::kPass))["conclusion"], "success");
  EXPECT_EQ(Body(Target("github_check"), With(Verdict::kUnproven))["conclusion"], "failure");
  CampaignReport cancelled = Failed();
  cancelled.campaign.state = campaign::CampaignState::kCancelled;
  EXPECT_EQ(Body(Target("github_check"), cancelled)["conclusion"], "cancelled");
}

TEST(Formats, GitLabStatus) {
  CampaignReport report = Failed();
  report.campaign.spec.labels["repository"] = "group/sub/linux";
  const PostRequest request = Format(Target("gitlab_status", "https://gitlab.test"), report).value();
  EXPECT_EQ(request.url, "https://gitlab.test/api/v4/projects/group%2Fsub%2Flinux/statuses/" + kCommit);
  EXPECT_EQ(json::parse(request.body)["state"], "failed");
  EXPECT_EQ(json::parse(request.body)["name"], "lk");
}

TEST(Formats, Kcidb) {
  const PostRequest request = Format(Target("kcidb", "https://kcidb.test/submit"), Failed()).value();
  EXPECT_EQ(request.url, "https://kcidb.test/submit");
  EXPECT_EQ(request.body, report::ToKcidb(Failed(), "lk"))
      << "the body must be identical to the campaign's KCIDB report";
  const json body = json::parse(request.body);
  EXPECT_EQ(body["version"]["major"], 5);
  EXPECT_EQ(body["checkouts"][0]["git_commit_hash"], kCommit);
  EXPECT_EQ(body["builds"][0]["checkout_id"], body["checkouts"][0]["id"]);
  ASSERT_EQ(body["tests"].size(), 2u);
  EXPECT_EQ(body["tests"][1]["build_id"], body["builds"][0]["id"]);
  EXPECT_EQ(body["tests"][1]["status"], "FAIL");
}

TEST(Formats, RequiresOneCommitAndARepository) {
  CampaignReport report = Failed();
  report.campaign.spec.labels.erase("commit");
  EXPECT_THAT(Format(Target("github_status"), report).value().url, HasSubstr("/statuses/" + kCommit))
      << "without the label, the commit of the only kernel is used";
  report.kernels["k2"].labels = {{"commit", std::string(40, 'b')}};
  EXPECT_TRUE(absl::IsFailedPrecondition(Format(Target("github_status"), report).status()));
  report.campaign.spec.labels["commit"] = "../../../user";
  EXPECT_TRUE(absl::IsFailedPrecondition(Format(Target("github_status"), report).status()));
  for (const char* repository :
       {"", "linux", "octo/..", "../octo", "octo/linux?x", "octo//linux", "octo/lin ux", "/octo/"}) {
    report = Failed();
    report.campaign.spec.labels["repository"] = repository;
    const Status status = Format(Target("github_status"), report).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << repository;
    EXPECT_THAT(std::string(status.message()), HasSubstr("owner/name"));
  }
  config::WebhookTarget target = Target("github_status");
  target.repository = "other/linux";
  EXPECT_THAT(Format(target, Failed()).value().url, HasSubstr("/repos/other/linux/"));
}

}  // namespace
}  // namespace lk::webhooks
