// SPDX-License-Identifier: Apache-2.0
// Agents, as gRPC sessions. What they say becomes events; what the driver wants of them becomes messages.
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
  // gRPC lets twice as much through, so that a message that is too large is known for what it is.
  uint32_t max_message_bytes = 1 << 20;
  // A stream that has not said hello by then is closed, and no more than so many may wait.
  absl::Duration hello = absl::Seconds(10);
  uint32_t max_handshakes = 64;
};

class AgentService final : public v1::AgentService::CallbackService, public scheduler::AgentPort {
 public:
  // `post` takes events to the driver; it never blocks.
  AgentService(const Clock& clock, AgentLimits limits) : clock_(clock), limits_(limits) {}
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

  // What is known of the agent of a run while the run is under way.
  struct Expected {
    std::string token;
    console::KernelLogOptions kernel_log_options;
    std::shared_ptr<AgentPolicy> policy;
    std::shared_ptr<AgentSession> session;
    std::string boot_id;
    std::shared_ptr<console::KernelLogReader> kernel_log;  // of this boot
  };

  // The session is the run's only one from now on. Errors: UNAUTHENTICATED.
  Status Admit(const v1::Hello& hello, const std::shared_ptr<AgentSession>& session);
  // Whether a further stream that has not said hello may wait.
  bool ReserveHandshake();
  void EndHandshake();
  void CountSamples();
  void Gone(const std::string& run_id, uint64_t session);
  // Reports of the kernel log that have come to rest are told on their own: no message of the agent carries them.
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
