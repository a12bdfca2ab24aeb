// SPDX-License-Identifier: Apache-2.0
#include "server/api/agent_service.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "server/api/call.h"
#include "server/api/convert.h"
#include "server/detect/engine.h"

namespace lk::api {
namespace {

// Messages that an agent may have under way without an acknowledgement; reading stops there.
constexpr uint64_t kWindow = 256;
// Messages waiting to be sent to an agent. Acknowledgements take one place; an agent that lets the rest pile up is cut
// off and comes back.
constexpr size_t kMostQueued = 64;

google::protobuf::Duration ToProto(absl::Duration duration) {
  return google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(duration));
}

bool SameSecret(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

// One stream of one agent. Owned by itself until gRPC is done, and by the service while it is the run's session.
class AgentSession final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  explicit AgentSession(AgentService& service) : service_(service) {}

  static AgentSession* Begin(AgentService& service) {
    auto session = std::make_shared<AgentSession>(service);
    session->self_ = session;
    session->StartRead(&session->incoming_);
    return session.get();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Close(grpc::Status::OK);
    const grpc::Status status = Take();
    if (!status.ok()) return Close(status);
    {
      const MutexLock lock(&mutex_);
      if (finished_) return;
      if (received_ >= acknowledged_ + kWindow) {
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
        acknowledged_ = std::max(acknowledged_, message.ack().sequence());
        read = std::exchange(waiting_, false);
        // An acknowledgement covers those before it.
        if (!outgoing_.empty() && outgoing_.back().has_ack()) outgoing_.pop_back();
      }
      overflow = outgoing_.size() >= kMostQueued;
      if (!overflow) {
        outgoing_.push_back(std::move(message));
        WriteNext();
      }
    }
    if (overflow) return Close({grpc::StatusCode::RESOURCE_EXHAUSTED, "the agent does not read what it is sent"});
    if (read) StartRead(&incoming_);
  }

  void Close(const grpc::Status& status) {
    {
      const MutexLock lock(&mutex_);
      if (finished_) return;
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

  grpc::Status Take() {
    const absl::Time now = service_.clock_.Now();
    if (now - second_ >= absl::Seconds(1)) {
      second_ = now;
      in_second_ = 0;
    }
    if (++in_second_ > service_.limits_.max_messages_per_second) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many messages a second"};
    }
    if (run_id_.empty()) return TakeHello();
    {
      const MutexLock lock(&mutex_);
      if (incoming_.sequence() <= received_) return {grpc::StatusCode::INVALID_ARGUMENT, "the sequence goes back"};
      // A session begins with the first message that is not acknowledged.
      if (received_ == 0) acknowledged_ = incoming_.sequence() - 1;
      received_ = incoming_.sequence();
    }
    if (incoming_.has_samples()) service_.CountSamples();
    scheduler::AgentSaid said{run_id_, number_, incoming_.sequence(), scheduler::CanaryWritten{}};
    if (incoming_.has_kernel_log()) {
      said.what = kernel_log_->Read(incoming_.kernel_log(), now);
    } else {
      auto words = FromProto(incoming_);
      if (!words.ok()) return ToGrpc(words.status());
      said.what = *std::move(words);
      const bool done = std::holds_alternative<scheduler::AgentDone>(said.what);
      service_.PostFindings(run_id_, done ? kernel_log_->Flush() : kernel_log_->FlushIfQuiet(now));
    }
    service_.post_(std::move(said));
    return grpc::Status::OK;
  }

  grpc::Status TakeHello() {
    if (!incoming_.has_hello()) return {grpc::StatusCode::INVALID_ARGUMENT, "an agent says hello first"};
    const v1::Hello& hello = incoming_.hello();
    if (!service_.Admit(hello, self_)) {
      spdlog::warn("an agent was refused: no run waits for it, or its token is wrong");
      return {grpc::StatusCode::UNAUTHENTICATED, "no run waits for this agent, or its token is wrong"};
    }
    scheduler::AgentConnected connected;
    connected.run_id = run_id_;
    connected.session = number_;
    connected.boot_id = hello.boot_id().substr(0, 64);
    connected.kernel_release = hello.kernel_release().substr(0, 256);
    connected.hypervisor = hello.hypervisor().substr(0, 256);
    connected.resuming = hello.resuming();
    service_.post_(std::move(connected));
    return grpc::Status::OK;
  }

  AgentService& service_;
  std::shared_ptr<AgentSession> self_;
  v1::AgentMessage incoming_;

  // Set by Admit, before anything else is said.
  std::string run_id_;
  uint64_t number_ = 0;
  std::shared_ptr<KernelLogReader> kernel_log_;

  absl::Time second_ = absl::InfinitePast();
  uint32_t in_second_ = 0;

  Mutex mutex_;
  std::deque<v1::ControllerMessage> outgoing_ ABSL_GUARDED_BY(mutex_);
  v1::ControllerMessage current_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t received_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
};

grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>* AgentService::Session(grpc::CallbackServerContext*) {
  return AgentSession::Begin(*this);
}

bool AgentService::Admit(const v1::Hello& hello, const std::shared_ptr<AgentSession>& session) {
  std::shared_ptr<AgentSession> replaced;
  std::shared_ptr<KernelLogReader> earlier_boot;
  {
    const MutexLock lock(&mutex_);
    const auto it = expected_.find(hello.run_id());
    if (it == expected_.end() || !SameSecret(it->second.token, hello.token())) return false;
    Expected& expected = it->second;
    replaced = std::exchange(expected.session, session);
    session->run_id_ = it->first;
    session->number_ = next_session_++;
    if (!expected.kernel_log || expected.boot_id != hello.boot_id()) {
      expected.boot_id = hello.boot_id();
      earlier_boot = std::exchange(expected.kernel_log, std::make_shared<KernelLogReader>(expected.invariants));
    }
    session->kernel_log_ = expected.kernel_log;
  }
  if (replaced) replaced->Close({grpc::StatusCode::ABORTED, "a newer session of this run replaced this one"});
  if (earlier_boot) PostFindings(hello.run_id(), earlier_boot->Flush());
  return true;
}

void AgentService::Gone(const std::string& run_id, uint64_t session) {
  std::shared_ptr<KernelLogReader> kernel_log;
  {
    const MutexLock lock(&mutex_);
    const auto it = expected_.find(run_id);
    if (it == expected_.end() || !it->second.session || it->second.session->number() != session) return;
    it->second.session.reset();
    kernel_log = it->second.kernel_log;
  }
  // The end of the report may be what the guest could not send any more.
  PostFindings(run_id, kernel_log->Flush());
  post_(scheduler::AgentDisconnected{run_id, session});
}

void AgentService::PostFindings(const std::string& run_id, std::vector<detect::Finding> findings) {
  for (detect::Finding& finding : findings) post_(scheduler::ConsoleFinding{run_id, std::move(finding)});
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

void AgentService::Expect(const scheduler::Run& run, std::vector<detect::InvariantLiteral> invariants) {
  const MutexLock lock(&mutex_);
  Expected& expected = expected_[run.id];
  expected.token = run.token;
  expected.invariants = std::move(invariants);
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
  if (session) session->Close({grpc::StatusCode::ABORTED, "the run is over"});
}

void AgentService::SendLease(const std::string& run_id, uint64_t session, const scheduler::LeaseTerms& terms) {
  v1::ControllerMessage message;
  v1::Lease* lease = message.mutable_lease();
  lease->set_scenario(terms.scenario);
  lease->mutable_parameters()->insert(terms.parameters.begin(), terms.parameters.end());
  *lease->mutable_duration() = ToProto(terms.duration);
  *lease->mutable_hard_cap() = ToProto(terms.hard_cap);
  lease->set_canary_nonce(terms.canary_nonce);
  *lease->mutable_now() = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(clock_.Now()));
  *lease->mutable_heartbeat_interval() = ToProto(terms.heartbeat_interval);
  lease->set_seed(terms.seed);
  if (terms.kill_worker_after) *lease->mutable_kill_worker_after() = ToProto(*terms.kill_worker_after);
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
  *proto->mutable_took() = ToProto(reply.took);
  Send(reply.run_id, 0, std::move(message));
}

void AgentService::Drop(const std::string& run_id, uint64_t session) {
  if (const auto found = Find(run_id, session)) found->Close({grpc::StatusCode::ABORTED, "this session was replaced"});
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
