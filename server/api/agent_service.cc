// SPDX-License-Identifier: Apache-2.0
#include "server/api/agent_service.h"

#include <fmt/format.h>
#include <grpcpp/alarm.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "server/access/access.h"
#include "server/api/call.h"
#include "server/api/convert.h"
#include "server/detect/engine.h"
#include "support/proto_time.h"

namespace lk::api {
namespace {

// Limits on unacknowledged messages from an agent; lkd stops reading when either is reached.
constexpr uint64_t kWindow = 256;
constexpr size_t kWindowBytes = 4 << 20;
// Limit on messages waiting to be sent to an agent. Successive acknowledgements share a slot. An agent that does not
// read its messages is disconnected and has to reconnect.
constexpr size_t kMaxQueued = 64;

bool SameSecret(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

// A stream from an agent. It owns itself until gRPC is done with it; the service also holds a reference while the
// stream is the run's current session.
class AgentSession final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  explicit AgentSession(AgentService& service) : service_(service) {}

  static AgentSession* Begin(AgentService& service) {
    auto session = std::make_shared<AgentSession>(service);
    session->self_ = session;
    if (!service.ReserveHandshake()) {
      session->handshaking_ = false;
      session->Close({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams have not sent Hello yet"});
      return session.get();
    }
    session->hello_timeout_.Set(
        absl::ToChronoTime(absl::Now() + service.limits_.hello), [weak = std::weak_ptr(session)](bool over) {
          const auto waiting = weak.lock();
          if (over && waiting)
            waiting->Close({grpc::StatusCode::DEADLINE_EXCEEDED, "no Hello within the time limit"},
                           /*unless_admitted=*/true);
        });
    session->StartRead(&session->incoming_);
    return session.get();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Close(grpc::Status::OK);
    const Status status = Take();
    if (!status.ok()) return Refuse(status);
    {
      const MutexLock lock(&mutex_);
      if (finished_) return;
      if (unacknowledged_.size() >= kWindow || unacknowledged_bytes_ >= kWindowBytes) {
        waiting_ = true;
        return;
      }
    }
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Close(grpc::Status::CANCELLED);
    const MutexLock lock(&mutex_);
    writing_ = false;
    WriteNext();
  }
  void OnCancel() override { Close(grpc::Status::CANCELLED); }
  void OnDone() override {
    hello_timeout_.Cancel();
    if (std::exchange(handshaking_, false)) service_.EndHandshake();
    service_.Gone(run_id_, number_);
    const std::shared_ptr<AgentSession> self = std::move(self_);
  }

  void Send(v1::ControllerMessage message) {
    bool overflow = false;
    bool read = false;
    {
      const MutexLock lock(&mutex_);
      if (finished_) return;
      if (message.has_ack()) {
        while (!unacknowledged_.empty() && unacknowledged_.front().first <= message.ack().sequence()) {
          unacknowledged_bytes_ -= unacknowledged_.front().second;
          unacknowledged_.pop_front();
        }
        read = std::exchange(waiting_, false);
        // An acknowledgement covers all earlier messages.
        if (!outgoing_.empty() && outgoing_.back().has_ack()) outgoing_.pop_back();
      }
      overflow = outgoing_.size() >= kMaxQueued;
      if (!overflow) {
        outgoing_.push_back(std::move(message));
        WriteNext();
      }
    }
    if (overflow) return Close({grpc::StatusCode::RESOURCE_EXHAUSTED, "the agent does not read its messages"});
    if (read) StartRead(&incoming_);
  }

  // unless_admitted: does nothing if the agent has been admitted.
  void Close(const grpc::Status& status, bool unless_admitted = false) {
    {
      const MutexLock lock(&mutex_);
      if (finished_ || (unless_admitted && admitted_)) return;
      finished_ = true;
    }
    Finish(status);
  }

  uint64_t number() const { return number_; }

 private:
  friend class AgentService;

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_ || outgoing_.empty()) return;
    current_ = std::move(outgoing_.front());
    outgoing_.pop_front();
    writing_ = true;
    StartWrite(&current_);
  }

  // Closes the stream and, if the agent has been identified, ends its run.
  void Refuse(const Status& status) {
    const std::string why = access::Printable(std::string(status.message()));
    if (run_id_.empty()) {
      const auto left_out = service_.log_throttle_.Take(service_.clock_.Now());
      if (left_out) spdlog::warn("agent refused ({} earlier refusals not logged): {}", *left_out, why);
    } else {
      spdlog::warn("run {}: disconnecting the agent: {}", run_id_, why);
      service_.post_(scheduler::AgentMisbehaved{run_id_, number_, why});
    }
    Close(ToGrpc(status));
  }

  Status Take() {
    const absl::Time now = service_.clock_.Now();
    if (now - second_ >= absl::Seconds(1)) {
      second_ = now;
      in_second_ = 0;
    }
    if (++in_second_ > service_.limits_.max_messages_per_second) {
      return absl::ResourceExhaustedError("too many messages per second");
    }
    const size_t bytes = incoming_.ByteSizeLong();
    if (bytes > service_.limits_.max_message_bytes) {
      return absl::ResourceExhaustedError(
          fmt::format("message of {} bytes exceeds the limit of {}", bytes, service_.limits_.max_message_bytes));
    }
    if (run_id_.empty()) return TakeHello(now);
    if (incoming_.sequence() <= received_) return absl::InvalidArgumentError("sequence numbers must increase");
    received_ = incoming_.sequence();
    {
      const MutexLock lock(&mutex_);
      unacknowledged_.emplace_back(received_, bytes);
      unacknowledged_bytes_ += bytes;
    }
    if (incoming_.has_samples()) service_.CountSamples();
    scheduler::AgentSaid said{run_id_, number_, incoming_.sequence(), scheduler::CanaryWritten{}};
    if (incoming_.has_kernel_log()) {
      said.what = Read(incoming_.kernel_log(), now);
    } else {
      LK_ASSIGN_OR_RETURN(said.what, FromProto(incoming_));
      LK_RETURN_IF_ERROR(policy_->Check(said.what));
      const bool done = std::holds_alternative<scheduler::AgentDone>(said.what);
      service_.PostReports(run_id_, done ? kernel_log_->Flush() : kernel_log_->FlushIfQuiet(now));
    }
    service_.post_(std::move(said));
    return absl::OkStatus();
  }

  scheduler::KmsgSeen Read(const v1::KernelLog& log, absl::Time now) {
    console::KernelLogNews news = kernel_log_->Read(KernelRecords(log), now);
    return {std::move(news.findings), std::move(news.canary), log.lost()};
  }

  Status TakeHello(absl::Time now) {
    if (!incoming_.has_hello()) return absl::InvalidArgumentError("the first message from an agent must be Hello");
    const v1::Hello& hello = incoming_.hello();
    LK_RETURN_IF_ERROR(service_.Admit(hello, self_));
    {
      const MutexLock lock(&mutex_);
      admitted_ = true;
    }
    hello_timeout_.Cancel();
    if (std::exchange(handshaking_, false)) service_.EndHandshake();
    scheduler::AgentConnected connected;
    connected.run_id = run_id_;
    connected.session = number_;
    connected.boot_id = hello.boot_id().substr(0, 64);
    connected.kernel_release = hello.kernel_release().substr(0, 256);
    connected.hypervisor = hello.hypervisor().substr(0, 256);
    service_.post_(std::move(connected));
    return policy_->CheckSession(now);
  }

  AgentService& service_;
  std::shared_ptr<AgentSession> self_;
  v1::AgentMessage incoming_;

  // Set by Admit, before any message after Hello is handled.
  std::string run_id_;
  uint64_t number_ = 0;
  std::shared_ptr<console::KernelLogReader> kernel_log_;
  std::shared_ptr<AgentPolicy> policy_;

  // Used by Begin, the read callbacks and OnDone.
  grpc::Alarm hello_timeout_;
  bool handshaking_ = true;  // Hello has not arrived yet
  uint64_t received_ = 0;
  absl::Time second_ = absl::InfinitePast();
  uint32_t in_second_ = 0;

  Mutex mutex_;
  std::deque<v1::ControllerMessage> outgoing_ ABSL_GUARDED_BY(mutex_);
  v1::ControllerMessage current_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool admitted_ ABSL_GUARDED_BY(mutex_) = false;
  // Sequence numbers and sizes of messages that have not been acknowledged yet.
  std::deque<std::pair<uint64_t, size_t>> unacknowledged_ ABSL_GUARDED_BY(mutex_);
  size_t unacknowledged_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>* AgentService::Session(grpc::CallbackServerContext*) {
  return AgentSession::Begin(*this);
}

bool AgentService::ReserveHandshake() {
  const MutexLock lock(&mutex_);
  if (handshakes_ >= limits_.max_handshakes) return false;
  ++handshakes_;
  return true;
}

void AgentService::EndHandshake() {
  const MutexLock lock(&mutex_);
  --handshakes_;
}

Status AgentService::Admit(const v1::Hello& hello, const std::shared_ptr<AgentSession>& session) {
  std::shared_ptr<AgentSession> replaced;
  std::shared_ptr<console::KernelLogReader> earlier_boot;
  {
    const MutexLock lock(&mutex_);
    const auto it = expected_.find(hello.run_id());
    if (it == expected_.end() || !SameSecret(it->second.token, hello.token())) {
      return absl::UnauthenticatedError("unknown run, or wrong token");
    }
    Expected& expected = it->second;
    replaced = std::exchange(expected.session, session);
    session->run_id_ = it->first;
    session->number_ = next_session_++;
    if (!expected.kernel_log || expected.boot_id != hello.boot_id()) {
      expected.boot_id = hello.boot_id();
      earlier_boot =
          std::exchange(expected.kernel_log, std::make_shared<console::KernelLogReader>(expected.kernel_log_options));
    }
    session->kernel_log_ = expected.kernel_log;
    session->policy_ = expected.policy;
  }
  if (replaced) replaced->Close({grpc::StatusCode::ABORTED, "replaced by a newer session of this run"});
  if (earlier_boot) PostReports(hello.run_id(), earlier_boot->Flush());
  return absl::OkStatus();
}

void AgentService::Gone(const std::string& run_id, uint64_t session) {
  std::shared_ptr<console::KernelLogReader> kernel_log;
  {
    const MutexLock lock(&mutex_);
    const auto it = expected_.find(run_id);
    if (it == expected_.end() || !it->second.session || it->second.session->number() != session) return;
    it->second.session.reset();
    kernel_log = it->second.kernel_log;
  }
  // The guest may have been unable to send the end of a kernel log report.
  PostReports(run_id, kernel_log->Flush());
  post_(scheduler::AgentDisconnected{run_id, session});
}

void AgentService::PostReports(const std::string& run_id, std::vector<detect::Finding> findings) {
  for (detect::Finding& finding : findings) {
    post_(scheduler::ReportSeen{run_id, std::move(finding), scheduler::Witness::kAgent});
  }
}

std::shared_ptr<AgentSession> AgentService::Find(const std::string& run_id, uint64_t session) const {
  const MutexLock lock(&mutex_);
  const auto it = expected_.find(run_id);
  if (it == expected_.end() || !it->second.session) return nullptr;
  return session == 0 || it->second.session->number() == session ? it->second.session : nullptr;
}

void AgentService::Send(const std::string& run_id, uint64_t session, v1::ControllerMessage message) {
  if (const auto found = Find(run_id, session)) found->Send(std::move(message));
}

void AgentService::Expect(const scheduler::Run& run, scheduler::AgentTerms terms) {
  const MutexLock lock(&mutex_);
  Expected& expected = expected_[run.id];
  expected.token = run.token;
  expected.kernel_log_options = terms.kernel_log;
  expected.policy = std::make_shared<AgentPolicy>(std::move(terms));
}

void AgentService::Forget(const std::string& run_id) {
  std::shared_ptr<AgentSession> session;
  {
    const MutexLock lock(&mutex_);
    const auto it = expected_.find(run_id);
    if (it == expected_.end()) return;
    session = std::move(it->second.session);
    expected_.erase(it);
  }
  if (session) session->Close({grpc::StatusCode::ABORTED, "the run has ended"});
}

void AgentService::SendLease(const std::string& run_id, uint64_t session, const scheduler::LeaseTerms& terms) {
  v1::ControllerMessage message;
  v1::Lease* lease = message.mutable_lease();
  lease->set_scenario(terms.scenario);
  lease->mutable_parameters()->insert(terms.parameters.begin(), terms.parameters.end());
  *lease->mutable_duration() = ToProtoDuration(terms.duration);
  *lease->mutable_hard_cap() = ToProtoDuration(terms.hard_cap);
  lease->set_canary_nonce(terms.canary_nonce);
  Set(lease->mutable_now(), clock_.Now());
  *lease->mutable_heartbeat_interval() = ToProtoDuration(terms.heartbeat_interval);
  lease->set_seed(terms.seed);
  if (terms.kill_worker_after) *lease->mutable_kill_worker_after() = ToProtoDuration(*terms.kill_worker_after);
  Send(run_id, session, std::move(message));
}

void AgentService::SendAck(const std::string& run_id, uint64_t session, uint64_t sequence) {
  v1::ControllerMessage message;
  message.mutable_ack()->set_sequence(sequence);
  Send(run_id, session, std::move(message));
}

void AgentService::SendCancel(const std::string& run_id, const std::string& reason) {
  v1::ControllerMessage message;
  message.mutable_cancel()->set_reason(reason);
  Send(run_id, 0, std::move(message));
}

void AgentService::SendFinish(const std::string& run_id) {
  v1::ControllerMessage message;
  message.mutable_finish();
  Send(run_id, 0, std::move(message));
}

void AgentService::SendHostActionReply(const scheduler::HostActionDone& reply) {
  v1::ControllerMessage message;
  v1::HostActionReply* proto = message.mutable_host_action();
  proto->set_id(reply.id);
  proto->set_error(reply.error);
  proto->set_alias(reply.alias);
  *proto->mutable_took() = ToProtoDuration(reply.took);
  proto->set_refused_by_guest(reply.refused_by_guest);
  proto->set_guest_silent(reply.guest_silent);
  Send(reply.run_id, 0, std::move(message));
}

void AgentService::Drop(const std::string& run_id, uint64_t session) {
  if (const auto found = Find(run_id, session))
    found->Close({grpc::StatusCode::ABORTED, "this session has been replaced, or its run has ended"});
}

uint64_t AgentService::connected() const {
  const MutexLock lock(&mutex_);
  return static_cast<uint64_t>(std::count_if(expected_.begin(), expected_.end(),
                                             [](const auto& item) { return item.second.session != nullptr; }));
}

void AgentService::CountSamples() {
  const MutexLock lock(&mutex_);
  ++samples_;
}

uint64_t AgentService::samples() const {
  const MutexLock lock(&mutex_);
  return samples_;
}

}  // namespace lk::api
