// SPDX-License-Identifier: Apache-2.0
#include "agent/session/session.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "agent/session/boot_time.h"
#include "lk/v1/agent.grpc.pb.h"

namespace lk::agent {
namespace {

// The connection is dropped if the controller has owed a response (the lease, or an acknowledgement) for this long.
// Generous, because the first handshake of an emulated guest takes a second or two.
constexpr absl::Duration kSilenceLimit = absl::Seconds(15);
constexpr int kMaxMessageBytes = 1 << 20;

// Each attempt uses a new channel, so that our own backoff applies instead of the one that gRPC keeps per address. The
// address is numeric, so no name resolution is needed.
std::shared_ptr<grpc::Channel> MakeGrpcChannel(const Session::Endpoint& endpoint) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = endpoint.ca_pem;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(endpoint.server_name);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  const bool ipv6 = endpoint.address.starts_with('[');
  return grpc::CreateCustomChannel((ipv6 ? "ipv6:" : "ipv4:") + endpoint.address, grpc::SslCredentials(tls), arguments);
}

}  // namespace

absl::Duration Backoff::Next(double chance) {
  const absl::Duration wait = next_;
  next_ = std::min(next_ * 2, most_);
  return wait / 2 + wait / 2 * chance;
}

// One connection. gRPC runs its read callbacks one at a time, and likewise its write callbacks; the session's mutex
// protects what is shared beyond that.
class Session::Call final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  Call(Session& session, const v1::AgentMessage& hello)
      : session_(session),
        channel_(MakeGrpcChannel(session.endpoint_)),
        stub_(v1::AgentService::NewStub(channel_)),
        writing_(hello),
        heard_(BootNow()) {}

  void Start() {
    stub_->async()->Session(&context_, this);
    // Session::Push starts writes outside the callbacks, so a hold delays OnDone until no further write can start.
    AddHold();
    StartWrite(&writing_);
    StartRead(&reading_);
    StartCall();
  }
  void Abandon() { context_.TryCancel(); }

  // Sends the next message if the connection is ready for it. Before the lease only Hello is sent.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(session_.mutex_) {
    if (!leased_ || broken_ || busy_) return;
    const v1::AgentMessage* next = session_.outbox_.Next();
    if (next == nullptr) return;
    // Silence counts from the moment at which the controller owes a response.
    if (!owes_) heard_ = BootNow();
    owes_ = true;
    writing_ = *next;
    busy_ = true;
    StartWrite(&writing_);
  }

  bool leased() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(session_.mutex_) { return leased_; }
  bool done() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(session_.mutex_) { return done_; }
  const grpc::Status& status() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(session_.mutex_) { return status_; }
  absl::Time silent_since() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(session_.mutex_) {
    return owes_ ? heard_ : absl::InfiniteFuture();
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&session_.mutex_);
    busy_ = false;
    if (ok) Pump();
  }

  void OnReadDone(bool ok) override {
    absl::MutexLock lock(&session_.mutex_);
    if (!ok) {
      broken_ = true;
      RemoveHold();
      return;
    }
    heard_ = BootNow();
    if (reading_.has_ack()) {
      session_.outbox_.Acknowledge(reading_.ack().sequence());
    } else {
      leased_ = leased_ || reading_.has_lease();
      session_.inbox_.push_back(std::move(reading_));
    }
    owes_ = !leased_ || session_.outbox_.unacknowledged();
    reading_.Clear();
    StartRead(&reading_);
    Pump();
    session_.Signal();
  }

  void OnDone(const grpc::Status& status) override {
    absl::MutexLock lock(&session_.mutex_);
    status_ = status;
    done_ = true;
    session_.Signal();
  }

 private:
  Session& session_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::AgentService::Stub> stub_;
  grpc::ClientContext context_;
  v1::AgentMessage writing_;
  v1::ControllerMessage reading_;
  // The session's mutex guards these.
  bool busy_ = true;     // a write is in progress; the first is Hello
  bool broken_ = false;  // no further write can start
  bool leased_ = false;
  bool owes_ = true;  // the controller owes a response
  bool done_ = false;
  absl::Time heard_;
  grpc::Status status_;
};

Session::Session(Endpoint endpoint, v1::Hello hello)
    : endpoint_(std::move(endpoint)),
      hello_(std::move(hello)),
      event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      random_(std::random_device()()),
      down_since_(BootNow()) {}

Session::~Session() {
  if (!call_) return;
  call_->Abandon();
  absl::MutexLock lock(&mutex_);
  const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return call_->done(); };
  mutex_.Await(absl::Condition(&done));
}

void Session::Signal() {
  eventfd_write(event_.get(), 1);
}

void Session::Push(v1::AgentMessage message) {
  absl::MutexLock lock(&mutex_);
  outbox_.Push(std::move(message));
  if (call_) call_->Pump();
}

std::vector<v1::ControllerMessage> Session::Take() {
  eventfd_t ignored;
  eventfd_read(event_.get(), &ignored);
  absl::MutexLock lock(&mutex_);
  return std::exchange(inbox_, {});
}

bool Session::drained() const {
  absl::MutexLock lock(&mutex_);
  return outbox_.empty();
}

void Session::Tick(absl::Time now) {
  if (refused_) return;
  if (!call_) {
    if (now >= connect_at_) Connect();
    return;
  }
  std::unique_ptr<Call> ended;
  {
    absl::MutexLock lock(&mutex_);
    if (call_->leased()) {
      down_since_ = absl::InfiniteFuture();
      backoff_.Reset();
    }
    if (now - call_->silent_since() > kSilenceLimit) call_->Abandon();
    if (call_->done()) ended = std::move(call_);
    if (!ended) return;
    const grpc::Status& status = ended->status();
    last_error_ = Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  refused_ = last_error_.code() == absl::StatusCode::kUnauthenticated;
  down_since_ = std::min(down_since_, now);
  const double chance = std::uniform_real_distribution<double>(0, 1)(random_);
  connect_at_ = now + backoff_.Next(chance);
}

void Session::Connect() {
  v1::AgentMessage hello;
  *hello.mutable_hello() = hello_;
  {
    absl::MutexLock lock(&mutex_);
    outbox_.Rewind();
  }
  call_ = std::make_unique<Call>(*this, hello);
  call_->Start();
}

}  // namespace lk::agent
