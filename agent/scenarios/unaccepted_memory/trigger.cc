// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/meminfo.h"
#include "agent/scenarios/pinned_threads.h"
#include "agent/scenarios/unaccepted_memory/acceptance.h"
#include "agent/scenarios/unaccepted_memory/platform.h"
#include "agent/scenarios/unaccepted_memory/prefill.h"

namespace lk::agent::unaccepted_memory {
namespace {

constexpr absl::Duration kSampling = absl::Milliseconds(20);
// If Unaccepted has not fallen for this long while pages are being faulted in, it is not going to fall any more.
constexpr uint64_t kStillNs = 10'000'000'000;
// Memory left for the rest of the system.
constexpr uint64_t kReserve = 192 << 20;
// The page allocator accepts memory in chunks of this size: MAX_ORDER (mm/page_alloc.c).
constexpr uint64_t kAllocatorChunk = 4 << 20;
// The kernel extends ranges to whole units before accepting them, plus one unit in case of accesses past the end
// (accept_memory() in drivers/firmware/efi/unaccepted_memory.c). So on every kernel a thread that gets the chunk next
// to another thread's waits for that thread: two threads are hardly faster than one, and N threads are at most about
// N/2 times as fast.
constexpr size_t kLeastThreads = 4;
constexpr char kWatchdogThreshold[] = "/proc/sys/kernel/watchdog_thresh";
constexpr char kTransparentHugePages[] = "/sys/kernel/mm/transparent_hugepage/enabled";

class Region {
 public:
  Region(size_t bytes, bool huge) : bytes_(bytes) {
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return;
    memory_ = static_cast<std::byte*>(memory);
    madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
  }
  // 0 if mapping the region failed.
  size_t bytes() const { return memory_ == nullptr ? 0 : bytes_; }
  void Touch(size_t offset) { static_cast<volatile std::byte&>(memory_[offset]) = std::byte{1}; }

 private:
  const size_t bytes_;
  std::byte* memory_ = nullptr;
};

// A phase ends when one of these is reached.
struct Until {
  uint64_t unaccepted = 0;  // bytes
  absl::Time time = absl::InfiniteFuture();
};

class Faults {
 public:
  Faults(Context& context, const Platform& platform, bool huge) : context_(context), platform_(platform), huge_(huge) {}

  // Faults in one region of `bytes` on each of these CPUs simultaneously, until `until` is reached, the regions are
  // faulted in, time is up, or Unaccepted no longer falls. Returns the bytes accepted per second.
  StatusOr<double> Run(const std::vector<int>& cpus, size_t bytes, const Until& until);

 private:
  void FaultIn(size_t index, int cpu, size_t bytes);
  std::vector<Sample> Watch(const Until& until);

  Context& context_;
  const Platform& platform_;
  const bool huge_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> all_done_ = false;
};

StatusOr<double> Faults::Run(const std::vector<int>& cpus, size_t bytes, const Until& until) {
  stop_ = all_done_ = false;
  LK_RETURN_IF_ERROR(platform_.SetCost(context_.Duration("cost")));
  std::jthread faulting([&] {
    const size_t ran = RunPinned(cpus, [&](size_t i) { FaultIn(i, cpus[i], bytes); });
    context_.RaiseCounter("cpus_at_work", static_cast<double>(ran));
    all_done_ = true;
  });
  const double rate = AcceptanceRate(Watch(until));
  // Threads that are still accepting must not delay the end of the run.
  LK_RETURN_IF_ERROR(platform_.SetCost(absl::ZeroDuration()));
  return rate;
}

void Faults::FaultIn(size_t index, int cpu, size_t bytes) {
  const std::string name = fmt::format("fault_cpu{}", cpu);
  Recorder& all = context_.NewRecorder("fault");
  Recorder& own = context_.NewRecorder(name);
  std::this_thread::sleep_for(absl::ToChronoNanoseconds(context_.Duration("startSkew") * index));

  Region region(bytes, huge_);
  const size_t step = huge_ ? kHugePage : kPage;
  uint64_t longest = 0, pages = 0;
  for (size_t offset = 0; offset + step <= region.bytes() && !stop_; offset += step) {
    const uint64_t start = MonotonicNs();
    region.Touch(offset);
    const uint64_t took = MonotonicNs() - start;
    all.Record(took);
    own.Record(took);
    context_.Progress();
    ++pages;
    if (took > longest) {
      longest = took;
      context_.RaiseCounter("longest_stall", static_cast<double>(took) / 1e9, "s");
    }
  }
  context_.Count("faults", static_cast<double>(pages));
}

std::vector<Sample> Faults::Watch(const Until& until) {
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
    if (sample.unaccepted <= until.unaccepted || (last_fall != 0 && sample.ns - last_fall > kStillNs)) break;
  }
  stop_ = true;
  return samples;
}

// Returns the CPU of each thread: one thread per CPU if `threads` is 0.
std::vector<int> Spread(uint64_t threads) {
  const std::vector<int> cpus = UsableCpus();
  std::vector<int> spread;
  for (uint64_t i = 0; i < (threads == 0 ? cpus.size() : threads); ++i) spread.push_back(cpus[i % cpus.size()]);
  return spread;
}

void JudgeSpeedup(Context& context, const Platform& platform, size_t threads, double one, double all) {
  if (one <= 0 || all <= 0) {
    context.SkipPart("speed-up: too little memory was accepted to measure a rate");
    return;
  }
  const double speedup = all / one;
  context.SetCounter("speedup", speedup);
  const double wanted = static_cast<double>(context.Integer("minSpeedupPercent")) / 100;
  if (platform.unit() > kAllocatorChunk) {
    context.SkipPart(
        "speed-up check: a unit is larger than the page allocator's chunk, so threads wait for each other");
  } else if (threads < kLeastThreads) {
    context.SkipPart(
        fmt::format("speed-up check: requires {} threads, found {} (fewer may have to wait for each other anyway)",
                    kLeastThreads, threads));
  } else {
    context.SetCounter("speedup_shortfall", std::max(0.0, wanted - speedup));
  }
}

// Sets the threshold of the soft-lockup watchdog to suit the emulated cost of acceptance. 0 leaves it unchanged.
Status SetWatchdog(absl::Duration threshold) {
  if (threshold == absl::ZeroDuration()) return absl::OkStatus();
  return WriteFile(kWatchdogThreshold, fmt::format("{}", absl::ToInt64Seconds(threshold)));
}

}  // namespace

Result Run(Context& context) {
  const auto platform = Platform::Find();
  if (!platform.ok()) return Result::Skip(MessageOf(platform.status()));
  const bool huge = context.Text("pageSize") == "THP";
  if (huge && access(kTransparentHugePages, F_OK) != 0)
    return Result::Skip("the kernel has no transparent huge pages (CONFIG_TRANSPARENT_HUGEPAGE)");
  const std::vector<int> cpus = Spread(context.Integer("threads"));
  if (platform->emulated()) {
    context.SetEmulated();
    if (const Status status = SetWatchdog(context.Duration("watchdogThresh")); !status.ok()) {
      context.SkipPart("soft lockups: " + MessageOf(status));
    }
  }
  if (context.Bool("collide") && platform->unit() <= kAllocatorChunk) {
    context.SkipPart(platform->emulated() ? fmt::format("collisions: units are {} KiB; boot with lk_unaccepted=4G,128M",
                                                        platform->unit() >> 10)
                                          : "collisions: hardware does not report the size of its units");
  }

  context.Activity("reserving memory that is already accepted");
  const Prefill prefill;
  const uint64_t begin = Meminfo("Unaccepted").value_or(0);
  context.SetCounter("unaccepted_at_start", static_cast<double>(begin), "By");
  context.SetCounter("accepted", 0, "By");
  context.SetCounter("threads", static_cast<double>(cpus.size()));
  const auto room = [](uint64_t threads) {
    const uint64_t available = Meminfo("MemAvailable").value_or(0);
    return (available > kReserve ? available - kReserve : 0) / threads;
  };

  Faults faults(context, *platform, huge);
  double one = 0;
  if (cpus.size() > 1) {
    context.Activity("faulting in memory with one thread");
    const auto rate = faults.Run({cpus[0]}, room(1), {begin - begin / 4, BootNow() + context.Left() / 3});
    if (!rate.ok()) return Result::Error(MessageOf(rate.status()));
    one = *rate;
    context.SetCounter("rate_one", one, "By/s");
  }
  context.Activity(fmt::format("faulting in memory with {} threads", cpus.size()));
  const auto all = faults.Run(cpus, std::min(context.Integer("perThread"), room(cpus.size())), {});
  if (!all.ok()) return Result::Error(MessageOf(all.status()));
  context.SetCounter("rate_all", *all, "By/s");

  if (context.cancelled()) return Result::Ok();
  if (cpus.size() > 1) {
    JudgeSpeedup(context, *platform, cpus.size(), one, *all);
  } else {
    context.SkipPart("speed-up: only one CPU");
  }
  return Result::Ok();
}

}  // namespace lk::agent::unaccepted_memory
