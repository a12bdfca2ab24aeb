// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/simulation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/mutation.h"
#include "server/campaign/spec.h"

namespace lk::sim {
namespace {

using campaign::CampaignState;
using campaign::RunState;
using scheduler::Run;

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr int kMaxKills = 5;

// In memory if possible, since a thousand simulations create several hundred thousand files.
std::filesystem::path TemporaryDirectory() {
  std::string name = (access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : testing::TempDir()) + "lk-sim.XXXXXX";
  return mkdtemp(name.data());
}

v1::ScenarioDescriptor Spin() {
  v1::ScenarioDescriptor descriptor;
  descriptor.set_name("spin");
  descriptor.mutable_progress_limit()->set_seconds(30);
  descriptor.mutable_hard_cap()->set_seconds(600);
  descriptor.add_host_actions("attach_dimm");
  descriptor.add_host_actions("replug_disk");
  descriptor.add_scratch_disks()->set_size_bytes(4096);
  v1::ScenarioDescriptor::Symptom& symptom = *descriptor.add_mutants()->add_symptoms();
  for (const char* kind : {"panic", "soft_lockup", "hang"}) symptom.add_kinds(kind);
  symptom.add_functions("spin_wait");
  return descriptor;
}

scheduler::Announcer Silent() {
  return {.campaign = [](const auto&, const auto&, absl::Time) { return std::string(); },
          .run = [](const auto&, absl::Time) { return std::string(); },
          .finding = [](const auto&, const auto&, absl::Time) { return std::string(); }};
}

bool OnHost(const Run& run) {
  return run.state != RunState::kQueued && !IsOver(run.state);
}

}  // namespace

Simulation::Simulation(uint64_t seed, const Hazards& hazards, Seen& seen)
    : dice_(seed),
      hazards_(hazards),
      seen_(seen),
      directory_(TemporaryDirectory()),
      descriptors_{Spin()},
      world_(dice_, hazards_, clock_),
      pool_(
          [this](const std::string&) {
            MayDie();
            return clock_.now + absl::Seconds(dice_.Below(4));
          },
          [](const std::string&) { return false; }),
      lanes_(
          [this](const std::string& key) {
            MayDie();
            return key.ends_with("/console") ? clock_.now : clock_.now + absl::Seconds(dice_.Below(3));
          },
          [this](const std::string& key) {
            return !key.ends_with("/console") && world_.MonitorHangs(key.substr(0, key.find('/')));
          }),
      symbols_([](const std::string&) { return std::vector<std::filesystem::path>(); }) {
  store_.takes = [this] { return !stepping_ || !dice_.Chance(hazards_.store_refuses); };
  store_.on_change = [this](const store::Change& change) {
    OnChange(change);
    MayDie();
  };
  world_.post = [this](scheduler::Event event) { driver_->Post(std::move(event)); };
  world_.may_die = [this] { MayDie(); };
  world_.stored = [this](const std::string& run_id) { return &store_.runs.at(run_id); };
  world_.on_start = [this](const std::string& run_id) {
    EXPECT_TRUE(OnHost(store_.runs.at(run_id))) << run_id << " is stored as started before its VM is started";
  };
  StartLkd();
  for (int i = 1; i <= 3; ++i) {
    const std::string uri = fmt::format("sim:///{}", i);
    world_.AddHost(uri, i == 3 ? "tcg" : "kvm");
    EXPECT_TRUE(hosts_->Add({.uri = uri, .max_vcpus = 4, .max_memory_bytes = uint64_t{1} << 30}).ok());
  }
}

Simulation::~Simulation() {
  pool_.Kill([] { return false; });
  lanes_.Kill([] { return false; });
  driver_.reset();
  hosts_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

// ---- lkd ---------------------------------------------------------------------------------------

void Simulation::StartLkd() {
  hosts_ = std::make_unique<scheduler::Hosts>(store_, clock_, [this](const std::string& uri, vm::VmListener listener) {
    return world_.Connect(uri, std::move(listener));
  });
  scheduler::DriverOptions options;
  options.state_directory = directory_;
  options.console_max_bytes = 1 << 20;
  options.dumps = {.max_bytes = uint64_t{1} << 40, .keep_free = 0};
  options.descriptors = descriptors_;
  options.random_hex = [this](size_t bytes) { return fmt::format("{:0{}x}", ++tokens_, 2 * bytes); };
  driver_ = std::make_unique<scheduler::Driver>(
      options, scheduler::DriverPorts{store_, *hosts_, world_, world_, symbols_, pool_, lanes_, clock_}, Silent());
  ASSERT_TRUE(driver_->Recover().ok());
  ASSERT_TRUE(hosts_->Load(driver_->HostListener()).ok());
}

// Kills lkd from time to time, after it has stored a change but before it has performed all of the change's actions. It
// is not killed before it has accepted the campaigns.
void Simulation::MayDie() {
  if (!stepping_ || kills_ == kMaxKills || store_.campaigns.size() < campaigns_) return;
  if (dice_.Chance(hazards_.killed)) throw Killed();
}

void Simulation::KillLkd() {
  ++kills_;
  // The current tasks of its threads may or may not take effect.
  pool_.Kill([this] { return dice_.Chance(0.5); });
  lanes_.Kill([this] { return dice_.Chance(0.5); });
  world_.LoseLkd();
  driver_.reset();
  hosts_.reset();
  StartLkd();
}

void Simulation::RunLkd() {
  if (clock_.now >= hosts_stalled_until_) hosts_->RunDue();
  const bool driver_stalled = clock_.now < driver_stalled_until_;
  try {
    for (bool busy = true; busy;) {
      stepping_ = true;
      if (!driver_stalled) driver_->RunDue();
      stepping_ = false;
      busy = pool_.RunDue(clock_.now);
      busy = lanes_.RunDue(clock_.now) || busy;
    }
  } catch (const Killed&) {
    stepping_ = false;
    KillLkd();
  }
}

void Simulation::Tick() {
  if (dice_.Chance(hazards_.cancelled)) {
    driver_->Post(scheduler::CampaignCancelled{fmt::format("c{}", 1 + dice_.Below(3))});
  }
  world_.Live();
  RunLkd();
  clock_.now += kTick;
}

void Simulation::RunFor(absl::Duration duration) {
  for (const absl::Time end = clock_.now + duration; clock_.now < end;) Tick();
}

bool Simulation::Finished() const {
  return store_.campaigns.size() == campaigns_ &&
         std::ranges::all_of(store_.campaigns, [](const auto& item) { return item.second.verdict.has_value(); });
}

void Simulation::Play(absl::Duration longest) {
  for (const absl::Time end = clock_.now + longest; clock_.now < end;) {
    if (Finished() && world_.guests().empty()) return;
    Tick();
  }
}

// ---- campaigns ---------------------------------------------------------------------------------

void Simulation::AddCampaign(const std::string& id, const std::string& yaml,
                             const std::function<void(scheduler::Run&)>& change) {
  campaign::SpecResult parsed = campaign::ParseSpec(yaml, {}, descriptors_);
  ASSERT_TRUE(parsed.ok()) << parsed.errors.front().path << ": " << parsed.errors.front().message << "\n" << yaml;
  scheduler::CampaignAdded added;
  added.campaign.id = id;
  added.campaign.created = clock_.now;
  added.campaign.finished = absl::InfinitePast();
  added.campaign.spec_yaml = yaml;
  added.campaign.spec = std::move(parsed.spec);
  for (uint32_t i = 1; i <= added.campaign.spec.repeats; ++i) {
    scheduler::Run run;
    run.id = fmt::format("{}-{}", id, i);
    run.campaign_id = id;
    run.kernel_id = "k1";
    run.profile = "plain";
    run.scenario = "spin";
    run.cell = i;
    run.created = clock_.now;
    run.started = run.finished = absl::InfinitePast();
    run.canary_nonce = fmt::format("{:016x}", ++tokens_);
    change(run);
    added.runs.push_back(std::move(run));
  }
  ++campaigns_;
  driver_->Post(std::move(added));
}

void Simulation::AddRandomCampaign(const std::string& id) {
  const auto chance = [this](double p) { return dice_.Chance(p); };
  const std::string yaml = fmt::format(
      "apiVersion: lk/v1\n"
      "kind: Campaign\n"
      "metadata: {{ name: {0} }}\n"
      "spec:\n"
      "  kernels: [ k1 ]\n"
      "  profiles:\n"
      "    - {{ name: plain, memory: 128MiB, memoryHotplug: {{ model: dimm, slots: 1, max: 256MiB }} }}\n"
      "    - {{ name: other, memory: 128MiB, memoryHotplug: {{ model: dimm, slots: 1, max: 256MiB }} }}\n"
      "  scenarios: [ {{ name: spin, duration: 20s }} ]\n"
      "  repeats: 5\n"
      "  maxParallel: 3\n"
      "  retries: {{ error: 2, fail: {1} }}\n"
      "  onHang: {{ nmi: {2}, dump: {3} }}\n"
      "  deadline: {4}\n"
      "  positiveControls: {5}\n",
      id, chance(0.5) ? 1 : 0, chance(0.7), chance(0.3), chance(0.2) ? "3min" : "2h", chance(0.3) ? "require" : "auto");
  const double controls = chance(0.3) ? 0 : 0.3;
  AddCampaign(id, yaml, [&](scheduler::Run& run) {
    if (chance(0.3)) run.profile = "other";
    run.control = chance(controls);
    if (run.control) {
      run.kernel_id = "km";
      if (chance(0.9)) run.unmutated = "k1";
    } else if (chance(0.3)) {
      run.kernel_id = "k2";
    }
    run.sibling = controls > 0 && run.kernel_id == "k1";
    if (!run.control || !chance(0.1)) return;
    run.state = RunState::kDone;
    run.verdict = campaign::Verdict::kSkip;
  });
}

void Simulation::AddPlainCampaign(const std::string& id, int runs) {
  AddCampaign(id,
              fmt::format("apiVersion: lk/v1\n"
                          "kind: Campaign\n"
                          "metadata: {{ name: {} }}\n"
                          "spec:\n"
                          "  kernels: [ k1 ]\n"
                          "  profiles: [ {{ name: plain, memory: 128MiB }} ]\n"
                          "  scenarios: [ {{ name: spin, duration: 60s }} ]\n"
                          "  repeats: {}\n"
                          "  retries: {{ error: 1 }}\n",
                          id, runs),
              [](scheduler::Run&) {});
}

// ---- checks ------------------------------------------------------------------------------------

void Simulation::OnChange(const store::Change& change) {
  for (const Run& run : change.runs) {
    const std::string line = fmt::format("{} {} {} {} {}", absl::ToUnixSeconds(change.time), run.id,
                                         ToString(run.state), ToString(run.verdict), run.journal.size());
    for (const char c : line) trace_ = (trace_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
    CheckProven(run, store_.campaigns.at(run.campaign_id), store_.runs, seen_);
    EXPECT_TRUE(run.post_mortem.size() < 6);
  }
  CheckCapacity();
}

void Simulation::CheckCapacity() const {
  std::map<std::string, std::pair<uint32_t, uint64_t>> used;
  for (const auto& [id, run] : store_.runs) {
    if (!OnHost(run)) continue;
    const campaign::Campaign& campaign = store_.campaigns.at(run.campaign_id);
    auto& [vcpus, bytes] = used[run.host_id];
    vcpus += campaign.spec.profiles.front().vcpus;
    bytes += campaign.spec.profiles.front().MaxMemory();
  }
  for (const auto& [id, host] : store_.hosts) {
    EXPECT_LE(used[id].first, host.vcpus);
    EXPECT_LE(used[id].second, host.memory_bytes);
  }
}

void Simulation::CheckEnd() {
  EXPECT_TRUE(Finished()) << "all campaigns have finished";
  EXPECT_TRUE(world_.guests().empty()) << "no VM is left behind";
  for (const auto& [id, run] : store_.runs) {
    const auto fate = world_.fates().find(id);
    CheckRun(run, fate == world_.fates().end() ? std::nullopt : std::optional(fate->second), seen_);
  }
  for (const auto& [id, host] : store_.hosts) {
    EXPECT_EQ(driver_->Allocated(id), (std::pair<uint32_t, uint64_t>{0, 0})) << host.uri;
  }
}

}  // namespace lk::sim
