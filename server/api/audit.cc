// SPDX-License-Identifier: Apache-2.0
#include "server/api/audit.h"

#include <absl/status/status.h>
#include <fmt/format.h>
#include <grpcpp/server_context.h>
#include <spdlog/spdlog.h>

#include "lk/v1/campaign.pb.h"
#include "server/api/convert.h"
#include "server/campaigns/starter.h"

namespace lk::api {
namespace {

using access::Printable;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

constexpr size_t kMaxSubject = 512;

// Abseil and gRPC use the same numeric codes. The error details, if any, are the mistakes in a campaign file.
Status FromGrpc(const grpc::Status& status) {
  v1::SpecErrors mistakes;
  if (!mistakes.ParseFromString(status.error_details())) mistakes.Clear();
  return campaigns::WithFirst({static_cast<absl::StatusCode>(status.error_code()), status.error_message()},
                              FromProto(mistakes));
}

}  // namespace

// Observes one call: the request and the response give the subject, the status gives the outcome.
class AuditInterceptor final : public grpc::experimental::Interceptor {
 public:
  AuditInterceptor(Audit& audit, const Authorizer& authorizer, const Rule& rule, ServerRpcInfo& info)
      : audit_(audit), authorizer_(authorizer), rule_(rule), context_(*info.server_context()) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE)) {
      if (const void* request = methods->GetRecvMessage(); request != nullptr) Add(rule_.asked(request));
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE) && rule_.answered != nullptr) {
      if (const void* response = methods->GetSendMessage(); response != nullptr) Add(rule_.answered(response));
    }
    if (!methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS) || !changes_) {
      return methods->Proceed();
    }
    const Status outcome = FromGrpc(methods->GetSendStatus());
    audit_.pool_.Post([this, methods, outcome] {
      // The call was authorized when it began, but its token may have been revoked since then.
      const auto caller = authorizer_.Identify(*context_.auth_context(), context_.client_metadata());
      audit_.Write(rule_, caller.ok() ? *caller : Caller{"a token that is no longer valid", access::Role::kNone, true},
                   subject_, outcome);
      methods->Proceed();
    });
  }

 private:
  void Add(const std::optional<std::string>& about) {
    if (!about) return;
    changes_ = true;
    if (about->empty() || subject_.size() > kMaxSubject) return;
    subject_ += (subject_.empty() ? "" : ", ") + *about;
  }

  Audit& audit_;
  const Authorizer& authorizer_;
  const Rule& rule_;
  const grpc::ServerContextBase& context_;
  std::string subject_;
  bool changes_ = false;
};

namespace {

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Factory(Audit& audit, const Authorizer& authorizer) : audit_(audit), authorizer_(authorizer) {}
  // Returns null for calls that are not audited.
  grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    const Rule* rule = FindRule(info->method());
    return rule != nullptr && rule->changes() ? new AuditInterceptor(audit_, authorizer_, *rule, *info) : nullptr;
  }

 private:
  Audit& audit_;
  const Authorizer& authorizer_;
};

}  // namespace

void Audit::Write(const Rule& rule, const Caller& caller, std::string_view subject, const Status& outcome) {
  access::AuditEntry entry;
  entry.time = clock_.Now();
  entry.id = access::NewAuditId(entry.time);
  entry.caller = caller.name;
  // "/lk.v1.HostService/AddHost" becomes "HostService/AddHost".
  entry.method = rule.method.substr(rule.method.find_last_of('.') + 1);
  entry.subject = Printable(subject, kMaxSubject);
  entry.outcome = absl::StatusCodeToString(outcome.code());
  if (!outcome.ok()) entry.outcome += ": " + Printable(std::string(outcome.message()), kMaxSubject);
  spdlog::info("audit: {}: {} ({}): {}", entry.caller, entry.method, entry.subject, entry.outcome);
  const Status stored = store_.AddAudit(entry);
  if (!stored.ok()) spdlog::error("cannot store the audit entry above: {}", std::string(stored.message()));
}

std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> Audit::Interceptors(
    const Authorizer& authorizer) {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
  factories.push_back(std::make_unique<Factory>(*this, authorizer));
  return factories;
}

}  // namespace lk::api
