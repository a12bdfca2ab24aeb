// SPDX-License-Identifier: Apache-2.0
// gRPC sessions with agents. Messages from agents become scheduler events; requests from the driver are sent to agents.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lk/v1/agent.grpc.pb.h"
#include "server/api/agent_policy.h"
#include "server/api/log_throttle.h"
#include "server/console/kernel_log.h"
#include "server/scheduler/agent_port.h"
#include "support/clock.h"
#include "support/mutex.h"

namespace lk::api {

class AgentSession;

struct AgentLimits {
  uint32_t max_messages_per_second = 2000;
  // gRPC's own limit is twice as large, so that an oversized message can be reported as such.
  uint32_t max_message_bytes = 1 << 20;
  // A stream that has not sent Hello within this time is closed; at most max_handshakes such streams may be open.
  absl::Duration hello = absl::Seconds(10);
  uint32_t max_handshakes = 64;
};

class AgentService final : public v1::AgentService::CallbackService, public scheduler::AgentPort {
 public:
  AgentService(const Clock& clock, AgentLimits limits) : clock_(clock), limits_(limits) {}
  // `post` passes events to the driver; it must never block.
  void Start(std::function<void(scheduler::Event)> post) { post_ = std::move(post); }

  grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>* Session(
      grpc::CallbackServerContext* context) override;

  void Expect(const scheduler::Run& run, scheduler::AgentTerms terms) override;
  void Forget(const std::string& run_id) override;
  void SendLease(const std::string& run_id, uint64_t session, const scheduler::LeaseTerms& terms) override;
  void SendAck(const std::string& run_id, uint64_t session, uint64_t sequence) override;
  void SendCancel(const std::string& run_id, const std::string& reason) override;
  void SendFinish(const std::string& run_id) override;
  void SendHostActionReply(const scheduler::HostActionDone& reply) override;
  void Drop(const std::string& run_id, uint64_t session) override;

  uint64_t connected() const;
  uint64_t samples() const;

 private:
  friend class AgentSession;

  // The agent of an active run.
  struct Expected {
    std::string token;
    console::KernelLogOptions kernel_log_options;
    std::shared_ptr<AgentPolicy> policy;
    std::shared_ptr<AgentSession> session;
    std::string boot_id;
    std::shared_ptr<console::KernelLogReader> kernel_log;  // of the current boot
  };

  // Makes `session` the only session of its run. Error: UNAUTHENTICATED (unknown run or wrong token).
  Status Admit(const v1::Hello& hello, const std::shared_ptr<AgentSession>& session);
  // Returns false if too many streams have not sent Hello yet.
  bool ReserveHandshake();
  void EndHandshake();
  void CountSamples();
  void Gone(const std::string& run_id, uint64_t session);
  // Posts findings from reports that ended because the kernel log went quiet or the agent finished, rebooted or
  // disconnected. Each finding gets a separate event, since no KernelLog message completed its report.
  void PostReports(const std::string& run_id, std::vector<detect::Finding> findings);
  std::shared_ptr<AgentSession> Find(const std::string& run_id, uint64_t session) const;
  void Send(const std::string& run_id, uint64_t session, v1::ControllerMessage message);

  const Clock& clock_;
  const AgentLimits limits_;
  std::function<void(scheduler::Event)> post_;
  LogThrottle log_throttle_;
  mutable Mutex mutex_;
  std::map<std::string, Expected> expected_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_session_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t samples_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t handshakes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lk::api
