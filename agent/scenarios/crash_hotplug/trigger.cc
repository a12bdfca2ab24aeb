// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <absl/synchronization/mutex.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "agent/probes/probes.h"
#include "agent/scenarios/cpus.h"
#include "agent/scenarios/crash_hotplug/cpu_churn.h"
#include "agent/scenarios/crash_hotplug/crash_header.h"
#include "agent/scenarios/crash_hotplug/crash_kernel.h"
#include "agent/scenarios/crash_hotplug/memory_blocks.h"
#include "agent/scenarios/crash_hotplug/swarm.h"
#include "support/file.h"

namespace lk::agent::crash_hotplug {
namespace {

// Time limit for attaching memory.
constexpr absl::Duration kAttachTimeout = absl::Seconds(30);
// Longest wait until virtio-mem has removed all blocks.
constexpr absl::Duration kUnplugTimeout = absl::Seconds(45);
// Longest wait between events of a burst.
constexpr absl::Duration kEventTimeout = absl::Seconds(20);
// Longest time for taking one block offline before a detach.
constexpr absl::Duration kOfflineTimeout = absl::Seconds(10);

// The loaded crash kernel, and which of its properties can be checked.
struct CrashKernel {
  std::string size;           // reserved for it, as kexec_crash_size says
  bool updated = false;       // the kernel updates the header itself (CONFIG_CRASH_HOTPLUG)
  bool check_header = false;  // it can be read
};

class Rounds {
 public:
  // `crash_kernel` is absent if none is loaded.
  Rounds(Context& context, Swarm& swarm, uint64_t block_size, bool virtio_mem, std::optional<CrashKernel> crash_kernel)
      : context_(context),
        swarm_(swarm),
        block_size_(block_size),
        crash_kernel_(std::move(crash_kernel)),
        virtio_mem_(virtio_mem) {}

  // Runs rounds until time is up. The first round always attaches memory, but may skip the offline cycles.
  Result Run();

 private:
  // Attaches one device of each size, all simultaneously, or grows the virtio-mem device by each size in turn. Returns
  // the new blocks.
  std::set<unsigned> Attach(const std::vector<uint64_t>& sizes);
  void AttachDimm(uint64_t bytes);
  bool Resize(uint64_t bytes);
  void Cycle(const std::set<unsigned>& blocks);
  void CheckUpdatedHeader();
  // Between events, while nobody else takes the kexec lock: checks the crash kernel, loads it again, and checks it
  // again.
  void CheckCrashKernel();
  void CheckAttributes();
  void CheckHeader();
  // Returns false if virtio-mem could not unplug all memory. It would then be used for the next request, so that fewer
  // new blocks would come than expected.
  bool DetachAll(const std::set<unsigned>& blocks, bool offline_first);
  // Takes these blocks offline, unless they are offline or gone. Returns whether none is online any more.
  bool TakeOffline(const std::set<unsigned>& blocks);
  Status Offline(unsigned block, const std::function<bool()>& give_up);

  Context& context_;
  Swarm& swarm_;
  const uint64_t block_size_;
  const std::optional<CrashKernel> crash_kernel_;
  const bool virtio_mem_;
  Recorder& host_attach_ = context_.NewRecorder("host_attach");
  Recorder& offline_ = context_.NewRecorder("offline");
  Recorder& online_ = context_.NewRecorder("online");
  Recorder& load_ = context_.NewRecorder("load");

  absl::Mutex mutex_;
  std::vector<std::string> dimms_ ABSL_GUARDED_BY(mutex_);  // aliases of attached DIMMs
  Status last_refusal_ ABSL_GUARDED_BY(mutex_);
  uint64_t virtio_bytes_ = 0;
};

Result Rounds::Run() {
  const uint64_t large = context_.Integer("dimm") / block_size_ * block_size_;
  const uint64_t small = std::max(block_size_, large / 4 / block_size_ * block_size_);
  const std::vector<uint64_t> shapes[] = {{large}, std::vector<uint64_t>(context_.Integer("burst"), small)};

  for (unsigned round = 0; round == 0 || !context_.Over(); ++round) {
    const std::set<unsigned> blocks = Attach(shapes[round % 2]);
    if (blocks.empty()) {
      absl::MutexLock lock(&mutex_);
      const std::string why = last_refusal_.ok() ? "no block came online" : MessageOf(last_refusal_);
      if (round == 0 && !context_.cancelled()) return Result::Error("no memory was hot-plugged: " + why);
      if (!context_.Over()) context_.SkipPart(fmt::format("rounds after {}: {}", round, why));
      break;
    }
    CheckUpdatedHeader();
    Cycle(blocks);
    CheckCrashKernel();
    const bool may_attach = DetachAll(blocks, round % 2 == 0);
    context_.Count("rounds");
    if (may_attach) continue;
    if (!context_.Over())
      context_.SkipPart(fmt::format("rounds after {}: virtio-mem could not unplug all memory", round + 1));
    break;
  }
  return Result::Ok();
}

std::set<unsigned> Rounds::Attach(const std::vector<uint64_t>& sizes) {
  uint64_t total = 0;
  for (const uint64_t bytes : sizes) total += bytes;
  context_.Activity(fmt::format("attaching {} MiB in {} step(s)", total >> 20, sizes.size()));
  swarm_.BeginAttach();
  if (virtio_mem_) {
    for (const uint64_t bytes : sizes) {
      if (!Resize(virtio_bytes_ + bytes)) total -= bytes;
    }
  } else {
    size_t before;
    {
      absl::MutexLock lock(&mutex_);
      before = dimms_.size();
    }
    {
      std::vector<std::jthread> requests;
      requests.reserve(sizes.size());
      for (const uint64_t bytes : sizes) requests.emplace_back([this, bytes] { AttachDimm(bytes); });
    }
    absl::MutexLock lock(&mutex_);
    // All sizes of a burst are equal.
    total = (dimms_.size() - before) * sizes.front();
  }
  const uint64_t expected = total / block_size_;
  Swarm::Arrived arrived = swarm_.EndAttach(expected, kEventTimeout);
  const uint64_t came = arrived.online.size() + arrived.refused.size();
  if (came < expected && !context_.cancelled()) {
    const uint64_t missing = expected - came;
    context_.Count("blocks_missing", static_cast<double>(missing - 1));
    context_.CountLate("blocks_missing",
                       fmt::format("{} of {} new blocks did not come online: {}", missing, expected,
                                   arrived.others.empty() ? "no such block has appeared" : arrived.others),
                       kEventTimeout, kEventTimeout);
  }
  arrived.online.merge(arrived.refused);
  return std::move(arrived.online);
}

void Rounds::AttachDimm(uint64_t bytes) {
  auto attached = context_.AttachDimm(bytes, kAttachTimeout);
  absl::MutexLock lock(&mutex_);
  if (!attached.ok()) {
    last_refusal_ = attached.status();
    context_.Count("attach_refused");
    return;
  }
  dimms_.push_back(std::move(attached->alias));
  host_attach_.Record(attached->took);
  context_.Progress();
}

bool Rounds::Resize(uint64_t bytes) {
  const auto resized = context_.ResizeVirtioMem(bytes, kAttachTimeout);
  if (!resized.ok()) {
    absl::MutexLock lock(&mutex_);
    last_refusal_ = resized.status();
    context_.Count("attach_refused");
    return false;
  }
  virtio_bytes_ = bytes;
  host_attach_.Record(resized->took);
  context_.Progress();
  return true;
}

Status Rounds::Offline(unsigned block, const std::function<bool()>& give_up) {
  const uint64_t start = MonotonicNs();
  Status status = SetOffline(block, give_up);
  if (status.ok()) {
    offline_.Record(MonotonicNs() - start);
  } else if (!MayStayOnline(status)) {
    context_.CountFailure("offline_refused", MessageOf(status));
  } else if (!give_up()) {
    context_.Count("offline_busy");
  }
  context_.Progress();
  return status;
}

void Rounds::Cycle(const std::set<unsigned>& blocks) {
  for (uint64_t cycle = 0; cycle < context_.Integer("cycles"); ++cycle) {
    for (const unsigned block : blocks) {
      if (context_.Over()) return;
      context_.Activity(fmt::format("taking block {} offline and back online", block));
      if (!Offline(block, [this] { return context_.Over(); }).ok()) continue;
      const uint64_t start = MonotonicNs();
      if (const Status status = SetOnline(block); !status.ok()) {
        context_.CountFailure("online_refused", MessageOf(status));
        continue;
      }
      online_.Record(MonotonicNs() - start);
      context_.Progress();
    }
  }
}

void Rounds::CheckUpdatedHeader() {
  if (!crash_kernel_ || !crash_kernel_->updated) return;
  absl::WriterMutexLock quiet(&swarm_.kexec_users());
  CheckHeader();
}

void Rounds::CheckCrashKernel() {
  if (!crash_kernel_ || context_.cancelled()) return;
  absl::WriterMutexLock quiet(&swarm_.kexec_users());
  CheckAttributes();
  if (crash_kernel_->updated) CheckHeader();
  context_.Activity("loading the crash kernel again");
  const uint64_t start = MonotonicNs();
  if (const Status loaded = LoadCrashKernel(); !loaded.ok()) {
    context_.CountFailure("load_failures", MessageOf(loaded));
    return;
  }
  load_.Record(MonotonicNs() - start);
  context_.Count("loads");
  context_.Progress();
  CheckAttributes();
  CheckHeader();
}

void Rounds::CheckAttributes() {
  const Status status = crash_hotplug::CheckAttributes(crash_kernel_->size);
  if (!status.ok()) context_.CountFailure("read_failures", MessageOf(status));
}

void Rounds::CheckHeader() {
  if (!crash_kernel_->check_header || context_.cancelled()) return;
  context_.Activity("comparing the crash kernel's ELF header with the memory map");
  const auto iomem = ReadFile("/proc/iomem");
  const auto header = CrashHeader::Find();
  const auto covered = header.ok() ? header->Read() : header.status();
  context_.Count("header_checks");
  context_.Progress();
  if (!iomem.ok() || !covered.ok()) {
    context_.CountFailure("header_mismatches", MessageOf(iomem.ok() ? covered.status() : iomem.status()));
    return;
  }
  const Ranges there = MemoryToDump(*iomem);
  if (*covered == there) return;
  const Ranges missing = Subtract(there, *covered), extra = Subtract(*covered, there);
  context_.CountFailure("header_mismatches",
                        fmt::format("missing: {}; extra: {}", missing.empty() ? "nothing" : ToString(missing),
                                    extra.empty() ? "nothing" : ToString(extra)));
}

bool Rounds::TakeOffline(const std::set<unsigned>& blocks) {
  const auto states = BlockStates();
  bool all = true;
  for (const unsigned block : blocks) {
    const auto state = states.find(block);
    if (state == states.end() || state->second == "offline") continue;
    const absl::Time give_up = BootNow() + kOfflineTimeout;
    const Status status = Offline(block, [&] { return context_.cancelled() || BootNow() > give_up; });
    all = status.ok() && all;
  }
  return all;
}

bool Rounds::DetachAll(const std::set<unsigned>& blocks, bool offline_first) {
  context_.Activity("detaching");
  if (virtio_mem_) {
    if (!Resize(0) || swarm_.AwaitRemoved(blocks, kUnplugTimeout) || context_.cancelled()) return true;
    context_.Count("unplug_incomplete");
    return false;
  }
  std::vector<std::string> dimms;
  {
    absl::MutexLock lock(&mutex_);
    dimms.swap(dimms_);
  }
  if (offline_first) TakeOffline(blocks);
  std::erase_if(dimms, [&](const std::string& alias) {
    context_.Progress();
    return context_.DetachDimm(alias, kReleaseTimeout).ok();
  });
  if (dimms.empty() || context_.cancelled()) return true;
  // The kernel may refuse to detach a DIMM with pages that cannot be moved, but not one whose blocks are offline.
  if (!TakeOffline(blocks)) {
    context_.Count("detach_busy", static_cast<double>(dimms.size()));
    return true;
  }
  for (const std::string& alias : dimms) {
    const absl::Time start = BootNow();
    const Status detached = context_.DetachDimm(alias, kReleaseTimeout).status();
    const absl::Duration took = BootNow() - start;
    context_.Progress();
    const std::string what = MessageOf(detached) + ", although all its blocks are offline";
    if (absl::IsFailedPrecondition(detached)) context_.CountFailure("detach_refused", what);
    if (absl::IsUnavailable(detached)) context_.CountLate("detach_refused", what, took, took);
  }
  return true;
}

// Loads the crash kernel again every so often, at any time, so that events find the kexec lock taken.
void ReloadEvery(Context& context, absl::Duration interval, absl::Mutex& kexec_users, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stopped.wait_for(lock, stop, absl::ToChronoNanoseconds(interval), [&] { return stop.stop_requested(); })) {
    absl::ReaderMutexLock user(&kexec_users);
    const Status loaded = LoadCrashKernel();
    if (loaded.ok()) {
      context.Count("loads");
    } else if (absl::IsFailedPrecondition(loaded)) {  // EBUSY: an event holds the kexec lock
      context.Count("loads_busy");
    } else {
      context.CountFailure("load_failures", MessageOf(loaded));
    }
  }
}

}  // namespace

Result Run(Context& context) {
  const auto block_size = BlockSize();
  if (!block_size.ok()) return Result::Skip("memory hotplug: " + MessageOf(block_size.status()));
  const bool udev = context.Text("onlineBy") == "udev";
  if (const Status status = SetAutoOnline(udev ? "offline" : "online_movable"); !status.ok()) {
    return Result::Skip(MessageOf(status));
  }

  const bool virtio_mem = HasVirtioMem();
  const std::string mode = context.Text("mode");
  if (mode == "dimm" && virtio_mem) return Result::Skip("mode dimm: the profile's memoryHotplug is virtio-mem");
  if (mode == "virtio-mem" && !virtio_mem) return Result::Skip("mode virtio-mem: the profile's memoryHotplug is dimm");

  for (const char* counter : {"blocks_missing", "cpus_left_offline", "offline_refused"}) context.SetCounter(counter, 0);
  if (!virtio_mem) context.SetCounter("detach_refused", 0);

  const auto size = CrashSize();
  if (!size.ok() || *size == "0") return Result::Skip("no memory is reserved for a crash kernel (crashkernel=)");
  context.Activity("loading the crash kernel");
  const Status loaded = LoadCrashKernel();
  std::optional<CrashKernel> crash_kernel;
  Swarm::Work work{.bring_online = udev};
  if (loaded.ok()) {
    crash_kernel = CrashKernel{.size = *size, .updated = access(kMemoryCrashHotplug, F_OK) == 0};
    work.size_readers = context.Integer("sizeReaders");
    context.SetCounter("load_failures", 0);
    if (crash_kernel->updated) {
      work.readers = context.Integer("readersPerEvent");
    } else {
      context.SkipPart(
          fmt::format("uevent readers, and updates of the header by the kernel: the kernel has no {} "
                      "(CONFIG_CRASH_HOTPLUG)",
                      kMemoryCrashHotplug));
    }
    context.Activity("searching for the crash kernel's ELF header");
    const auto found = CrashHeader::Find();
    crash_kernel->check_header = found.ok();
    if (found.ok()) {
      context.SetCounter("header_mismatches", 0);
    } else {
      context.SkipPart("crash header check: " + MessageOf(found.status()));
    }
  } else if (absl::IsUnimplemented(loaded)) {
    // Most arm64 kernels lack the system call.
    context.SkipPart("crash kernel: the kernel has no kexec_file_load (CONFIG_KEXEC_FILE)");
  } else {
    return Result::Error(MessageOf(loaded));
  }

  auto events = UeventSocket::Open();
  if (!events.ok()) return Result::Error(MessageOf(events.status()));
  auto kmsg = KmsgReader::Open(KmsgReader::From::kNow);
  if (!kmsg.ok()) return Result::Error(MessageOf(kmsg.status()));
  Swarm swarm(context, *std::move(events), *std::move(kmsg), work);

  std::jthread churn, reload;
  if (context.Bool("cpuHotplug")) {
    std::vector<int> cpus = HotpluggableCpus();
    if (cpus.empty()) {
      context.SkipPart("CPU hotplug: no CPU can be taken offline");
    } else {
      churn = std::jthread([&context, &swarm, cpus = std::move(cpus)](const std::stop_token& stop) {
        ChurnCpus(context, cpus, swarm.kexec_users(), stop);
      });
    }
  }
  if (const absl::Duration interval = context.Duration("reloadEvery");
      crash_kernel && interval > absl::ZeroDuration()) {
    reload = std::jthread([&context, &swarm, interval](const std::stop_token& stop) {
      ReloadEvery(context, interval, swarm.kexec_users(), stop);
    });
  }
  return Rounds(context, swarm, *block_size, virtio_mem, std::move(crash_kernel)).Run();
}

}  // namespace lk::agent::crash_hotplug
