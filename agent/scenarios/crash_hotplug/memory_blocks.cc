// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/crash_hotplug/memory_blocks.h"

#include <fmt/format.h>
#include <linux/virtio_ids.h>
#include <pthread.h>
#include <signal.h>

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/files.h"
#include "support/file.h"

namespace lk::agent::crash_hotplug {
namespace {

constexpr char kMemory[] = "/sys/devices/system/memory";

Status SetState(unsigned block, std::string_view state) {
  return WriteFile(fmt::format("{}/memory{}/state", kMemory, block), state);
}

// Interrupts system calls of the thread that created it as soon as `give_up` returns true.
class Interruption {
 public:
  explicit Interruption(std::function<bool()> give_up)
      : give_up_(std::move(give_up)),
        waiting_(pthread_self()),
        thread_([this](const std::stop_token& stop) { Watch(stop); }) {}

 private:
  void Watch(const std::stop_token& stop) {
    struct sigaction interrupts {};  // without SA_RESTART
    interrupts.sa_handler = [](int) {};
    sigaction(SIGUSR1, &interrupts, nullptr);
    std::unique_lock lock(mutex_);
    // Repeatedly, since a signal may arrive before the call has begun.
    while (!stopped_.wait_for(lock, stop, kPollInterval, [&] { return stop.stop_requested(); })) {
      if (give_up_()) pthread_kill(waiting_, SIGUSR1);
    }
  }

  static constexpr std::chrono::milliseconds kPollInterval{100};
  const std::function<bool()> give_up_;
  const pthread_t waiting_;
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::jthread thread_;  // last, since it uses the other members
};

}  // namespace

bool HasVirtioMem() {
  namespace fs = std::filesystem;
  std::error_code error;
  for (fs::directory_iterator it("/sys/bus/virtio/devices", error), end; !error && it != end; it.increment(error)) {
    const auto id = ReadFile(it->path() / "device");
    if (id.ok() && std::strtoul(id->c_str(), nullptr, 16) == VIRTIO_ID_MEM) return true;
  }
  return false;
}

StatusOr<uint64_t> BlockSize() {
  LK_ASSIGN_OR_RETURN(const std::string text, ReadFile(fmt::format("{}/block_size_bytes", kMemory)));
  uint64_t bytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), bytes, 16);
  if (bytes == 0) return absl::InternalError("block_size_bytes: " + text);
  return bytes;
}

Status SetAutoOnline(std::string_view policy) {
  return WriteFile(fmt::format("{}/auto_online_blocks", kMemory), policy);
}

std::map<unsigned, std::string> BlockStates() {
  namespace fs = std::filesystem;
  constexpr std::string_view kPrefix = "memory";
  std::map<unsigned, std::string> states;
  std::error_code error;
  for (fs::directory_iterator it(kMemory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    unsigned block = 0;
    if (!name.starts_with(kPrefix)) continue;
    const char* const name_end = name.data() + name.size();
    if (std::from_chars(name.data() + kPrefix.size(), name_end, block).ptr != name_end) continue;
    // A block that has just been removed has no state.
    if (auto state = ReadAttribute(it->path() / "state"); state.ok()) states[block] = *std::move(state);
  }
  return states;
}

Status SetOffline(unsigned block, const std::function<bool()>& give_up) {
  // A signal aborts offlining (Documentation/admin-guide/mm/memory-hotplug.rst, "Memory offlining").
  const Interruption interruption(give_up);
  return SetState(block, "offline");
}

bool MayStayOnline(const Status& refused) {
  // What absl::ErrnoToStatus makes of EBUSY, and of EAGAIN and EINTR.
  return absl::IsFailedPrecondition(refused) || absl::IsUnavailable(refused);
}

Status SetOnline(unsigned block) {
  return SetState(block, "online_movable");
}

}  // namespace lk::agent::crash_hotplug
