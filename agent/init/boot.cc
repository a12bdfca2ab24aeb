// SPDX-License-Identifier: Apache-2.0
#include "agent/init/boot.h"

#include <sys/reboot.h>
#include <unistd.h>

#include <string>

#include "agent/init/config.h"
#include "agent/init/log.h"
#include "agent/init/modules.h"
#include "agent/init/mounts.h"
#include "agent/init/network.h"
#include "agent/safety/safety.h"
#include "agent/session/supervisor.h"
#include "support/file.h"

namespace lk::agent {
namespace {

constexpr absl::Duration kNetworkTimeout = absl::Seconds(20);

void PowerOff(const std::string& reason) {
  LogNotice("powering off: {}", reason);
  sync();
  reboot(RB_POWER_OFF);
}

StatusOr<std::string> Work(const std::string& hypervisor, bool init) {
  LK_ASSIGN_OR_RETURN(const std::string text, ReadFile(kConfigPath));
  LK_ASSIGN_OR_RETURN(const Config config, ParseConfig(text));
  LK_ASSIGN_OR_RETURN(const std::string ca_pem, ReadFile(kCaPath));
  if (init) {
    LoadModules();
    const auto interface = BringUpNetwork(config, kNetworkTimeout);
    // lkd may still be reachable over an interface that the kernel has configured (ip=).
    if (!interface.ok()) LogError("network: {}", std::string(interface.status().message()));
  }
  return Supervise(config, ca_pem, hypervisor);
}

}  // namespace

int Boot() {
  const bool init = getpid() == 1;
  if (init) {
    MountDev();
    LogNotice("started");
    MountRest();
  }
  const Surroundings surroundings = LookAround();
  if (const Status status = MayAct(surroundings); !status.ok()) {
    LogError("{}", std::string(status.message()));
    if (init) PowerOff("not a guest started by lkd");
    return 2;
  }
  if (init) ApplySysctls();
  const auto reason = Work(surroundings.hypervisor, init);
  if (!reason.ok()) LogError("{}", std::string(reason.status().message()));
  PowerOff(reason.ok() ? *reason : "cannot continue");
  return 1;
}

}  // namespace lk::agent
