// SPDX-License-Identifier: Apache-2.0
#include "server/api/agent_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <variant>

#include "server/access/access.h"

namespace lk::api {
namespace {

using access::Printable;
using detect::Kind;

// Some scenarios count for each CPU, and QEMU has machines with 1024.
constexpr size_t kMostCounters = 4096;
constexpr size_t kMostNameBytes = 64;
constexpr size_t kMostUnitBytes = 16;
// An agent that lost its connection comes back after a second at the earliest.
constexpr uint32_t kMostSessionsAMinute = 60;
constexpr std::string_view kOfCpu = "_cpu";
constexpr std::array<std::string_view, 3> kOutcomes = {"ok", "skip", "error"};
// Concluded by lkd from what it knows itself.
constexpr std::array<Kind, 4> kNotTheAgents = {Kind::kBudget, Kind::kHang, Kind::kUnexpectedReboot, Kind::kVmCrash};

bool IsWord(std::string_view text, size_t most, std::string_view also) {
  return text.size() <= most && std::ranges::all_of(text, [also](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  also.find(c) != std::string_view::npos;
         });
}

Status Broken(const std::string& rule) {
  return absl::PermissionDeniedError(rule);
}

}  // namespace

Status AgentPolicy::Check(const AgentWords& words) {
  return std::visit([this](const auto& said) { return CheckWords(said); }, words);
}

bool AgentPolicy::Declared(const std::string& probe) const {
  if (terms_.probes.contains(probe)) return true;
  // "fault_cpu3": one CPU's part of "fault".
  const size_t at = probe.rfind(kOfCpu);
  if (at == std::string::npos || !terms_.probes.contains(probe.substr(0, at))) return false;
  const std::string_view digits = std::string_view(probe).substr(at + kOfCpu.size());
  uint32_t cpu = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), cpu);
  // No second way to write a number.
  return error == std::errc() && cpu < terms_.vcpus && fmt::format("{}", cpu) == digits &&
         end == digits.data() + digits.size();
}

Status AgentPolicy::CheckWords(const scheduler::Samples& samples) {
  for (const auto& [probe, histogram] : samples.latencies) {
    if (!Declared(probe)) return Broken(fmt::format("\"{}\" is no probe of its scenario", Printable(probe, 64)));
  }
  const MutexLock lock(&mutex_);
  for (const auto& [name, counter] : samples.counters) {
    if (name.empty() || !IsWord(name, kMostNameBytes, "_.:-")) {
      return Broken(fmt::format("\"{}\" is no name of a counter", Printable(name, 64)));
    }
    if (!IsWord(counter.unit, kMostUnitBytes, "/%{}_.")) {
      return Broken(fmt::format("\"{}\" is no unit", Printable(counter.unit, 64)));
    }
    counters_.insert(name);
    if (counters_.size() > kMostCounters) return Broken(fmt::format("more than {} counters", kMostCounters));
  }
  return absl::OkStatus();
}

Status AgentPolicy::CheckWords(const scheduler::GuestFinding& said) const {
  if (std::ranges::find(kNotTheAgents, said.finding.kind) == kNotTheAgents.end()) return absl::OkStatus();
  return Broken(fmt::format("{} is not for an agent to tell", detect::ToString(said.finding.kind)));
}

Status AgentPolicy::CheckWords(const scheduler::HostActionAsked& asked) const {
  const std::string action(scheduler::ToString(asked.kind));
  if (terms_.host_actions.contains(action)) return absl::OkStatus();
  return Broken(fmt::format("its scenario does not declare {}", action));
}

Status AgentPolicy::CheckWords(const scheduler::AgentDone& done) const {
  if (std::ranges::find(kOutcomes, done.outcome) != kOutcomes.end()) return absl::OkStatus();
  return Broken(fmt::format("\"{}\" is no outcome", Printable(done.outcome, 64)));
}

Status AgentPolicy::CheckSession(absl::Time now) {
  const MutexLock lock(&mutex_);
  if (now - minute_ >= absl::Minutes(1)) {
    minute_ = now;
    sessions_ = 0;
  }
  if (++sessions_ <= kMostSessionsAMinute) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format("more than {} sessions a minute", kMostSessionsAMinute));
}

}  // namespace lk::api
