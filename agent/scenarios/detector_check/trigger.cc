// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <fmt/format.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "agent/files.h"
#include "agent/init/modules.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/detector_check/detectors.h"
#include "agent/session/kmsg.h"
#include "support/file.h"

namespace lk::agent::detector_check {
namespace {

constexpr absl::Duration kSampling = absl::Milliseconds(100);
// A busy host delays detectors.
constexpr absl::Duration kGrace = absl::Seconds(15);
// No report for this long means that the detectors are done with the previous lockup.
constexpr absl::Duration kQuiet = absl::Seconds(3);
constexpr std::string_view kRcuStall = "rcu_stall";
// A loop that ends when the thread receives a signal.
constexpr char kEndless[] = "time_nsecs=1000000 iterations=2000000000";

void Membarrier(int command) {
  syscall(SYS_membarrier, command, 0, 0);
}

// Changes a kernel setting while it exists, if the kernel has it.
class Setting {
 public:
  Setting(std::string path, const char* value) : path_(std::move(path)), old_(ReadFile(path_).value_or("")) {
    if (!old_.empty()) (void)WriteFile(path_, value);
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;
  ~Setting() {
    if (!old_.empty()) (void)WriteFile(path_, old_);
  }

 private:
  const std::string path_;
  const std::string old_;
};

// Loads test_lockup on a thread, and ends the lockup on destruction, except for a sleep, which ends by itself.
class Lockup {
 public:
  Lockup(Context& context, int cpu, std::string parameters, absl::Duration sleep)
      : context_(context), wakes_(BootNow() + sleep), thread_([this, cpu, parameters = std::move(parameters)] {
          PinToCpu(cpu);
          // The module's init function does the work, and fails, so that the module never stays loaded
          // (lib/test_lockup.c).
          status_ = LoadModule("test_lockup", parameters);
          done_ = true;
        }) {}
  Lockup(const Lockup&) = delete;
  Lockup& operator=(const Lockup&) = delete;
  ~Lockup() {
    // A lockup that does not end after all must count as a trigger that is stuck.
    const absl::Time overdue = std::max(BootNow(), wakes_) + kGrace;
    // The thread may not be in the module yet.
    while (!done_) {
      if (BootNow() < overdue) context_.Progress();
      pthread_kill(thread_.native_handle(), SIGUSR1);
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(kSampling));
    }
  }
  // Whether it is over; `status` then says how loading the module ended.
  bool done() const { return done_; }
  const Status& status() const { return status_; }

 private:
  Context& context_;
  const absl::Time wakes_;
  std::atomic<bool> done_ = false;
  Status status_;
  std::jthread thread_;
};

// Reads the kernel log until nothing has been reported for a while.
void AwaitQuiet(Context& context, KmsgReader& log) {
  for (absl::Time since = BootNow(); BootNow() < since + kQuiet && !context.Over();) {
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(kSampling));
    context.Progress();
    for (const KmsgRecord& record : log.Read(SIZE_MAX).records) {
      const bool report = std::ranges::any_of(Detectors(), [&](const auto& one) { return IsReport(one, record.text); });
      if (report) since = BootNow();
    }
  }
}

// Locks up and waits for the report, if there is enough time left. Errors: those of loading the module.
Status Provoke(Context& context, const Detector& detector, absl::Duration limit, const std::vector<int>& cpus,
               KmsgReader& log) {
  AwaitQuiet(context, log);
  const absl::Duration longest = limit + kGrace;
  if (const std::string why = WhyNoTime(longest, context.Left()); !why.empty()) {
    context.SkipPart(fmt::format("{}: {}", detector.name, why));
    return absl::OkStatus();
  }
  // An RCU stall warning touches the other detectors' watchdogs, and would come first.
  std::optional<Setting> no_rcu, no_soft;
  if (detector.name != kRcuStall) no_rcu.emplace("/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress", "1");
  if (detector.after_soft) no_soft.emplace("/proc/sys/kernel/soft_watchdog", "0");
  context.Activity(fmt::format("provoking {}", detector.name));
  const absl::Duration sleep = detector.sleeps ? absl::Ceil(limit, absl::Seconds(1)) : absl::ZeroDuration();
  const std::string length = detector.sleeps ? fmt::format("time_secs={}", absl::ToInt64Seconds(sleep)) : kEndless;
  const absl::Time begin = BootNow(), end = begin + longest;
  std::jthread waiter;  // joined after the lockup has ended
  Lockup lockup(context, cpus.back(), fmt::format("{} {}", length, detector.lockup), sleep);
  if (detector.awaited != Awaited::kNothing) {
    waiter = std::jthread([cpu = cpus[1], awaited = detector.awaited] {
      PinToCpu(cpu);
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(10 * kSampling));
      if (awaited == Awaited::kResponse) {
        // While it waits for the response, nothing else runs on its CPU.
        Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
      } else {
        // Queues work on every CPU, and waits until it is done (vmstat_refresh, mm/vmstat.c). A CPU on which no work is
        // queued is not reported.
        (void)ReadFile("/proc/sys/vm/stat_refresh");
      }
    });
  }
  while (BootNow() < end && !context.cancelled()) {
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(kSampling));
    context.Progress();
    for (const KmsgRecord& record : log.Read(SIZE_MAX).records) {
      if (!IsReport(detector, record.text)) continue;
      context.SetCounter(fmt::format("{}_after", detector.name), absl::ToDoubleSeconds(BootNow() - begin), "s");
      context.Count("detectors");
      return absl::OkStatus();
    }
    if (!detector.sleeps && lockup.done()) return lockup.status();
  }
  if (context.cancelled()) return absl::OkStatus();
  context.Count("detectors");
  context.CountLate(
      fmt::format("{}_silent", detector.name),
      fmt::format("no report within {} s of test_lockup {}", absl::ToInt64Seconds(longest), detector.lockup), longest,
      longest);
  return absl::OkStatus();
}

}  // namespace

Result Run(Context& context) {
  if (access("/proc/sys/kernel/watchdog_thresh", F_OK) != 0)
    return Result::Skip("the kernel has no lockup detector (CONFIG_LOCKUP_DETECTOR)");
  auto log = KmsgReader::Open(KmsgReader::From::kNow);
  if (!log.ok()) return Result::Error(MessageOf(log.status()));
  const std::vector<int> cpus = UsableCpus();
  if (cpus.size() < 3) return Result::Skip(fmt::format("requires 3 CPUs, found {}", cpus.size()));
  // Interrupts the thread that loads the module.
  struct sigaction ignore {};
  ignore.sa_handler = [](int) {};
  sigaction(SIGUSR1, &ignore, nullptr);
  Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  PinToCpu(cpus.front());

  context.Count("detectors", 0);
  for (const Detector& detector : Detectors()) {
    const auto limit = ReportLimit(detector);
    if (!limit) {
      context.SkipPart(fmt::format("{}: {} ({}) is missing or 0", detector.name, detector.enabled, detector.symbol));
      continue;
    }
    const Status status = Provoke(context, detector, *limit, cpus, *log);
    if (absl::IsNotFound(status)) return Result::Skip("the guest has no module test_lockup (CONFIG_TEST_LOCKUP=m)");
    if (!status.ok()) return Result::Error(fmt::format("test_lockup: {}", MessageOf(status)));
  }
  return Result::Ok();
}

}  // namespace lk::agent::detector_check
