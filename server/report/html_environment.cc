// SPDX-License-Identifier: Apache-2.0
// The environment: kernels, hosts, and emulated hardware.
#include <fmt/format.h>

#include <set>

#include "server/campaign/mutation.h"
#include "server/report/html_parts.h"

namespace lk::report::html {
namespace {

using campaign::Run;

void AddKernels(Node section, const CampaignReport& report) {
  AddText(section, "h3", "Kernels");
  std::set<std::string> seen;
  for (const Run& run : report.runs) {
    if (!seen.insert(run.kernel_id).second) continue;
    Facts facts(section);
    facts.Add("Release", run.kernel_release, true);
    facts.Add("Id", run.kernel_id, true);
    facts.Add("Architecture", campaign::ToString(run.arch));
    facts.Add("Source", run.provenance.kernel_source);
    facts.Add("Commit", run.provenance.kernel_commit, true);
    facts.Add("Config SHA-256", run.provenance.config_sha256, true);
    const auto kernel = report.kernels.find(run.kernel_id);
    if (kernel == report.kernels.end()) {
      facts.Add("Build", "since removed");
      continue;
    }
    std::string labels;
    for (const auto& [key, value] : kernel->second.labels) {
      labels += fmt::format("{}{}={}", labels.empty() ? "" : ", ", key, value);
    }
    facts.Add("Labels", labels);
    facts.Add("Banner", kernel->second.banner);
  }
}

void AddHosts(Node section, const CampaignReport& report) {
  std::set<std::string> ids;
  for (const Run& run : report.runs) {
    if (!run.host_id.empty()) ids.insert(run.host_id);
  }
  if (ids.empty()) return;
  AddText(section, "h3", "Hosts");
  for (const std::string& id : ids) {
    Facts facts(section);
    facts.Add("Id", id, true);
    const auto it = report.hosts.find(id);
    if (it == report.hosts.end()) {
      facts.Add("Host", "since removed; see the details of its runs");
      continue;
    }
    const campaign::Host& host = it->second;
    facts.Add("URI", host.uri, true);
    facts.Add("Accelerator", host.accelerator_reason.empty()
                                 ? host.accelerator
                                 : fmt::format("{}: {}", host.accelerator, host.accelerator_reason));
    facts.Add("Hypervisor", host.hypervisor_version);
    facts.Add("libvirt", host.libvirt_version);
    facts.Add("Kernel", host.kernel_release);
    if (host.broken_qemu) facts.Add("Warning", "this QEMU is known to break guests");
  }
}

// The scenarios whose runs have `mark` set, each with its number of runs and the patches that it uses.
void AddStandIns(Node section, const CampaignReport& report, const char* heading, const char* none, bool Run::*mark,
                 std::vector<std::string> Scenario::*patches) {
  std::map<std::string, size_t> runs;  // by scenario
  for (const Run& run : report.runs) {
    if (run.*mark) ++runs[run.scenario];
  }
  AddText(section, "h3", heading);
  if (runs.empty()) {
    AddText(section, "p", none);
    return;
  }
  Node list = Add(section, "ul");
  for (const auto& [scenario, number] : runs) {
    std::string line = fmt::format("{}, {} run{}", scenario, number, number == 1 ? "" : "s");
    if (const auto known = report.scenarios.find(scenario); known != report.scenarios.end()) {
      line += ": " + known->second.summary;
      if (!(known->second.*patches).empty()) line += fmt::format("; by {}", fmt::join(known->second.*patches, ", "));
    }
    AddText(list, "li", line);
  }
}

}  // namespace

void AddEnvironment(Node body, const CampaignReport& report) {
  Node section = Section(body, "environment", "Environment");
  AddKernels(section, report);
  AddHosts(section, report);
  AddStandIns(section, report, "Emulated hardware", "No hardware was emulated.", &Run::emulated, &Scenario::emulation);
  AddStandIns(section, report, "Harness", "No kernel had a harness.", &Run::harness, &Scenario::harness);
}

}  // namespace lk::report::html
