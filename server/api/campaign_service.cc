// SPDX-License-Identifier: Apache-2.0
#include "server/api/campaign_service.h"

#include "server/api/convert.h"
#include "server/api/paging.h"

namespace lk::api {
namespace {

constexpr int kEventsPerBatch = 64;

grpc::Status Reply(const StatusOr<campaigns::Started>& started, const campaigns::Mistakes& mistakes,
                   v1::StartCampaignResponse& response) {
  if (!started.ok()) {
    const grpc::Status status = ToGrpc(started.status());
    return {status.error_code(), status.error_message(), ToProto(mistakes).SerializeAsString()};
  }
  *response.mutable_campaign() = ToProto(started->campaign, started->counts);
  response.mutable_notes()->Assign(started->notes.begin(), started->notes.end());
  return grpc::Status::OK;
}

}  // namespace

grpc::ServerUnaryReactor* CampaignService::StartCampaign(grpc::CallbackServerContext* context,
                                                         const v1::StartCampaignRequest* request,
                                                         v1::StartCampaignResponse* response) {
  return Answer(context, pool_, [this, request, response] {
    campaigns::Mistakes mistakes;
    const auto started = starter_.Start({.spec_yaml = request->spec_yaml(),
                                         .overrides = {request->set().begin(), request->set().end()},
                                         .validate_only = request->validate_only()},
                                        mistakes);
    return Reply(started, mistakes, *response);
  });
}

grpc::ServerUnaryReactor* CampaignService::RerunCampaign(grpc::CallbackServerContext* context,
                                                         const v1::RerunCampaignRequest* request,
                                                         v1::StartCampaignResponse* response) {
  return Answer(context, pool_, [this, request, response] {
    campaigns::Mistakes mistakes;
    const auto started = starter_.Rerun(request->id(), request->failed(), mistakes);
    return Reply(started, mistakes, *response);
  });
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
      response->mutable_campaigns()->rbegin()->clear_known();
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
      LK_ASSIGN_OR_RETURN(const std::vector<store::Event> events, store_.EventsAfter(id, after, kEventsPerBatch));
      Stream::Batch batch;
      for (const store::Event& event : events) {
        v1::CampaignEvent& message = batch.messages.emplace_back();
        if (!message.ParseFromString(event.payload)) return absl::DataLossError("corrupt event record");
        message.set_sequence(event.sequence);
        after = event.sequence;
        batch.last = message.has_campaign() &&
                     (message.campaign().state() == "finished" || message.campaign().state() == "cancelled") &&
                     message.campaign().counts().pending() == 0;
      }
      if (!events.empty()) return batch;
      // For a watcher that has already seen the last event, the stream just ends.
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
    if (!driver_.PostAndWait(scheduler::CampaignCancelled{*id})) {
      return {grpc::StatusCode::UNAVAILABLE, "the cancellation has not been stored yet"};
    }
    auto campaign = Load(*id);
    if (!campaign.ok()) return ToGrpc(campaign.status());
    *response = *std::move(campaign);
    return grpc::Status::OK;
  });
}

}  // namespace lk::api
