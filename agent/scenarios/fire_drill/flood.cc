// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/fire_drill/flood.h"

#include <absl/time/clock.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "agent/session/boot_time.h"
#include "support/unique_fd.h"

namespace lk::agent::fire_drill {
namespace {

constexpr absl::Duration kSlice = absl::Milliseconds(20);

// Writes `share` bytes per slice. Each line gets its own write(2), because each write becomes one kernel log record.
void Pour(const std::stop_token& stop, const char* path, const std::string& prefix, uint64_t share,
          std::atomic<uint64_t>& bytes) {
  const UniqueFd fd(open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC));
  if (!fd) return;
  for (uint64_t n = 0; !stop.stop_requested();) {
    const absl::Time next = BootNow() + kSlice;
    for (uint64_t poured = 0; poured < share && BootNow() < next && !stop.stop_requested(); ++n) {
      const std::string line = prefix + FloodLine(n) + "\n";
      if (write(fd.get(), line.data(), line.size()) < 0) return;
      poured += line.size();
      bytes += line.size();
    }
    absl::SleepFor(next - BootNow());
  }
}

}  // namespace

std::string FloodLine(uint64_t n) {
  return fmt::format("{:.<100}", fmt::format("fire_drill: {}: nothing is wrong ", n));
}

Flood::Flood(uint64_t bytes_per_second) {
  const auto half = static_cast<uint64_t>(static_cast<double>(bytes_per_second) * absl::ToDoubleSeconds(kSlice) / 2);
  if (half == 0) return;
  log_ = std::jthread([=, this](const std::stop_token& stop) { Pour(stop, "/dev/kmsg", "<6>", half, bytes_); });
  console_ = std::jthread([=, this](const std::stop_token& stop) { Pour(stop, "/dev/console", "", half, bytes_); });
}

}  // namespace lk::agent::fire_drill
