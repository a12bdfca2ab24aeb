// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/gic_lpi_hotplug/churn.h"

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <thread>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "support/file.h"

namespace lk::agent::gic_lpi_hotplug {
namespace {

constexpr const char* kPatterns[] = {"one", "pairs", "all", "random"};
// Attempts to bring a CPU online, which the kernel refuses while another CPU is in transition.
constexpr int kTries = 100;
constexpr absl::Duration kRetry = absl::Milliseconds(50);

// Documentation/core-api/cpu_hotplug.rst.
std::string OnlineFile(int cpu) {
  return fmt::format("/sys/devices/system/cpu/cpu{}/online", cpu);
}

// Takes these CPUs online or offline, all at the same time. Returns how many succeeded.
uint64_t SwitchAll(Context& context, const std::vector<int>& cpus, bool online, Recorder& latency) {
  std::atomic<uint64_t> done = 0;
  std::vector<std::jthread> threads;
  threads.reserve(cpus.size());
  for (const int cpu : cpus) {
    threads.emplace_back([&, cpu] {
      for (int tries = 0; tries < kTries; ++tries) {
        const uint64_t start = MonotonicNs();
        if (WriteFile(OnlineFile(cpu), online ? "1" : "0").ok()) {
          latency.Record(MonotonicNs() - start);
          ++done;
          context.Count("cpu_transitions");
          context.Progress();
          return;
        }
        context.Count(online ? "cpu_online_refused" : "cpu_offline_refused");
        // A CPU that refuses to go offline is left online, but no CPU must be left offline, so retry.
        if (!online) return;
        absl::SleepFor(kRetry);
      }
    });
  }
  threads.clear();
  return done;
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

std::vector<int> SecondaryCpus() {
  std::vector<int> cpus = PresentCpus();
  // Keep the boot CPU online, since other CPUs depend on it. On arm64 it may have an `online` file, too.
  std::erase_if(cpus, [](int cpu) { return cpu == 0 || access(OnlineFile(cpu).c_str(), W_OK) != 0; });
  return cpus;
}

Round MakeRound(std::string_view pattern, uint64_t round, const std::vector<int>& cpus, std::mt19937& random) {
  if (pattern == "mixed") pattern = kPatterns[round % std::size(kPatterns)];
  Round groups;
  if (pattern == "all") return {cpus};
  if (pattern == "random") {
    std::vector<int> some;
    std::ranges::copy_if(cpus, std::back_inserter(some), [&](int) { return random() % 2 == 0; });
    if (some.empty()) some.push_back(cpus[random() % cpus.size()]);
    return {some};
  }
  const size_t each = pattern == "pairs" ? std::min<size_t>(2, cpus.size()) : 1;
  for (size_t i = 0; i < cpus.size(); ++i) {
    std::vector<int>& group = groups.emplace_back();
    for (size_t j = 0; j < each; ++j) group.push_back(cpus[(i + j) % cpus.size()]);
  }
  return groups;
}

void Churn(Context& context, const std::vector<int>& cpus, const std::function<bool(uint64_t transitions)>& enough) {
  Recorder& offline = context.NewRecorder("cpu_offline");
  Recorder& online = context.NewRecorder("cpu_online");
  std::mt19937 random(context.seed() + context.boots());
  const std::string& pattern = context.Text("pattern");
  uint64_t transitions = 0;
  for (uint64_t round = 0;; ++round) {
    for (const std::vector<int>& group : MakeRound(pattern, round, cpus, random)) {
      if (context.Over() || enough(transitions)) return;
      context.Activity(fmt::format("taking CPU {} offline and back online", fmt::join(group, ", ")));
      transitions += SwitchAll(context, group, false, offline);
      transitions += SwitchAll(context, group, true, online);
    }
  }
}

}  // namespace lk::agent::gic_lpi_hotplug
