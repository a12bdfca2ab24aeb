// SPDX-License-Identifier: Apache-2.0
// Fuzzes lkd with messages from a hostile agent in one session. Everything that lkd accepts must be bounded, and
// accepted names must be safe for metrics, logs and terminals.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <variant>

#include "lk/v1/agent.pb.h"
#include "server/api/agent_policy.h"
#include "server/api/convert.h"

namespace {

constexpr size_t kMaxText = 4096;

void Require(bool holds) {
  if (!holds) std::abort();
}

bool Harmless(const std::string& name) {
  return name.size() <= 80 && std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '"'; });
}

struct Bounds {
  void operator()(const lk::scheduler::Heartbeat& said) const {
    Require(said.activity.size() <= kMaxText);
    for (const absl::Duration steal : said.steal) Require(steal >= absl::ZeroDuration());
  }
  void operator()(const lk::scheduler::Samples& said) const {
    for (const auto& [probe, histogram] : said.latencies) Require(Harmless(probe) && probe.starts_with("fault"));
    for (const auto& [name, counter] : said.counters)
      Require(Harmless(name) && !name.empty() && Harmless(counter.unit));
  }
  void operator()(const lk::scheduler::GuestFinding& said) const {
    Require(said.finding.title.size() <= 120 && said.finding.excerpt.size() <= kMaxText);
  }
  void operator()(const lk::scheduler::HostActionAsked& said) const {
    Require(said.alias.size() <= kMaxText && said.kind != lk::scheduler::HostActionAsked::Kind::kResizeVirtioMem);
  }
  void operator()(const lk::scheduler::RebootAnnounced& said) const { Require(said.reason.size() <= kMaxText); }
  void operator()(const lk::scheduler::AgentDone& said) const {
    Require(said.outcome == "ok" || said.outcome == "skip" || said.outcome == "error");
    Require(said.reason.size() <= kMaxText && said.skipped_parts.size() <= 64);
  }
  void operator()(const lk::scheduler::KmsgSeen&) const {}
  void operator()(const lk::scheduler::CanaryWritten&) const {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  lk::scheduler::AgentTerms terms;
  terms.kernel_log.invariants = {{"lock", "trylock"}};
  terms.probes = {"fault"};
  terms.host_actions = {"attach_dimm", "detach_dimm"};
  terms.vcpus = 4;
  lk::api::AgentPolicy policy(terms);
  lk::console::KernelLogReader log(terms.kernel_log);
  while (input.remaining_bytes() > 0) {
    const std::string bytes = input.ConsumeRandomLengthString();
    lk::v1::AgentMessage message;
    if (!message.ParseFromString(bytes)) continue;
    if (message.has_kernel_log()) {
      for (const auto& finding : log.Read(lk::api::KernelRecords(message.kernel_log()), absl::UnixEpoch()).findings) {
        Require(finding.excerpt.size() <= 16 * 1024 && finding.title.size() <= 120);
      }
      continue;
    }
    const auto words = lk::api::FromProto(message);
    if (words.ok() && policy.Check(*words).ok()) std::visit(Bounds{}, *words);
  }
  log.Flush();
  return 0;
}
