// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/delays.h"

#include <fmt/format.h>

#include "server/vm/hypervisor.h"
#include "server/vm/libvirt/error.h"

namespace lk::vm::libvirt {

StatusOr<std::vector<absl::Duration>> ReadDelays(virDomain* domain) {
  virDomain* domains[] = {domain, nullptr};
  virDomainStatsRecordPtr* records = nullptr;
  // Without NOWAIT, the call would wait for a job of QEMU's monitor, such as a memory dump.
  const int count =
      virDomainListGetStats(domains, VIR_DOMAIN_STATS_VCPU, &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
  if (count < 0) return LastError("cannot read the delays of vCPUs");
  std::vector<absl::Duration> delays;
  if (count > 0) {
    unsigned maximum = 0;
    virTypedParamsGetUInt(records[0]->params, records[0]->nparams, "vcpu.maximum", &maximum);
    for (unsigned vcpu = 0; vcpu < maximum; ++vcpu) {
      unsigned long long ns = 0;
      const std::string field = fmt::format("vcpu.{}.delay", vcpu);
      if (virTypedParamsGetULLong(records[0]->params, records[0]->nparams, field.c_str(), &ns) == 1) {
        delays.resize(vcpu + 1);
        delays[vcpu] = absl::Nanoseconds(static_cast<int64_t>(ns));
      }
    }
  }
  virDomainStatsRecordListFree(records);
  if (delays.empty()) {
    return WithFault(absl::UnimplementedError("libvirt does not report vcpu.N.delay"), Fault::kOurs);
  }
  return delays;
}

}  // namespace lk::vm::libvirt
