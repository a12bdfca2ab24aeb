// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/outbound/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace lk::webhooks {
namespace {

std::string Label(const campaign::Labels& labels, const std::string& name) {
  const auto it = labels.find(name);
  return it == labels.end() ? "" : it->second;
}

bool IsHash(const std::string& text) {
  return (text.size() == 40 || text.size() == 64) && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool Counts(const detect::Finding& finding) {
  return !finding.tolerated && finding.distrust.empty() && !finding.open;
}

}  // namespace

StatusOr<Outcome> ReadOutcome(store::Store& store, const std::string& campaign_id) {
  Outcome outcome;
  LK_ASSIGN_OR_RETURN(outcome.campaign, store.GetCampaign(campaign_id));
  LK_ASSIGN_OR_RETURN(outcome.counts, store.CountRuns(campaign_id));
  LK_ASSIGN_OR_RETURN(outcome.runs, store.ListRuns(campaign_id, std::nullopt, "", 0));
  for (const campaign::Run& run : outcome.runs) {
    if (outcome.kernels.contains(run.kernel_id)) continue;
    StatusOr<campaign::KernelBuild> kernel = store.GetKernel(run.kernel_id);
    if (absl::IsNotFound(kernel.status())) continue;
    LK_RETURN_IF_ERROR(kernel.status());
    outcome.kernels[run.kernel_id] = *std::move(kernel);
  }
  return outcome;
}

StatusOr<std::string> CommitOf(const Outcome& outcome) {
  std::set<std::string> commits;
  commits.insert(Label(outcome.campaign.spec.labels, "commit"));
  if (commits.contains("")) {
    commits.clear();
    for (const auto& [id, kernel] : outcome.kernels) commits.insert(Label(kernel.labels, "commit"));
  }
  if (commits.size() != 1 || !IsHash(*commits.begin())) {
    return absl::FailedPreconditionError(
        "the campaign is not about one commit: neither its own label \"commit\" nor that of all its kernels is a hash");
  }
  return *commits.begin();
}

std::string Summary(const Outcome& outcome, size_t most) {
  const campaign::Counts& counts = outcome.counts;
  std::string text = outcome.campaign.verdict ? std::string(ToString(*outcome.campaign.verdict)) : "not finished";
  text += fmt::format(": {} of {} runs passed", counts.pass, counts.total);
  for (const campaign::Run& run : outcome.runs) {
    if (run.superseded || run.control || run.verdict != campaign::Verdict::kFail) continue;
    const auto finding = std::ranges::find_if(run.findings, Counts);
    text += "; " + (finding == run.findings.end() ? run.reason : finding->title);
    break;
  }
  if (text.size() <= most) return text;
  // Not in the middle of a character of several bytes.
  size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace lk::webhooks
