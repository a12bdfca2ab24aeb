// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/crash_hotplug/swarm.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/probes/probes.h"
#include "agent/scenarios/crash_hotplug/crash_kernel.h"
#include "agent/scenarios/crash_hotplug/memory_blocks.h"
#include "agent/scenarios/trigger.h"
#include "support/file.h"

namespace lk::agent::crash_hotplug {
namespace {

// udev limits the number of its workers, too.
constexpr uint64_t kThreads = 32;
constexpr int kListenStepMs = 50;
constexpr absl::Duration kWaitStep = absl::Milliseconds(100);
constexpr std::string_view kTrylockFailure = "kexec_trylock() failed";

}  // namespace

Swarm::Swarm(Context& context, UeventSocket events, KmsgReader kmsg, Work work)
    : context_(context),
      events_(std::move(events)),
      kmsg_(std::move(kmsg)),
      work_(work),
      attach_to_online_(context.NewRecorder("attach_to_online")) {
  for (const char* counter : {"blocks_onlined", "online_refused", "read_failures", "trylock_failures"}) {
    context_.SetCounter(counter, 0);
  }
  threads_.emplace_back([this](const std::stop_token& stop) { Listen(stop); });
  if (work_.readers + work_.size_readers == 0 && !work_.bring_online) return;
  for (uint64_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { DoItems(); });
}

Swarm::~Swarm() {
  threads_.front().request_stop();
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void Swarm::Listen(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (const auto event = events_.Next(kListenStepMs)) OnEvent(*event);
    const KmsgPiece piece = kmsg_.Read(64 << 10);
    for (const KmsgRecord& record : piece.records) {
      if (record.text.find(kTrylockFailure) != std::string::npos) context_.Count("trylock_failures");
    }
  }
}

void Swarm::OnEvent(const HotplugEvent& event) {
  const absl::Time now = BootNow();
  const bool memory = event.device == HotplugEvent::Device::kMemoryBlock;
  context_.Progress();
  absl::MutexLock lock(&mutex_);
  if (memory && event.action == "add" && work_.bring_online) items_.push_back({Task::kBringOnline, event.number});
  items_.insert(items_.end(), work_.readers, {memory ? Task::kReadMemory : Task::kReadCpu, 0});
  items_.insert(items_.end(), work_.size_readers, {Task::kReadSize, 0});
  if (!memory) return;
  last_event_ = now;
  if (event.action == "remove") removed_.insert(event.number);
  if (event.action == "online" && attaching_ && new_blocks_.insert(event.number).second) {
    attach_to_online_.Record(now - attach_began_);
    context_.Count("blocks_onlined");
  }
}

void Swarm::DoItems() {
  Recorder& online = context_.NewRecorder("online");
  const auto called = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !items_.empty() || stopping_; };
  for (;;) {
    Item item;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&called));
      if (stopping_) return;
      item = items_.front();
      items_.pop_front();
    }
    absl::ReaderMutexLock user(&kexec_users_);
    {
      absl::MutexLock lock(&mutex_);
      context_.RaiseCounter("swarm_max", static_cast<double>(++working_));
    }
    Do(item, online);
    context_.Progress();
    absl::MutexLock lock(&mutex_);
    --working_;
  }
}

void Swarm::Do(const Item& item, Recorder& online) {
  if (item.task == Task::kBringOnline) return BringOnline(item.block, online);
  // The value only matters to udev: while somebody else holds the kexec lock, it is 0.
  const auto text = item.task == Task::kReadSize
                        ? CrashSize()
                        : ReadFile(item.task == Task::kReadCpu ? kCpuCrashHotplug : kMemoryCrashHotplug);
  if (text.ok()) return;
  if (item.task == Task::kReadSize && absl::IsFailedPrecondition(text.status())) {
    context_.Count("size_busy");
  } else {
    context_.CountFailure("read_failures", MessageOf(text.status()));
  }
}

void Swarm::BringOnline(unsigned block, Recorder& online) {
  const uint64_t start = MonotonicNs();
  const Status status = SetOnline(block);
  if (status.ok()) return online.Record(MonotonicNs() - start);
  context_.CountFailure("online_refused", MessageOf(status));
  absl::MutexLock lock(&mutex_);
  refused_.insert(block);
}

void Swarm::BeginAttach() {
  std::set<unsigned> present;
  for (const auto& [block, state] : BlockStates()) present.insert(block);
  absl::MutexLock lock(&mutex_);
  attaching_ = true;
  attach_began_ = last_event_ = BootNow();
  old_blocks_ = std::move(present);
  new_blocks_.clear();
  refused_.clear();
  removed_.clear();
}

Swarm::Arrived Swarm::EndAttach(size_t expected, absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  const auto complete = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return new_blocks_.size() + refused_.size() >= expected;
  };
  // A slow host may take longer than the timeout before the first block appears.
  last_event_ = BootNow();
  bool done = false;
  while (!done && !context_.cancelled() && BootNow() - last_event_ < timeout) {
    done = mutex_.AwaitWithTimeout(absl::Condition(&complete), kWaitStep);
  }
  attaching_ = false;
  std::string others;
  if (!done) {
    for (const auto& [block, state] : BlockStates()) {
      if (old_blocks_.contains(block) || new_blocks_.contains(block) || refused_.contains(block)) continue;
      // Its uevent may have been lost.
      if (state == "online") {
        new_blocks_.insert(block);
        context_.Count("blocks_onlined");
      } else {
        others += fmt::format("{}memory{} is {}", others.empty() ? "" : ", ", block, state);
      }
    }
  }
  return {new_blocks_, refused_, std::move(others)};
}

bool Swarm::AwaitRemoved(const std::set<unsigned>& blocks, absl::Duration timeout) {
  const absl::Time give_up = BootNow() + timeout;
  absl::MutexLock lock(&mutex_);
  const auto gone = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::includes(removed_.begin(), removed_.end(), blocks.begin(), blocks.end());
  };
  while (!context_.cancelled() && BootNow() < give_up) {
    if (mutex_.AwaitWithTimeout(absl::Condition(&gone), kWaitStep)) return true;
  }
  return false;
}

}  // namespace lk::agent::crash_hotplug
