// SPDX-License-Identifier: Apache-2.0
#include "server/api/host_service.h"

#include <fmt/format.h>

#include "server/api/convert.h"
#include "server/api/paging.h"

namespace lk::api {

grpc::ServerUnaryReactor* HostService::AddHost(grpc::CallbackServerContext* context, const v1::AddHostRequest* request,
                                               v1::Host* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    if (request->uri().empty())
      return {grpc::StatusCode::INVALID_ARGUMENT, "missing libvirt URI (for example qemu:///session)"};
    const auto host =
        hosts_.Add({request->uri(), request->allow_broken_qemu(), request->max_vcpus(), request->max_memory_bytes()});
    if (!host.ok()) return ToGrpc(host.status());
    *response = ToProto(*host, {});
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* HostService::ListHosts(grpc::CallbackServerContext* context,
                                                 const v1::ListHostsRequest* request, v1::ListHostsResponse* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    int left = PageSize(request->page_size());
    for (const campaign::Host& host : hosts_.List()) {
      if (host.id <= request->page_token()) continue;
      if (left-- == 0) {
        response->set_next_page_token(response->hosts().rbegin()->id());
        break;
      }
      *response->add_hosts() = ToProto(host, driver_.Allocated(host.id));
    }
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* HostService::GetHost(grpc::CallbackServerContext* context, const v1::GetHostRequest* request,
                                               v1::Host* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const auto host = hosts_.Find(request->id());
    if (!host.ok()) return ToGrpc(host.status());
    *response = ToProto(*host, driver_.Allocated(host->id));
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* HostService::DrainHost(grpc::CallbackServerContext* context,
                                                 const v1::DrainHostRequest* request, v1::Host* response) {
  return Answer(context, pool_, [this, request, response] { return SetDrained(request->id(), true, *response); });
}

grpc::ServerUnaryReactor* HostService::ResumeHost(grpc::CallbackServerContext* context,
                                                  const v1::ResumeHostRequest* request, v1::Host* response) {
  return Answer(context, pool_, [this, request, response] { return SetDrained(request->id(), false, *response); });
}

grpc::Status HostService::SetDrained(const std::string& name, bool drained, v1::Host& response) {
  const auto found = hosts_.Find(name);
  if (!found.ok()) return ToGrpc(found.status());
  const auto host = hosts_.SetDrained(found->id, drained);
  if (!host.ok()) return ToGrpc(host.status());
  response = ToProto(*host, driver_.Allocated(host->id));
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* HostService::RemoveHost(grpc::CallbackServerContext* context,
                                                  const v1::RemoveHostRequest* request, v1::RemoveHostResponse*) {
  return Answer(context, pool_, [this, request]() -> grpc::Status {
    const auto host = hosts_.Find(request->id());
    if (!host.ok()) return ToGrpc(host.status());
    if (driver_.Allocated(host->id).first > 0) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              fmt::format("host {} has active runs; drain it (lkctl host drain {}) and wait for them to finish",
                          host->uri, host->id)};
    }
    const Status removed = hosts_.Remove(host->id);
    if (!removed.ok()) return ToGrpc(removed);
    driver_.Post(scheduler::HostRemoved{host->id});
    return grpc::Status::OK;
  });
}

}  // namespace lk::api
