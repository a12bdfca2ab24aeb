// SPDX-License-Identifier: Apache-2.0
// Assigns queued runs to hosts.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "server/campaign/host_needs.h"
#include "server/campaign/matrix.h"
#include "server/scheduler/core_state.h"
#include "support/quantity.h"

namespace lk::scheduler {

Core::State::Fit Core::State::FindHost(const Tracked& t) const {
  const uint32_t vcpus = t.profile->vcpus;
  const uint64_t bytes = t.profile->MaxMemory();
  const std::vector<std::string_view> needs = campaign::HostNeeds(*t.profile);
  Fit fit;
  std::vector<std::string> unfit, too_small, not_up;
  std::tuple<bool, double, double> best;
  for (const auto& [id, host] : hosts) {
    // A host that has never been probed may turn out to be suitable.
    const bool probed = !host.archs.empty();
    const auto missing = probed ? campaign::MissingNeeds(host, needs) : std::vector<std::string_view>();
    if (!missing.empty()) {
      unfit.push_back(fmt::format("host {} lacks {} (it offers {})", id, fmt::join(missing, ", "),
                                  campaign::OfferInstead(host, missing.front())));
      continue;
    }
    if (probed && bytes > host.memory_bytes) {
      too_small.push_back(fmt::format("host {} has {} of memory, but {} is needed", id, FormatBytes(host.memory_bytes),
                                      FormatBytes(bytes)));
      continue;
    }
    fit.possible = true;
    if (host.state != Host::State::kUp) {
      not_up.push_back(fmt::format("host {} is {}{}", id, campaign::ToString(host.state),
                                   host.state_reason.empty() ? "" : " (" + host.state_reason + ")"));
      continue;
    }
    fit.up = true;
    const auto in_use = allocated.find(id);
    const auto [used_vcpus, used_bytes] = in_use == allocated.end() ? std::pair<uint32_t, uint64_t>{} : in_use->second;
    // On an idle host, a VM may have more vCPUs than the host: it runs, though slowly. It may not have more memory.
    const bool room = (used_vcpus == 0 || used_vcpus + vcpus <= host.vcpus) && used_bytes + bytes <= host.memory_bytes;
    if (!room) continue;
    const std::tuple rank(
        id == t.avoid_host, static_cast<double>(used_vcpus + vcpus) / std::max(host.vcpus, 1U),
        static_cast<double>(used_bytes + bytes) / static_cast<double>(std::max<uint64_t>(host.memory_bytes, 1)));
    if (fit.host && best <= rank) continue;
    fit.host = &host;
    best = rank;
  }
  fit.offered = unfit.empty() || fit.possible || !too_small.empty();
  if (hosts.empty()) {
    fit.reason = "there are no hosts (see lkctl host add)";
  } else if (!fit.offered) {
    fit.reason = fmt::format("no host offers what profile {} needs: {}", t.run.profile, fmt::join(unfit, "; "));
  } else if (!fit.possible) {
    unfit.insert(unfit.end(), too_small.begin(), too_small.end());
    fit.reason = fmt::format("no host can ever take this run: {}", fmt::join(unfit, "; "));
  } else if (!fit.up) {
    fit.reason = fmt::format("no suitable host is up: {}", fmt::join(not_up, "; "));
  }
  return fit;
}

void Core::State::PlaceQueued() {
  if (!std::exchange(place, false)) return;
  // In the order of the ids.
  for (auto& [id, t] : runs) {
    if (t.run.state != RunState::kQueued) continue;
    const Fit fit = FindHost(t);
    if (!fit.offered) {
      Skip(t, fit.reason);
    } else if (!fit.possible) {
      // A retry would fail the same way.
      EndQueued(t, Ending::Kind::kNeverStarted, fit.reason, false);
    } else if (!fit.up) {
      t.no_host_since = std::min(t.no_host_since, now);
    } else {
      t.no_host_since = kNever;
      if (fit.host && EntryOf(t.run).active < EntryOf(t.run).campaign.spec.max_parallel) Place(t, *fit.host);
    }
  }
}

void Core::State::Place(Tracked& t, const Host& host) {
  CampaignEntry& entry = EntryOf(t.run);
  if (entry.campaign.state == campaign::CampaignState::kQueued) {
    entry.campaign.state = campaign::CampaignState::kRunning;
    entry.changed = true;
  }
  ++entry.active;
  auto& [vcpus, bytes] = allocated[host.id];
  vcpus += t.profile->vcpus;
  bytes += t.profile->MaxMemory();

  t.run.host_id = host.id;
  const bool own = !host.archs.empty() && host.archs.front() == campaign::ToString(t.profile->arch);
  t.run.accelerator = own ? host.accelerator : "tcg";
  t.run.provenance.host_uri = host.uri;
  t.run.provenance.host_kernel = host.kernel_release;
  t.run.provenance.hypervisor = host.hypervisor_version;
  t.run.provenance.libvirt = host.libvirt_version;
  t.run.cmdline = campaign::CommandLine(*t.descriptor, *t.profile, Timeouts(t));
  t.run.started = now;
  t.launching = true;
  Enter(t, RunState::kPreparing);
  Do(StartVm{t.run});
}

// The same ending as when an agent finds that its guest lacks something.
void Core::State::Skip(Tracked& t, std::string reason) {
  t.run.ending = Ending{Ending::Kind::kDone, "", "skip", std::move(reason)};
  Judge(t);
  Conclude(t, false);
}

void Core::State::MissNoHost(Tracked& t) {
  EndQueued(t, Ending::Kind::kNeverStarted, FindHost(t).reason, true);
}

void Core::State::MissDeadline(Tracked& t) {
  EndQueued(t, Ending::Kind::kNeverStarted, "campaign deadline passed", false);
}

}  // namespace lk::scheduler
