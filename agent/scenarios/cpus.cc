// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/cpus.h"

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/trigger.h"
#include "support/file.h"

namespace lk::agent {
namespace {

// 5 s altogether: the pause grows with each try, since a try may itself take most of a second.
constexpr int kTries = 15;
constexpr absl::Duration kRetry = absl::Milliseconds(50);

// Documentation/core-api/cpu_hotplug.rst.
std::string OnlineFile(int cpu) {
  return fmt::format("/sys/devices/system/cpu/cpu{}/online", cpu);
}

}  // namespace

std::vector<int> ParseCpuList(std::string_view text) {
  std::vector<int> cpus;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at < end) {
    int first = 0;
    auto number = std::from_chars(at, end, first);
    if (number.ec != std::errc()) break;
    int last = first;
    if (number.ptr < end && *number.ptr == '-') {
      number = std::from_chars(number.ptr + 1, end, last);
      if (number.ec != std::errc()) break;
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (number.ptr == end || *number.ptr != ',') break;
    at = number.ptr + 1;
  }
  return cpus;
}

std::vector<int> PresentCpus() {
  return ParseCpuList(ReadFile("/sys/devices/system/cpu/present").value_or(""));
}

std::vector<int> OnlineCpus() {
  return ParseCpuList(ReadFile("/sys/devices/system/cpu/online").value_or(""));
}

std::vector<int> HotpluggableCpus() {
  std::vector<int> cpus = PresentCpus();
  std::erase_if(cpus, [](int cpu) { return cpu == 0 || access(OnlineFile(cpu).c_str(), W_OK) != 0; });
  return cpus;
}

Status WriteOnline(int cpu, bool online) {
  return WriteFile(OnlineFile(cpu), online ? "1" : "0");
}

StatusOr<uint64_t> SwitchCpu(Context& context, int cpu, bool online) {
  for (int tries = 1;; ++tries) {
    const uint64_t start = MonotonicNs();
    const Status status = WriteOnline(cpu, online);
    if (status.ok()) return MonotonicNs() - start;
    context.CountFailure(online ? "cpu_online_refused" : "cpu_offline_refused", MessageOf(status));
    // A CPU that refuses to go offline is left online.
    if (!online) return status;
    if (tries == kTries) {
      context.CountFailure("cpus_left_offline", fmt::format("CPU {} does not come online: {}", cpu, MessageOf(status)));
      return status;
    }
    absl::SleepFor(kRetry * tries);
  }
}

}  // namespace lk::agent
