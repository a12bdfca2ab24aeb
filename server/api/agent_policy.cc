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

// Some scenarios have counters for each CPU, and QEMU supports machines with 1024 CPUs.
constexpr size_t kMaxCounters = 4096;
constexpr size_t kMaxNameBytes = 64;
constexpr size_t kMaxUnitBytes = 16;
// An agent that has lost its connection waits at least a second before it reconnects.
constexpr uint32_t kMaxSessionsPerMinute = 60;
constexpr std::string_view kCpuSuffix = "_cpu";
constexpr std::array<std::string_view, 3> kOutcomes = {"ok", "skip", "error"};
// Only lkd itself reports these.
constexpr std::array<Kind, 4> kOnlyFromLkd = {Kind::kBudget, Kind::kHang, Kind::kUnexpectedReboot, Kind::kVmCrash};

bool IsWord(std::string_view text, size_t most, std::string_view also) {
  return text.size() <= most && std::ranges::all_of(text, [also](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  also.find(c) != std::string_view::npos;
         });
}

Status Violation(const std::string& rule) {
  return absl::PermissionDeniedError(rule);
}

}  // namespace

Status AgentPolicy::Check(const AgentWords& words) {
  return std::visit([this](const auto& said) { return CheckWords(said); }, words);
}

bool AgentPolicy::Declared(const std::string& probe) const {
  if (terms_.probes.contains(probe)) return true;
  // "fault_cpu3" has the samples of the probe "fault" from CPU 3.
  const size_t at = probe.rfind(kCpuSuffix);
  if (at == std::string::npos || !terms_.probes.contains(probe.substr(0, at))) return false;
  const std::string_view digits = std::string_view(probe).substr(at + kCpuSuffix.size());
  uint32_t cpu = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), cpu);
  // Comparing with the formatted number rejects other spellings, such as leading zeros.
  return error == std::errc() && cpu < terms_.vcpus && fmt::format("{}", cpu) == digits &&
         end == digits.data() + digits.size();
}

Status AgentPolicy::CheckWords(const scheduler::Samples& samples) {
  for (const auto& [probe, histogram] : samples.latencies) {
    if (!Declared(probe)) return Violation(fmt::format("undeclared probe \"{}\"", Printable(probe, 64)));
  }
  const MutexLock lock(&mutex_);
  for (const auto& [name, counter] : samples.counters) {
    if (name.empty() || !IsWord(name, kMaxNameBytes, "_.:-")) {
      return Violation(fmt::format("invalid counter name \"{}\"", Printable(name, 64)));
    }
    if (!IsWord(counter.unit, kMaxUnitBytes, "/%{}_.")) {
      return Violation(fmt::format("invalid unit \"{}\"", Printable(counter.unit, 64)));
    }
    counters_.insert(name);
    if (counters_.size() > kMaxCounters) return Violation(fmt::format("more than {} counters", kMaxCounters));
  }
  return absl::OkStatus();
}

Status AgentPolicy::CheckWords(const scheduler::GuestFinding& said) const {
  if (std::ranges::find(kOnlyFromLkd, said.finding.kind) == kOnlyFromLkd.end()) return absl::OkStatus();
  return Violation(fmt::format("agents cannot report {} findings", detect::ToString(said.finding.kind)));
}

Status AgentPolicy::CheckWords(const scheduler::HostActionAsked& asked) const {
  const std::string action(scheduler::ToString(asked.kind));
  if (terms_.host_actions.contains(action)) return absl::OkStatus();
  return Violation(fmt::format("the scenario does not declare {}", action));
}

Status AgentPolicy::CheckWords(const scheduler::AgentDone& done) const {
  if (std::ranges::find(kOutcomes, done.outcome) != kOutcomes.end()) return absl::OkStatus();
  return Violation(fmt::format("invalid outcome \"{}\" (expected ok, skip or error)", Printable(done.outcome, 64)));
}

Status AgentPolicy::CheckSession(absl::Time now) {
  const MutexLock lock(&mutex_);
  if (now - minute_ >= absl::Minutes(1)) {
    minute_ = now;
    sessions_ = 0;
  }
  if (++sessions_ <= kMaxSessionsPerMinute) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format("more than {} sessions per minute", kMaxSessionsPerMinute));
}

}  // namespace lk::api
