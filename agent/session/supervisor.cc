// SPDX-License-Identifier: Apache-2.0
#include "agent/session/supervisor.h"

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "agent/files.h"
#include "agent/init/log.h"
#include "agent/kexec/kexec.h"
#include "agent/session/boot_time.h"
#include "agent/session/channel.h"
#include "agent/session/kmsg.h"
#include "agent/session/session.h"
#include "agent/session/worker_process.h"
#include "agent/witness/grace_periods.h"
#include "agent/witness/guest_figures.h"
#include "agent/witness/kernel_counters.h"
#include "agent/witness/steal_time.h"
#include "support/file.h"
#include "support/proto_time.h"
#include "support/version.h"

namespace lk::agent {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
constexpr absl::Duration kFirstContactLimit = absl::Minutes(2);
constexpr absl::Duration kLostContactLimit = absl::Minutes(10);
// Time from Cancel to SIGTERM, from SIGTERM to SIGKILL, and from SIGKILL to giving up on the worker.
constexpr absl::Duration kStopSteps[] = {absl::Seconds(5), absl::Seconds(2), absl::Seconds(5)};
// After Cancel, time for delivering Done, in addition to all kStopSteps.
constexpr absl::Duration kFarewell = absl::Seconds(10);
// The kernel log is forwarded in pieces of at most this size and at most this often: 3 MiB/s.
constexpr size_t kLogBytes = 64 << 10;
constexpr absl::Duration kLogPause = absl::Milliseconds(20);
// Time limit for the controller to acknowledge the announcement of a reboot; otherwise the guest does not reboot.
constexpr absl::Duration kAnnounceLimit = absl::Seconds(30);
constexpr absl::Duration kClockTolerance = absl::Seconds(1);

std::string FirstLine(const char* path) {
  const auto text = ReadFile(path);
  return text.ok() ? text->substr(0, text->find('\n')) : "";
}

v1::Hello MakeHello(const Config& config, const std::string& hypervisor) {
  utsname system{};
  uname(&system);
  v1::Hello hello;
  hello.set_run_id(config.run_id);
  hello.set_token(config.token);
  hello.set_boot_id(FirstLine("/proc/sys/kernel/random/boot_id"));
  hello.set_agent_version(kVersion);
  hello.set_kernel_release(system.release);
  hello.set_arch(system.machine);
  hello.set_cpus(static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  hello.set_hypervisor(hypervisor);
  return hello;
}

// Guests have no reliable clock, but logs and certificates depend on the time.
void SetClock(const google::protobuf::Timestamp& now) {
  const absl::Time theirs = ToTime(now);
  const absl::Duration off = theirs - absl::Now();
  if (now.seconds() == 0 || absl::AbsDuration(off) <= kClockTolerance) return;
  const timespec time = absl::ToTimespec(theirs);
  if (clock_settime(CLOCK_REALTIME, &time) != 0) {
    LogError("cannot set the clock: {}", strerror(errno));
  } else {
    LogNotice("clock set, was off by {}", absl::FormatDuration(off));
  }
}

// Keeps the supervisor running when memory runs out and everything else stalls.
void ProtectSelf() {
  (void)WriteFile("/proc/self/oom_score_adj", "-1000");
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) LogError("mlockall: {}", strerror(errno));
}

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

// A trigger does not cause SIGSEGV or SIGBUS, but memory that the kernel has corrupted does.
std::optional<v1::AgentMessage> BadMemory(int status) {
  if (!WIFSIGNALED(status) || (WTERMSIG(status) != SIGSEGV && WTERMSIG(status) != SIGBUS)) return std::nullopt;
  v1::AgentMessage message;
  v1::GuestFinding& finding = *message.mutable_finding();
  finding.set_kind("agent_lost");
  finding.set_title(fmt::format("trigger killed by SIG{}", sigabbrev_np(WTERMSIG(status))));
  finding.set_detail(HowItEnded(status));
  return message;
}

class Supervisor {
 public:
  Supervisor(const Config& config, const std::string& ca_pem, const std::string& hypervisor, KmsgReader kmsg)
      : session_({config.controller, ca_pem, config.server_name}, MakeHello(config, hypervisor)),
        kmsg_(std::move(kmsg)) {}

  std::string Run();

 private:
  void Push(v1::AgentMessage message);
  void OnController(const v1::ControllerMessage& message);
  void OnLease(const v1::Lease& lease);
  void ReadWorker();
  void OnWorker(v1::AgentMessage message);
  void Reap();
  void StopWorkerInSteps(absl::Time now);
  void KillWorkerForTest(absl::Time now);
  void RebootOnceAnnounced(absl::Time now);
  void FinishWith(const std::string& outcome, const std::string& reason);
  void PushFigures();
  void StreamLog(absl::Time now);
  void Beat(absl::Time now);
  std::optional<std::string> ReasonToPowerOff(absl::Time now) const;

  Session session_;
  KmsgReader kmsg_;
  KernelCounters counters_;
  StealTime steal_;
  std::optional<GuestFigures> figures_;  // since the worker was started
  bool had_contact_ = false;
  bool leased_ = false;
  bool done_ = false;      // Done has been pushed
  bool finished_ = false;  // the controller has sent Finish
  std::unique_ptr<WorkerProcess> worker_;
  // Requests without a reply, which are sent again after a reconnect.
  std::map<uint64_t, v1::HostActionRequest> actions_;
  absl::Duration beat_every_ = absl::Seconds(1);
  absl::Time next_beat_ = absl::InfinitePast();
  absl::Time next_log_ = absl::InfinitePast();
  // For stopping the worker: the reason, the time of the next step, and its index.
  std::string stop_reason_;
  absl::Time stop_at_ = absl::InfiniteFuture();
  int stop_step_ = 0;
  absl::Time kill_at_ = absl::InfiniteFuture();
  // Deadline for announcing a reboot to the controller; set when the worker has prepared the reboot.
  absl::Time announce_by_ = absl::InfiniteFuture();
  // Set by Cancel: time at which the guest powers off even if Done has not been delivered.
  absl::Time farewell_at_ = absl::InfiniteFuture();
};

std::string Supervisor::Run() {
  ProtectSelf();
  KeepAskingForGracePeriods();
  for (;;) {
    const absl::Duration pause = next_log_ - BootNow();
    // Push no more kernel log or heartbeats before a reboot, so that the outbox can drain.
    const bool booting = announce_by_ != absl::InfiniteFuture();
    const bool log_may_follow = pause <= absl::ZeroDuration() && !booting;
    pollfd waiting[] = {{session_.event_fd(), POLLIN, 0},
                        {worker_ ? worker_->fd() : -1, static_cast<short>(worker_ ? worker_->events() : 0), 0},
                        {log_may_follow ? kmsg_.fd() : -1, POLLIN, 0}};
    const absl::Duration most = log_may_follow || booting ? kTick : absl::Ceil(pause, absl::Milliseconds(1));
    poll(waiting, std::size(waiting), static_cast<int>(absl::ToInt64Milliseconds(most)));
    const absl::Time now = BootNow();
    session_.Tick(now);
    for (const v1::ControllerMessage& message : session_.Take()) OnController(message);
    if (worker_) worker_->SendPending();
    ReadWorker();
    Reap();
    StopWorkerInSteps(now);
    KillWorkerForTest(now);
    RebootOnceAnnounced(now);
    if (now >= next_log_ && !booting) StreamLog(now);
    if (leased_ && now >= next_beat_ && !booting) Beat(now);
    if (auto reason = ReasonToPowerOff(now)) return *std::move(reason);
  }
}

void Supervisor::Push(v1::AgentMessage message) {
  *message.mutable_uptime() = ToProtoDuration(Uptime());
  session_.Push(std::move(message));
}

void Supervisor::OnController(const v1::ControllerMessage& message) {
  using Message = v1::ControllerMessage;
  switch (message.message_case()) {
    case Message::kLease:
      OnLease(message.lease());
      break;
    case Message::kHostAction:
      actions_.erase(message.host_action().id());
      if (worker_) worker_->Send(message);
      break;
    case Message::kCancel:
      LogNotice("cancelled: {}", message.cancel().reason());
      farewell_at_ = BootNow() + kStopSteps[0] + kStopSteps[1] + kStopSteps[2] + kFarewell;
      if (worker_ && !done_) {
        worker_->Send(message);
        stop_reason_ = fmt::format("did not stop when cancelled ({})", message.cancel().reason());
        stop_at_ = BootNow() + kStopSteps[0];
      } else if (!done_) {
        FinishWith("error", "cancelled before the trigger started");
      }
      break;
    case Message::kFinish:
      finished_ = true;
      break;
    default:
      break;
  }
}

void Supervisor::OnLease(const v1::Lease& lease) {
  had_contact_ = true;
  if (leased_) {
    for (const auto& [id, request] : actions_) {
      v1::AgentMessage again;
      *again.mutable_host_action() = request;
      Push(std::move(again));
    }
    return;
  }
  leased_ = true;
  SetClock(lease.now());
  LogNotice("leased for {}", lease.scenario());
  if (const auto interval = ToDuration(lease.heartbeat_interval()); interval > absl::ZeroDuration()) {
    beat_every_ = std::min(beat_every_, interval);
  }
  if (WriteKmsg(fmt::format("<1>watchdog: BUG: soft lockup - CPU#0 stuck for 0s! [lk-canary-{}:1]\n",
                            lease.canary_nonce()))) {
    v1::AgentMessage canary;
    canary.mutable_canary_written();
    Push(std::move(canary));
  } else {
    LogError("cannot write the canary: {}", strerror(errno));
  }
  figures_.emplace();
  auto worker = WorkerProcess::Start(lease);
  if (!worker.ok()) {
    FinishWith("error", std::string(worker.status().message()));
    return;
  }
  worker_ = *std::move(worker);
  stop_reason_ = fmt::format("exceeded its hard cap of {}", absl::FormatDuration(ToDuration(lease.hard_cap())));
  stop_at_ = BootNow() + ToDuration(lease.hard_cap());
  if (lease.has_kill_worker_after()) kill_at_ = BootNow() + ToDuration(lease.kill_worker_after());
}

void Supervisor::ReadWorker() {
  if (!worker_) return;
  v1::AgentMessage message;
  while (ReceiveMessage(worker_->fd(), message).ok()) OnWorker(std::move(message));
}

void Supervisor::OnWorker(v1::AgentMessage message) {
  if (done_) return;
  if (message.has_host_action()) actions_[message.host_action().id()] = message.host_action();
  if (message.has_announce_reboot()) {
    LogNotice("rebooting: {}", message.announce_reboot().reason());
    StreamLog(BootNow());
    announce_by_ = BootNow() + kAnnounceLimit;
  }
  done_ = message.has_done();
  if (done_) {
    if (CannotAskForGracePeriods()) {
      message.mutable_done()->add_skipped_parts(
          "RCU stalls: the kernel supports neither a global membarrier (with several CPUs) nor AIO");
    }
    Beat(BootNow());
    PushFigures();
  }
  Push(std::move(message));
}

// PID 1 reaps all orphans.
void Supervisor::Reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (!worker_ || pid != worker_->pid()) continue;
    ReadWorker();
    worker_->Signal(SIGKILL);  // children it left behind
    if (!done_) {
      if (auto finding = BadMemory(status)) Push(*std::move(finding));
      FinishWith("error", stop_step_ > 0 ? fmt::format("the trigger {}: {}", stop_reason_, HowItEnded(status))
                                         : fmt::format("the trigger's process died: {}", HowItEnded(status)));
    }
    worker_.reset();
  }
}

void Supervisor::StopWorkerInSteps(absl::Time now) {
  if (!worker_ || now < stop_at_) return;
  constexpr int kSignals[] = {SIGTERM, SIGKILL};
  if (stop_step_ < 2) {
    worker_->Signal(kSignals[stop_step_]);
    stop_at_ = now + kStopSteps[++stop_step_];
  } else if (!done_) {
    stop_at_ = absl::InfiniteFuture();
    FinishWith("error", fmt::format("the trigger {}, and SIGKILL did not kill it", stop_reason_));
  }
}

void Supervisor::KillWorkerForTest(absl::Time now) {
  if (!worker_ || now < kill_at_) return;
  kill_at_ = absl::InfiniteFuture();
  worker_->Signal(SIGKILL);
}

void Supervisor::RebootOnceAnnounced(absl::Time now) {
  if (announce_by_ == absl::InfiniteFuture()) return;
  if (!session_.drained() && now < announce_by_) return;
  const bool announced = session_.drained();
  announce_by_ = absl::InfiniteFuture();
  // Kexec() returns only on failure.
  if (announced && !done_) FinishWith("error", std::string(Kexec().message()));
  if (!announced && !done_) FinishWith("error", "could not announce the reboot to lkd");
}

void Supervisor::FinishWith(const std::string& outcome, const std::string& reason) {
  v1::AgentMessage message;
  message.mutable_done()->set_outcome(outcome);
  message.mutable_done()->set_reason(reason);
  if (worker_) message.mutable_done()->set_operations(worker_->state().progress.load(std::memory_order_relaxed));
  done_ = true;
  Push(std::move(message));
}

void Supervisor::PushFigures() {
  v1::AgentMessage message;
  for (v1::Counter& counter : figures_->Risen()) *message.mutable_samples()->add_counters() = std::move(counter);
  Push(std::move(message));
}

void Supervisor::StreamLog(absl::Time now) {
  KmsgPiece piece = kmsg_.Read(kLogBytes);
  if (piece.records.empty()) return;
  next_log_ = now + kLogPause;
  v1::AgentMessage message;
  v1::KernelLog& log = *message.mutable_kernel_log();
  log.set_lost(piece.lost);
  for (KmsgRecord& record : piece.records) {
    v1::KernelLog::Record& proto = *log.add_records();
    proto.set_sequence(record.sequence);
    proto.set_timestamp_us(record.timestamp_us);
    proto.set_level(record.level);
    proto.set_text(std::move(record.text));
  }
  Push(std::move(message));
}

void Supervisor::Beat(absl::Time now) {
  next_beat_ = now + beat_every_;
  for (v1::GuestFinding& finding : counters_.Poll()) {
    v1::AgentMessage message;
    *message.mutable_finding() = std::move(finding);
    Push(std::move(message));
  }
  v1::AgentMessage message;
  v1::Heartbeat& beat = *message.mutable_heartbeat();
  if (worker_) {
    beat.set_progress(worker_->state().progress.load(std::memory_order_relaxed));
    beat.set_activity(worker_->state().Activity());
  }
  for (const uint64_t ticks : steal_.Read()) beat.add_steal_ticks(ticks);
  Push(std::move(message));
}

std::optional<std::string> Supervisor::ReasonToPowerOff(absl::Time now) const {
  if (session_.refused()) return "refused by lkd: " + std::string(session_.last_error().message());
  if (finished_) return "the run is over";
  const bool farewell = farewell_at_ != absl::InfiniteFuture();
  if (farewell && ((done_ && session_.drained()) || now >= farewell_at_)) return "the run was cancelled";
  const absl::Duration limit = had_contact_ ? kLostContactLimit : kFirstContactLimit;
  if (now - session_.down_since() > limit) {
    return fmt::format("no connection to lkd for {}: {}", absl::FormatDuration(limit),
                       std::string(session_.last_error().message()));
  }
  return std::nullopt;
}

}  // namespace

StatusOr<std::string> Supervise(const Config& config, const std::string& ca_pem, const std::string& hypervisor) {
  // Writing to a dead worker must fail with EPIPE instead of killing this process.
  signal(SIGPIPE, SIG_IGN);
  LK_ASSIGN_OR_RETURN(KmsgReader kmsg, KmsgReader::Open(KmsgReader::From::kOldest));
  Supervisor supervisor(config, ca_pem, hypervisor, std::move(kmsg));
  return supervisor.Run();
}

}  // namespace lk::agent
