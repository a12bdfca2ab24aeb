// SPDX-License-Identifier: Apache-2.0
// A small environment for testing the core: one scenario, hosts and campaigns, with actions as text.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lk/v1/scenario.pb.h"
#include "server/scheduler/core.h"

namespace lk::scheduler {

inline constexpr uint64_t kGiB = uint64_t{1} << 30;
inline const absl::Time kEpoch = absl::FromUnixSeconds(1800000000);

inline v1::ScenarioDescriptor Descriptor() {
  v1::ScenarioDescriptor descriptor;
  descriptor.set_name("spin");
  descriptor.mutable_progress_limit()->set_seconds(30);
  descriptor.mutable_hard_cap()->set_seconds(600);
  descriptor.add_host_actions("attach_dimm");
  descriptor.add_host_actions("detach_dimm");
  return descriptor;
}

inline Host MakeHost(const std::string& id, uint32_t vcpus = 8, uint64_t memory = 16 * kGiB) {
  Host host;
  host.id = id;
  host.vcpus = vcpus;
  host.memory_bytes = memory;
  host.accelerator = "kvm";
  host.archs = {"x86_64"};
  host.features = {"memory:dimm"};
  return host;
}

inline CampaignAdded MakeCampaign(const std::string& id, int runs) {
  CampaignAdded added;
  added.campaign.id = id;
  added.campaign.created = kEpoch;
  added.campaign.finished = absl::InfinitePast();
  campaign::Profile profile;
  profile.name = "plain";
  profile.memory_hotplug = campaign::MemoryHotplug{campaign::MemoryHotplug::Model::kDimm, 4, 2 * kGiB};
  added.campaign.spec.profiles = {profile};
  campaign::ScenarioUse use;
  use.name = "spin";
  use.duration = absl::Seconds(20);
  added.campaign.spec.scenarios = {use};
  for (int i = 1; i <= runs; ++i) {
    Run run;
    run.id = fmt::format("{}-{}", id, i);
    run.campaign_id = id;
    run.profile = "plain";
    run.scenario = "spin";
    run.cell = static_cast<uint32_t>(i);
    run.created = kEpoch;
    run.started = run.finished = absl::InfinitePast();
    run.canary_nonce = "nonce-" + run.id;
    added.runs.push_back(run);
  }
  return added;
}

inline CampaignAdded WithoutRetries() {
  CampaignAdded added = MakeCampaign("c", 1);
  added.campaign.spec.retries_error = 0;
  return added;
}
// WithoutRetries, but five minutes long.
inline CampaignAdded Long() {
  CampaignAdded added = WithoutRetries();
  added.campaign.spec.scenarios[0].duration = absl::Minutes(5);
  return added;
}

// Generates different hexadecimal digits each time.
inline std::function<std::string(size_t)> CountingHex() {
  return [count = uint64_t{0}](size_t bytes) mutable { return fmt::format("{:0{}x}", ++count, 2 * bytes); };
}

inline std::string InWords(const Action& action) {
  struct Words {
    std::string operator()(const SaveCampaign& a) const {
      return fmt::format("save {} {}", a.campaign.id, std::string(campaign::ToString(a.campaign.state)));
    }
    std::string operator()(const SaveRun& a) const {
      std::string text = fmt::format("save {} {}", a.run.id, std::string(campaign::ToString(a.run.state)));
      if (a.run.state == campaign::RunState::kDone)
        text += fmt::format(" {}", std::string(campaign::ToString(a.run.verdict)));
      return text;
    }
    std::string operator()(const StartVm& a) const { return fmt::format("start {} on {}", a.run.id, a.run.host_id); }
    std::string operator()(const DestroyVm& a) const { return "destroy " + a.run_id; }
    std::string operator()(const PerformPostMortem& a) const {
      return fmt::format("post-mortem {} {}", a.run_id, std::string(campaign::ToString(a.step)));
    }
    std::string operator()(const ReadVcpuDelays& a) const { return "delays " + a.run_id; }
    std::string operator()(const FlushConsole& a) const { return "flush " + a.run_id; }
    std::string operator()(const SendLease& a) const { return fmt::format("lease {}/{}", a.run_id, a.session); }
    std::string operator()(const SendAck& a) const {
      return fmt::format("ack {}/{} {}", a.run_id, a.session, a.sequence);
    }
    std::string operator()(const SendCancel& a) const { return "cancel " + a.run_id; }
    std::string operator()(const SendFinish& a) const { return "finish " + a.run_id; }
    std::string operator()(const SendHostActionReply& a) const {
      return fmt::format("reply {} {}{}", a.run_id, a.reply.id, a.reply.error.empty() ? "" : ": " + a.reply.error);
    }
    std::string operator()(const DropSession& a) const { return fmt::format("drop {}/{}", a.run_id, a.session); }
    std::string operator()(const PerformHostAction& a) const {
      return fmt::format("perform {} {} within {}", a.run_id, a.action.id, absl::FormatDuration(a.release));
    }
    std::string operator()(const ExpectBoot& a) const { return "expect boot " + a.run_id; }
    std::string operator()(const ReleaseRun& a) const { return "release " + a.run_id; }
  };
  return std::visit(Words{}, action);
}

// The finding from a report; `start` is the report's offset in the console log.
inline Finding Report(detect::Kind kind, std::string title, uint64_t start = 100) {
  Finding finding;
  finding.kind = kind;
  finding.title = std::move(title);
  finding.start_offset = start;
  finding.end_offset = start + 100;
  return finding;
}
inline Finding Panic(const std::string& text = "simulated", uint64_t start = 100) {
  Finding finding = Report(detect::Kind::kPanic, "kernel panic: " + text, start);
  finding.fatal = true;
  return finding;
}
// The panic of a guest that receives an NMI.
inline Finding NmiPanic(uint64_t start = 5000) {
  Finding finding = Panic("NMI: Not continuing", start);
  finding.nmi = true;
  finding.function = "spin";
  finding.alt_titles = {"hang in spin"};
  finding.others.resize(1);
  return finding;
}

inline bool IsSave(const Action& action) {
  return std::holds_alternative<SaveCampaign>(action) || std::holds_alternative<SaveRun>(action);
}

// A core with its clock; keeps the latest version of everything that the core has saved.
class World {
 public:
  using Lines = std::vector<std::string>;

  explicit World(std::vector<Host> hosts = {MakeHost("h1")}, v1::ScenarioDescriptor descriptor = Descriptor())
      : core({std::move(descriptor)}, Limits(), CountingHex()) {
    for (Host& host : hosts) Step(HostChanged{std::move(host)});
  }

  // Returns the core's actions as text.
  Lines Step(const Event& event) {
    Lines lines;
    for (const Action& action : core.Step(event, now)) {
      if (const auto* save = std::get_if<SaveRun>(&action)) {
        saved[save->run.id] = save->run;
        for (const Finding& finding : save->new_findings)
          announced.push_back((finding.open ? "open: " : "") + finding.title);
      }
      if (const auto* save = std::get_if<SaveCampaign>(&action)) campaigns[save->campaign.id] = save->campaign;
      lines.push_back(InWords(action));
    }
    return lines;
  }
  Lines Said(const std::string& run, decltype(AgentSaid::what) what) {
    return Step(AgentSaid{run, session, ++sequence, std::move(what)});
  }
  // Advances the time, with a tick at each deadline of the core.
  Lines After(absl::Duration duration) {
    const absl::Time end = now + duration;
    Lines lines;
    while (core.NextDeadline() <= end) {
      now = std::max(now, core.NextDeadline());
      for (std::string& line : Step(Tick{})) lines.push_back(std::move(line));
    }
    now = end;
    return lines;
  }
  // Takes a single run, "c-1", to the point where its trigger runs.
  void ToRunning(CampaignAdded added = MakeCampaign("c", 1)) {
    Step(std::move(added));
    Step(ImageReady{"c-1", 0.5});
    Step(VmStarted{"c-1", 0.25});
    Connect("boot-1");
    Step(VcpuDelays{"c-1", now, {}});  // the host does not tell
  }
  Lines Connect(const std::string& boot_id) { return Step(AgentConnected{"c-1", ++session, boot_id, "6.1.0", "KVM"}); }
  void BringCanary() {
    Step(ConsoleCanary{"c-1", "nonce-c-1"});
    KmsgSeen seen;
    seen.canary = "nonce-c-1";
    Said("c-1", seen);
  }
  // Ends the VM and its console.
  Lines Gone(VmGone::How how = VmGone::How::kDestroyed) {
    Lines lines = Step(VmGone{"c-1", how, ""});
    for (std::string& line : Step(ConsoleEnded{"c-1"})) lines.push_back(std::move(line));
    return lines;
  }
  // Reports the result of a post-mortem step, as the driver does.
  Lines PostMortem(campaign::PostMortemStep::Step step, bool done = true, bool interrupts_off = false) {
    using Outcome = campaign::PostMortemStep::Outcome;
    PostMortemStepDone answer{"c-1", {}, interrupts_off};
    answer.step = {step, done ? Outcome::kDone : Outcome::kFailed, done ? "detail" : "error", "text", 0.1};
    return Step(answer);
  }
  // "drain done, registers failed ..."
  std::string Steps() {
    std::string text;
    for (const auto& step : run().post_mortem) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", std::string(campaign::ToString(step.step)),
                          std::string(campaign::ToString(step.outcome)));
    }
    return text;
  }
  const Run& run(const std::string& id = "c-1") { return saved.at(id); }

  Core core;
  absl::Time now = kEpoch;
  uint64_t session = 0;
  uint64_t sequence = 0;
  std::map<std::string, Run> saved;
  std::map<std::string, Campaign> campaigns;
  Lines announced;  // titles of findings; open ones are marked
};

// Sends a heartbeat every second.
inline World::Lines Beat(World& world, absl::Duration duration, bool progress) {
  World::Lines lines;
  for (const absl::Time end = world.now + duration; world.now < end;) {
    for (std::string& line : world.After(absl::Seconds(1))) lines.push_back(std::move(line));
    world.Said("c-1", Heartbeat{progress ? world.sequence : 1, "spinning", {}});
  }
  return lines;
}

// A new core, restored from what the old one has stored.
struct Restarted : World {
  explicit Restarted(World& old, v1::ScenarioDescriptor descriptor = Descriptor())
      : World(std::vector<Host>{}, std::move(descriptor)) {
    std::vector<Campaign> campaigns_then;
    for (const auto& [id, campaign] : old.campaigns) campaigns_then.push_back(campaign);
    std::vector<Run> runs;
    for (const auto& [id, run] : old.saved) runs.push_back(run);
    saved = old.saved;
    now = old.now + absl::Seconds(30);
    sequence = old.sequence;
    core.Restore(std::move(campaigns_then), std::move(runs), {MakeHost("h1")});
    Step(Tick{});
  }
};

}  // namespace lk::scheduler
