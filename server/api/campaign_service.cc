// SPDX-License-Identifier: Apache-2.0
#include "server/api/campaign_service.h"

#include <absl/synchronization/notification.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "server/api/convert.h"
#include "server/api/paging.h"
#include "server/campaign/matrix.h"
#include "server/campaign/rerun.h"
#include "support/random.h"

namespace lk::api {
namespace {

constexpr size_t kMostSpecBytes = 1 << 20;
constexpr size_t kMostRuns = 100000;
constexpr size_t kMostUnfinished = 1000;
constexpr int kEventsABatch = 64;
// How long a start or a cancel waits for the driver to have stored it.
constexpr absl::Duration kStoreWait = absl::Seconds(30);

grpc::Status Mistakes(std::vector<campaign::SpecError> errors) {
  std::stable_sort(errors.begin(), errors.end(), [](const auto& a, const auto& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return {grpc::StatusCode::INVALID_ARGUMENT,
          fmt::format("the campaign file has {} mistake{}", errors.size(), errors.size() == 1 ? "" : "s"),
          ToProto(errors).SerializeAsString()};
}

std::vector<campaign::SpecError> UnknownTargets(const campaign::SpecResult& parsed,
                                                const std::set<std::string>& known) {
  std::vector<campaign::SpecError> errors;
  for (size_t i = 0; i < parsed.spec.notify.size(); ++i) {
    if (known.contains(parsed.spec.notify[i])) continue;
    campaign::SpecError& error = errors.emplace_back(parsed.notify_places[i]);
    error.message =
        fmt::format("\"{}\" is no target of notifications; lkd is configured with: {}", parsed.spec.notify[i],
                    known.empty() ? "none (webhooks.targets)" : fmt::format("{}", fmt::join(known, ", ")));
  }
  return errors;
}

campaign::Campaign Made(absl::Time now) {
  campaign::Campaign campaign;
  campaign.created = now;
  campaign.finished = absl::InfinitePast();
  return campaign;
}

// Beginning of the override that labels a campaign with the one that it runs again.
constexpr std::string_view kRerunOf = "metadata.labels.rerunOf=";

}  // namespace

std::string NewCampaignId(absl::Time now) {
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string id(8, 'c');
  auto seconds = static_cast<uint64_t>(absl::ToUnixSeconds(now));
  for (size_t i = 7; i > 0; --i, seconds >>= 5) id[i] = kAlphabet[seconds & 31];
  return id + RandomHex(2);
}

grpc::ServerUnaryReactor* CampaignService::StartCampaign(grpc::CallbackServerContext* context,
                                                         const v1::StartCampaignRequest* request,
                                                         v1::StartCampaignResponse* response) {
  return Answer(context, pool_, [this, request, response] { return Start(*request, "", *response); });
}

grpc::Status CampaignService::Start(const v1::StartCampaignRequest& request, const std::string& id,
                                    v1::StartCampaignResponse& response) {
  if (request.spec_yaml().size() > kMostSpecBytes) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "the campaign file is larger than 1 MiB"};
  }
  campaign::Campaign campaign = Made(clock_.Now());
  campaign.spec_yaml = request.spec_yaml();
  campaign.overrides = {request.set().begin(), request.set().end()};
  campaign::SpecResult parsed = Parse(campaign);
  const auto known = store_.ListKernels();
  if (!known.ok()) return ToGrpc(known.status());
  const campaign::KernelResolution resolution = campaign::ResolveKernels(parsed.spec, *known);
  parsed.errors.insert(parsed.errors.end(), resolution.errors.begin(), resolution.errors.end());
  if (!parsed.ok()) return Mistakes(std::move(parsed.errors));
  campaign.spec = std::move(parsed.spec);
  campaign.seed = std::random_device{}();
  if (!request.validate_only()) campaign.id = id.empty() ? NewCampaignId(campaign.created) : id;

  std::vector<std::string> ids;
  for (const campaign::KernelBuild& kernel : resolution.kernels) ids.push_back(kernel.id);
  const auto kernels = Kernels(ids);
  if (!kernels.ok()) return ToGrpc(kernels.status());
  std::vector<campaign::Run> runs = Expand(campaign, *kernels);
  const std::vector<std::string> idle = campaign::WithoutRuns(campaign.spec, *kernels, runs);
  if (runs.empty()) return Mistakes({{0, 0, "spec", fmt::format("nothing to run: {}", fmt::join(idle, "; "))}});
  response.mutable_notes()->Assign(idle.begin(), idle.end());
  return Begin(std::move(campaign), std::move(runs), response);
}

grpc::ServerUnaryReactor* CampaignService::RerunCampaign(grpc::CallbackServerContext* context,
                                                         const v1::RerunCampaignRequest* request,
                                                         v1::StartCampaignResponse* response) {
  return Answer(context, pool_, [this, request, response] { return Rerun(*request, *response); });
}

grpc::Status CampaignService::Rerun(const v1::RerunCampaignRequest& request, v1::StartCampaignResponse& response) {
  const auto id = store_.ResolveCampaign(request.id());
  if (!id.ok()) return ToGrpc(id.status());
  const auto earlier = store_.GetCampaign(*id);
  if (!earlier.ok()) return ToGrpc(earlier.status());
  if (!earlier->verdict) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            fmt::format("campaign {} is not finished: wait for it (lkctl campaign watch), or cancel it", *id)};
  }
  const auto runs = store_.ListRuns(*id, std::nullopt, "", 0);
  if (!runs.ok()) return ToGrpc(runs.status());
  const auto kernels = Kernels(campaign::KernelsOf(*runs));
  if (absl::IsNotFound(kernels.status())) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            fmt::format("campaign {} cannot be run again: {}", *id, std::string(kernels.status().message()))};
  }
  if (!kernels.ok()) return ToGrpc(kernels.status());

  campaign::Campaign campaign = Made(clock_.Now());
  campaign.id = NewCampaignId(campaign.created);
  campaign.spec_yaml = earlier->spec_yaml;
  campaign.overrides = earlier->overrides;
  std::erase_if(campaign.overrides, [](const std::string& set) { return set.starts_with(kRerunOf); });
  campaign.overrides.push_back(std::string(kRerunOf) + *id);
  campaign.seed = earlier->seed;
  campaign::SpecResult parsed = Parse(campaign);
  if (!parsed.ok()) return Mistakes(std::move(parsed.errors));
  campaign.spec = std::move(parsed.spec);
  std::vector<campaign::Run> again = campaign::Again(*runs, Expand(campaign, *kernels), request.failed());
  if (again.empty()) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            fmt::format("nothing of campaign {} is to be run again: all runs passed or were skipped", *id)};
  }
  return Begin(std::move(campaign), std::move(again), response);
}

campaign::SpecResult CampaignService::Parse(const campaign::Campaign& campaign) const {
  campaign::SpecResult parsed = campaign::ParseSpec(campaign.spec_yaml, campaign.overrides, descriptors_);
  const std::vector<campaign::SpecError> untold = UnknownTargets(parsed, notify_targets_);
  parsed.errors.insert(parsed.errors.end(), untold.begin(), untold.end());
  return parsed;
}

StatusOr<std::vector<campaign::KernelBuild>> CampaignService::Kernels(const std::vector<std::string>& ids) const {
  std::vector<campaign::KernelBuild> kernels;
  for (const std::string& id : ids) {
    LK_ASSIGN_OR_RETURN(kernels.emplace_back(), store_.GetKernel(id));
  }
  return kernels;
}

std::vector<campaign::Run> CampaignService::Expand(const campaign::Campaign& campaign,
                                                   const std::vector<campaign::KernelBuild>& kernels) const {
  return campaign::Expand(campaign, kernels, descriptors_, campaign.created,
                          [](size_t bytes) { return RandomHex(bytes); });
}

grpc::Status CampaignService::Begin(campaign::Campaign campaign, std::vector<campaign::Run> runs,
                                    v1::StartCampaignResponse& response) {
  if (runs.size() > kMostRuns) {
    return Mistakes(
        {{0, 0, "spec", fmt::format("{} runs are more than a campaign may have ({})", runs.size(), kMostRuns)}});
  }
  *response.mutable_campaign() = ToProto(campaign, campaign::Count(runs));
  if (campaign.id.empty()) return grpc::Status::OK;

  const auto unfinished = store_.UnfinishedCampaigns();
  if (!unfinished.ok()) return ToGrpc(unfinished.status());
  if (unfinished->size() >= kMostUnfinished) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            fmt::format("{} campaigns are unfinished; wait for some, or cancel them", unfinished->size())};
  }
  auto stored = std::make_shared<absl::Notification>();
  driver_.Post(scheduler::CampaignAdded{std::move(campaign), std::move(runs)}, [stored] { stored->Notify(); });
  if (!stored->WaitForNotificationWithTimeout(kStoreWait)) {
    return {
        grpc::StatusCode::UNAVAILABLE,
        fmt::format("campaign {} is not stored yet; look again with: lkctl campaign show", response.campaign().id())};
  }
  return grpc::Status::OK;
}

StatusOr<v1::Campaign> CampaignService::Load(const std::string& prefix) {
  LK_ASSIGN_OR_RETURN(const std::string id, store_.ResolveCampaign(prefix));
  LK_ASSIGN_OR_RETURN(const campaign::Campaign campaign, store_.GetCampaign(id));
  LK_ASSIGN_OR_RETURN(const campaign::Counts counts, store_.CountRuns(id));
  return ToProto(campaign, counts);
}

grpc::ServerUnaryReactor* CampaignService::ListCampaigns(grpc::CallbackServerContext* context,
                                                         const v1::ListCampaignsRequest* request,
                                                         v1::ListCampaignsResponse* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const int size = PageSize(request->page_size());
    const auto campaigns = store_.ListCampaigns(request->page_token(), size);
    if (!campaigns.ok()) return ToGrpc(campaigns.status());
    for (const campaign::Campaign& campaign : *campaigns) {
      const auto counts = store_.CountRuns(campaign.id);
      if (!counts.ok()) return ToGrpc(counts.status());
      *response->add_campaigns() = ToProto(campaign, *counts);
      response->mutable_campaigns()->rbegin()->clear_spec_yaml();
    }
    if (campaigns->size() == static_cast<size_t>(size)) response->set_next_page_token(campaigns->back().id);
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* CampaignService::GetCampaign(grpc::CallbackServerContext* context,
                                                       const v1::GetCampaignRequest* request, v1::Campaign* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    auto campaign = Load(request->id());
    if (!campaign.ok()) return ToGrpc(campaign.status());
    *response = *std::move(campaign);
    const auto runs = store_.ListRuns(response->id(), std::nullopt, "", 0);
    if (!runs.ok()) return ToGrpc(runs.status());
    AddRuns(*runs, *response);
    return grpc::Status::OK;
  });
}

grpc::ServerWriteReactor<v1::CampaignEvent>* CampaignService::WatchCampaign(grpc::CallbackServerContext*,
                                                                            const v1::WatchCampaignRequest* request) {
  using Stream = PulledStream<v1::CampaignEvent>;
  auto stream = Stream::Make(pool_);
  pool_.Post([this, stream, prefix = request->id(), after = request->after_sequence()] {
    const auto id = store_.ResolveCampaign(prefix);
    if (!id.ok()) {
      stream->Finish(ToGrpc(id.status()));
      return;
    }
    auto subscription = driver_.Subscribe(*id, [weak = std::weak_ptr(stream)] {
      if (const auto alive = weak.lock()) alive->Wake();
    });
    const auto next = [this, id = *id, after]() mutable -> StatusOr<Stream::Batch> {
      LK_ASSIGN_OR_RETURN(const std::vector<store::Event> events, store_.EventsAfter(id, after, kEventsABatch));
      Stream::Batch batch;
      for (const store::Event& event : events) {
        v1::CampaignEvent& message = batch.messages.emplace_back();
        if (!message.ParseFromString(event.payload)) return absl::DataLossError("a stored event cannot be read");
        message.set_sequence(event.sequence);
        after = event.sequence;
        batch.last = message.has_campaign() &&
                     (message.campaign().state() == "finished" || message.campaign().state() == "cancelled") &&
                     message.campaign().counts().pending() == 0;
      }
      if (!events.empty()) return batch;
      // A watcher that has seen the last event already gets none, and an end.
      LK_ASSIGN_OR_RETURN(const campaign::Campaign campaign, store_.GetCampaign(id));
      batch.last = campaign.verdict.has_value();
      return batch;
    };
    stream->Begin(next, std::move(subscription));
  });
  return stream.get();
}

grpc::ServerUnaryReactor* CampaignService::CancelCampaign(grpc::CallbackServerContext* context,
                                                          const v1::CancelCampaignRequest* request,
                                                          v1::Campaign* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const auto id = store_.ResolveCampaign(request->id());
    if (!id.ok()) return ToGrpc(id.status());
    auto stored = std::make_shared<absl::Notification>();
    driver_.Post(scheduler::CampaignCancelled{*id}, [stored] { stored->Notify(); });
    if (!stored->WaitForNotificationWithTimeout(kStoreWait)) {
      return {grpc::StatusCode::UNAVAILABLE, "the cancellation is not stored yet"};
    }
    auto campaign = Load(*id);
    if (!campaign.ok()) return ToGrpc(campaign.status());
    *response = *std::move(campaign);
    return grpc::Status::OK;
  });
}

}  // namespace lk::api
