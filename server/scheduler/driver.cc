// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/driver.h"

#include <absl/synchronization/notification.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/mutation.h"
#include "server/campaign/spec.h"
#include "support/overloaded.h"

namespace lk::scheduler {
namespace {

constexpr absl::Duration kLongestStorePause = absl::Seconds(10);
constexpr absl::Duration kStoreWait = absl::Seconds(30);

}  // namespace

Driver::Driver(DriverOptions options, DriverPorts ports, Announcer announcer)
    : options_(std::move(options)),
      ports_(ports),
      announcer_(std::move(announcer)),
      core_(options_.descriptors, options_.limits, options_.random_hex) {}

Driver::~Driver() {
  Stop();
}

Status Driver::Recover() {
  LK_ASSIGN_OR_RETURN(std::vector<Campaign> campaigns, ports_.store.UnfinishedCampaigns());
  LK_ASSIGN_OR_RETURN(std::vector<Host> hosts, ports_.store.ListHosts());
  std::vector<Run> runs;
  std::set<std::string> unfinished;
  for (Campaign& campaign : campaigns) {
    campaign::SpecResult parsed = campaign::ParseSpec(campaign.spec_yaml, campaign.overrides, options_.descriptors);
    if (!parsed.ok()) {
      return absl::DataLossError(fmt::format("campaign {}: stored spec no longer parses with this version of lkd: {}",
                                             campaign.id, parsed.errors.front().message));
    }
    campaign.spec = std::move(parsed.spec);
    specs_[campaign.id] = campaign.spec;
    LK_ASSIGN_OR_RETURN(std::vector<Run> of_campaign, ports_.store.ListRuns(campaign.id, std::nullopt, "", 0));
    for (Run& run : of_campaign) {
      const bool over = IsOver(run.state);
      if (!over) unfinished.insert(run.id);
      const bool has_vm = !over && run.state != campaign::RunState::kQueued;
      if (has_vm) ports_.agents.Expect(run, Terms(run));
      {
        const MutexLock lock(&mutex_);
        if (has_vm) to_adopt_[run.host_id].push_back(run);
        states_[campaign.id][run.id] = run.state;
      }
      runs.push_back(std::move(run));
    }
  }
  if (!campaigns.empty()) spdlog::info("resuming {} unfinished campaigns", campaigns.size());
  // Cleans up the directories of runs that are over, in case lkd was killed before it could do so.
  ports_.pool.Post([others = OtherRuns(options_.state_directory / "runs", unfinished)] {
    for (const std::filesystem::path& directory : others) Tidy(directory);
  });
  // Hosts are down until Hosts has connected to them. Their stored features may be out of date: a different version of
  // libvirt, QEMU or lkd may offer more.
  for (Host& host : hosts) {
    if (host.state == Host::State::kUp) host.state = Host::State::kDown;
    host.archs.clear();
    host.features.clear();
  }
  std::set<std::string> known_hosts;
  for (const Host& host : hosts) known_hosts.insert(host.id);
  core_.Restore(std::move(campaigns), std::move(runs), std::move(hosts));
  {
    const MutexLock lock(&mutex_);
    for (auto it = to_adopt_.begin(); it != to_adopt_.end();) {
      if (known_hosts.contains(it->first)) {
        ++it;
        continue;
      }
      for (const Run& run : it->second) {
        queue_.push_back({VmGone{run.id, VmGone::How::kMissing, "its host was removed"}, {}});
      }
      it = to_adopt_.erase(it);
    }
    queue_.push_back({Tick{}, {}});
  }
  return absl::OkStatus();
}

void Driver::Start() {
  thread_ = std::thread([this] {
    while (true) {
      const absl::Time next = RunDue();
      const bool waits_for_store = undone_.has_value();
      const MutexLock lock(&mutex_);
      const auto something = [this, waits_for_store] {
        mutex_.AssertHeld();
        return stopping_ || (!waits_for_store && (!queue_.empty() || !grown_.empty()));
      };
      mutex_.AwaitWithDeadline(absl::Condition(&something), next);
      if (stopping_) return;
    }
  });
}

void Driver::Stop() {
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Driver::Post(Event event, std::function<void()> stored) {
  const MutexLock lock(&mutex_);
  queue_.push_back({std::move(event), std::move(stored)});
}

bool Driver::PostAndWait(Event event) {
  const auto stored = std::make_shared<absl::Notification>();
  Post(std::move(event), [stored] { stored->Notify(); });
  return stored->WaitForNotificationWithTimeout(kStoreWait);
}

absl::Time Driver::RunDue() {
  while (true) {
    if (undone_) {
      if (ports_.clock.Now() < undone_->next_try || !Finish(*undone_)) return undone_->next_try;
      undone_.reset();
    }
    std::optional<Queued> next = TakeNext();
    if (!next) return core_.NextDeadline();
    Step(*std::move(next));
  }
}

std::optional<Driver::Queued> Driver::TakeNext() {
  const MutexLock lock(&mutex_);
  if (stopping_) return std::nullopt;
  if (!queue_.empty()) {
    Queued next = std::move(queue_.front());
    queue_.pop_front();
    return next;
  }
  if (!grown_.empty()) {
    const auto node = grown_.extract(grown_.begin());
    return Queued{ConsoleBytes{node.key(), node.mapped()}, {}};
  }
  if (core_.NextDeadline() <= ports_.clock.Now()) return Queued{Tick{}, {}};
  return std::nullopt;
}

void Driver::Step(Queued queued) {
  if (const auto* added = std::get_if<CampaignAdded>(&queued.event)) specs_[added->campaign.id] = added->campaign.spec;
  const absl::Time now = ports_.clock.Now();
  std::vector<Action> actions = core_.Step(queued.event, now);
  store::Change change = ChangeOf(actions, now);
  undone_ = Undone{.change = std::move(change), .actions = std::move(actions), .stored = std::move(queued.stored)};
}

bool Driver::Finish(Undone& undone) {
  const store::Change& change = undone.change;
  if (!change.runs.empty() || !change.campaigns.empty() || !change.events.empty()) {
    if (const auto stored = ports_.store.Apply(change); !stored.ok()) {
      // No action may be performed before the change has been stored.
      spdlog::error("store: {}; retrying", std::string(stored.status().message()));
      undone.next_try = ports_.clock.Now() + undone.pause;
      undone.pause = std::min(2 * undone.pause, kLongestStorePause);
      return false;
    }
  }
  {
    const MutexLock lock(&mutex_);
    for (const Run& run : change.runs) states_[run.campaign_id][run.id] = run.state;
    for (const Campaign& campaign : change.campaigns) {
      if (campaign.verdict) states_.erase(campaign.id);
    }
    allocated_ = core_.Allocated();
  }
  if (!change.notifications.empty() && announcer_.notifications_stored) announcer_.notifications_stored();
  std::set<std::string> watched;
  for (const auto& [campaign_id, payload] : change.events) watched.insert(campaign_id);
  for (const auto& [campaign_id, payload] : change.counting_events) watched.insert(campaign_id);
  for (const std::string& id : watched) Notify(id);
  for (const Action& action : undone.actions) Perform(action);
  if (undone.stored) undone.stored();
  return true;
}

store::Change Driver::ChangeOf(const std::vector<Action>& actions, absl::Time now) const {
  store::Change change;
  change.time = now;
  for (const Action& action : actions) {
    if (const auto* save = std::get_if<SaveRun>(&action)) {
      change.runs.push_back(save->run);
      for (const Finding& finding : save->new_findings) {
        change.events.emplace_back(save->run.campaign_id, announcer_.finding(save->run.id, finding, now));
      }
      if (save->announce) change.events.emplace_back(save->run.campaign_id, announcer_.run(save->run, now));
    } else if (const auto* save_campaign = std::get_if<SaveCampaign>(&action)) {
      change.campaigns.push_back(save_campaign->campaign);
      AddNotifications(save_campaign->campaign, now, change);
      if (save_campaign->announce) {
        change.counting_events.emplace_back(save_campaign->campaign.id, [this, campaign = save_campaign->campaign,
                                                                         now](const campaign::Counts& counts) {
          return announcer_.campaign(campaign, counts, now);
        });
      }
    }
  }
  return change;
}

void Driver::AddNotifications(const Campaign& campaign, absl::Time now, store::Change& change) const {
  const std::vector<std::string>& targets = Spec(campaign.id).notify;
  if (!campaign.verdict || targets.empty() || !announcer_.notifications) return;
  for (store::Notification& notification : announcer_.notifications(campaign, targets, now)) {
    change.notifications.push_back(std::move(notification));
  }
}

void Driver::Perform(const Action& action) {
  std::visit(Overloaded{
                 [](const SaveCampaign&) {},
                 [](const SaveRun&) {},
                 [this](const SendAck& a) { ports_.agents.SendAck(a.run_id, a.session, a.sequence); },
                 [this](const SendCancel& a) { ports_.agents.SendCancel(a.run_id, a.reason); },
                 [this](const SendFinish& a) { ports_.agents.SendFinish(a.run_id); },
                 [this](const SendHostActionReply& a) { ports_.agents.SendHostActionReply(a.reply); },
                 [this](const DropSession& a) { ports_.agents.Drop(a.run_id, a.session); },
                 [this](const auto& a) { Do(a); },
             },
             action);
}

Driver::Subscription Driver::Subscribe(const std::string& id, std::function<void()> notify) {
  auto subscriber = std::make_shared<std::function<void()>>(std::move(notify));
  const MutexLock lock(&mutex_);
  std::erase_if(subscribers_, [](const auto& item) { return item.second.expired(); });
  subscribers_.emplace(id, subscriber);
  return subscriber;
}

void Driver::Notify(const std::string& id) {
  std::vector<std::shared_ptr<std::function<void()>>> alive;
  {
    const MutexLock lock(&mutex_);
    const auto [first, last] = subscribers_.equal_range(id);
    for (auto it = first; it != last; ++it) {
      if (auto subscriber = it->second.lock()) alive.push_back(std::move(subscriber));
    }
  }
  for (const auto& subscriber : alive) (*subscriber)();
}

std::filesystem::path Driver::Artifact(const std::string& run_id, std::string_view name) const {
  return RunDirectory(run_id) / name;
}

std::filesystem::path Driver::RunDirectory(const std::string& run_id) const {
  return options_.state_directory / "runs" / run_id;
}

std::pair<uint32_t, uint64_t> Driver::Allocated(const std::string& host_id) const {
  const MutexLock lock(&mutex_);
  const auto it = allocated_.find(host_id);
  return it == allocated_.end() ? std::pair<uint32_t, uint64_t>{} : it->second;
}

std::map<std::string, std::map<std::string, uint64_t>> Driver::UnfinishedRuns() const {
  std::map<std::string, std::map<std::string, uint64_t>> counts;
  const MutexLock lock(&mutex_);
  for (const auto& [campaign_id, runs] : states_) {
    for (const auto& [run_id, state] : runs) ++counts[campaign_id][std::string(campaign::ToString(state))];
  }
  return counts;
}

const v1::ScenarioDescriptor& Driver::Descriptor(const std::string& scenario) const {
  return *std::find_if(options_.descriptors.begin(), options_.descriptors.end(),
                       [&](const auto& descriptor) { return descriptor.name() == scenario; });
}

const campaign::CampaignSpec& Driver::Spec(const std::string& campaign_id) const {
  return specs_.at(campaign_id);
}

}  // namespace lk::scheduler
