// SPDX-License-Identifier: Apache-2.0
// Agents connect through a real socket; the test stands in for the driver.
#include "server/api/agent_service.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <deque>

#include "support/random.h"
#include "tests/unit/support/test_clock.h"

namespace lk::api {
namespace {

using scheduler::AgentConnected;
using scheduler::AgentDisconnected;
using scheduler::AgentSaid;

class AgentServiceTest : public testing::Test {
 protected:
  AgentServiceTest() {
    service_.Start([this](scheduler::Event event) {
      const MutexLock lock(&mutex_);
      events_.push_back(std::move(event));
    });
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());
    run_.id = "c0-001";
    run_.token = RandomHex(32);
    service_.Expect(
        run_,
        {.kernel_log = {.invariants = {{"trylock", "kexec_trylock() failed"}}}, .probes = {}, .host_actions = {}});
  }

  // Returns the next event. The test fails if that event has another type.
  template <typename T>
  T Next() {
    const MutexLock lock(&mutex_);
    const auto there = [this] {
      mutex_.AssertHeld();
      return !events_.empty();
    };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1))) {
      ADD_FAILURE() << "no event";
      return {};
    }
    const scheduler::Event event = std::move(events_.front());
    events_.pop_front();
    if (const T* wanted = std::get_if<T>(&event)) return *wanted;
    ADD_FAILURE() << "unexpected event: " << event.index();
    return {};
  }

  struct Agent {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControllerMessage>> stream;

    void Say(uint64_t sequence, const std::function<void(v1::AgentMessage&)>& fill) {
      v1::AgentMessage message;
      message.set_sequence(sequence);
      fill(message);
      stream->Write(message);
    }
    v1::ControllerMessage Hear() {
      v1::ControllerMessage message;
      EXPECT_TRUE(stream->Read(&message));
      return message;
    }
  };
  std::unique_ptr<Agent> Connect(const std::string& token, const std::string& boot = "boot-1") {
    auto agent = std::make_unique<Agent>();
    agent->context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2));
    agent->stream = v1::AgentService::NewStub(channel_)->Session(&agent->context);
    agent->Say(0, [&](v1::AgentMessage& message) {
      message.mutable_hello()->set_run_id(run_.id);
      message.mutable_hello()->set_token(token);
      message.mutable_hello()->set_boot_id(boot);
    });
    return agent;
  }

  // The clock does not advance, so the service counts all messages in the same second, even on a slow machine.
  TestClock clock_;
  AgentService service_{clock_, {.max_messages_per_second = 600}};
  Mutex mutex_;
  std::deque<scheduler::Event> events_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  scheduler::Run run_;
};

void Beat(v1::AgentMessage& message) {
  message.mutable_heartbeat()->set_progress(7);
}

TEST_F(AgentServiceTest, RefusesAWrongTokenAndAFinishedRun) {
  const auto wrong = Connect(std::string(64, '0'));
  EXPECT_EQ(wrong->stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  service_.Forget(run_.id);
  const auto late = Connect(run_.token);
  EXPECT_EQ(late->stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  const MutexLock lock(&mutex_);
  EXPECT_TRUE(events_.empty());
}

TEST_F(AgentServiceTest, PassesMessagesInBothDirections) {
  const auto agent = Connect(run_.token);
  const auto connected = Next<AgentConnected>();
  EXPECT_EQ(connected.boot_id, "boot-1");
  scheduler::LeaseTerms terms;
  terms.scenario = "baseline";
  terms.duration = absl::Milliseconds(2500);
  service_.SendLease(run_.id, connected.session, terms);
  const v1::ControllerMessage lease = agent->Hear();
  EXPECT_EQ(lease.lease().scenario(), "baseline");
  EXPECT_EQ(lease.lease().duration().nanos(), 500000000);

  agent->Say(1, Beat);
  const auto said = Next<AgentSaid>();
  EXPECT_EQ(said.sequence, 1U);
  EXPECT_EQ(std::get<scheduler::Heartbeat>(said.what).progress, 7U);
  service_.SendAck(run_.id, connected.session, 1);
  EXPECT_EQ(agent->Hear().ack().sequence(), 1U);

  agent->Say(1, Beat);
  EXPECT_EQ(agent->stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT)
      << "a sequence number cannot be used twice";
  EXPECT_EQ(Next<scheduler::AgentMisbehaved>().session, connected.session);
}

// A message with one kernel log record.
std::function<void(v1::AgentMessage&)> Record(uint64_t sequence, const std::string& text) {
  return [=](v1::AgentMessage& message) {
    auto* added = message.mutable_kernel_log()->add_records();
    added->set_sequence(sequence);
    added->set_timestamp_us(12000000 + sequence);
    added->set_text(text);
  };
}

TEST_F(AgentServiceTest, ReadsTheKernelLogAcrossSessions) {
  auto agent = Connect(run_.token);
  Next<AgentConnected>();
  agent->Say(1, Record(1, "watchdog: BUG: soft lockup - CPU#0 stuck for 0s! [lk-canary-0123456789abcdef:1]"));
  const auto canary = std::get<scheduler::KmsgSeen>(Next<AgentSaid>().what);
  EXPECT_EQ(canary.canary, "0123456789abcdef");
  EXPECT_TRUE(canary.findings.empty());

  agent->context.TryCancel();
  Next<AgentDisconnected>();
  agent = Connect(run_.token);
  Next<AgentConnected>();
  agent->Say(2, Record(2, "crash hp: kexec_trylock() failed, kdump image may be inaccurate"));
  std::vector<detect::Finding> findings = std::get<scheduler::KmsgSeen>(Next<AgentSaid>().what).findings;
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].kind, detect::Kind::kInvariant);
}

constexpr char kLockup[] = "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [spin:77]";

TEST_F(AgentServiceTest, PostsAReportCutOffByADisconnect) {
  const auto agent = Connect(run_.token);
  Next<AgentConnected>();
  agent->Say(1, Record(1, kLockup));
  EXPECT_THAT(std::get<scheduler::KmsgSeen>(Next<AgentSaid>().what).findings, testing::IsEmpty())
      << "the finding is not posted yet, since the report may continue";
  agent->context.TryCancel();
  const auto told = Next<scheduler::ReportSeen>();
  EXPECT_EQ(told.run_id, run_.id);
  EXPECT_EQ(told.finding.kind, detect::Kind::kSoftLockup);
  EXPECT_EQ(told.witness, scheduler::Witness::kAgent);
  Next<AgentDisconnected>();
}

TEST_F(AgentServiceTest, PostsAReportCutOffByAReboot) {
  const auto first = Connect(run_.token);
  Next<AgentConnected>();
  first->Say(1, Record(1, kLockup));
  Next<AgentSaid>();
  const auto second = Connect(run_.token, "boot-2");
  EXPECT_EQ(Next<scheduler::ReportSeen>().finding.kind, detect::Kind::kSoftLockup);
  EXPECT_EQ(Next<AgentConnected>().boot_id, "boot-2");
}

TEST_F(AgentServiceTest, ANewSessionReplacesTheOldOne) {
  const auto first = Connect(run_.token);
  const uint64_t session = Next<AgentConnected>().session;
  const auto second = Connect(run_.token);
  EXPECT_GT(Next<AgentConnected>().session, session);
  EXPECT_EQ(first->stream->Finish().error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(service_.connected(), 1U);
  service_.SendFinish(run_.id);
  EXPECT_TRUE(second->Hear().has_finish());
}

TEST_F(AgentServiceTest, StopsReadingUntilMessagesAreAcknowledged) {
  const auto agent = Connect(run_.token);
  const uint64_t session = Next<AgentConnected>().session;
  constexpr uint64_t kWindow = 256;
  for (uint64_t i = 1; i <= kWindow + 10; ++i) agent->Say(i, Beat);
  for (uint64_t i = 1; i <= kWindow; ++i) EXPECT_EQ(Next<AgentSaid>().sequence, i);
  {
    const MutexLock lock(&mutex_);
    EXPECT_TRUE(events_.empty());
  }
  service_.SendAck(run_.id, session, kWindow);
  for (uint64_t i = 1; i <= 10; ++i) EXPECT_EQ(Next<AgentSaid>().sequence, kWindow + i);
}

TEST_F(AgentServiceTest, DisconnectsAFloodingAgent) {
  const auto agent = Connect(run_.token);
  const uint64_t session = Next<AgentConnected>().session;
  // Hello counts as a message, too.
  constexpr uint64_t kAllowed = 600;
  for (uint64_t i = 1; i < kAllowed; ++i) {
    agent->Say(i, Beat);
    EXPECT_EQ(Next<AgentSaid>().sequence, i);
    service_.SendAck(run_.id, session, i);
  }
  agent->Say(kAllowed, Beat);
  // The status comes after the acknowledgements.
  v1::ControllerMessage ignored;
  while (agent->stream->Read(&ignored)) {
  }
  EXPECT_EQ(agent->stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(AgentServiceTest, RefusesAnInvalidHistogram) {
  const auto agent = Connect(run_.token);
  Next<AgentConnected>();
  agent->Say(1, [](v1::AgentMessage& message) {
    auto* histogram = message.mutable_samples()->add_histograms();
    histogram->add_index_delta(1 << 30);
    histogram->add_count(1);
  });
  EXPECT_EQ(agent->stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace lk::api
