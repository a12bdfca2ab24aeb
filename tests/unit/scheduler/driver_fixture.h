// SPDX-License-Identifier: Apache-2.0
// A driver and its hosts, without threads, on top of fakes that record their calls in one log.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/campaign/spec.h"
#include "server/scheduler/driver.h"
#include "tests/sim/memory_store.h"
#include "tests/unit/scheduler/fake_hypervisor.h"
#include "tests/unit/scheduler/fixture.h"
#include "tests/unit/support/held_executor.h"
#include "tests/unit/support/test_clock.h"

namespace lk::scheduler {

using Log = std::vector<std::string>;

class FakeAgents final : public AgentPort {
 public:
  explicit FakeAgents(Log& log) : log_(log) {}

  std::map<std::string, AgentTerms> terms;  // by run
  std::map<std::string, LeaseTerms> leases;
  std::vector<HostActionDone> replies;

  void Expect(const Run& run, AgentTerms of_run) override {
    log_.push_back("expect " + run.id);
    terms[run.id] = std::move(of_run);
  }
  void Forget(const std::string& run_id) override { log_.push_back("forget " + run_id); }
  void SendLease(const std::string& run_id, uint64_t session, const LeaseTerms& lease) override {
    log_.push_back(fmt::format("lease {}/{}", run_id, session));
    leases[run_id] = lease;
  }
  void SendAck(const std::string& run_id, uint64_t session, uint64_t sequence) override {
    log_.push_back(fmt::format("ack {}/{} {}", run_id, session, sequence));
  }
  void SendCancel(const std::string& run_id, const std::string&) override { log_.push_back("cancel " + run_id); }
  void SendFinish(const std::string& run_id) override { log_.push_back("finish " + run_id); }
  void SendHostActionReply(const HostActionDone& reply) override { replies.push_back(reply); }
  void Drop(const std::string& run_id, uint64_t session) override {
    log_.push_back(fmt::format("drop {}/{}", run_id, session));
  }

 private:
  Log& log_;
};

class FakeImages final : public vm::Images {
 public:
  explicit FakeImages(Log& log) : log_(log) {}

  StatusOr<Image> image = Image{"vmlinuz", "initrd.img", "0123"};
  std::vector<Request> requests;

  StatusOr<Image> Build(const Request& request) override {
    log_.push_back("build " + request.kernel_id);
    std::filesystem::create_directories(request.directory);
    requests.push_back(request);
    return image;
  }

 private:
  Log& log_;
};

class DriverTest : public testing::Test {
 protected:
  DriverTest() {
    std::string name = testing::TempDir() + "lk-driver-XXXXXX";
    state_ = mkdtemp(name.data());
    store_.on_change = [this](const store::Change& change) { OnChange(change); };
    descriptor_.add_probes()->set_name("timer_wakeup");
    auto* invariant = descriptor_.add_invariants();
    invariant->set_name("leak");
    invariant->set_log_literal("spin: leaked");
    descriptor_.add_invariants()->set_name("never_late");
    descriptor_.add_host_actions("resize_virtio_mem");
    StartLkd();
  }
  ~DriverTest() override {
    EndLkd();
    std::filesystem::remove_all(state_);
  }

  // Starts lkd with the current contents of the store.
  void StartLkd() {
    MakeLkd();
    ASSERT_TRUE(driver_->Recover().ok());
    ASSERT_TRUE(hosts_->Load(driver_->HostListener()).ok());
  }
  void MakeLkd() {
    hosts_ = std::make_unique<Hosts>(store_, clock_, ConnectTo(fakes_));
    DriverOptions options;
    options.state_directory = state_;
    options.owner = "lkd-1";
    options.ca_pem = "the CA";
    options.agent_address = "10.0.2.2:7443";
    options.console_max_bytes = 1 << 20;
    options.descriptors = {descriptor_};
    options.limits = limits_;
    options.random_hex = CountingHex();
    Announcer announcer;
    announcer.campaign = [](const Campaign& campaign, const campaign::Counts& counts, absl::Time) {
      return fmt::format("{} {}: {} of {} pending", campaign.id, std::string(campaign::ToString(campaign.state)),
                         counts.pending, counts.total);
    };
    announcer.run = [](const scheduler::Run& run, absl::Time) {
      return fmt::format("{} {}", run.id, std::string(campaign::ToString(run.state)));
    };
    announcer.finding = [](const std::string& run_id, const Finding& finding, absl::Time) {
      return fmt::format("{} {}{}", run_id, finding.open ? "open: " : "", finding.title);
    };
    announcer.notifications = [](const Campaign&, const std::vector<std::string>& notify, absl::Time) {
      std::vector<store::Notification> notifications;
      for (const std::string& target : notify) {
        notifications.emplace_back().target = target;
      }
      return notifications;
    };
    announcer.notifications_stored = [this] { log_.emplace_back("notify"); };
    driver_ = std::make_unique<Driver>(
        options, DriverPorts{store_, *hosts_, images_, agents_, symbols_, pool_, lanes_, clock_}, announcer);
  }
  // VMs keep running.
  void EndLkd() {
    pool_.Drop();
    lanes_.Drop();
    driver_.reset();
    hosts_.reset();
  }
  void RestartLkd() {
    EndLkd();
    log_.clear();
    StartLkd();
  }

  // Returns the host's id.
  std::string AddHost(const std::string& uri = "fake:///1", uint32_t max_vcpus = 0) {
    fakes_[uri].on_call = [this](const std::string& call) { log_.push_back(call); };
    const auto host = hosts_->Add({.uri = uri, .max_vcpus = max_vcpus});
    EXPECT_TRUE(host.ok()) << host.status();
    Settle();
    log_.clear();
    return host.ok() ? host->id : "";
  }
  FakeHost& host() { return fakes_["fake:///1"]; }

  CampaignAdded NewCampaign(const std::string& id, int runs, const std::string& more = "") const {
    CampaignAdded added = MakeCampaign(id, runs);
    added.campaign.spec_yaml = fmt::format(
        "apiVersion: lk/v1\n"
        "kind: Campaign\n"
        "metadata: {{ name: {} }}\n"
        "spec:\n"
        "  kernels: [ k1 ]\n"
        "  profiles:\n"
        "    - {{ name: plain, vcpus: 2, memory: 1GiB, memoryHotplug: {{ model: dimm, slots: 4, max: 2GiB }} }}\n"
        "  scenarios: [ {{ name: spin, duration: 20s }} ]\n"
        "  repeats: {}\n"
        "  retries: {{ error: 0 }}\n{}",
        id, runs, more);
    campaign::SpecResult parsed = campaign::ParseSpec(added.campaign.spec_yaml, {}, {descriptor_});
    EXPECT_TRUE(parsed.ok()) << parsed.errors.front().message;
    added.campaign.spec = std::move(parsed.spec);
    for (scheduler::Run& run : added.runs) {
      run.kernel_id = "k1";
      run.canary_nonce = fmt::format("{:016x}", run.cell);
    }
    return added;
  }
  void Post(Event event) {
    driver_->Post(std::move(event));
    Settle();
  }
  void Connect(const std::string& run_id = "c-1") {
    Post(AgentConnected{run_id, ++session_, "boot-1", "6.1.0", "KVM"});
  }
  void Say(decltype(AgentSaid::what) what, const std::string& run_id = "c-1") {
    Post(AgentSaid{run_id, session_, ++sequence_, std::move(what)});
  }
  // Takes "c-1" to the point where its trigger runs.
  void ToRunning(const CampaignAdded& added) {
    Post(added);
    Connect();
    ASSERT_EQ(run().state, campaign::RunState::kRunning);
  }
  // The first lines of a boot; each boot has another time.
  std::string Boot() {
    return fmt::format(
        "[    0.000000] Linux version 6.1.0 (a@b) (gcc)\n[    0.000000] Command line: quiet\n"
        "[    0.{:06}] smp: Brought up 1 node, 4 CPUs\n",
        100'000 + ++boots_);
  }
  void Print(const std::string& text, const std::string& run_id = "c-1") {
    host().consoles.at("lk-" + run_id).on_bytes(text);
    Settle();
  }
  void Tell(vm::VmEvent::Kind kind, const std::string& name = "lk-c-1", const std::string& detail = "",
            bool by_itself = false) {
    host().listener({kind, name, detail, by_itself});
    Settle();
  }

  // Performs everything that is due now.
  void Settle() {
    for (bool more = true; more;) {
      hosts_->RunDue();
      driver_->RunDue();
      more = pool_.RunAll();
      more = lanes_.RunAll() || more;
    }
  }
  // Advances the time, deadline by deadline.
  void Pass(absl::Duration duration) {
    const absl::Time end = clock_.now + duration;
    for (Settle(); true; Settle()) {
      const absl::Time next = std::min(hosts_->RunDue(), driver_->RunDue());
      if (next > end) break;
      clock_.now = std::max(clock_.now, next);
    }
    clock_.now = end;
    Settle();
  }

  const scheduler::Run& run(const std::string& id = "c-1") const { return store_.runs.at(id); }
  std::string Journal(const std::string& id = "c-1") const {
    std::string text;
    for (const std::string& line : run(id).journal) text += line + "\n";
    return text;
  }
  std::string Recorded(const std::string& run_id = "c-1") const {
    std::ifstream in(driver_->Artifact(run_id, console::kFileName), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path state_;
  v1::ScenarioDescriptor descriptor_ = Descriptor();
  Limits limits_;
  int boots_ = 0;
  Log log_;     // what was stored and requested, in order
  Log events_;  // events for watchers of campaigns
  TestClock clock_{kEpoch};
  sim::MemoryStore store_;
  std::map<std::string, FakeHost> fakes_;  // by URI
  FakeAgents agents_{log_};
  FakeImages images_{log_};
  symbols::Cache symbols_{[](const std::string&) { return std::vector<std::filesystem::path>(); }};
  HeldExecutor pool_, lanes_;
  std::unique_ptr<Hosts> hosts_;
  std::unique_ptr<Driver> driver_;

 private:
  void OnChange(const store::Change& change) {
    std::string line = "store";
    for (const scheduler::Run& run : change.runs)
      line += fmt::format(" {} {},", run.id, std::string(campaign::ToString(run.state)));
    for (const Campaign& campaign : change.campaigns) {
      line += fmt::format(" {} {},", campaign.id, std::string(campaign::ToString(campaign.state)));
    }
    for (const store::Notification& notification : change.notifications) line += " for " + notification.target + ",";
    line.pop_back();
    log_.push_back(std::move(line));
    for (const auto& [campaign_id, payload] : change.events) events_.push_back(payload);
  }

  uint64_t session_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace lk::scheduler
