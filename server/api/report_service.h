// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lk/v1/report.grpc.pb.h"
#include "server/api/call.h"
#include "server/api/reports.h"
#include "server/campaign/descriptor_fwd.h"
#include "server/store/store.h"

namespace lk::api {

class ReportService final : public v1::ReportService::CallbackService {
 public:
  ReportService(const Reports& reports, store::Store& store, const campaign::Descriptors& descriptors, Executor& pool)
      : reports_(reports), store_(store), descriptors_(descriptors), pool_(pool) {}

  grpc::ServerUnaryReactor* CompareKernels(grpc::CallbackServerContext* context,
                                           const v1::CompareKernelsRequest* request,
                                           v1::CompareKernelsResponse* response) override;
  grpc::ServerWriteReactor<v1::ReportChunk>* GetCampaignReport(grpc::CallbackServerContext* context,
                                                               const v1::GetCampaignReportRequest* request) override;

 private:
  const Reports& reports_;
  store::Store& store_;
  const campaign::Descriptors& descriptors_;
  Executor& pool_;
};

}  // namespace lk::api
