// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/gic_lpi_hotplug/churn.h"

#include <absl/algorithm/container.h>
#include <absl/synchronization/mutex.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/scenarios/cpus.h"

namespace lk::agent::gic_lpi_hotplug {
namespace {

constexpr const char* kPatterns[] = {"one", "pairs", "all", "random"};

// Takes CPUs online or offline, all at the same time. Returns those for which this succeeded.
std::vector<int> SwitchAll(Context& context, const std::vector<int>& cpus, bool online, Recorder& latency) {
  absl::Mutex mutex;
  std::vector<int> done;
  std::vector<std::jthread> threads;
  threads.reserve(cpus.size());
  for (const int cpu : cpus) {
    threads.emplace_back([&, cpu] {
      const StatusOr<uint64_t> took = SwitchCpu(context, cpu, online);
      context.Progress();
      if (!took.ok()) return;
      latency.Record(*took);
      context.Count("cpu_transitions");
      absl::MutexLock lock(&mutex);
      done.push_back(cpu);
    });
  }
  threads.clear();
  return done;
}

}  // namespace

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

uint64_t Churn(Context& context, std::vector<int>& cpus, const std::function<bool(uint64_t attempts)>& enough) {
  Recorder& offline = context.NewRecorder("cpu_offline");
  Recorder& online = context.NewRecorder("cpu_online");
  std::mt19937 random(context.seed() + context.boots());
  const std::string& pattern = context.Text("pattern");
  uint64_t attempts = 0;
  for (uint64_t round = 0; !cpus.empty(); ++round) {
    for (std::vector<int>& group : MakeRound(pattern, round, cpus, random)) {
      if (context.Over() || enough(attempts)) return attempts;
      // CPUs may have stayed offline since this round was made.
      std::erase_if(group, [&](int cpu) { return !absl::c_linear_search(cpus, cpu); });
      context.Activity(fmt::format("taking CPU {} offline and back online", fmt::join(group, ", ")));
      const std::vector<int> down = SwitchAll(context, group, false, offline);
      const std::vector<int> up = SwitchAll(context, down, true, online);
      attempts += group.size() + down.size();
      std::erase_if(cpus, [&](int cpu) { return absl::c_linear_search(down, cpu) && !absl::c_linear_search(up, cpu); });
    }
  }
  return attempts;
}

std::vector<int> BringUp(Context& context, const std::vector<int>& cpus) {
  if (cpus.empty()) return {};
  context.Activity(fmt::format("bringing CPU {} online", fmt::join(cpus, ", ")));
  return SwitchAll(context, cpus, true, context.NewRecorder("cpu_online"));
}

Unrest::Unrest(std::vector<int> cpus)
    : thread_([cpus = std::move(cpus)](const std::stop_token& stop) {
        while (!stop.stop_requested() && !cpus.empty()) {
          for (const int cpu : cpus) {
            // A refusal means that the kernel has begun to take down CPUs for kexec.
            (void)WriteOnline(cpu, false);
            (void)WriteOnline(cpu, true);
          }
        }
      }) {}

}  // namespace lk::agent::gic_lpi_hotplug
