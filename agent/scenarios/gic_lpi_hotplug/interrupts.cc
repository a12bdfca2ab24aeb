// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/gic_lpi_hotplug/interrupts.h"

#include <absl/time/clock.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>

namespace lk::agent::gic_lpi_hotplug {
namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kMaxDisks = 4;
constexpr absl::Duration kPause = absl::Milliseconds(1);

std::string PathOf(size_t disk) {
  return fmt::format("/dev/vd{}", static_cast<char>('a' + disk));
}

}  // namespace

uint64_t ItsInterrupts(std::string_view interrupts) {
  uint64_t sum = 0;
  while (!interrupts.empty()) {
    const std::string_view line = interrupts.substr(0, interrupts.find('\n'));
    interrupts.remove_prefix(std::min(interrupts.size(), line.size() + 1));
    // " 45:       1183          0   ITS-PCI-MSIX-0000:00:02.0   1 Edge      virtio0-input.0"; before 6.10
    // "ITS-MSI 32769" instead of "ITS-PCI-MSIX-0000:00:02.0   1".
    const size_t colon = line.find(':');
    if (colon == line.npos || line.find("ITS-", colon) == line.npos) continue;
    const char* at = line.data() + colon + 1;
    const char* const end = line.data() + line.size();
    for (;;) {
      at = std::find_if(at, end, [](char c) { return c != ' '; });
      uint64_t count = 0;
      const auto number = std::from_chars(at, end, count);
      if (number.ec != std::errc()) break;
      sum += count;
      at = number.ptr;
    }
  }
  return sum;
}

Traffic::Traffic(Context& context) {
  for (size_t i = 0; i < kMaxDisks; ++i) {
    UniqueFd disk(open(PathOf(i).c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    if (!disk) break;
    disks_.push_back(std::move(disk));
  }
  for (size_t i = 0; i < disks_.size(); ++i) {
    readers_.emplace_back([&context, path = PathOf(i), fd = disks_[i].get()](const std::stop_token& stop) {
      const std::unique_ptr<void, decltype(&std::free)> block(std::aligned_alloc(kBlock, kBlock), &std::free);
      const off_t blocks = std::max<off_t>(lseek(fd, 0, SEEK_END) / static_cast<off_t>(kBlock), 1);
      std::mt19937 random(context.seed());
      while (!stop.stop_requested()) {
        const off_t offset = static_cast<off_t>(random()) % blocks * static_cast<off_t>(kBlock);
        const ssize_t got = pread(fd, block.get(), kBlock, offset);
        if (got == static_cast<ssize_t>(kBlock)) {
          context.Count("blocks_read");
        } else {
          context.CountFailure("reads_failed", fmt::format("{} at {}: {}", path, offset,
                                                           got < 0 ? strerror(errno) : "the read was cut short"));
        }
        absl::SleepFor(kPause);
      }
    });
  }
}

}  // namespace lk::agent::gic_lpi_hotplug
