// SPDX-License-Identifier: Apache-2.0
// The core against a world that misbehaves: hosts, guests and lkd itself fail at random, in virtual time, from a seed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <optional>
#include <random>
#include <set>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/mutation.h"
#include "tests/sim/campaigns.h"
#include "tests/sim/checks.h"
#include "tests/sim/guest.h"

namespace lk::scheduler {
namespace {

using campaign::RunState;

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr absl::Duration kMostTime = absl::Hours(6);
constexpr uint64_t kSeeds = 250;

class Simulation {
 public:
  Simulation(uint64_t seed, Seen& seen) : random_(seed), seen_(seen) {
    for (int i = 1; i <= 3; ++i) {
      Host host = MakeHost("h" + std::to_string(i), 4, 8 * kGiB);
      if (i == 3) host.accelerator = "tcg";
      hosts_[host.id] = host;
    }
    NewCore();
    for (const auto& [id, host] : hosts_) Post(HostChanged{host});
  }

  void Run() {
    for (int i = 1; i <= 3; ++i) {
      Post(RandomCampaign("c" + std::to_string(i), now_, [this](double p) { return Chance(p); }));
    }
    const absl::Time end = now_ + kMostTime;
    for (; now_ < end && !(Finished() && guests_.empty()); now_ += kTick) {
      if (Chance(0.001)) Post(CampaignCancelled{"c" + std::to_string(1 + Below(3))});
      for (auto& [id, host] : hosts_) LiveHost(host);
      for (auto& [id, guest] : guests_) LiveGuest(id, guest);
      std::erase_if(guests_, [](const auto& item) { return !item.second.alive && !item.second.launching; });
      if (core_->NextDeadline() <= now_) Post(Tick{});
      while (!inbox_.empty()) {
        const Event event = std::move(inbox_.front());
        inbox_.pop_front();
        Step(event);
      }
    }
    EXPECT_TRUE(Finished()) << "campaigns do not end";
    EXPECT_TRUE(guests_.empty()) << "VMs are left";
    for (const auto& [id, run] : runs_) {
      const auto fate = fate_of_.find(id);
      CheckRun(run, fate == fate_of_.end() ? std::nullopt : std::optional(fate->second), seen_);
    }
    for (const auto& [id, host] : hosts_) EXPECT_EQ(core_->Allocated(id), (std::pair<uint32_t, uint64_t>{0, 0}));
  }

 private:
  // ---- chance
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(double p) { return static_cast<double>(Below(1000000)) < p * 1000000; }
  absl::Duration Up(int seconds) { return absl::Seconds(Below(static_cast<uint64_t>(seconds)) + 1); }

  void Post(Event event) { inbox_.push_back(std::move(event)); }
  bool Finished() const {
    return campaigns_.size() == 3 && std::all_of(campaigns_.begin(), campaigns_.end(), [](const auto& item) {
             return item.second.state == campaign::CampaignState::kFinished ||
                    item.second.state == campaign::CampaignState::kCancelled;
           });
  }

  // ---- lkd
  void NewCore() {
    v1::ScenarioDescriptor descriptor = Descriptor();
    descriptor.add_mutant();
    core_ = std::make_unique<Core>(campaign::Descriptors{descriptor}, Limits(),
                                   [this](size_t bytes) { return fmt::format("{:0{}x}", ++tokens_, 2 * bytes); });
  }

  void Step(const Event& event) {
    const std::vector<Action> actions = core_->Step(event, now_);
    bool saves_over = false;
    for (const Action& action : actions) {
      if (!IsSave(action)) {
        saves_over = true;
        continue;
      }
      EXPECT_FALSE(saves_over) << InWords(action) << " after other actions";
      if (const auto* save = std::get_if<SaveCampaign>(&action)) campaigns_[save->campaign.id] = save->campaign;
      if (const auto* save = std::get_if<SaveRun>(&action)) runs_[save->run.id] = save->run;
    }
    for (const Action& action : actions) {
      const auto* save = std::get_if<SaveRun>(&action);
      if (save) CheckProven(save->run, campaigns_.at(save->run.campaign_id), runs_, seen_);
    }
    CheckCapacity();
    // lkd is killed now and then, after it stored and before it did all; not before the campaigns were accepted.
    const bool killed = restarts_ < 5 && campaigns_.size() == 3 && Chance(0.002);
    const size_t performed = killed ? Below(actions.size() + 1) : actions.size();
    for (size_t i = 0; i < performed; ++i) {
      std::visit([this](const auto& a) { Do(a); }, actions[i]);
    }
    if (killed) Restart();
  }

  void Restart() {
    ++restarts_;
    inbox_.clear();
    sessions_ = 0;
    in_use_.clear();
    std::vector<Campaign> unfinished;
    for (const auto& [id, campaign] : campaigns_) {
      if (campaign.state == campaign::CampaignState::kQueued || campaign.state == campaign::CampaignState::kRunning) {
        unfinished.push_back(campaign);
      }
    }
    std::vector<campaign::Run> runs;
    to_adopt_.clear();
    for (const auto& [id, known] : runs_) {
      const campaign::Run& run = known;
      const bool wanted =
          std::any_of(unfinished.begin(), unfinished.end(), [&](const auto& c) { return c.id == run.campaign_id; });
      if (!wanted) continue;
      runs.push_back(run);
      if (run.state == RunState::kQueued || run.state == RunState::kDone || AwaitsControls(run)) continue;
      to_adopt_[run.host_id].insert(id);
      in_use_[id] = run.host_id;
    }
    for (auto it = guests_.begin(); it != guests_.end();) {
      Guest& guest = it->second;
      Disconnect(guest);
      // A launch dies with lkd, its VM is there or not.
      if (guest.launching && Chance(0.5)) {
        it = guests_.erase(it);
        continue;
      }
      if (std::exchange(guest.launching, false)) guest.alive = true;
      ++it;
    }
    std::vector<Host> hosts;
    for (const auto& [id, host] : hosts_) {
      hosts.push_back(host);
      hosts.back().state = Host::State::kDown;
    }
    NewCore();
    core_->Restore(std::move(unfinished), std::move(runs), std::move(hosts));
    Post(Tick{});
    for (auto& [id, host] : hosts_) {
      if (host.state == Host::State::kUp) {
        Adopt(host);
      } else {
        for (const std::string& run : std::exchange(to_adopt_[id], {})) Post(VmGone{run, VmGone::How::kHostLost, ""});
      }
    }
  }

  void Adopt(const Host& host) {
    const std::set<std::string> adopted = std::exchange(to_adopt_[host.id], {});
    for (const std::string& run : adopted) {
      const auto guest = guests_.find(run);
      const bool there = guest != guests_.end() && guest->second.alive;
      if (guest != guests_.end()) {
        if (guest->second.canary_written) Post(ConsoleCanary{run, guest->second.nonce});
        if (guest->second.panicked) {
          guest->second.report_told = false;
          Post(ConsoleHeader{run, PanicOf(guest->second)});
        }
        if (guest->second.nmi) AnswerNmi(run);
      }
      if (there) {
        Post(VmReattached{run});
      } else {
        Post(VmGone{run, VmGone::How::kMissing, ""});
        Post(ConsoleEnded{run});
      }
    }
    for (auto& [id, guest] : guests_) {
      if (guest.host == host.id && !guest.launching && !adopted.contains(id)) guest.alive = false;
    }
    Post(HostChanged{host});
  }

  // ---- hosts
  void LiveHost(Host& host) {
    if (host.state == Host::State::kUp && Chance(0.0005)) {
      host.state = Host::State::kDown;
      host.state_reason = "connection lost";
      Post(HostChanged{host});
      for (const auto& [run, id] : in_use_) {
        if (id == host.id) Post(VmGone{run, VmGone::How::kHostLost, ""});
      }
    } else if (host.state == Host::State::kDown && Chance(0.02)) {
      host.state = Host::State::kUp;
      host.state_reason.clear();
      Adopt(host);
    }
  }

  // ---- guests
  void LiveGuest(const std::string& id, Guest& guest) {
    if (guest.launching) {
      if (now_ >= guest.launched_by) Launched(id, guest);
      return;
    }
    if (!guest.alive || guest.panicked || guest.nmi || IsPaused(id, guest)) return;
    if (!guest.connected && now_ >= guest.next_connect && guest.fate != Guest::Fate::kNeverConnects) Connect(id, guest);
    const bool fate_due = guest.leased && now_ >= guest.fate_at;
    if (fate_due && !Fulfil(id, guest)) return;
    if (guest.leased && !guest.done_said) Work(id, guest);
    if (guest.finish && Chance(0.9)) PowerOff(id, guest, VmGone::How::kStopped);
  }

  // Somebody pauses VMs now and then, and some pause by themselves for good.
  bool IsPaused(const std::string& id, Guest& guest) {
    if (guest.resumes == absl::InfinitePast()) {
      if (!Chance(0.002)) return false;
      const bool by_itself = Chance(0.3);
      guest.resumes = by_itself ? absl::InfiniteFuture() : now_ + Up(70);
      Post(VmPaused{id, by_itself, "paused"});
      return true;
    }
    if (now_ < guest.resumes) return true;
    guest.done_at += kTick;
    guest.resumes = absl::InfinitePast();
    Post(VmResumed{id});
    return false;
  }

  void Launched(const std::string& id, Guest& guest) {
    guest.launching = false;
    const bool host_up = hosts_.at(guest.host).state == Host::State::kUp;
    if (!host_up || Chance(0.05)) {
      Post(StartFailed{id, "launch failed", !host_up || Chance(0.5)});
    } else {
      guest.alive = true;
      guest.next_connect = now_ + Up(20);
      Post(ImageReady{id, 1});
      Post(VmStarted{id, 0.5});
    }
    if (guest.destroy_asked) PowerOff(id, guest, VmGone::How::kDestroyed);
  }

  void Connect(const std::string& id, Guest& guest) {
    guest.connected = true;
    guest.session = ++sessions_;
    Post(AgentConnected{id, guest.session, fmt::format("{}-{}", id, guest.boot), "6.1.0", "KVM", guest.leased});
    for (AgentSaid& said : guest.unacknowledged) {
      said.session = guest.session;
      Post(said);
    }
  }
  void Disconnect(Guest& guest) {
    guest.connected = false;
    guest.next_connect = now_ + Up(6);
  }

  // What is to befall the guest. Returns whether it goes on working.
  bool Fulfil(const std::string& id, Guest& guest) {
    using Fate = Guest::Fate;
    switch (guest.fate) {
      case Fate::kPanics:
      case Fate::kDiesOnItsOwn:
        guest.panicked = true;
        Post(ConsoleHeader{id, PanicOf(guest)});
        if (Chance(0.3)) Post(VmPanicked{id});
        return false;
      case Fate::kStalls:
        if (!std::exchange(guest.stalled, true)) {
          Post(ConsoleHeader{id, Report(detect::Kind::kSoftLockup, "BUG: soft lockup")});
          Post(ConsoleFinding{id, Report(detect::Kind::kSoftLockup, "BUG: soft lockup in simulation")});
        }
        return false;
      case Fate::kIsCounted:
        if (!std::exchange(guest.stalled, true)) {
          Finding counted;
          counted.kind = detect::Kind::kSoftLockup;
          counted.title = "soft lockup counted";
          counted.counted = true;
          Say(id, guest, GuestFinding{counted});
        }
        return true;
      case Fate::kDies:
        PowerOff(id, guest, VmGone::How::kCrashed);
        return false;
      case Fate::kHangs:
      case Fate::kNetworkCut:
        Post(ConsoleBytes{id, ++guest.printed});
        return false;
      case Fate::kQemuStops:
        return false;
      case Fate::kAgentDies:
        if (guest.connected) Post(AgentDisconnected{id, guest.session});
        guest.connected = false;
        guest.next_connect = absl::InfiniteFuture();
        return false;
      case Fate::kFlaps:
        if (guest.connected && Chance(0.2)) {
          Post(AgentDisconnected{id, guest.session});
          Disconnect(guest);
        }
        return true;
      case Fate::kNeverBack:
        if (!std::exchange(guest.stalled, true)) Say(id, guest, RebootAnnounced{"kexec", absl::Seconds(20)});
        return false;
      case Fate::kReboots:
      case Fate::kRebootsUnasked:
        if (guest.fate == Fate::kReboots) Say(id, guest, RebootAnnounced{"kexec", absl::Seconds(40)});
        if (guest.connected) Post(AgentDisconnected{id, guest.session});
        Disconnect(guest);
        guest.fate = Fate::kGood;
        guest.unacknowledged.clear();
        guest.leased = false;
        guest.sequence = 0;
        ++guest.boot;
        return false;
      default:
        return true;
    }
  }

  void Work(const std::string& id, Guest& guest) {
    if (!guest.canary_written && guest.fate != Guest::Fate::kNoCanary) {
      guest.canary_written = true;
      Post(ConsoleCanary{id, guest.nonce});
      KmsgSeen seen;
      seen.canary = true;
      seen.nonce = guest.nonce;
      Say(id, guest, seen);
    }
    const bool stuck = guest.fate == Guest::Fate::kSticks && now_ >= guest.fate_at;
    Say(id, guest, Heartbeat{stuck ? guest.progress : ++guest.progress, "at work", {}});
    if (Chance(0.1)) Say(id, guest, HostActionAsked{guest.sequence, HostActionAsked::Kind::kAttachDimm, kGiB, ""});
    if (guest.fate == Guest::Fate::kOverruns || stuck || now_ < guest.done_at) return;
    guest.done_said = true;
    Say(id, guest, AgentDone{"ok", "", guest.progress, {}});
  }

  void Say(const std::string& id, Guest& guest, decltype(AgentSaid::what) what) {
    guest.unacknowledged.push_back({id, guest.session, ++guest.sequence, std::move(what)});
    if (guest.connected) Post(guest.unacknowledged.back());
  }

  void PowerOff(const std::string& id, Guest& guest, VmGone::How how) {
    const bool was_alive = std::exchange(guest.alive, false);
    if (was_alive && guest.connected) Post(AgentDisconnected{id, guest.session});
    if (guest.panicked) TellReport(id, guest);
    Post(VmGone{id, how, ""});
    if (Chance(0.9)) Post(ConsoleEnded{id});
  }

  void TellReport(const std::string& id, Guest& guest) {
    if (std::exchange(guest.report_told, true)) return;
    Post(ConsoleFinding{id, PanicOf(guest)});
  }
  static Finding PanicOf(const Guest& guest) {
    return Panic(guest.fate == Guest::Fate::kDiesOnItsOwn ? "Attempted to kill init!" : "simulated");
  }
  void AnswerNmi(const std::string& id) {
    Post(ConsoleHeader{id, NmiPanic()});
    if (Chance(0.5)) Post(VmPanicked{id});
    if (Chance(0.9)) Post(ConsoleFinding{id, NmiPanic()});
    if (Chance(0.2)) Post(ConsoleFinding{id, Report(detect::Kind::kUnexpectedReboot, "unexpected reboot", 9000)});
  }

  // ---- actions
  void Do(const SaveCampaign&) {}
  void Do(const SaveRun&) {}
  void Do(const StartVm& action) {
    EXPECT_TRUE(started_.insert(action.run.id).second) << action.run.id << " is started twice";
    EXPECT_EQ(runs_.at(action.run.id).state, RunState::kPreparing);
    in_use_[action.run.id] = action.run.host_id;
    Guest& guest = guests_[action.run.id];
    guest.host = action.run.host_id;
    guest.nonce = action.run.canary_nonce;
    guest.fate = static_cast<Guest::Fate>(Chance(0.3) ? 0 : Below(Guest::kFates));
    if (action.run.control && Chance(0.5)) guest.fate = Guest::Fate::kPanics;
    guest.launched_by = now_ + Up(4);
    fate_of_[action.run.id] = guest.fate;
  }
  void Do(const DestroyVm& action) {
    const auto it = guests_.find(action.run_id);
    const bool host_up = hosts_.at(action.host_id).state == Host::State::kUp;
    if (it == guests_.end()) return Post(VmGone{action.run_id, VmGone::How::kDestroyed, ""});
    if (it->second.launching) {
      it->second.destroy_asked = true;
    } else if (!host_up) {
      Post(VmGone{action.run_id, VmGone::How::kDestroyed, ""});
    } else if (!Chance(0.05)) {
      PowerOff(action.run_id, it->second, VmGone::How::kDestroyed);
    }
  }
  void Do(const PerformPostMortem& action) {
    using Stage = campaign::PostMortemStep::Step;
    using Outcome = campaign::PostMortemStep::Outcome;
    using Fate = Guest::Fate;
    const std::vector<campaign::PostMortemStep>& stored = runs_.at(action.run_id).post_mortem;
    ASSERT_FALSE(stored.empty());
    EXPECT_EQ(stored.back().step, action.step) << "begun before it is stored";
    const auto it = guests_.find(action.run_id);
    if (it == guests_.end() || it->second.fate == Fate::kQemuStops || Chance(0.1)) return;  // no answer
    Guest& guest = it->second;
    PostMortemStepDone done{action.run_id, {action.step, Outcome::kDone, "simulated", "", 0}, false};
    if (Chance(0.1)) {
      done.step.outcome = Outcome::kFailed;
    } else if (action.step == Stage::kRegisters) {
      done.interrupts_off = guest.fate == Fate::kHangs || guest.fate == Fate::kNeverBack;
    } else if (action.step == Stage::kNmi) {
      guest.nmi = true;
      if (Chance(0.9)) AnswerNmi(action.run_id);
    }
    Post(done);
  }
  void Do(const FlushConsole& action) {
    const auto it = guests_.find(action.run_id);
    if (it != guests_.end() && it->second.panicked) TellReport(action.run_id, it->second);
  }
  void Do(const SendLease& action) {
    Guest* guest = Speaking(action.run_id, action.session);
    if (!guest || std::exchange(guest->leased, true)) return;
    guest->done_at = now_ + absl::Seconds(20);
    guest->fate_at = now_ + Up(18);
  }
  void Do(const SendAck& action) {
    EXPECT_LE(action.sequence, runs_.at(action.run_id).agent_sequence) << "acknowledged before it is stored";
    Guest* guest = Speaking(action.run_id, action.session);
    while (guest && !guest->unacknowledged.empty() && guest->unacknowledged.front().sequence <= action.sequence) {
      guest->unacknowledged.pop_front();
    }
  }
  void Do(const SendCancel& action) {
    const auto it = guests_.find(action.run_id);
    if (it == guests_.end() || !it->second.alive || !it->second.connected || it->second.panicked ||
        it->second.done_said)
      return;
    if (Chance(0.5)) return;
    it->second.done_said = true;
    Say(action.run_id, it->second, AgentDone{"error", "cancelled", it->second.progress, {}});
  }
  void Do(const SendFinish& action) {
    const auto it = guests_.find(action.run_id);
    if (it != guests_.end() && it->second.connected) it->second.finish = true;
  }
  void Do(const SendHostActionReply&) {}
  void Do(const DropSession& action) {
    if (Guest* guest = Speaking(action.run_id, action.session)) Disconnect(*guest);
  }
  void Do(const PerformHostAction& action) {
    Post(HostActionDone{action.run_id, action.action.id, Chance(0.2) ? "refused" : "",
                        "dimm" + std::to_string(action.action.id), kTick});
  }
  void Do(const ExpectBoot&) {}
  void Do(const ReleaseRun& action) {
    in_use_.erase(action.run_id);
    const auto it = guests_.find(action.run_id);
    if (it != guests_.end()) Disconnect(it->second);
  }

  Guest* Speaking(const std::string& id, uint64_t session) {
    const auto it = guests_.find(id);
    return it != guests_.end() && it->second.connected && it->second.session == session ? &it->second : nullptr;
  }

  // ---- what must hold
  void CheckCapacity() {
    for (const auto& [id, host] : hosts_) {
      const auto [vcpus, bytes] = core_->Allocated(id);
      EXPECT_LE(vcpus, host.vcpus);
      EXPECT_LE(bytes, host.memory_bytes);
    }
    std::map<std::string, uint64_t> used;
    for (const auto& [run, host] : in_use_) used[host] += 2 * kGiB;
    for (const auto& [host, bytes] : used) EXPECT_LE(bytes, hosts_.at(host).memory_bytes);
  }

  std::mt19937_64 random_;
  Seen& seen_;
  absl::Time now_ = kEpoch;
  uint64_t tokens_ = 0;
  uint64_t sessions_ = 0;
  int restarts_ = 0;
  std::unique_ptr<Core> core_;
  std::deque<Event> inbox_;
  // What the store holds.
  std::map<std::string, Campaign> campaigns_;
  std::map<std::string, campaign::Run> runs_;
  // The world.
  std::map<std::string, Host> hosts_;
  std::map<std::string, Guest> guests_;
  std::map<std::string, std::set<std::string>> to_adopt_;
  std::map<std::string, std::string> in_use_;  // run -> host, from StartVm to ReleaseRun
  std::map<std::string, Guest::Fate> fate_of_;
  std::set<std::string> started_;
};

TEST(SchedulerSimulation, EveryCampaignEndsAndNothingIsBroken) {
  const char* given = std::getenv("LK_SIM_SEED");
  const uint64_t first = given ? std::strtoull(given, nullptr, 10) : 1;
  const uint64_t last = given ? first : kSeeds;
  Seen seen;
  for (uint64_t seed = first; seed <= last && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("LK_SIM_SEED={}", seed));
    Simulation(seed, seen).Run();
  }
  if (given || testing::Test::HasFailure()) return;
  for (const auto& [group, words] : kMustBeSeen) EXPECT_THAT(seen[group], testing::IsSupersetOf(words)) << group;
}

}  // namespace
}  // namespace lk::scheduler
