// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "agent/probes/probes.h"
#include "agent/scenarios/crash_hotplug/crash_header.h"
#include "agent/scenarios/crash_hotplug/memory_blocks.h"
#include "agent/scenarios/crash_hotplug/swarm.h"
#include "support/file.h"

namespace lk::agent::crash_hotplug {
namespace {

// Time limits for one host action; a detach has to wait for the guest to release the device.
constexpr absl::Duration kAttachTimeout = absl::Seconds(30);
constexpr absl::Duration kDetachTimeout = absl::Seconds(45);
// Longest wait between events of a burst.
constexpr absl::Duration kEventTimeout = absl::Seconds(10);

class Rounds {
 public:
  Rounds(Context& context, Swarm& swarm, uint64_t block_size, bool virtio_mem, std::optional<CrashHeader> header)
      : context_(context),
        swarm_(swarm),
        block_size_(block_size),
        header_(std::move(header)),
        virtio_mem_(virtio_mem) {}

  // Runs rounds until time is up. The first round always attaches memory, but may skip the offline cycles.
  Result Run();

 private:
  // Attaches one device of each size, all simultaneously, or grows the virtio-mem device by each size in turn. Returns
  // the blocks that came online.
  std::set<unsigned> Attach(const std::vector<uint64_t>& sizes);
  void AttachDimm(uint64_t bytes);
  bool Resize(uint64_t bytes);
  void Cycle(const std::set<unsigned>& blocks);
  void CheckHeader();
  void DetachAll(const std::set<unsigned>& blocks);

  Context& context_;
  Swarm& swarm_;
  const uint64_t block_size_;
  const std::optional<CrashHeader> header_;
  const bool virtio_mem_;
  Recorder& host_attach_ = context_.NewRecorder("host_attach");
  Recorder& offline_ = context_.NewRecorder("offline");
  Recorder& online_ = context_.NewRecorder("online");

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
    Cycle(blocks);
    CheckHeader();
    DetachAll(blocks);
    context_.Count("rounds");
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
  auto blocks = swarm_.EndAttach(expected, kEventTimeout);
  if (blocks.size() < expected) {
    context_.Count("blocks_missing", static_cast<double>(expected - blocks.size()));
  }
  return blocks;
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

void Rounds::Cycle(const std::set<unsigned>& blocks) {
  for (uint64_t cycle = 0; cycle < context_.Integer("cycles"); ++cycle) {
    for (const unsigned block : blocks) {
      if (context_.Over()) return;
      context_.Activity(fmt::format("taking block {} offline and back online", block));
      const uint64_t start = MonotonicNs();
      if (!SetOffline(block, [this] { return context_.Over(); }).ok()) {
        if (!context_.Over()) context_.Count("offline_refused");
        continue;
      }
      const uint64_t middle = MonotonicNs();
      offline_.Record(middle - start);
      if (const Status status = SetOnline(block); !status.ok()) {
        context_.Count("online_refused");
        continue;
      }
      online_.Record(MonotonicNs() - middle);
      context_.Progress();
    }
  }
}

void Rounds::CheckHeader() {
  if (!header_) return;
  context_.Activity("comparing the crash kernel's ELF header with the memory map");
  swarm_.AwaitQuiet();
  const auto iomem = ReadFile("/proc/iomem");
  const auto covered = header_->Read();
  const auto attribute = ReadFile(kCrashHotplugAttribute);
  if (!iomem.ok() || !covered.ok() || !attribute.ok()) {
    const Status& status = !iomem.ok() ? iomem.status() : !covered.ok() ? covered.status() : attribute.status();
    context_.Count("header_mismatches");
    context_.ReportFinding("invariant", "crash header can no longer be read", MessageOf(status));
    return;
  }
  context_.Count("header_checks");
  const Ranges there = MemoryToDump(*iomem);
  if (*covered == there && attribute->starts_with("1")) return;
  context_.Count("header_mismatches");
  context_.ReportFinding("invariant", "crash header does not match the memory map",
                         fmt::format("header: {}\nmemory: {}\ncrash_hotplug: {}", ToString(*covered), ToString(there),
                                     attribute->substr(0, 1)));
}

void Rounds::DetachAll(const std::set<unsigned>& blocks) {
  context_.Activity("detaching");
  if (virtio_mem_) {
    if (Resize(0) && !swarm_.AwaitRemoved(blocks, kDetachTimeout)) context_.Count("detach_refused");
    return;
  }
  std::vector<std::string> dimms;
  {
    absl::MutexLock lock(&mutex_);
    dimms.swap(dimms_);
  }
  for (const std::string& alias : dimms) {
    // The guest may keep memory that it cannot migrate; then the slot stays in use.
    if (!context_.DetachDimm(alias, kDetachTimeout).ok()) context_.Count("detach_refused");
    context_.Progress();
  }
}

}  // namespace

Result Run(Context& context) {
  const auto block_size = BlockSize();
  if (!block_size.ok()) return Result::Skip("memory hotplug: " + MessageOf(block_size.status()));
  if (const Status status = OnlineNewBlocksMovable(); !status.ok()) return Result::Skip(MessageOf(status));

  const bool virtio_mem = HasVirtioMem();
  const std::string mode = context.Text("mode");
  if (mode == "dimm" && virtio_mem) return Result::Skip("mode dimm: the profile's memoryHotplug is virtio-mem");
  if (mode == "virtio-mem" && !virtio_mem) return Result::Skip("mode virtio-mem: the profile's memoryHotplug is dimm");

  context.Activity("loading the crash kernel");
  const Status loaded = LoadCrashKernel();
  if (absl::IsFailedPrecondition(loaded)) return Result::Skip(MessageOf(loaded));
  // Most arm64 kernels lack the system call.
  if (absl::IsUnimplemented(loaded))
    context.SkipPart("crash kernel: the kernel has no kexec_file_load (CONFIG_KEXEC_FILE)");
  if (!loaded.ok() && !absl::IsUnimplemented(loaded)) return Result::Error(MessageOf(loaded));

  uint64_t readers = context.Integer("readersPerEvent");
  std::optional<CrashHeader> header;
  if (access(kCrashHotplugAttribute, F_OK) != 0) {
    readers = 0;
    context.SkipPart(fmt::format("uevent readers and crash header check: the kernel has no {} (CONFIG_CRASH_HOTPLUG)",
                                 kCrashHotplugAttribute));
  } else {
    context.Activity("searching for the crash kernel's ELF header");
    auto found = CrashHeader::Find();
    if (found.ok()) {
      header = *std::move(found);
      context.SetCounter("header_mismatches", 0);
    } else {
      context.SkipPart("crash header check: " + MessageOf(found.status()));
    }
  }

  auto events = UeventSocket::Open();
  if (!events.ok()) return Result::Error(MessageOf(events.status()));
  auto kmsg = KmsgReader::Open(KmsgReader::From::kNow);
  if (!kmsg.ok()) return Result::Error(MessageOf(kmsg.status()));
  Swarm swarm(context, *std::move(events), *std::move(kmsg), readers);
  return Rounds(context, swarm, *block_size, virtio_mem, std::move(header)).Run();
}

}  // namespace lk::agent::crash_hotplug
