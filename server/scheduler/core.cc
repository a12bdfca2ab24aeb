// SPDX-License-Identifier: Apache-2.0
// The core's entry points, campaigns, and saving.
#include "server/scheduler/core.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "lk/v1/scenario.pb.h"
#include "server/scheduler/core_state.h"

namespace lk::scheduler {
namespace {

using campaign::CampaignState;

// Splits a run's id into the campaign, the number and the attempt.
std::tuple<std::string_view, uint32_t, uint32_t> Parts(std::string_view id) {
  const size_t dash = std::min(id.rfind('-'), id.size());
  uint32_t number = 0;
  uint32_t attempt = 0;
  if (dash < id.size()) {
    const char* const end = id.data() + id.size();
    const char* at = std::from_chars(id.data() + dash + 1, end, number).ptr;
    if (at != end) std::from_chars(at + 1, end, attempt);
  }
  return {id.substr(0, dash), number, attempt};
}

}  // namespace

Run Outline(const Run& run) {
  Run outline;
  outline.id = run.id;
  outline.cell = run.cell;
  outline.repeat = run.repeat;
  outline.superseded = run.superseded;
  outline.control = run.control;
  outline.symptom = run.symptom;
  outline.ending = run.ending;
  outline.state = run.state;
  outline.verdict = run.verdict;
  return outline;
}

void CampaignEntry::AddDone(const Run& run) {
  done.push_back(Outline(run));
  if (!run.control && !run.sibling) return;
  ProofFor(run).Begin();
  ProofFor(run).End(run);
}

bool RunOrder::operator()(const std::string& a, const std::string& b) const {
  return std::tuple(Parts(a), std::string_view(a)) < std::tuple(Parts(b), std::string_view(b));
}

Core::State::State(campaign::Descriptors known, Limits given, std::function<std::string(size_t)> hex)
    : descriptors(std::move(known)), limits(given), random_hex(std::move(hex)) {}

Core::Core(campaign::Descriptors descriptors, Limits limits, std::function<std::string(size_t)> random_hex)
    : state_(std::make_unique<State>(std::move(descriptors), limits, std::move(random_hex))) {}

Core::~Core() = default;

std::vector<Action> Core::Step(const Event& event, absl::Time now) {
  State& state = *state_;
  state.now = now;
  if (std::exchange(state.restored, false)) {
    for (auto& [id, t] : state.runs) t.since = now;
  }
  std::visit([&](const auto& e) { state.On(e); }, event);
  if (state.deadline <= now) state.RunTimers();
  state.PlaceQueued();
  state.ConcludeProven();
  state.FinishCampaigns();
  std::vector<Action> actions = state.TakeActions();
  state.deadline = state.NextDeadline();
  return actions;
}

absl::Time Core::NextDeadline() const {
  return state_->deadline;
}

void Core::Restore(std::vector<Campaign> campaigns, std::vector<Run> runs, std::vector<Host> hosts) {
  State& state = *state_;
  for (Host& host : hosts) state.hosts[host.id] = std::move(host);
  for (Campaign& campaign : campaigns) state.campaigns[campaign.id].campaign = std::move(campaign);
  for (Run& run : runs) {
    CampaignEntry& entry = state.EntryOf(run);
    entry.cancelled = entry.cancelled || campaign::WasCancelled(run);
    if (run.state == RunState::kDone) {
      entry.AddDone(run);
      continue;
    }
    Tracked& t = state.Track(std::move(run));
    if (t.run.state == RunState::kQueued || IsOver(t.run.state)) continue;
    ++entry.active;
    auto& [vcpus, bytes] = state.allocated[t.run.host_id];
    vcpus += t.profile->vcpus;
    bytes += t.profile->MaxMemory();
    t.awaiting_reattach = true;
    t.replayed = t.run.console_bytes;
    for (Finding& finding : t.run.findings) {
      t.replayed = std::max(t.replayed, finding.end_offset);
      if (finding.distrust == kUnweighed) finding.distrust = kNeverWeighed;
    }
    for (auto& [name, counter] : t.run.counters) {
      if (counter.distrust == kUnweighed) counter.distrust = kNeverWeighed;
    }
  }
  state.restored = true;
  state.place = state.prove = true;
  state.deadline = absl::InfinitePast();
}

const std::map<std::string, std::pair<uint32_t, uint64_t>>& Core::Allocated() const {
  return state_->allocated;
}

const Run* Core::Find(const std::string& run_id) const {
  const Tracked* t = state_->Find(run_id);
  return t ? &t->run : nullptr;
}

Tracked* Core::State::Find(const std::string& run_id) {
  const auto it = runs.find(run_id);
  if (it == runs.end() || IsOver(it->second.run.state)) return nullptr;
  return &it->second;
}

Tracked& Core::State::Track(Run run) {
  CampaignEntry& entry = EntryOf(run);
  const campaign::CampaignSpec& spec = entry.campaign.spec;
  Tracked& t = runs[run.id];
  t.descriptor = &*std::ranges::find(descriptors, run.scenario, &v1::ScenarioDescriptor::name);
  t.profile = &*std::ranges::find(spec.profiles, run.profile, &campaign::Profile::name);
  t.use = &*std::ranges::find(spec.scenarios, run.scenario, &campaign::ScenarioUse::name);
  t.announced = run.state;
  t.since = now;
  t.run = std::move(run);
  ++entry.live;
  if (t.run.control || t.run.sibling) entry.ProofFor(t.run).Begin();
  if (t.run.state == RunState::kAwaitingControls) EndProof(t);
  return t;
}

// ---- events ------------------------------------------------------------------------------------

void Core::State::On(const CampaignAdded& event) {
  CampaignEntry& entry = campaigns[event.campaign.id];
  entry.campaign = event.campaign;
  entry.changed = true;
  for (const Run& run : event.runs) {
    if (run.state == RunState::kDone) {
      entry.AddDone(run);
      Do(SaveRun{run, true, {}});
    } else {
      Save(Track(run));
    }
  }
  place = true;
}

void Core::State::On(const CampaignCancelled& event) {
  const auto it = campaigns.find(event.campaign_id);
  if (it == campaigns.end() || std::exchange(it->second.cancelled, true)) return;
  for (auto& [id, t] : runs) {
    if (t.run.campaign_id == event.campaign_id && t.run.state != RunState::kDone) Cancel(t);
  }
  prove = true;
}

void Core::State::On(const HostChanged& event) {
  hosts[event.host.id] = event.host;
  place = true;
}

void Core::State::On(const HostRemoved& event) {
  hosts.erase(event.host_id);
  place = true;
}

// ---- what Step does last -----------------------------------------------------------------------

void Core::State::FinishCampaigns() {
  for (auto& [id, entry] : campaigns) {
    if (entry.live > 0) continue;
    entry.campaign.state = entry.cancelled ? CampaignState::kCancelled : CampaignState::kFinished;
    entry.campaign.verdict = campaign::CampaignVerdict(entry.done);
    entry.campaign.finished = now;
    entry.changed = true;
  }
}

std::vector<Action> Core::State::TakeActions() {
  std::vector<Action> taken;
  for (auto& [id, findings] : std::exchange(dirty, {})) {
    const auto it = runs.find(id);
    Tracked& t = it->second;
    const bool announce = t.announced != t.run.state || t.run.state == RunState::kQueued;
    t.announced = t.run.state;
    if (t.run.state == RunState::kDone) {
      taken.push_back(SaveRun{std::move(t.run), announce, std::move(findings)});
      runs.erase(it);
    } else {
      taken.push_back(SaveRun{t.run, announce, std::move(findings)});
    }
  }
  for (auto it = campaigns.begin(); it != campaigns.end();) {
    CampaignEntry& entry = it->second;
    if (std::exchange(entry.changed, false)) taken.push_back(SaveCampaign{entry.campaign});
    it = entry.live == 0 ? campaigns.erase(it) : std::next(it);
  }
  for (Action& action : std::exchange(actions, {})) taken.push_back(std::move(action));
  return taken;
}

}  // namespace lk::scheduler
