// SPDX-License-Identifier: Apache-2.0
#include "server/api/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lk/v1/campaign.pb.h"
#include "lk/v1/host.pb.h"
#include "lk/v1/kernel.pb.h"
#include "lk/v1/token.pb.h"
#include "lk/v1/webhook.pb.h"

namespace lk::api {
namespace {

using access::Role;

// The id in a request.
template <typename Request>
std::optional<std::string> Id(const void* request) {
  return static_cast<const Request*>(request)->id();
}

std::optional<std::string> CampaignAsked(const void* request) {
  const auto& start = *static_cast<const v1::StartCampaignRequest*>(request);
  if (start.validate_only()) return std::nullopt;
  return fmt::format("{} bytes of campaign file", start.spec_yaml().size());
}
std::string CampaignStarted(const void* response) {
  const v1::Campaign& campaign = static_cast<const v1::StartCampaignResponse*>(response)->campaign();
  return fmt::format("{} {}", campaign.id(), campaign.name());
}

std::optional<std::string> RerunAsked(const void* request) {
  const auto& rerun = *static_cast<const v1::RerunCampaignRequest*>(request);
  return rerun.failed() ? rerun.id() + " failed" : rerun.id();
}

std::optional<std::string> KernelAsked(const void* request) {
  const auto& part = *static_cast<const v1::AddKernelRequest*>(request);
  return part.has_file() ? part.file().name() : "";
}
std::string KernelAdded(const void* response) {
  const v1::KernelBuild& kernel = static_cast<const v1::AddKernelResponse*>(response)->kernel();
  return fmt::format("{} {}", kernel.id(), kernel.release());
}

std::optional<std::string> HostAsked(const void* request) {
  return static_cast<const v1::AddHostRequest*>(request)->uri();
}
std::string HostAdded(const void* response) {
  return static_cast<const v1::Host*>(response)->id();
}

std::optional<std::string> TokenAsked(const void* request) {
  const auto& create = *static_cast<const v1::CreateTokenRequest*>(request);
  return fmt::format("{} {}", create.name(), create.role());
}
std::string TokenCreated(const void* response) {
  return static_cast<const v1::CreateTokenResponse*>(response)->token().id();
}

std::optional<std::string> WebhookTarget(const void* request) {
  return static_cast<const v1::TestWebhookRequest*>(request)->target();
}

constexpr Rule kRules[] = {
    // The health service tells strangers only that something is listening.
    {"/grpc.health.v1.Health/Check", Role::kNone},
    {"/grpc.health.v1.Health/Watch", Role::kNone},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Role::kViewer},

    {"/lk.v1.SystemService/GetVersion", Role::kViewer},
    {"/lk.v1.ScenarioService/ListScenarios", Role::kViewer},
    {"/lk.v1.ScenarioService/GetScenario", Role::kViewer},

    {"/lk.v1.CampaignService/ListCampaigns", Role::kViewer},
    {"/lk.v1.CampaignService/GetCampaign", Role::kViewer},
    {"/lk.v1.CampaignService/WatchCampaign", Role::kViewer},
    {"/lk.v1.CampaignService/StartCampaign", Role::kOperator, CampaignAsked, CampaignStarted},
    {"/lk.v1.CampaignService/RerunCampaign", Role::kOperator, RerunAsked, CampaignStarted},
    {"/lk.v1.CampaignService/CancelCampaign", Role::kOperator, Id<v1::CancelCampaignRequest>},

    {"/lk.v1.RunService/ListRuns", Role::kViewer},
    {"/lk.v1.RunService/GetRun", Role::kViewer},
    {"/lk.v1.RunService/GetConsoleLog", Role::kViewer},
    {"/lk.v1.RunService/ListArtifacts", Role::kViewer},
    {"/lk.v1.RunService/GetArtifact", Role::kViewer},

    {"/lk.v1.KernelService/ListKernels", Role::kViewer},
    {"/lk.v1.KernelService/GetKernel", Role::kViewer},
    {"/lk.v1.KernelService/AddKernel", Role::kOperator, KernelAsked, KernelAdded},
    {"/lk.v1.KernelService/RemoveKernel", Role::kOperator, Id<v1::RemoveKernelRequest>},

    {"/lk.v1.HostService/ListHosts", Role::kViewer},
    {"/lk.v1.HostService/GetHost", Role::kViewer},
    {"/lk.v1.HostService/DrainHost", Role::kOperator, Id<v1::DrainHostRequest>},
    {"/lk.v1.HostService/ResumeHost", Role::kOperator, Id<v1::ResumeHostRequest>},
    // For admins only, since lkd connects to the host's URI as the user that lkd runs as.
    {"/lk.v1.HostService/AddHost", Role::kAdmin, HostAsked, HostAdded},
    {"/lk.v1.HostService/RemoveHost", Role::kAdmin, Id<v1::RemoveHostRequest>},

    {"/lk.v1.ReportService/CompareKernels", Role::kViewer},
    {"/lk.v1.ReportService/GetCampaignReport", Role::kViewer},

    {"/lk.v1.WebhookService/ListWebhooks", Role::kViewer},
    {"/lk.v1.WebhookService/TestWebhook", Role::kOperator, WebhookTarget},
    {"/lk.v1.WebhookService/RetryWebhook", Role::kOperator, Id<v1::RetryWebhookRequest>},

    {"/lk.v1.TokenService/CreateToken", Role::kAdmin, TokenAsked, TokenCreated},
    {"/lk.v1.TokenService/ListTokens", Role::kAdmin},
    {"/lk.v1.TokenService/RevokeToken", Role::kAdmin, Id<v1::RevokeTokenRequest>},
    {"/lk.v1.AuditService/ListAuditEntries", Role::kAdmin},
};

}  // namespace

std::span<const Rule> Rules() {
  return kRules;
}

const Rule* FindRule(std::string_view method) {
  const auto* rule = std::ranges::find(kRules, method, &Rule::method);
  return rule == std::end(kRules) ? nullptr : rule;
}

Status Decide(std::string_view method, const Caller& caller) {
  const Rule* rule = FindRule(method);
  if (rule != nullptr && caller.role >= rule->least) return absl::OkStatus();
  if (!caller.known) {
    return absl::UnauthenticatedError("a token or a client certificate is required");
  }
  if (rule == nullptr) {
    return absl::PermissionDeniedError(fmt::format("{}: no role may call this method", access::Printable(method)));
  }
  if (caller.role == Role::kNone) {
    return absl::PermissionDeniedError(
        fmt::format("{} has no role: its certificate's OU must be lk-viewer, lk-operator or lk-admin", caller.name));
  }
  return absl::PermissionDeniedError(fmt::format("{} has role {}, but {} requires {}", caller.name,
                                                 ToString(caller.role), method.substr(method.find_last_of('.') + 1),
                                                 ToString(rule->least)));
}

}  // namespace lk::api
