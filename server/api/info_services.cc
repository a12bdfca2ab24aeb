// SPDX-License-Identifier: Apache-2.0
#include "server/api/info_services.h"

#include <fmt/format.h>

#include "support/version.h"

namespace lk::api {

grpc::ServerUnaryReactor* ScenarioService::ListScenarios(grpc::CallbackServerContext* context,
                                                         const v1::ListScenariosRequest*,
                                                         v1::ListScenariosResponse* response) {
  for (const v1::ScenarioDescriptor& descriptor : descriptors_) *response->add_scenarios() = descriptor;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* ScenarioService::GetScenario(grpc::CallbackServerContext* context,
                                                       const v1::GetScenarioRequest* request,
                                                       v1::ScenarioDescriptor* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  std::vector<std::string> names;
  for (const v1::ScenarioDescriptor& descriptor : descriptors_) {
    names.push_back(descriptor.name());
    if (descriptor.name() != request->name()) continue;
    *response = descriptor;
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  reactor->Finish({grpc::StatusCode::NOT_FOUND,
                   fmt::format("no scenario \"{}\" (available: {})", request->name(), fmt::join(names, ", "))});
  return reactor;
}

grpc::ServerUnaryReactor* SystemService::GetVersion(grpc::CallbackServerContext* context, const v1::GetVersionRequest*,
                                                    v1::GetVersionResponse* response) {
  response->set_version(kVersion);
  response->set_commit(kCommit);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace lk::api
