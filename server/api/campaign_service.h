// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "lk/v1/campaign.grpc.pb.h"
#include "server/api/call.h"
#include "server/campaigns/starter.h"
#include "server/scheduler/driver.h"
#include "server/store/store.h"

namespace lk::api {

class CampaignService final : public v1::CampaignService::CallbackService {
 public:
  CampaignService(const campaigns::Starter& starter, scheduler::Driver& driver, store::Store& store, Executor& pool)
      : starter_(starter), driver_(driver), store_(store), pool_(pool) {}

  grpc::ServerUnaryReactor* StartCampaign(grpc::CallbackServerContext* context, const v1::StartCampaignRequest* request,
                                          v1::StartCampaignResponse* response) override;
  grpc::ServerUnaryReactor* RerunCampaign(grpc::CallbackServerContext* context, const v1::RerunCampaignRequest* request,
                                          v1::StartCampaignResponse* response) override;
  grpc::ServerUnaryReactor* ListCampaigns(grpc::CallbackServerContext* context, const v1::ListCampaignsRequest* request,
                                          v1::ListCampaignsResponse* response) override;
  grpc::ServerUnaryReactor* GetCampaign(grpc::CallbackServerContext* context, const v1::GetCampaignRequest* request,
                                        v1::Campaign* response) override;
  grpc::ServerWriteReactor<v1::CampaignEvent>* WatchCampaign(grpc::CallbackServerContext* context,
                                                             const v1::WatchCampaignRequest* request) override;
  grpc::ServerUnaryReactor* CancelCampaign(grpc::CallbackServerContext* context,
                                           const v1::CancelCampaignRequest* request, v1::Campaign* response) override;

 private:
  // Loads a campaign without its runs.
  StatusOr<v1::Campaign> Load(const std::string& prefix);

  const campaigns::Starter& starter_;
  scheduler::Driver& driver_;
  store::Store& store_;
  Executor& pool_;
};

}  // namespace lk::api
