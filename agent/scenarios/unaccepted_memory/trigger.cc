// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/cpus.h"
#include "agent/scenarios/meminfo.h"
#include "agent/scenarios/pinned_threads.h"
#include "agent/scenarios/unaccepted_memory/acceptance.h"
#include "agent/scenarios/unaccepted_memory/audit.h"
#include "agent/scenarios/unaccepted_memory/platform.h"
#include "agent/scenarios/unaccepted_memory/prefill.h"

namespace lk::agent::unaccepted_memory {
namespace {

constexpr absl::Duration kSampling = absl::Milliseconds(20);
// If Unaccepted has not fallen for this long while pages are being faulted in, it is not going to fall any more.
constexpr uint64_t kStillNs = 15'000'000'000;
// Memory left for the rest of the system.
constexpr uint64_t kReserve = 192 << 20;
constexpr uint64_t kLeastLastPages = 16 << 20;
// The kernel extends ranges to whole units before accepting them, plus one unit in case of accesses past the end
// (accept_memory() in drivers/firmware/efi/unaccepted_memory.c). So on every kernel a thread that gets the chunk next
// to another thread's waits for that thread, and two threads may never accept memory simultaneously.
constexpr size_t kLeastThreads = 4;
constexpr char kWatchdogThreshold[] = "/proc/sys/kernel/watchdog_thresh";
constexpr char kTransparentHugePages[] = "/sys/kernel/mm/transparent_hugepage/enabled";

class Region {
 public:
  Region(size_t bytes, bool huge)
      : bytes_(bytes),
        memory_(static_cast<std::byte*>(
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))),
        error_(memory_ == MAP_FAILED ? errno : 0) {
    if (error_ == 0) madvise(memory_, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region() {
    if (error_ == 0) munmap(memory_, bytes_);
  }
  // errno of mmap(2), or 0.
  int error() const { return error_; }
  void Touch(size_t offset) { static_cast<volatile std::byte&>(memory_[offset]) = std::byte{1}; }

 private:
  const size_t bytes_;
  std::byte* const memory_;
  const int error_;
};

// A phase ends when one of these is reached.
struct Until {
  uint64_t unaccepted = 0;  // bytes
  absl::Time time = absl::InfiniteFuture();
};

class Faults {
 public:
  Faults(Context& context, const Platform& platform, Audit& audit, bool huge)
      : context_(context), platform_(platform), audit_(audit), huge_(huge) {}

  // Faults in one region of `bytes` on each of these CPUs simultaneously, until `until` is reached, the regions are
  // faulted in, time is up, or Unaccepted no longer falls. Returns the bytes accepted per second.
  StatusOr<double> Run(const std::vector<int>& cpus, size_t bytes, const Until& until);
  // Whether Run's threads are bound to their CPUs, and running.
  bool running() const { return running_; }

 private:
  // The fault that a thread is waiting for.
  struct Pending {
    std::atomic<uint64_t> since = 0;  // time, or 0
    std::atomic<bool> counted = false;
  };

  void FaultIn(size_t index, int cpu, size_t bytes);
  std::vector<Sample> Watch(const std::vector<int>& cpus, const Until& until);
  // Judges the faults that have not ended yet.
  void WatchPending(const std::vector<int>& cpus);
  // Judges a fault that has taken this long, whether or not it has ended.
  void Stalled(Pending& pending, int cpu, uint64_t ns);

  Context& context_;
  const Platform& platform_;
  Audit& audit_;
  const bool huge_;
  std::unique_ptr<Pending[]> pending_;
  std::atomic<bool> running_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> all_done_ = false;
};

StatusOr<double> Faults::Run(const std::vector<int>& cpus, size_t bytes, const Until& until) {
  if (bytes < kPage) return absl::ResourceExhaustedError("no memory is available for the threads to fault in");
  stop_ = all_done_ = false;
  pending_ = std::make_unique<Pending[]>(cpus.size());
  LK_RETURN_IF_ERROR(platform_.SetCost(context_.Duration("cost")));
  double rate = 0;
  {
    std::jthread faulting([&] {
      const size_t ran = RunPinned(
          cpus, [&](size_t i) { FaultIn(i, cpus[i], bytes); },
          [&](size_t i, int error) {
            context_.CountFailure("threads_failed", fmt::format("a thread cannot be bound to CPU {}: {}", cpus[i],
                                                                std::generic_category().message(error)));
          });
      context_.RaiseCounter("cpus_at_work", static_cast<double>(ran));
      all_done_ = true;
    });
    rate = AcceptanceRate(Watch(cpus, until));
    // Threads that are still accepting must not delay the end of the run.
    LK_RETURN_IF_ERROR(platform_.SetCost(absl::ZeroDuration()));
    while (!all_done_) {
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(kSampling));
      WatchPending(cpus);
    }
  }
  running_ = false;
  audit_.CheckAtRest();
  return rate;
}

void Faults::FaultIn(size_t index, int cpu, size_t bytes) {
  const std::string name = fmt::format("fault_cpu{}", cpu);
  Recorder& all = context_.NewRecorder("fault");
  Recorder& own = context_.NewRecorder(name);
  Pending& pending = pending_[index];
  running_ = true;
  std::this_thread::sleep_for(absl::ToChronoNanoseconds(context_.Duration("startSkew") * index));

  Region region(bytes, huge_);
  if (region.error() != 0) {
    context_.CountFailure("threads_failed", fmt::format("mmap of {} MiB: {}", bytes >> 20,
                                                        std::generic_category().message(region.error())));
    return;
  }
  const size_t step = huge_ ? kHugePage : kPage;
  uint64_t pages = 0;
  for (size_t offset = 0; offset + step <= bytes && !stop_; offset += step) {
    const uint64_t start = MonotonicNs();
    pending.since = start;
    region.Touch(offset);
    pending.since = 0;
    const uint64_t took = MonotonicNs() - start;
    all.Record(took);
    own.Record(took);
    context_.Progress();
    ++pages;
    Stalled(pending, cpu, took);
    pending.counted = false;
  }
  context_.Count("faults", static_cast<double>(pages));
}

void Faults::Stalled(Pending& pending, int cpu, uint64_t ns) {
  const absl::Duration took = absl::Nanoseconds(ns), cost = context_.Duration("cost");
  if (took < absl::Milliseconds(100)) return;
  context_.RaiseCounter("longest_stall", absl::ToDoubleSeconds(took), "s");
  if (!platform_.emulated() || took <= cost * context_.Integer("maxStall") || cost == absl::ZeroDuration()) return;
  if (pending.counted.exchange(true)) return;
  context_.CountLate("long_stalls",
                     fmt::format("a page fault on CPU {} took {:.1f} s or more, where accepting {} MiB "
                                 "takes {:.1f} s",
                                 cpu, absl::ToDoubleSeconds(took), platform_.step() >> 20, absl::ToDoubleSeconds(cost)),
                     took, cost * context_.Integer("maxStall"));
}

void Faults::WatchPending(const std::vector<int>& cpus) {
  for (size_t i = 0; i < cpus.size(); ++i) {
    // In this order, the fault is known to be pending at the time `now`.
    const uint64_t now = MonotonicNs(), since = pending_[i].since;
    if (since != 0 && since < now) Stalled(pending_[i], cpus[i], now - since);
  }
}

std::vector<Sample> Faults::Watch(const std::vector<int>& cpus, const Until& until) {
  const uint64_t begin = Meminfo("Unaccepted").value_or(0);
  std::vector<Sample> samples{{MonotonicNs(), begin}};
  uint64_t last_fall = 0;  // time, or 0 if Unaccepted has not fallen yet
  while (!context_.Over() && !all_done_ && BootNow() < until.time) {
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(kSampling));
    const Sample sample{MonotonicNs(), Meminfo("Unaccepted").value_or(0)};
    if (sample.unaccepted < samples.back().unaccepted) {
      last_fall = sample.ns;
      context_.Count("accepted", static_cast<double>(samples.back().unaccepted - sample.unaccepted), "By");
    }
    samples.push_back(sample);
    context_.SetCounter("unaccepted", static_cast<double>(sample.unaccepted), "By");
    audit_.Check();
    WatchPending(cpus);
    if (begin != 0 && sample.unaccepted <= until.unaccepted) break;
    if (last_fall != 0 && sample.ns - last_fall > kStillNs) break;
  }
  stop_ = true;
  return samples;
}

// Takes random CPUs offline and back online while threads fault in memory.
class CpuChurn {
 public:
  CpuChurn(Context& context, const Faults& faults)
      : context_(context), faults_(faults), thread_([this](const std::stop_token& stop) { Run(stop); }) {}
  CpuChurn(const CpuChurn&) = delete;
  CpuChurn& operator=(const CpuChurn&) = delete;
  // Reports a skipped part if no CPU went offline and came back.
  ~CpuChurn() {
    thread_.request_stop();
    thread_.join();
    if (cycles_ == 0) {
      context_.SkipPart("CPU hotplug near the last page: no CPU went offline and came back while threads were running");
    }
  }

 private:
  void Run(const std::stop_token& stop) {
    std::vector<int> cpus = HotpluggableCpus();
    std::minstd_rand random(context_.seed());
    while (!cpus.empty() && !stop.stop_requested() && !context_.Over()) {
      if (!faults_.running()) {
        std::this_thread::sleep_for(absl::ToChronoNanoseconds(kSampling));
        continue;
      }
      const auto cpu = cpus.begin() + static_cast<std::ptrdiff_t>(random() % cpus.size());
      context_.Progress();
      if (!SwitchCpu(context_, *cpu, false).ok()) continue;
      if (SwitchCpu(context_, *cpu, true).ok()) {
        ++cycles_;
        context_.Count("cpu_cycles");
      } else {
        cpus.erase(cpu);
      }
    }
  }

  Context& context_;
  const Faults& faults_;
  uint64_t cycles_ = 0;
  std::jthread thread_;
};

// Returns the CPU of each thread: one thread per CPU if `threads` is 0.
std::vector<int> Spread(uint64_t threads) {
  const std::vector<int> cpus = UsableCpus();
  std::vector<int> spread;
  for (uint64_t i = 0; i < (threads == 0 ? cpus.size() : threads); ++i) spread.push_back(cpus[i % cpus.size()]);
  return spread;
}

// Returns how much memory each of `threads` threads can fault in.
uint64_t Room(uint64_t threads) {
  const uint64_t available = Meminfo("MemAvailable").value_or(0);
  return (available > kReserve ? available - kReserve : 0) / threads;
}

// Judges whether more than one CPU accepted memory at a time, where acceptance took `cost`. How much faster all CPUs
// are than one depends on the host's free cores as well, which the guest does not know.
void JudgeParallel(Context& context, const Platform& platform, size_t threads, absl::Duration cost) {
  if (!platform.emulated()) {
    context.SkipPart("parallel acceptance: hardware does not show how many CPUs accept memory simultaneously");
    return;
  }
  const uint64_t most = platform.Read().most_cpus;
  context.SetCounter("cpus_accepting", static_cast<double>(most));
  if (cost == absl::ZeroDuration()) {
    context.SkipPart("parallel acceptance: acceptance takes no time, so CPUs need not do it simultaneously");
  } else if (platform.unit() > kAllocatorChunk) {
    context.SkipPart("parallel acceptance: a unit is larger than the page allocator's chunk, so threads wait for it");
  } else if (threads < kLeastThreads) {
    context.SkipPart(
        fmt::format("parallel acceptance: requires {} threads, found {} (fewer may have to wait for each "
                    "other anyway)",
                    kLeastThreads, threads));
  } else if (most == 0) {
    context.SkipPart("parallel acceptance: no memory was accepted");
  } else if (most == 1) {
    context.CountFailure("serialised", fmt::format("{} threads faulted in unaccepted memory, but never more than one "
                                                   "CPU accepted any",
                                                   threads));
  }
}

// The kernel accepted all memory while booting: judges that, and faults in memory to see that none is left to accept.
Result RunEager(Context& context, const Platform& platform, Faults& faults) {
  const std::vector<int> cpus = Spread(context.Integer("threads"));
  const Account account = platform.Read();
  context.SetCounter("accepted", static_cast<double>(account.accepted), "By");
  context.SetCounter("boot_acceptance", absl::ToDoubleSeconds(account.boot), "s");
  JudgeParallel(context, platform, PresentCpus().size(), platform.Cost());
  context.Activity(fmt::format("faulting in memory with {} threads", cpus.size()));
  const auto rate = faults.Run(cpus, std::min(context.Integer("perThread"), Room(cpus.size())), {});
  if (!rate.ok()) return Result::Error(MessageOf(rate.status()));
  return Result::Ok();
}

// Accepts the last pages while CPUs go offline and come back. `rate`: bytes that the threads have accepted per second.
Status RunLastPages(Context& context, Prefill& prefill, Faults& faults, const std::vector<int>& cpus, double rate) {
  if (!context.Bool("cpuHotplug")) return absl::OkStatus();
  if (HotpluggableCpus().empty()) {
    context.SkipPart("CPU hotplug near the last page: no CPU can be taken offline (CONFIG_HOTPLUG_CPU)");
    return absl::OkStatus();
  }
  // No more than the threads can accept in half of the time that is left, since CPU hotplug slows them down.
  uint64_t left = context.Integer("lastPages");
  if (rate > 0) {
    const auto affordable = static_cast<uint64_t>(rate * absl::ToDoubleSeconds(context.Left()) / 2);
    left = std::min(left, std::max(affordable, kLeastLastPages));
  }
  context.Activity("accepting memory except for the last pages");
  const uint64_t before = Meminfo("Unaccepted").value_or(0);
  LK_RETURN_IF_ERROR(prefill.Reserve(left));
  const uint64_t after = Meminfo("Unaccepted").value_or(0);
  context.SetCounter("reserved", static_cast<double>(before - std::min(before, after)), "By");
  context.SetCounter("unaccepted_at_churn", static_cast<double>(after), "By");
  context.SetCounter("cpu_cycles", 0);
  context.Activity("accepting the last pages under CPU hotplug");
  {
    const CpuChurn churn(context, faults);
    const auto run = faults.Run(cpus, std::min(context.Integer("perThread"), Room(cpus.size())), {});
    LK_RETURN_IF_ERROR(run.status());
  }
  if (const uint64_t rest = Meminfo("Unaccepted").value_or(0); rest > 0 && context.Over()) {
    context.SkipPart(fmt::format("CPU hotplug at the very last page: {} MiB were left when time was up", rest >> 20));
  }
  return absl::OkStatus();
}

// Sets the threshold of the soft-lockup watchdog to suit the emulated cost of acceptance. 0 leaves it unchanged.
Status SetWatchdog(absl::Duration threshold) {
  if (threshold == absl::ZeroDuration()) return absl::OkStatus();
  return WriteFile(kWatchdogThreshold, fmt::format("{}", absl::ToInt64Seconds(threshold)));
}

Result RunLazy(Context& context, const Platform& platform, Prefill& prefill, Audit& audit, Faults& faults) {
  const std::vector<int> cpus = Spread(context.Integer("threads"));
  const uint64_t begin = Meminfo("Unaccepted").value_or(0);
  double one = 0;
  if (cpus.size() > 1) {
    context.Activity("faulting in memory with one thread");
    const auto rate = faults.Run({cpus[0]}, Room(1), {begin - begin / 4, BootNow() + context.Left() / 3});
    if (!rate.ok()) return Result::Error(MessageOf(rate.status()));
    one = *rate;
    context.SetCounter("rate_one", one, "By/s");
  }
  context.Activity(fmt::format("faulting in memory with {} threads", cpus.size()));
  if (const Status status = prefill.Reserve(); !status.ok()) return Result::Error(MessageOf(status));
  if (const Status status = platform.ResetMostCpus(); !status.ok()) return Result::Error(MessageOf(status));
  const absl::Time end = context.Bool("cpuHotplug") ? BootNow() + context.Left() / 2 : absl::InfiniteFuture();
  const auto all =
      faults.Run(cpus, std::min(context.Integer("perThread"), Room(cpus.size())), {context.Integer("lastPages"), end});
  if (!all.ok()) return Result::Error(MessageOf(all.status()));
  if (context.cancelled()) return Result::Ok();
  context.SetCounter("rate_all", *all, "By/s");
  if (one > 0 && *all > 0) context.SetCounter("speedup", *all / one);
  JudgeParallel(context, platform, cpus.size(), context.Duration("cost"));
  if (const Status status = RunLastPages(context, prefill, faults, cpus, *all); !status.ok())
    return Result::Error(MessageOf(status));
  audit.ReportRetries();
  return Result::Ok();
}

}  // namespace

Result Run(Context& context) {
  const auto platform = Platform::Find();
  if (absl::IsFailedPrecondition(platform.status())) return Result::Skip(MessageOf(platform.status()));
  if (!platform.ok()) return Result::Error(MessageOf(platform.status()));
  const bool huge = context.Text("pageSize") == "THP";
  if (huge && access(kTransparentHugePages, F_OK) != 0)
    return Result::Skip("the kernel has no transparent huge pages (CONFIG_TRANSPARENT_HUGEPAGE)");
  if (platform->emulated()) {
    context.SetEmulated();
    if (const Status status = SetWatchdog(context.Duration("watchdogThresh")); !status.ok()) {
      context.SkipPart("soft lockups: " + MessageOf(status));
    }
  }
  if (platform->harness()) context.SetHarness();
  context.SetCounter("unaccepted_at_start", static_cast<double>(Meminfo("Unaccepted").value_or(0)), "By");
  context.SetCounter("accepted", 0, "By");
  context.SetCounter("threads", static_cast<double>(Spread(context.Integer("threads")).size()));

  Audit audit(context, *platform);
  Faults faults(context, *platform, audit, huge);
  if (platform->eager()) return RunEager(context, *platform, faults);
  context.Activity("reserving memory that is already accepted");
  Prefill prefill(context);
  // If this fails, the first threads have to use up the accepted memory themselves, which takes longer.
  if (const Status status = prefill.Reserve(); !status.ok()) context.SkipPart("prefill: " + MessageOf(status));
  return RunLazy(context, *platform, prefill, audit, faults);
}

}  // namespace lk::agent::unaccepted_memory
