// SPDX-License-Identifier: Apache-2.0
#include "server/api/report_service.h"

#include <string>

#include "server/api/compare_kernels.h"

namespace lk::api {
namespace {

constexpr size_t kReportChunk = 64 << 10;
// Chunks per batch.
constexpr size_t kReportsAhead = 16;

}  // namespace

grpc::ServerUnaryReactor* ReportService::CompareKernels(grpc::CallbackServerContext* context,
                                                        const v1::CompareKernelsRequest* request,
                                                        v1::CompareKernelsResponse* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    auto comparison = api::CompareKernels(store_, descriptors_, *request);
    if (!comparison.ok()) return ToGrpc(comparison.status());
    *response = *std::move(comparison);
    return grpc::Status::OK;
  });
}

grpc::ServerWriteReactor<v1::ReportChunk>* ReportService::GetCampaignReport(
    grpc::CallbackServerContext*, const v1::GetCampaignReportRequest* request) {
  using Stream = PulledStream<v1::ReportChunk>;
  auto stream = Stream::Make(pool_);
  const auto next = [this, request = *request, report = std::string(), written = false,
                     offset = size_t{0}]() mutable -> StatusOr<Stream::Batch> {
    if (!written) {
      LK_ASSIGN_OR_RETURN(report, reports_.Write(request.campaign_id(), request.format(), request.kcidb_origin()));
      written = true;
    }
    Stream::Batch batch;
    for (; offset < report.size() && batch.messages.size() < kReportsAhead; offset += kReportChunk) {
      batch.messages.emplace_back().set_data(report.substr(offset, kReportChunk));
    }
    batch.last = offset >= report.size();
    return batch;
  };
  stream->Begin(next, nullptr);
  return stream.get();
}

}  // namespace lk::api
