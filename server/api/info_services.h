// SPDX-License-Identifier: Apache-2.0
// Services that only report what lkd was built with.
#pragma once

#include "lk/v1/scenario.grpc.pb.h"
#include "lk/v1/system.grpc.pb.h"
#include "server/campaign/descriptor_fwd.h"

namespace lk::api {

class ScenarioService final : public v1::ScenarioService::CallbackService {
 public:
  explicit ScenarioService(const campaign::Descriptors& descriptors) : descriptors_(descriptors) {}

  grpc::ServerUnaryReactor* ListScenarios(grpc::CallbackServerContext* context, const v1::ListScenariosRequest* request,
                                          v1::ListScenariosResponse* response) override;
  grpc::ServerUnaryReactor* GetScenario(grpc::CallbackServerContext* context, const v1::GetScenarioRequest* request,
                                        v1::ScenarioDescriptor* response) override;

 private:
  const campaign::Descriptors& descriptors_;
};

class SystemService final : public v1::SystemService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context, const v1::GetVersionRequest* request,
                                       v1::GetVersionResponse* response) override;
};

}  // namespace lk::api
