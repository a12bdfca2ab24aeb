// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/crash_hotplug/swarm.h"

#include <algorithm>
#include <string>
#include <utility>

#include "agent/scenarios/crash_hotplug/memory_blocks.h"
#include "support/file.h"

namespace lk::agent::crash_hotplug {
namespace {

// udev limits the number of its workers, too.
constexpr uint64_t kMaxReaders = 32;
constexpr int kListenStepMs = 50;
constexpr absl::Duration kWaitStep = absl::Milliseconds(100);
constexpr std::string_view kTrylockFailure = "kexec_trylock() failed";

}  // namespace

Swarm::Swarm(Context& context, UeventSocket events, KmsgReader kmsg, uint64_t readers_per_event)
    : context_(context),
      events_(std::move(events)),
      kmsg_(std::move(kmsg)),
      readers_per_event_(readers_per_event),
      attach_to_online_(context.NewRecorder("attach_to_online")) {
  context_.SetCounter("trylock_failures", 0);
  context_.SetCounter("blocks_onlined", 0);
  threads_.emplace_back([this](const std::stop_token& stop) { Listen(stop); });
  if (readers_per_event_ == 0) return;
  for (uint64_t i = 0; i < kMaxReaders; ++i) threads_.emplace_back([this] { ReadOnDemand(); });
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

void Swarm::OnEvent(const MemoryEvent& event) {
  const absl::Time now = BootNow();
  context_.Progress();
  absl::MutexLock lock(&mutex_);
  last_event_ = now;
  wanted_reads_ += readers_per_event_;
  if (event.action == "remove") removed_.insert(event.block);
  if (event.action == "online" && attaching_ && new_blocks_.insert(event.block).second) {
    attach_to_online_.Record(now - attach_began_);
    context_.Count("blocks_onlined");
  }
}

void Swarm::ReadOnDemand() {
  const auto called = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted_reads_ > 0 || stopping_; };
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&called));
      if (stopping_) return;
      --wanted_reads_;
      context_.RaiseCounter("swarm_max", static_cast<double>(++reading_));
    }
    (void)ReadFile(kCrashHotplugAttribute);  // the contents do not matter
    context_.Progress();
    absl::MutexLock lock(&mutex_);
    --reading_;
  }
}

void Swarm::BeginAttach() {
  absl::MutexLock lock(&mutex_);
  attaching_ = true;
  attach_began_ = last_event_ = BootNow();
  new_blocks_.clear();
  removed_.clear();
}

std::set<unsigned> Swarm::EndAttach(size_t expected, absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  const auto complete = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return new_blocks_.size() >= expected; };
  while (!context_.cancelled() && BootNow() - last_event_ < timeout &&
         !mutex_.AwaitWithTimeout(absl::Condition(&complete), kWaitStep)) {
  }
  attaching_ = false;
  return new_blocks_;
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

void Swarm::AwaitQuiet() {
  absl::MutexLock lock(&mutex_);
  const auto quiet = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted_reads_ == 0 && reading_ == 0; };
  while (!context_.cancelled() && !mutex_.AwaitWithTimeout(absl::Condition(&quiet), kWaitStep)) {
  }
}

}  // namespace lk::agent::crash_hotplug
