// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lk/v1/host.grpc.pb.h"
#include "server/api/call.h"
#include "server/scheduler/driver.h"
#include "server/scheduler/hosts.h"

namespace lk::api {

class HostService final : public v1::HostService::CallbackService {
 public:
  HostService(scheduler::Hosts& hosts, scheduler::Driver& driver, Executor& pool)
      : hosts_(hosts), driver_(driver), pool_(pool) {}

  grpc::ServerUnaryReactor* AddHost(grpc::CallbackServerContext* context, const v1::AddHostRequest* request,
                                    v1::Host* response) override;
  grpc::ServerUnaryReactor* ListHosts(grpc::CallbackServerContext* context, const v1::ListHostsRequest* request,
                                      v1::ListHostsResponse* response) override;
  grpc::ServerUnaryReactor* GetHost(grpc::CallbackServerContext* context, const v1::GetHostRequest* request,
                                    v1::Host* response) override;
  grpc::ServerUnaryReactor* DrainHost(grpc::CallbackServerContext* context, const v1::DrainHostRequest* request,
                                      v1::Host* response) override;
  grpc::ServerUnaryReactor* ResumeHost(grpc::CallbackServerContext* context, const v1::ResumeHostRequest* request,
                                       v1::Host* response) override;
  grpc::ServerUnaryReactor* RemoveHost(grpc::CallbackServerContext* context, const v1::RemoveHostRequest* request,
                                       v1::RemoveHostResponse* response) override;

 private:
  grpc::Status SetDrained(const std::string& name, bool drained, v1::Host& response);

  scheduler::Hosts& hosts_;
  scheduler::Driver& driver_;
  Executor& pool_;
};

}  // namespace lk::api
