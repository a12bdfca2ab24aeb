// SPDX-License-Identifier: Apache-2.0
// The driver's interface to agents; api/agent_service implements it over gRPC.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/console/kernel_log.h"
#include "server/scheduler/core.h"

namespace lk::scheduler {

struct LeaseTerms {
  std::string scenario;
  std::map<std::string, std::string> parameters;
  absl::Duration duration;
  absl::Duration hard_cap;
  absl::Duration heartbeat_interval;
  std::string canary_nonce;
  uint32_t seed = 0;
  std::optional<absl::Duration> kill_worker_after;  // test hook
};

// The rules that the agent of a run must follow.
struct AgentTerms {
  console::KernelLogOptions kernel_log;
  std::set<std::string> probes;  // each also as <probe>_cpu<N> with N < vcpus
  std::set<std::string> host_actions;
  uint32_t vcpus = 1;
};

// Calls never block. A closed session is not an error: the core resends what is needed when the agent reconnects.
class AgentPort {
 public:
  virtual ~AgentPort() = default;

  // Lets the agent of this run connect; `run` contains its token.
  virtual void Expect(const Run& run, AgentTerms terms) = 0;
  virtual void Forget(const std::string& run_id) = 0;

  virtual void SendLease(const std::string& run_id, uint64_t session, const LeaseTerms& terms) = 0;
  virtual void SendAck(const std::string& run_id, uint64_t session, uint64_t sequence) = 0;
  virtual void SendCancel(const std::string& run_id, const std::string& reason) = 0;
  virtual void SendFinish(const std::string& run_id) = 0;
  virtual void SendHostActionReply(const HostActionDone& reply) = 0;
  virtual void Drop(const std::string& run_id, uint64_t session) = 0;
};

}  // namespace lk::scheduler
