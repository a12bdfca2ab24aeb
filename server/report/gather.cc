// SPDX-License-Identifier: Apache-2.0
#include "server/report/gather.h"

#include <algorithm>
#include <vector>

namespace lk::report {

StatusOr<CampaignReport> Gather(store::Store& store, const std::string& campaign_id) {
  CampaignReport report;
  LK_ASSIGN_OR_RETURN(report.campaign, store.GetCampaign(campaign_id));
  LK_ASSIGN_OR_RETURN(report.runs, store.ListRuns(campaign_id, std::nullopt, "", 0));
  LK_ASSIGN_OR_RETURN(const std::vector<campaign::Host> hosts, store.ListHosts());
  for (const campaign::Run& run : report.runs) {
    const auto host = std::ranges::find(hosts, run.host_id, &campaign::Host::id);
    if (host != hosts.end()) report.hosts.try_emplace(host->id, *host);
    if (report.kernels.contains(run.kernel_id)) continue;
    StatusOr<campaign::KernelBuild> kernel = store.GetKernel(run.kernel_id);
    if (absl::IsNotFound(kernel.status())) continue;
    LK_RETURN_IF_ERROR(kernel.status());
    report.kernels[run.kernel_id] = *std::move(kernel);
  }
  return report;
}

}  // namespace lk::report
