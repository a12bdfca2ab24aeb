// SPDX-License-Identifier: Apache-2.0
#include "server/campaigns/starter.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "server/campaign/kernel_selection.h"
#include "server/campaign/matrix.h"
#include "server/campaign/rerun.h"

namespace lk::campaigns {
namespace {

constexpr size_t kMaxSpecBytes = 1 << 20;
constexpr size_t kMaxRuns = 100000;
constexpr size_t kMaxUnfinished = 1000;

// Prefix of the override that records, as a label, which campaign is being repeated.
constexpr std::string_view kRerunOf = "metadata.labels.rerunOf=";

Status Refuse(Mistakes errors, Mistakes& mistakes) {
  std::ranges::stable_sort(errors, {}, [](const auto& error) { return std::tie(error.line, error.column); });
  mistakes = std::move(errors);
  return absl::InvalidArgumentError(
      fmt::format("the campaign file has {} error{}", mistakes.size(), mistakes.size() == 1 ? "" : "s"));
}

Mistakes UnknownTargets(const campaign::SpecResult& parsed, const std::set<std::string>& known) {
  Mistakes errors;
  for (size_t i = 0; i < parsed.spec.notify.size(); ++i) {
    if (known.contains(parsed.spec.notify[i])) continue;
    campaign::SpecError& error = errors.emplace_back(parsed.notify_places[i]);
    error.message =
        fmt::format("unknown notification target \"{}\" (configured: {})", parsed.spec.notify[i],
                    known.empty() ? "none; see webhooks.targets" : fmt::format("{}", fmt::join(known, ", ")));
  }
  return errors;
}

}  // namespace

Starter::Starter(store::Store& store, HandOver hand_over, const campaign::Descriptors& descriptors,
                 std::set<std::string> notify_targets, const Clock& clock,
                 std::function<std::string(size_t)> random_hex)
    : store_(store),
      hand_over_(std::move(hand_over)),
      descriptors_(descriptors),
      notify_targets_(std::move(notify_targets)),
      clock_(clock),
      random_hex_(std::move(random_hex)) {}

std::string Starter::NewId(absl::Time now) const {
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string id(8, 'c');
  auto seconds = static_cast<uint64_t>(absl::ToUnixSeconds(now));
  for (size_t i = 7; i > 0; --i, seconds >>= 5) id[i] = kAlphabet[seconds & 31];
  return id + random_hex_(2);
}

StatusOr<Started> Starter::Start(const StartRequest& request, Mistakes& mistakes) const {
  if (request.spec_yaml.size() > kMaxSpecBytes) {
    return absl::InvalidArgumentError("the campaign file is larger than 1 MiB");
  }
  campaign::Campaign campaign = New();
  campaign.spec_yaml = request.spec_yaml;
  campaign.overrides = request.overrides;
  campaign::SpecResult parsed = Parse(campaign);
  LK_ASSIGN_OR_RETURN(const std::vector<campaign::KernelBuild> known, store_.ListKernels());
  const campaign::KernelResolution resolution = campaign::ResolveKernels(parsed.spec, known);
  parsed.errors.insert(parsed.errors.end(), resolution.errors.begin(), resolution.errors.end());
  if (!parsed.ok()) return Refuse(std::move(parsed.errors), mistakes);
  campaign.spec = std::move(parsed.spec);
  campaign.seed = static_cast<uint32_t>(std::stoul(random_hex_(sizeof(campaign.seed)), nullptr, 16));
  if (!request.validate_only) campaign.id = request.id.empty() ? NewId(campaign.created) : request.id;

  std::vector<campaign::Run> runs = Expand(campaign, resolution.kernels);
  const std::vector<std::string> notes = campaign::NotesOn(campaign.spec, resolution.kernels, runs);
  if (runs.empty()) {
    return Refuse({{0, 0, "spec", fmt::format("nothing to run: {}", fmt::join(notes, "; "))}}, mistakes);
  }
  LK_ASSIGN_OR_RETURN(Started started, Begin(std::move(campaign), std::move(runs), mistakes));
  started.notes.insert(started.notes.begin(), notes.begin(), notes.end());
  return started;
}

StatusOr<Started> Starter::Rerun(const std::string& prefix, bool failed, Mistakes& mistakes) const {
  LK_ASSIGN_OR_RETURN(const std::string id, store_.ResolveCampaign(prefix));
  LK_ASSIGN_OR_RETURN(const campaign::Campaign earlier, store_.GetCampaign(id));
  if (!earlier.verdict) {
    return absl::FailedPreconditionError(
        fmt::format("campaign {} is not finished; wait for it (lkctl campaign watch) or cancel it", id));
  }
  LK_ASSIGN_OR_RETURN(const std::vector<campaign::Run> runs, store_.ListRuns(id, std::nullopt, "", 0));
  std::vector<campaign::KernelBuild> kernels;
  for (const std::string& kernel_id : campaign::KernelsOf(runs)) {
    StatusOr<campaign::KernelBuild> kernel = store_.GetKernel(kernel_id);
    if (absl::IsNotFound(kernel.status())) {
      return absl::FailedPreconditionError(
          fmt::format("cannot rerun campaign {}: {}", id, std::string(kernel.status().message())));
    }
    if (!kernel.ok()) return kernel.status();
    kernels.push_back(*std::move(kernel));
  }

  campaign::Campaign campaign = New();
  campaign.id = NewId(campaign.created);
  campaign.spec_yaml = earlier.spec_yaml;
  campaign.overrides = earlier.overrides;
  std::erase_if(campaign.overrides, [](const std::string& set) { return set.starts_with(kRerunOf); });
  campaign.overrides.push_back(std::string(kRerunOf) + id);
  campaign.seed = earlier.seed;
  campaign::SpecResult parsed = Parse(campaign);
  if (!parsed.ok()) return Refuse(std::move(parsed.errors), mistakes);
  campaign.spec = std::move(parsed.spec);
  std::vector<campaign::Run> again = campaign::RunsToRepeat(runs, Expand(campaign, kernels), failed);
  if (again.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("nothing to rerun in campaign {}: all runs passed or were skipped", id));
  }
  return Begin(std::move(campaign), std::move(again), mistakes);
}

campaign::Campaign Starter::New() const {
  campaign::Campaign campaign;
  campaign.created = clock_.Now();
  campaign.finished = absl::InfinitePast();
  return campaign;
}

campaign::SpecResult Starter::Parse(const campaign::Campaign& campaign) const {
  campaign::SpecResult parsed = campaign::ParseSpec(campaign.spec_yaml, campaign.overrides, descriptors_);
  const Mistakes unknown = UnknownTargets(parsed, notify_targets_);
  parsed.errors.insert(parsed.errors.end(), unknown.begin(), unknown.end());
  return parsed;
}

std::vector<campaign::Run> Starter::Expand(const campaign::Campaign& campaign,
                                           const std::vector<campaign::KernelBuild>& kernels) const {
  return campaign::Expand(campaign, kernels, descriptors_, campaign.created, random_hex_);
}

StatusOr<Started> Starter::Begin(campaign::Campaign campaign, std::vector<campaign::Run> runs,
                                 Mistakes& mistakes) const {
  if (runs.size() > kMaxRuns) {
    return Refuse({{0, 0, "spec", fmt::format("{} runs exceed the limit of {} per campaign", runs.size(), kMaxRuns)}},
                  mistakes);
  }
  Started started{.campaign = std::move(campaign), .counts = campaign::Count(runs)};
  started.notes = started.campaign.spec.known.Ended(started.campaign.created);
  const std::string& id = started.campaign.id;
  if (id.empty()) return started;

  LK_ASSIGN_OR_RETURN(const std::vector<campaign::Campaign> unfinished, store_.UnfinishedCampaigns());
  if (unfinished.size() >= kMaxUnfinished) {
    return absl::ResourceExhaustedError(
        fmt::format("{} campaigns are unfinished; wait for some to finish, or cancel them", unfinished.size()));
  }
  if (!hand_over_(started.campaign, std::move(runs))) {
    return absl::UnavailableError(
        fmt::format("campaign {} has not been stored yet; check again later with lkctl campaign show", id));
  }
  return started;
}

Status WithFirst(const Status& status, const Mistakes& mistakes) {
  if (mistakes.empty()) return status;
  const campaign::SpecError& first = mistakes.front();
  return {status.code(), fmt::format("{}; {}:{}: {}: {}", std::string(status.message()), first.line, first.column,
                                     first.path, first.message)};
}

}  // namespace lk::campaigns
