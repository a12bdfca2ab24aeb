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
// Unaccepted memory that has stopped to fall for this long, while pages are being faulted in, is not going to.
constexpr uint64_t kStillNs = 10'000'000'000;
// Left to everybody else.
constexpr uint64_t kReserve = 192 << 20;
// What the page allocator has accepted at a time: MAX_ORDER (mm/page_alloc.c).
constexpr uint64_t kAllocatorChunk = 4 << 20;
// Before it is accepted, memory is made whole units, and one unit more for accesses that go beyond its end
// (accept_memory() in drivers/firmware/efi/unaccepted_memory.c). So whoever is handed the chunk behind or before
// another's waits for that one, on every kernel: two threads are never faster than one, and N no faster than about N/2.
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
  // Zero where there was no room in the address space.
  size_t bytes() const { return memory_ == nullptr ? 0 : bytes_; }
  void Touch(size_t offset) { static_cast<volatile std::byte&>(memory_[offset]) = std::byte{1}; }

 private:
  const size_t bytes_;
  std::byte* memory_ = nullptr;
};

// Where a phase ends, whatever comes first.
struct Until {
  uint64_t unaccepted = 0;  // bytes
  absl::Time time = absl::InfiniteFuture();
};

class Faults {
 public:
  Faults(Context& context, const Platform& platform, bool huge) : context_(context), platform_(platform), huge_(huge) {}

  // Faults in regions of this size from all these CPUs at once, until it is time, or Unaccepted no longer falls, or the
  // regions or the duration are at their end. Returns bytes accepted per second.
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
  // Whoever still waits to accept is not to keep the end of the run waiting.
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
  uint64_t last_fall = 0;  // 0: none yet
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

// One thread for each CPU, or as many as asked for, CPU by CPU.
std::vector<int> Spread(uint64_t threads) {
  const std::vector<int> cpus = UsableCpus();
  std::vector<int> spread;
  for (uint64_t i = 0; i < (threads == 0 ? cpus.size() : threads); ++i) spread.push_back(cpus[i % cpus.size()]);
  return spread;
}

void JudgeSpeedup(Context& context, const Platform& platform, size_t threads, double one, double all) {
  if (one <= 0 || all <= 0) {
    context.SkipPart("speed-up: too little memory was accepted to tell a rate");
    return;
  }
  const double speedup = all / one;
  context.SetCounter("speedup", speedup);
  const double wanted = static_cast<double>(context.Integer("minSpeedupPercent")) / 100;
  if (platform.unit() > kAllocatorChunk) {
    context.SkipPart(
        "judging the speed-up: a unit is more than the page allocator's chunk, so threads wait for each other");
  } else if (threads < kLeastThreads) {
    context.SkipPart(fmt::format("judging the speed-up: {} threads, under {} may have to wait for each other anyway",
                                 threads, kLeastThreads));
  } else {
    context.SetCounter("speedup_shortfall", std::max(0.0, wanted - speedup));
  }
}

// The watchdog is to tell how long CPUs wait for each other where acceptance is as slow as we made it.
Status SetWatchdog(absl::Duration threshold) {
  if (threshold == absl::ZeroDuration()) return absl::OkStatus();
  return WriteFile(kWatchdogThreshold, fmt::format("{}", absl::ToInt64Seconds(threshold)));
}

}  // namespace

Result Run(Context& context) {
  const auto platform = Platform::Find();
  if (!platform.ok()) return Result::Skip(Words(platform.status()));
  const bool huge = context.Text("pageSize") == "THP";
  if (huge && access(kTransparentHugePages, F_OK) != 0)
    return Result::Skip("huge pages: the kernel has none (TRANSPARENT_HUGEPAGE)");
  const std::vector<int> cpus = Spread(context.Integer("threads"));
  if (platform->emulated()) {
    context.SetEmulated();
    if (const Status status = SetWatchdog(context.Duration("watchdogThresh")); !status.ok()) {
      context.SkipPart("soft lockups: " + Words(status));
    }
  }
  if (context.Bool("collide") && platform->unit() <= kAllocatorChunk) {
    context.SkipPart(platform->emulated() ? fmt::format("collisions: units are {} KiB; boot with lk_unaccepted=4G,128M",
                                                        platform->unit() >> 10)
                                          : "collisions: hardware does not say how large its units are");
  }

  context.Activity("using up what is accepted already");
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
    context.Activity("one thread faults in memory");
    const auto rate = faults.Run({cpus[0]}, room(1), {begin - begin / 4, BootNow() + context.Left() / 3});
    if (!rate.ok()) return Result::Error(Words(rate.status()));
    one = *rate;
    context.SetCounter("rate_one", one, "By/s");
  }
  context.Activity(fmt::format("{} threads fault in memory", cpus.size()));
  const auto all = faults.Run(cpus, std::min(context.Integer("perThread"), room(cpus.size())), {});
  if (!all.ok()) return Result::Error(Words(all.status()));
  context.SetCounter("rate_all", *all, "By/s");

  if (context.cancelled()) return Result::Ok();
  if (cpus.size() > 1) {
    JudgeSpeedup(context, *platform, cpus.size(), one, *all);
  } else {
    context.SkipPart("speed-up: there is one CPU");
  }
  return Result::Ok();
}

}  // namespace lk::agent::unaccepted_memory
