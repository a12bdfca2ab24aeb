// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/outbound/formats.h"

#include <absl/strings/str_replace.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "server/campaign/findings.h"
#include "server/report/outcome.h"

namespace lk::webhooks {
namespace {

using Json = nlohmann::ordered_json;
using campaign::Verdict;
using report::CampaignReport;
using report::WordsOf;

// Version of lk's own JSON. Adding fields does not require a new version.
constexpr int kVersion = 1;
// Limit on listed runs that did not pass; further ones are only counted.
constexpr size_t kMaxRuns = 50;
constexpr size_t kMaxFindings = 5;
constexpr size_t kMaxText = 500;
// https://docs.github.com/rest/commits/statuses: "description" is a short text of at most 140 characters.
constexpr size_t kMaxDescription = 140;
constexpr size_t kMaxSummary = 4000;

std::string Text(const Json& json) {
  // Guest output may not be valid UTF-8.
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
    if (!campaign::HeldAgainstKernel(finding) || findings.size() == kMaxFindings) continue;
    findings.push_back(
        {{"kind", std::string(detect::ToString(finding.kind))}, {"title", finding.title.substr(0, kMaxText)}});
  }
  return {{"id", run.id},
          {"kernel", run.kernel_release},
          {"profile", run.profile},
          {"scenario", run.scenario},
          {"verdict", std::string(ToString(run.verdict))},
          {"reason", run.reason.substr(0, kMaxText)},
          {"emulated", run.emulated},
          {"harness", run.harness},
          {"findings", std::move(findings)}};
}

Json KernelsJson(const CampaignReport& report) {
  Json kernels = Json::array();
  for (const auto& [id, kernel] : report.kernels) {
    kernels.push_back({{"id", id},
                       {"release", kernel.release},
                       {"arch", std::string(ToString(kernel.arch))},
                       {"labels", Json(kernel.labels)}});
  }
  return kernels;
}

Verdict VerdictOf(const CampaignReport& report) {
  return report.campaign.verdict.value_or(Verdict::kError);
}

bool Cancelled(const CampaignReport& report) {
  return report.campaign.state == campaign::CampaignState::kCancelled;
}

// "fail: 1 of 4 runs passed; BUG: soft lockup in F", at most `most` bytes.
std::string Summary(const CampaignReport& report, size_t most) {
  const campaign::Counts counts = campaign::Count(report.runs);
  std::string text = report.campaign.verdict ? std::string(ToString(*report.campaign.verdict)) : "not finished";
  text += fmt::format(": {} of {} runs passed", counts.pass, counts.total);
  for (const campaign::Run& run : report.runs) {
    if (run.superseded || run.control || run.verdict != Verdict::kFail) continue;
    const auto finding = std::ranges::find_if(run.findings, campaign::IsCompleteAndHeld);
    text += "; " + (finding == run.findings.end() ? run.reason : finding->title);
    break;
  }
  if (text.size() <= most) return text;
  // Does not split a multi-byte character.
  size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

// Whether `text` is a full SHA-1 or SHA-256 hash.
bool IsHash(const std::string& text) {
  return (text.size() == 40 || text.size() == 64) && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The commit under test: the campaign's label "commit", otherwise the commit that all kernels of the campaign were
// built from. Error: FAILED_PRECONDITION (none, several, or not a hash).
StatusOr<std::string> Commit(const CampaignReport& report) {
  std::set<std::string> commits;
  const campaign::Labels& labels = report.campaign.spec.labels;
  if (const auto label = labels.find("commit"); label != labels.end() && !label->second.empty()) {
    commits.insert(label->second);
  } else {
    for (const auto& [id, kernel] : report.kernels) commits.insert(campaign::CommitOf(kernel));
  }
  if (commits.size() == 1 && IsHash(*commits.begin())) return *commits.begin();
  return absl::FailedPreconditionError(
      "the campaign has no single commit: neither its label \"commit\" nor its kernels give exactly one hash");
}

// "owner/name", possibly with nested groups. It becomes part of a URL.
StatusOr<std::string> Repository(const config::WebhookTarget& target, const CampaignReport& report) {
  std::string repository = target.repository;
  const campaign::Labels& labels = report.campaign.spec.labels;
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
      "invalid repository \"{}\" (expected owner/name as the campaign's label \"repository\" or in the target's "
      "configuration)",
      repository));
}

std::string Link(const config::WebhookTarget& target, const CampaignReport& report) {
  return absl::StrReplaceAll(target.link, {{"${campaign}", report.campaign.id}});
}

// https://docs.github.com/rest/commits/statuses, "Create a commit status".
StatusOr<PostRequest> GitHubStatus(const config::WebhookTarget& target, const CampaignReport& report) {
  LK_ASSIGN_OR_RETURN(const std::string repository, Repository(target, report));
  LK_ASSIGN_OR_RETURN(const std::string commit, Commit(report));
  Json body = {{"state", WordsOf(VerdictOf(report)).github_status},
               {"context", target.context},
               {"description", Summary(report, kMaxDescription)}};
  if (!target.link.empty()) body["target_url"] = Link(target, report);
  return PostRequest{fmt::format("{}/repos/{}/statuses/{}", target.url, repository, commit), {}, Text(body)};
}

// https://docs.github.com/rest/checks/runs, "Create a check run".
StatusOr<PostRequest> GitHubCheck(const config::WebhookTarget& target, const CampaignReport& report) {
  LK_ASSIGN_OR_RETURN(const std::string repository, Repository(target, report));
  LK_ASSIGN_OR_RETURN(const std::string commit, Commit(report));
  Json body = {{"name", target.context},
               {"head_sha", commit},
               {"status", "completed"},
               {"conclusion", Cancelled(report) ? "cancelled" : WordsOf(VerdictOf(report)).github_check},
               {"external_id", report.campaign.id},
               {"started_at", Time(report.campaign.created)},
               {"completed_at", Time(report.campaign.finished)},
               {"output", {{"title", Summary(report, kMaxDescription)}, {"summary", Summary(report, kMaxSummary)}}}};
  if (!target.link.empty()) body["details_url"] = Link(target, report);
  return PostRequest{fmt::format("{}/repos/{}/check-runs", target.url, repository), {}, Text(body)};
}

// https://docs.gitlab.com/api/commits/, "Set commit pipeline status".
StatusOr<PostRequest> GitLabStatus(const config::WebhookTarget& target, const CampaignReport& report) {
  LK_ASSIGN_OR_RETURN(const std::string repository, Repository(target, report));
  LK_ASSIGN_OR_RETURN(const std::string commit, Commit(report));
  Json body = {{"state", Cancelled(report) ? "canceled" : WordsOf(VerdictOf(report)).gitlab_status},
               {"name", target.context},
               {"description", Summary(report, kMaxDescription)}};
  if (!target.link.empty()) body["target_url"] = Link(target, report);
  // The project's path is a single component of the URL's path.
  const std::string project = absl::StrReplaceAll(repository, {{"/", "%2F"}});
  return PostRequest{fmt::format("{}/api/v4/projects/{}/statuses/{}", target.url, project, commit), {}, Text(body)};
}

}  // namespace

std::string LkJson(const CampaignReport& report) {
  const campaign::Campaign& campaign = report.campaign;
  Json runs = Json::array();
  size_t left_out = 0;
  for (const campaign::Run& run : report.runs) {
    if (run.superseded || run.control || run.verdict == Verdict::kPass) continue;
    if (runs.size() < kMaxRuns) {
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
                 {"verdict", std::string(ToString(VerdictOf(report)))},
                 {"created", Time(campaign.created)},
                 {"finished", Time(campaign.finished)},
                 {"counts", CountsJson(campaign::Count(report.runs))},
                 {"kernels", KernelsJson(report)},
                 {"runs", std::move(runs)},
                 {"runsLeftOut", left_out}}}});
}

std::string LkTestJson(const std::string& target, absl::Time now) {
  return Text(
      {{"type", kWebhookTest}, {"version", kVersion}, {"timestamp", Time(now)}, {"data", {{"target", target}}}});
}

StatusOr<PostRequest> Format(const config::WebhookTarget& target, const CampaignReport& report) {
  if (target.format == "github_status") return GitHubStatus(target, report);
  if (target.format == "github_check") return GitHubCheck(target, report);
  if (target.format == "gitlab_status") return GitLabStatus(target, report);
  if (target.format == "kcidb") return PostRequest{target.url, {}, report::ToKcidb(report, target.context)};
  return PostRequest{target.url, {}, LkJson(report)};
}

}  // namespace lk::webhooks
