// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/outbound/formats.h"

#include <absl/strings/str_replace.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/webhooks/outbound/kcidb.h"

namespace lk::webhooks {
namespace {

using Json = nlohmann::ordered_json;
using campaign::Verdict;

// Of lk's own JSON. A field may be added without a new version.
constexpr int kVersion = 1;
// Runs that did not pass, told one by one; the rest is in the counts.
constexpr size_t kMostRuns = 50;
constexpr size_t kMostFindings = 5;
constexpr size_t kMostText = 500;
// https://docs.github.com/rest/commits/statuses: "description" is a short text; 140 characters are taken.
constexpr size_t kMostDescription = 140;
constexpr size_t kMostSummary = 4000;

std::string Text(const Json& json) {
  // What a guest printed may be no UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Time(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

Json CountsJson(const campaign::Counts& counts) {
  return {{"total", counts.total}, {"pass", counts.pass}, {"fail", counts.fail},        {"error", counts.error},
          {"miss", counts.miss},   {"skip", counts.skip}, {"unproven", counts.unproven}};
}

Json RunJson(const campaign::Run& run) {
  Json findings = Json::array();
  for (const detect::Finding& finding : run.findings) {
    if (finding.tolerated || !finding.distrust.empty() || findings.size() == kMostFindings) continue;
    findings.push_back(
        {{"kind", std::string(detect::ToString(finding.kind))}, {"title", finding.title.substr(0, kMostText)}});
  }
  return {{"id", run.id},
          {"kernel", run.kernel_release},
          {"profile", run.profile},
          {"scenario", run.scenario},
          {"verdict", std::string(ToString(run.verdict))},
          {"reason", run.reason.substr(0, kMostText)},
          {"emulated", run.emulated},
          {"findings", std::move(findings)}};
}

Json KernelsJson(const Outcome& outcome) {
  Json kernels = Json::array();
  for (const auto& [id, kernel] : outcome.kernels) {
    kernels.push_back({{"id", id},
                       {"release", kernel.release},
                       {"arch", std::string(ToString(kernel.arch))},
                       {"labels", Json(kernel.labels)}});
  }
  return kernels;
}

Verdict VerdictOf(const Outcome& outcome) {
  return outcome.campaign.verdict.value_or(Verdict::kError);
}

bool Good(Verdict verdict) {
  return verdict == Verdict::kPass || verdict == Verdict::kSkip;
}

// "owner/name", or with more groups. It becomes part of a URL.
StatusOr<std::string> Repository(const config::WebhookTarget& target, const Outcome& outcome) {
  std::string repository = target.repository;
  const campaign::Labels& labels = outcome.campaign.spec.labels;
  if (const auto label = labels.find("repository"); repository.empty() && label != labels.end())
    repository = label->second;
  bool good = repository.find('/') != std::string::npos;
  size_t begin = 0;
  while (good && begin <= repository.size()) {
    const size_t end = std::min(repository.find('/', begin), repository.size());
    const std::string part = repository.substr(begin, end - begin);
    good = !part.empty() && part != "." && part != ".." && std::ranges::all_of(part, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
             c == '.';
    });
    begin = end + 1;
  }
  if (good) return repository;
  return absl::FailedPreconditionError(fmt::format(
      "\"{}\" is no repository; the label \"repository\" of the campaign, or the target's setting, is to be "
      "like owner/name",
      repository));
}

std::string Link(const config::WebhookTarget& target, const Outcome& outcome) {
  return absl::StrReplaceAll(target.link, {{"${campaign}", outcome.campaign.id}});
}

// https://docs.github.com/rest/commits/statuses, "Create a commit status".
StatusOr<PostRequest> GitHubStatus(const config::WebhookTarget& target, const Outcome& outcome) {
  LK_ASSIGN_OR_RETURN(const std::string repository, Repository(target, outcome));
  LK_ASSIGN_OR_RETURN(const std::string commit, CommitOf(outcome));
  const Verdict verdict = VerdictOf(outcome);
  Json body = {{"state", Good(verdict)               ? "success"
                         : verdict == Verdict::kFail ? "failure"
                                                     : "error"},
               {"context", target.context},
               {"description", Summary(outcome, kMostDescription)}};
  if (!target.link.empty()) body["target_url"] = Link(target, outcome);
  return PostRequest{fmt::format("{}/repos/{}/statuses/{}", target.url, repository, commit), {}, Text(body)};
}

// https://docs.github.com/rest/checks/runs, "Create a check run". "neutral" would let a pull request through that
// nothing is known about, so there is none.
StatusOr<PostRequest> GitHubCheck(const config::WebhookTarget& target, const Outcome& outcome) {
  LK_ASSIGN_OR_RETURN(const std::string repository, Repository(target, outcome));
  LK_ASSIGN_OR_RETURN(const std::string commit, CommitOf(outcome));
  const Verdict verdict = VerdictOf(outcome);
  const bool cancelled = outcome.campaign.state == campaign::CampaignState::kCancelled;
  std::string conclusion = "failure";
  if (verdict == Verdict::kPass) conclusion = "success";
  if (verdict == Verdict::kSkip) conclusion = "skipped";
  if (cancelled) conclusion = "cancelled";
  Json body = {
      {"name", target.context},
      {"head_sha", commit},
      {"status", "completed"},
      {"conclusion", conclusion},
      {"external_id", outcome.campaign.id},
      {"started_at", Time(outcome.campaign.created)},
      {"completed_at", Time(outcome.campaign.finished)},
      {"output", {{"title", Summary(outcome, kMostDescription)}, {"summary", Summary(outcome, kMostSummary)}}}};
  if (!target.link.empty()) body["details_url"] = Link(target, outcome);
  return PostRequest{fmt::format("{}/repos/{}/check-runs", target.url, repository), {}, Text(body)};
}

// https://docs.gitlab.com/api/commits/, "Set commit pipeline status".
StatusOr<PostRequest> GitLabStatus(const config::WebhookTarget& target, const Outcome& outcome) {
  LK_ASSIGN_OR_RETURN(const std::string repository, Repository(target, outcome));
  LK_ASSIGN_OR_RETURN(const std::string commit, CommitOf(outcome));
  const bool cancelled = outcome.campaign.state == campaign::CampaignState::kCancelled;
  Json body = {{"state", cancelled                  ? "canceled"
                         : Good(VerdictOf(outcome)) ? "success"
                                                    : "failed"},
               {"name", target.context},
               {"description", Summary(outcome, kMostDescription)}};
  if (!target.link.empty()) body["target_url"] = Link(target, outcome);
  // The project's path is one part of the URL's.
  const std::string project = absl::StrReplaceAll(repository, {{"/", "%2F"}});
  return PostRequest{fmt::format("{}/api/v4/projects/{}/statuses/{}", target.url, project, commit), {}, Text(body)};
}

}  // namespace

std::string LkJson(const Outcome& outcome) {
  const campaign::Campaign& campaign = outcome.campaign;
  Json runs = Json::array();
  size_t left_out = 0;
  for (const campaign::Run& run : outcome.runs) {
    if (run.superseded || run.control || run.verdict == Verdict::kPass) continue;
    if (runs.size() < kMostRuns) {
      runs.push_back(RunJson(run));
    } else {
      ++left_out;
    }
  }
  return Text({{"type", kCampaignFinished},
               {"version", kVersion},
               {"timestamp", Time(campaign.finished)},
               {"data",
                {{"id", campaign.id},
                 {"name", campaign.spec.name},
                 {"labels", Json(campaign.spec.labels)},
                 {"state", std::string(ToString(campaign.state))},
                 {"verdict", std::string(ToString(VerdictOf(outcome)))},
                 {"created", Time(campaign.created)},
                 {"finished", Time(campaign.finished)},
                 {"counts", CountsJson(outcome.counts)},
                 {"kernels", KernelsJson(outcome)},
                 {"runs", std::move(runs)},
                 {"runsLeftOut", left_out}}}});
}

std::string LkTestJson(const std::string& target, absl::Time now) {
  return Text(
      {{"type", kWebhookTest}, {"version", kVersion}, {"timestamp", Time(now)}, {"data", {{"target", target}}}});
}

StatusOr<PostRequest> Format(const config::WebhookTarget& target, const Outcome& outcome) {
  if (target.format == "github_status") return GitHubStatus(target, outcome);
  if (target.format == "github_check") return GitHubCheck(target, outcome);
  if (target.format == "gitlab_status") return GitLabStatus(target, outcome);
  if (target.format == "kcidb") return PostRequest{target.url, {}, KcidbSubmission(outcome, target.context)};
  return PostRequest{target.url, {}, LkJson(outcome)};
}

}  // namespace lk::webhooks
