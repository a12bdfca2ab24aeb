// SPDX-License-Identifier: Apache-2.0
// A malicious agent attacks the real agent API, with TLS and the scheduler's core behind it; only the VMs are missing.
// An honest agent runs at the same time, and its run must pass whatever the malicious one tries.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <thread>

#include "server/api/agent_service.h"
#include "server/api/pki.h"
#include "server/api/server.h"
#include "support/overloaded.h"
#include "support/random.h"
#include "tests/unit/scheduler/fixture.h"
#include "tests/unit/support/test_clock.h"

namespace lk::api {
namespace {

using campaign::RunState;
using campaign::Verdict;
using testing::HasSubstr;

constexpr char kHostile[] = "c-1";
constexpr char kHonest[] = "c-2";
constexpr uint32_t kMessagesASecond = 50;

// For limits that are not tested here: longer than any machine needs.
constexpr absl::Duration kLong = absl::Minutes(10);

v1::ScenarioDescriptor Descriptor() {
  v1::ScenarioDescriptor descriptor = scheduler::Descriptor();
  descriptor.mutable_progress_limit()->set_seconds(absl::ToInt64Seconds(kLong));
  descriptor.add_probes()->set_name("timer_wakeup");
  return descriptor;
}

scheduler::Limits Limits() {
  scheduler::Limits limits;
  limits.boot = limits.heartbeat = kLong;
  limits.reconnect = absl::Seconds(3);
  return limits;
}

// The agent's side of a session.
struct Session {
  grpc::ClientContext context;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControllerMessage>> stream;
  uint64_t sequence = 0;

  ~Session() { context.TryCancel(); }
  bool Say(const std::function<void(v1::AgentMessage&)>& fill) {
    v1::AgentMessage message;
    message.set_sequence(++sequence);
    fill(message);
    return stream->Write(message);
  }
  // Returns the status with which lkd ends the session. Ignores all messages before it.
  grpc::Status End() {
    v1::ControllerMessage ignored;
    while (stream->Read(&ignored)) {
    }
    return stream->Finish();
  }
};

class Lab {
 public:
  // `hello`: how long a stream may stay open without Hello.
  explicit Lab(absl::Duration hello = kLong)
      : agents_(clock_, {.max_messages_per_second = kMessagesASecond,
                         .max_message_bytes = 1 << 20,
                         .hello = hello,
                         .max_handshakes = 8}),
        core_({Descriptor()}, Limits(), scheduler::CountingHex()) {
    directory_ = std::filesystem::path(testing::TempDir()) / RandomHex(8);
    pki_ = LoadOrCreatePki(directory_).value();
    agents_.Start([this](scheduler::Event event) { Post(std::move(event)); });
    config::Config::Agent options;
    options.listen = "127.0.0.1:0";
    server_ = ServeAgents(options, pki_, agents_, port_).value();
    scheduler::CampaignAdded added = scheduler::MakeCampaign("c", 2);
    added.campaign.created = absl::Now();
    added.campaign.spec.retries_error = 0;
    added.campaign.spec.scenarios[0].duration = kLong;
    for (scheduler::Run& run : added.runs) {
      run.token = RandomHex(32);
      run.canary_nonce = RandomHex(8);
    }
    Post(scheduler::HostChanged{scheduler::MakeHost("h1")});
    Post(added);
    WaitFor(
        [this] { return runs_[kHostile].state == RunState::kBooting && runs_[kHonest].state == RunState::kBooting; });
    honest_ = Connect(kHonest);
    WaitFor([this] { return runs_[kHonest].state == RunState::kRunning; });
  }
  ~Lab() {
    honest_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
    std::filesystem::remove_all(directory_);
  }

  // Opens a stream on a separate connection.
  std::unique_ptr<Session> Open() const {
    auto session = std::make_unique<Session>();
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = pki_.ca_pem;
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("lkd");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    session->channel =
        grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", port_), grpc::SslCredentials(tls), arguments);
    session->context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(5));
    session->stream = v1::AgentService::NewStub(session->channel)->Session(&session->context);
    return session;
  }
  // Opens a stream and sends Hello with `token`, or with the run's token if `token` is empty.
  std::unique_ptr<Session> Connect(const std::string& run_id, const std::string& token = "",
                                   const std::string& boot = "boot") {
    auto session = Open();
    v1::AgentMessage message;
    message.mutable_hello()->set_run_id(run_id);
    message.mutable_hello()->set_token(token.empty() ? runs_.at(run_id).token : token);
    message.mutable_hello()->set_boot_id(boot);
    session->stream->Write(message);
    return session;
  }
  // Connects the hostile agent and waits until its run is running.
  std::unique_ptr<Session> Attack() {
    auto session = Connect(kHostile);
    WaitFor([this] { return runs_[kHostile].state == RunState::kRunning; });
    return session;
  }

  // Passes events and ticks to the core until `done` returns true.
  void WaitFor(const std::function<bool()>& done) {
    const absl::Time end = absl::Now() + absl::Minutes(2);
    while (!done()) {
      if (absl::Now() > end) {
        ADD_FAILURE() << "timed out; the hostile run's reason: " << runs_[kHostile].reason;
        return;
      }
      std::optional<scheduler::Event> event;
      {
        const MutexLock lock(&mutex_);
        const auto there = [this] {
          mutex_.AssertHeld();
          return !events_.empty();
        };
        mutex_.AwaitWithDeadline(absl::Condition(&there), std::min(core_.NextDeadline(), end));
        if (!events_.empty()) {
          event = std::move(events_.front());
          events_.pop_front();
        }
      }
      for (const scheduler::Action& action : core_.Step(event ? *event : scheduler::Tick{}, absl::Now()))
        Perform(action);
    }
  }
  const scheduler::Run& HostileRunOver() {
    WaitFor([this] { return runs_[kHostile].state == RunState::kDone; });
    return runs_[kHostile];
  }
  // Lets the honest agent finish.
  void ExpectHonestRunPasses() {
    const std::string nonce = runs_[kHonest].canary_nonce;
    Post(scheduler::ConsoleCanary{kHonest, nonce});
    EXPECT_TRUE(honest_->Say([&](v1::AgentMessage& message) {
      message.mutable_kernel_log()->add_records()->set_text(
          fmt::format("watchdog: BUG: soft lockup - CPU#0 stuck for 0s! [lk-canary-{}:1]", nonce));
    }));
    EXPECT_TRUE(honest_->Say([](v1::AgentMessage& message) {
      v1::Counter* counter = message.mutable_samples()->add_counters();
      counter->set_name("turns_cpu0");
      counter->set_unit("1/s");
      message.mutable_samples()->add_histograms()->set_probe("timer_wakeup");
    }));
    EXPECT_TRUE(honest_->Say([](v1::AgentMessage& message) {
      message.mutable_done()->set_outcome("ok");
      message.mutable_done()->set_operations(7);
    }));
    WaitFor([this] { return runs_[kHonest].state == RunState::kDone; });
    EXPECT_EQ(runs_[kHonest].verdict, Verdict::kPass) << runs_[kHonest].reason;
    EXPECT_TRUE(runs_[kHonest].findings.empty());
  }

  AgentService& agents() { return agents_; }
  const scheduler::Run& run(const std::string& id) { return runs_.at(id); }
  size_t performed() const { return performed_; }
  size_t leases() const { return leases_; }

 private:
  void Post(scheduler::Event event) {
    const MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }

  void Perform(const scheduler::Action& action) {
    using namespace scheduler;  // NOLINT(google-build-using-namespace): names all actions
    std::visit(Overloaded{[this](const SaveRun& a) { runs_[a.run.id] = a.run; },
                          [this](const StartVm& a) {
                            agents_.Expect(a.run, {.kernel_log = {},
                                                   .probes = {"timer_wakeup"},
                                                   .host_actions = {"attach_dimm", "detach_dimm"},
                                                   .vcpus = 2});
                            Post(ImageReady{a.run.id, 0});
                            Post(VmStarted{a.run.id, 0});
                          },
                          [this](const DestroyVm& a) {
                            Post(VmGone{a.run_id, VmGone::How::kDestroyed, ""});
                            Post(ConsoleEnded{a.run_id});
                          },
                          [this](const SendLease& a) {
                            ++leases_;
                            agents_.SendLease(a.run_id, a.session, LeaseTerms());
                          },
                          [this](const SendAck& a) { agents_.SendAck(a.run_id, a.session, a.sequence); },
                          [this](const SendCancel& a) { agents_.SendCancel(a.run_id, a.reason); },
                          [this](const SendFinish& a) {
                            agents_.SendFinish(a.run_id);
                            Post(VmGone{a.run_id, VmGone::How::kStopped, ""});
                            Post(ConsoleEnded{a.run_id});
                          },
                          [this](const SendHostActionReply& a) { agents_.SendHostActionReply(a.reply); },
                          [this](const DropSession& a) { agents_.Drop(a.run_id, a.session); },
                          [this](const PerformHostAction& a) {
                            ++performed_;
                            Post(HostActionDone{a.run_id, a.action.id, "", "ua-lk-dimm-0", {}});
                          },
                          [this](const ReleaseRun& a) { agents_.Forget(a.run_id); }, [](const auto&) {}},
               action);
  }

  std::filesystem::path directory_;
  Pki pki_;
  // The clock does not advance, so the service counts all messages in the same second, even on a slow machine.
  TestClock clock_;
  AgentService agents_;
  Mutex mutex_;
  std::deque<scheduler::Event> events_ ABSL_GUARDED_BY(mutex_);
  scheduler::Core core_;
  std::map<std::string, scheduler::Run> runs_;
  size_t performed_ = 0;
  size_t leases_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Session> honest_;
};

// ---- attacks that end the run immediately --------------------------------------------------------------------------

struct Attack {
  std::string name;
  std::function<void(Session&)> act;
  std::string reason;  // part of the run's reason
};
void PrintTo(const Attack& attack, std::ostream* out) {
  *out << attack.name;
}

class Attacks : public testing::TestWithParam<Attack> {};

TEST_P(Attacks, EndTheirOwnRunOnly) {
  Lab lab;
  const auto session = lab.Attack();
  // A write may block until lkd reads again.
  std::thread attack([&session] { GetParam().act(*session); });
  const scheduler::Run& run = lab.HostileRunOver();
  attack.join();
  EXPECT_EQ(run.verdict, Verdict::kError);
  EXPECT_EQ(run.blame, campaign::Blame::kTest);
  EXPECT_THAT(run.reason, HasSubstr("the agent violated the protocol: "));
  EXPECT_THAT(run.reason, HasSubstr(GetParam().reason));
  EXPECT_THAT(run.journal, testing::Contains(HasSubstr("the agent violated the protocol")));
  EXPECT_TRUE(std::ranges::all_of(run.reason, [](char c) { return c >= ' ' && c <= '~'; })) << run.reason;
  EXPECT_LT(run.reason.size(), 512U);
  EXPECT_TRUE(run.counters.empty());
  EXPECT_TRUE(run.latencies.empty());
  EXPECT_FALSE(session->End().ok());
  EXPECT_EQ(lab.performed(), 0U);
  lab.ExpectHonestRunPasses();
}

void SayCounters(Session& session, const std::vector<std::string>& names, const std::string& unit = "1") {
  session.Say([&](v1::AgentMessage& message) {
    for (const std::string& name : names) {
      v1::Counter* counter = message.mutable_samples()->add_counters();
      counter->set_name(name);
      counter->set_unit(unit);
    }
  });
}
void SayProbe(Session& session, const std::string& name) {
  session.Say([&](v1::AgentMessage& message) { message.mutable_samples()->add_histograms()->set_probe(name); });
}
void SayDone(Session& session, const std::string& outcome) {
  session.Say([&](v1::AgentMessage& message) { message.mutable_done()->set_outcome(outcome); });
}
void SayFinding(Session& session, const std::string& kind) {
  session.Say([&](v1::AgentMessage& message) {
    message.mutable_finding()->set_kind(kind);
    message.mutable_finding()->set_title("forged");
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, Attacks,
    testing::Values(
        Attack{"ForgedVerdict", [](Session& s) { SayDone(s, "pass"); }, "invalid outcome \"pass\""},
        Attack{"SqlAsOutcome", [](Session& s) { SayDone(s, "ok'); DROP TABLE runs; --"); }, "invalid outcome"},
        Attack{"FormatStringAsOutcome", [](Session& s) { SayDone(s, "%s%s%n{}{0}"); }, "%s%s%n{}{0}"},
        Attack{"FindingThatOnlyTheHypervisorReports", [](Session& s) { SayFinding(s, "vm_crash"); },
               "agents cannot report vm_crash"},
        Attack{"FindingThatOnlyLkdReports", [](Session& s) { SayFinding(s, "budget"); }, "agents cannot report budget"},
        Attack{"FindingOfUnknownKind", [](Session& s) { SayFinding(s, "../../etc/passwd"); }, "unknown finding kind"},
        Attack{"UndeclaredHostAction",
               [](Session& s) {
                 s.Say([](v1::AgentMessage& m) {
                   m.mutable_host_action()->set_id(1);
                   m.mutable_host_action()->mutable_resize_virtio_mem()->set_requested_bytes(uint64_t{1} << 40);
                 });
               },
               "does not declare resize_virtio_mem"},
        Attack{"HostActionWithoutKind", [](Session& s) { s.Say([](v1::AgentMessage& m) { m.mutable_host_action(); }); },
               "without an action"},
        Attack{"UndeclaredProbe", [](Session& s) { SayProbe(s, "my_probe"); }, "undeclared probe \"my_probe\""},
        Attack{"ProbeOfAMissingCpu", [](Session& s) { SayProbe(s, "timer_wakeup_cpu2"); }, "undeclared probe"},
        Attack{"ProbeWithLeadingZero", [](Session& s) { SayProbe(s, "timer_wakeup_cpu01"); }, "undeclared probe"},
        Attack{"ProbeWithEscapeSequence", [](Session& s) { SayProbe(s, "\x1b]0;x\x07"); }, "\\x1b]0;x\\x07"},
        Attack{"CounterWithEscapeSequence", [](Session& s) { SayCounters(s, {"\x1b[2J"}); }, "\\x1b[2J"},
        Attack{"PathAsCounterName", [](Session& s) { SayCounters(s, {"../../../tmp/x"}); }, "invalid counter name"},
        Attack{"XmlAsCounterName", [](Session& s) { SayCounters(s, {"<domain type='kvm'>"}); }, "invalid counter name"},
        Attack{"MetricLabelAsCounterName", [](Session& s) { SayCounters(s, {"x\"} 1\nlk_runs_total{a=\""}); },
               "invalid counter name"},
        Attack{"CounterWithoutName", [](Session& s) { SayCounters(s, {""}); }, "invalid counter name"},
        Attack{"UnitWithEscapeSequence", [](Session& s) { SayCounters(s, {"x"}, "\x1b[31m"); }, "invalid unit"},
        Attack{"TooManyCounters",
               [](Session& s) {
                 std::vector<std::string> names;
                 for (int i = 0; i < 5000; ++i) names.push_back(fmt::format("label{}", i));
                 SayCounters(s, names);
               },
               "more than 4096 counters"},
        Attack{"GiantMessage",
               [](Session& s) {
                 s.Say([](v1::AgentMessage& m) { m.mutable_heartbeat()->set_activity(std::string(3 << 19, 'x')); });
               },
               "message of 15728"},
        Attack{"EndlessMessages",
               [](Session& s) {
                 // Until lkd closes the stream and the write fails.
                 while (s.Say([](v1::AgentMessage& m) { m.mutable_heartbeat()->set_progress(1); })) {
                 }
               },
               "too many messages"},
        Attack{"DecreasingSequence",
               [](Session& s) {
                 s.sequence = 7;
                 s.Say([](v1::AgentMessage& m) { m.mutable_heartbeat(); });
                 s.sequence = 3;
                 s.Say([](v1::AgentMessage& m) { m.mutable_heartbeat(); });
               },
               "sequence numbers must increase"},
        Attack{"SecondHello", [](Session& s) { s.Say([](v1::AgentMessage& m) { m.mutable_hello(); }); },
               "empty or unexpected"},
        Attack{"EmptyMessage", [](Session& s) { s.Say([](v1::AgentMessage&) {}); }, "empty or unexpected"},
        Attack{"BrokenHistogram",
               [](Session& s) {
                 s.Say([](v1::AgentMessage& m) {
                   v1::Histogram* histogram = m.mutable_samples()->add_histograms();
                   histogram->set_probe("timer_wakeup");
                   histogram->add_index_delta(1 << 30);
                   histogram->add_count(1);
                 });
               },
               ""}),
    [](const auto& attack) { return attack.param.name; });

// ---- attacks that do not end the run immediately -------------------------------------------------------------------

TEST(HostileAgent, AnotherRunsTokenIsRefusedAndThatRunContinues) {
  Lab lab;
  const auto session = lab.Attack();
  const std::string mine = lab.run(kHostile).token;
  const std::string nearly = lab.run(kHonest).token.substr(1);
  for (const std::string& token : {mine, nearly, std::string(), std::string(100000, 'a'), std::string("' OR ''='")}) {
    const auto thief = lab.Connect(kHonest, token.empty() ? "0" : token);
    EXPECT_EQ(thief->End().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
  for (const char* run_id : {"../c-2", "c-3", "c-2\n", "%", "*", ""}) {
    const auto nobody = lab.Connect(run_id, mine);
    EXPECT_EQ(nobody->End().error_code(), grpc::StatusCode::UNAUTHENTICATED) << run_id;
  }
  EXPECT_EQ(lab.agents().connected(), 2U);
  lab.ExpectHonestRunPasses();
}

TEST(HostileAgent, HugeMessagesEndTheRun) {
  Lab lab;
  const auto session = lab.Attack();
  session->Say([](v1::AgentMessage& m) { m.mutable_heartbeat()->set_activity(std::string(8 << 20, 'x')); });
  const scheduler::Run& run = lab.HostileRunOver();
  EXPECT_EQ(run.verdict, Verdict::kError) << run.reason;
  EXPECT_THAT(run.reason, HasSubstr("agent lost"));
  lab.ExpectHonestRunPasses();
}

TEST(HostileAgent, ConstantReconnectsEndTheRun) {
  Lab lab;
  std::unique_ptr<Session> session = lab.Attack();
  for (int i = 0; i < 100 && lab.run(kHostile).state != RunState::kDone; ++i) {
    const size_t leases = lab.leases();
    session = lab.Connect(kHostile);
    lab.WaitFor([&] { return lab.leases() > leases || lab.run(kHostile).state == RunState::kDone; });
  }
  const scheduler::Run& run = lab.HostileRunOver();
  EXPECT_EQ(run.verdict, Verdict::kError);
  EXPECT_THAT(run.reason, HasSubstr("sessions per minute"));
  lab.ExpectHonestRunPasses();
}

TEST(HostileAgent, StrangersAreDisconnectedAndDoNotLockOutAgents) {
  Lab lab(absl::Seconds(3));
  std::vector<std::unique_ptr<Session>> strangers;
  for (int i = 0; i < 20; ++i) strangers.push_back(lab.Open());
  size_t waited = 0, turned_away = 0;
  for (const auto& stranger : strangers) {
    const grpc::Status end = stranger->End();
    waited += end.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ? 1 : 0;
    turned_away += end.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ? 1 : 0;
  }
  EXPECT_EQ(waited + turned_away, 20U);
  EXPECT_GE(waited, 1U);
  // Agents can still connect.
  const auto session = lab.Attack();
  EXPECT_EQ(lab.agents().connected(), 2U);
  lab.ExpectHonestRunPasses();
}

TEST(HostileAgent, ARebootIsNotAwaitedForever) {
  Lab lab;
  const auto session = lab.Attack();
  session->Say([](v1::AgentMessage& m) {
    m.mutable_announce_reboot()->mutable_within()->set_seconds(INT64_MAX);
    m.mutable_announce_reboot()->mutable_within()->set_nanos(INT32_MIN);
  });
  lab.WaitFor([&lab] { return lab.run(kHostile).reboot_until != absl::InfinitePast(); });
  EXPECT_LT(lab.run(kHostile).reboot_until, absl::Now() + absl::Hours(1));
  lab.ExpectHonestRunPasses();
}

TEST(HostileAgent, DeclaredActionsStayWithinTheProfile) {
  Lab lab;
  const auto session = lab.Attack();
  session->Say([](v1::AgentMessage& m) {
    m.mutable_host_action()->set_id(1);
    m.mutable_host_action()->mutable_attach_dimm()->set_size_bytes(UINT64_MAX & ~((uint64_t{128} << 20) - 1));
  });
  v1::ControllerMessage message;
  lab.WaitFor([&lab] { return lab.run(kHostile).agent_sequence == 1; });
  while (!message.has_host_action() && session->stream->Read(&message)) {
  }
  EXPECT_THAT(message.host_action().error(), HasSubstr("exceeds the profile's"));
  EXPECT_EQ(lab.performed(), 0U);
  lab.ExpectHonestRunPasses();
}

}  // namespace
}  // namespace lk::api
