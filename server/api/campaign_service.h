// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "lk/v1/campaign.grpc.pb.h"
#include "server/api/call.h"
#include "server/campaign/spec.h"
#include "server/scheduler/driver.h"
#include "server/store/store.h"

namespace lk::api {

// "c", seven characters of seconds (good for a thousand years), four of chance: ascending in time.
std::string NewCampaignId(absl::Time now);

class CampaignService final : public v1::CampaignService::CallbackService {
 public:
  CampaignService(scheduler::Driver& driver, store::Store& store, scheduler::WorkerPool& pool, const Clock& clock,
                  const campaign::Descriptors& descriptors, std::set<std::string> notify_targets = {})
      : driver_(driver),
        store_(store),
        pool_(pool),
        clock_(clock),
        descriptors_(descriptors),
        notify_targets_(std::move(notify_targets)) {}

  // What the RPC does, on the caller's thread, which it blocks. `id`: the campaign's; "": a new one.
  grpc::Status Start(const v1::StartCampaignRequest& request, const std::string& id,
                     v1::StartCampaignResponse& response);

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
  grpc::Status Rerun(const v1::RerunCampaignRequest& request, v1::StartCampaignResponse& response);
  // The campaign's file with its overrides, all but its kernels checked.
  campaign::SpecResult Parse(const campaign::Campaign& campaign) const;
  // With configurations, which a listing leaves out and by which it is judged whether a scenario can run.
  StatusOr<std::vector<campaign::KernelBuild>> Kernels(const std::vector<std::string>& ids) const;
  std::vector<campaign::Run> Expand(const campaign::Campaign& campaign,
                                    const std::vector<campaign::KernelBuild>& kernels) const;
  // Answers with the campaign, and stores and queues it if it has an id.
  grpc::Status Begin(campaign::Campaign campaign, std::vector<campaign::Run> runs, v1::StartCampaignResponse& response);
  // Without runs.
  StatusOr<v1::Campaign> Load(const std::string& prefix);

  scheduler::Driver& driver_;
  store::Store& store_;
  scheduler::WorkerPool& pool_;
  const Clock& clock_;
  const campaign::Descriptors& descriptors_;
  const std::set<std::string> notify_targets_;  // that lkd is configured with
};

}  // namespace lk::api
