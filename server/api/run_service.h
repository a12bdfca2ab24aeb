// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lk/v1/run.grpc.pb.h"
#include "server/api/call.h"
#include "server/scheduler/driver.h"
#include "server/store/store.h"

namespace lk::api {

class RunService final : public v1::RunService::CallbackService {
 public:
  RunService(scheduler::Driver& driver, store::Store& store, Executor& pool)
      : driver_(driver), store_(store), pool_(pool) {}

  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* context, const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* response) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context, const v1::GetRunRequest* request,
                                   v1::Run* response) override;
  grpc::ServerWriteReactor<v1::ConsoleChunk>* GetConsoleLog(grpc::CallbackServerContext* context,
                                                            const v1::GetConsoleLogRequest* request) override;
  grpc::ServerUnaryReactor* ListArtifacts(grpc::CallbackServerContext* context, const v1::ListArtifactsRequest* request,
                                          v1::ListArtifactsResponse* response) override;
  grpc::ServerWriteReactor<v1::ArtifactChunk>* GetArtifact(grpc::CallbackServerContext* context,
                                                           const v1::GetArtifactRequest* request) override;

 private:
  scheduler::Driver& driver_;
  store::Store& store_;
  Executor& pool_;
};

}  // namespace lk::api
