// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/hosts.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>

#include "tests/sim/memory_store.h"
#include "tests/unit/scheduler/driver_fixture.h"
#include "tests/unit/scheduler/fake_hypervisor.h"

namespace lk::scheduler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = vm::VmEvent::Kind;
using State = Host::State;

constexpr char kUri[] = "fake:///1";

class HostsTest : public testing::Test {
 protected:
  HostsTest() { Load(); }
  ~HostsTest() override { hosts_.reset(); }

  // Starts a new lkd with the contents of the store.
  void Load() {
    hosts_.reset();
    hosts_ = std::make_unique<Hosts>(store_, clock_, ConnectTo(fakes_));
    Hosts::Listener listener;
    listener.on_change = [this](const Host& host) {
      heard_.push_back(fmt::format("{} {}", host.uri, std::string(campaign::ToString(host.state))));
      on_change_(host);
    };
    listener.on_connected = [this](const Host& host, vm::Hypervisor& hypervisor) {
      heard_.push_back(host.uri + " connected");
      EXPECT_EQ(hosts_->Get(host.id).get(), &hypervisor) << "the connection can already be used";
    };
    listener.on_lost = [this](const Host& host) {
      heard_.push_back(fmt::format("{} lost: {}", host.uri, host.state_reason));
    };
    listener.on_vm = [this](const std::string& id, const vm::VmEvent& event) {
      heard_.push_back(fmt::format("{}: {} {} {}", id, static_cast<int>(event.kind), event.name, event.detail));
    };
    ASSERT_TRUE(hosts_->Load(std::move(listener)).ok());
  }
  // Returns the host's id.
  std::string Add(const std::string& uri = kUri) {
    const auto host = hosts_->Add({.uri = uri});
    EXPECT_TRUE(host.ok()) << host.status();
    heard_.clear();
    fakes_[uri].calls.clear();
    return host.ok() ? host->id : "";
  }
  // The connection breaks.
  void Lose(const std::string& uri = kUri) {
    const vm::VmListener listener = fakes_[uri].listener;  // a copy, since a new connection replaces the listener
    listener({.kind = Kind::kHostLost, .name = "", .detail = "keepalive"});
  }
  FakeHost& fake() { return fakes_[kUri]; }
  Host Find(const std::string& name) const { return hosts_->Find(name).value_or(Host()); }

  TestClock clock_{kEpoch};
  sim::MemoryStore store_;
  std::map<std::string, FakeHost> fakes_;  // by URI
  std::function<void(const Host&)> on_change_ = [](const Host&) {};
  Log heard_;  // what the listener was told
  std::unique_ptr<Hosts> hosts_;
};

// ---- adding ------------------------------------------------------------------------------------

TEST_F(HostsTest, AnAddedHostIsProbedAndStored) {
  const auto host = hosts_->Add({.uri = kUri});
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_THAT(host->id, testing::MatchesRegex("h[0-9a-f]{8}"));
  EXPECT_EQ(host->uri, kUri);
  EXPECT_EQ(host->state, State::kUp);
  EXPECT_EQ(host->state_reason, "");
  EXPECT_EQ(host->vcpus, 8u);
  EXPECT_EQ(host->memory_bytes, 12 * kGiB) << "three quarters of the host's memory";
  EXPECT_EQ(host->accelerator, "kvm");
  EXPECT_EQ(host->accelerator_reason, "a guest was booted");
  EXPECT_EQ(host->hypervisor_version, "QEMU 10.0.2");
  EXPECT_EQ(host->libvirt_version, "11.3.0");
  EXPECT_EQ(host->kernel_release, "6.1.0-40-amd64");
  EXPECT_FALSE(host->broken_qemu);
  EXPECT_THAT(host->features, ElementsAre("memory:dimm"));
  EXPECT_THAT(host->archs, ElementsAre("x86_64"));
  EXPECT_EQ(host->added, clock_.now);

  EXPECT_THAT(heard_, ElementsAre("fake:///1 connected", "fake:///1 up"));
  EXPECT_EQ(store_.hosts.at(host->id).vcpus, 8u);
  EXPECT_EQ(hosts_->List().at(0).id, host->id);
  EXPECT_EQ(hosts_->RunDue(), absl::InfiniteFuture());
}

TEST_F(HostsTest, LimitsSetByTheOperatorAreKept) {
  const auto host = hosts_->Add({.uri = kUri, .max_vcpus = 3, .max_memory_bytes = 5 * kGiB});
  ASSERT_TRUE(host.ok()) << host.status();
  fake().facts->cpus = 64;
  Lose();
  hosts_->RunDue();
  for (const Host& kept : {*host, Find(kUri), store_.hosts.at(host->id)}) {
    EXPECT_EQ(kept.vcpus, 3u);
    EXPECT_EQ(kept.memory_bytes, 5 * kGiB);
  }
}

TEST_F(HostsTest, ABrokenQemuIsRefusedUnlessItIsAllowed) {
  fake().facts->broken_qemu = true;
  fake().facts->broken_reason = "it loses interrupts";
  const Status refused = hosts_->Add({.uri = kUri}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("fake:///1: QEMU 10.0.2 is known to break guests (it loses interrupts)"));
  EXPECT_THAT(store_.hosts, IsEmpty());
  EXPECT_EQ(fake().connections, 0);

  const auto allowed = hosts_->Add({.uri = kUri, .allow_broken_qemu = true});
  ASSERT_TRUE(allowed.ok()) << allowed.status();
  EXPECT_EQ(allowed->state, State::kUp);
  EXPECT_EQ(allowed->state_reason, "it loses interrupts");
  EXPECT_TRUE(allowed->broken_qemu);
  EXPECT_TRUE(allowed->allow_broken_qemu);
}

TEST_F(HostsTest, AHostWithoutASupportedArchitectureIsRefused) {
  fake().facts->archs.clear();
  const Status refused = hosts_->Add({.uri = kUri}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("fake:///1: no emulator for an architecture that lk supports"));
}

TEST_F(HostsTest, AHostThatCannotBeReachedOrStoredIsNotAdded) {
  fake().connect = absl::UnavailableError("no route");
  EXPECT_EQ(hosts_->Add({.uri = kUri}).status(), absl::UnavailableError("no route"));
  fake().connect = absl::OkStatus();
  fake().facts = absl::UnavailableError("libvirtd went away");
  EXPECT_EQ(hosts_->Add({.uri = kUri}).status(), absl::UnavailableError("libvirtd went away"));
  fake().facts = FakeHost::Facts();
  store_.takes = [] { return false; };
  EXPECT_EQ(hosts_->Add({.uri = kUri}).status(), absl::UnavailableError("the store is locked"));
  EXPECT_THAT(hosts_->List(), IsEmpty());
  EXPECT_THAT(heard_, IsEmpty());
  EXPECT_EQ(fake().connections, 0);
}

TEST_F(HostsTest, AHostCannotBeAddedTwice) {
  const std::string id = Add();
  const Status twice = hosts_->Add({.uri = kUri}).status();
  EXPECT_EQ(twice, absl::AlreadyExistsError("fake:///1 already exists, as host " + id));
  EXPECT_THAT(fake().calls, IsEmpty()) << "the host is not probed again";
}

TEST_F(HostsTest, OneOfTwoConcurrentAddsSucceeds) {
  bool first = true;
  fake().on_call = [&](const std::string&) {
    if (!std::exchange(first, false)) return;
    EXPECT_TRUE(hosts_->Add({.uri = kUri}).ok());
  };
  const Status late = hosts_->Add({.uri = kUri}).status();
  EXPECT_EQ(late.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(late.message()), HasSubstr("was added in the meantime"));
  EXPECT_EQ(fake().connections, 1);
}

TEST_F(HostsTest, HostsAreFoundByIdIdPrefixOrUri) {
  const std::string first = Add(kUri);
  const std::string second = Add("fake:///2");
  EXPECT_EQ(Find(first).uri, kUri);
  EXPECT_EQ(Find(second.substr(0, 6)).uri, "fake:///2");
  EXPECT_EQ(Find(kUri).id, first);
  EXPECT_EQ(hosts_->Find("h").status(), absl::NotFoundError("\"h\" is ambiguous: it matches several hosts"));
  for (const char* name : {"", "fake:///", "fake:///3", "x"}) {
    EXPECT_EQ(hosts_->Find(name).status().code(), absl::StatusCode::kNotFound) << name;
  }
  EXPECT_THAT(hosts_->List(), SizeIs(2));
}

// ---- connecting --------------------------------------------------------------------------------

TEST_F(HostsTest, StoredHostsAreConnected) {
  const std::string id = Add();
  Load();
  EXPECT_EQ(Find(id).state, State::kDown);
  EXPECT_EQ(Find(id).state_reason, "connecting");
  EXPECT_EQ(hosts_->Get(id), nullptr);
  EXPECT_THAT(heard_, IsEmpty());

  fake().facts->features = {"memory:virtio-mem"};
  fake().calls.clear();
  EXPECT_EQ(hosts_->RunDue(), absl::InfiniteFuture());
  EXPECT_THAT(fake().calls, ElementsAre("connect", "probe"));
  EXPECT_EQ(Find(id).state, State::kUp);
  EXPECT_EQ(Find(id).state_reason, "");
  EXPECT_THAT(store_.hosts.at(id).features, ElementsAre("memory:virtio-mem")) << "the stored features are updated";
  EXPECT_THAT(heard_, ElementsAre("fake:///1 connected", "fake:///1 up"));
}

TEST_F(HostsTest, ConnectingIsRetriedWithIncreasingBackoff) {
  const std::string id = Add();
  Load();
  fake().connect = absl::UnavailableError("no route");
  std::vector<absl::Duration> pauses;
  for (absl::Time next = hosts_->RunDue(); pauses.size() < 8; next = hosts_->RunDue()) {
    pauses.push_back(next - clock_.now);
    clock_.now = next - absl::Nanoseconds(1);
    fake().calls.clear();
    EXPECT_EQ(hosts_->RunDue(), next);
    EXPECT_THAT(fake().calls, IsEmpty()) << "the retry is not due yet";
    clock_.now = next;
  }
  EXPECT_THAT(pauses, ElementsAre(absl::Seconds(1), absl::Seconds(2), absl::Seconds(4), absl::Seconds(8),
                                  absl::Seconds(16), absl::Seconds(30), absl::Seconds(30), absl::Seconds(30)));
  EXPECT_EQ(Find(id).state, State::kDown);
  EXPECT_EQ(Find(id).state_reason, "no route");
  EXPECT_EQ(store_.hosts.at(id).state_reason, "") << "temporary errors are not stored";

  clock_.now += absl::Seconds(30);
  fake().connect = absl::OkStatus();
  heard_.clear();
  EXPECT_EQ(hosts_->RunDue(), absl::InfiniteFuture());
  EXPECT_THAT(heard_, ElementsAre("fake:///1 connected", "fake:///1 up"));
  fake().connect = absl::UnavailableError("no route");
  Lose();
  EXPECT_EQ(hosts_->RunDue(), clock_.now + absl::Seconds(1)) << "a success resets the backoff";
}

TEST_F(HostsTest, EveryFailureIsReported) {
  Add();
  Load();
  fake().facts = absl::InternalError("no emulator");
  clock_.now = hosts_->RunDue();
  hosts_->RunDue();
  EXPECT_THAT(heard_, ElementsAre("fake:///1 lost: no emulator", "fake:///1 down", "fake:///1 lost: no emulator",
                                  "fake:///1 down"));
  EXPECT_EQ(fake().connections, 0);
}

TEST_F(HostsTest, AHostThatDoesNotRespondDoesNotDelayOthers) {
  Add(kUri);
  const std::string other = Add("fake:///2");
  Load();
  fake().connect = absl::UnavailableError("no route");
  EXPECT_EQ(hosts_->RunDue(), clock_.now + absl::Seconds(1));
  EXPECT_EQ(Find(other).state, State::kUp);
}

TEST_F(HostsTest, AHostWhoseQemuIsBrokenAfterAnUpdateIsNotUsed) {
  const std::string id = Add();
  Load();
  fake().facts->broken_qemu = true;
  hosts_->RunDue();
  EXPECT_EQ(Find(id).state, State::kDown);
  EXPECT_THAT(Find(id).state_reason, HasSubstr("is known to break guests"));
  EXPECT_EQ(hosts_->Get(id), nullptr);
}

// ---- losing and regaining the connection -------------------------------------------------------

TEST_F(HostsTest, ALostHostIsReconnected) {
  const std::string id = Add();
  Lose();
  EXPECT_EQ(Find(id).state, State::kDown);
  EXPECT_EQ(Find(id).state_reason, "keepalive");
  EXPECT_THAT(heard_, ElementsAre(fmt::format("{}: {}  keepalive", id, static_cast<int>(Kind::kHostLost))));
  heard_.clear();
  EXPECT_EQ(hosts_->RunDue(), absl::InfiniteFuture());
  EXPECT_THAT(fake().calls, ElementsAre("disconnect", "connect", "probe")) << "the dead connection is closed first";
  EXPECT_EQ(Find(id).state, State::kUp);
  EXPECT_NE(hosts_->Get(id), nullptr);
  EXPECT_THAT(heard_, ElementsAre("fake:///1 connected", "fake:///1 up"));
}

TEST_F(HostsTest, AHostThatIsNotBackYetHasNoConnection) {
  const std::string id = Add();
  fake().connect = absl::UnavailableError("no route");
  Lose();
  hosts_->RunDue();
  EXPECT_EQ(hosts_->Get(id), nullptr);
  EXPECT_EQ(fake().connections, 0);
}

TEST_F(HostsTest, EventsArePassedOn) {
  const std::string first = Add(kUri);
  const std::string second = Add("fake:///2");
  fakes_["fake:///2"].listener({.kind = Kind::kCrashed, .name = "lk-c-1", .detail = "QEMU died"});
  fakes_[kUri].listener({.kind = Kind::kHostBack, .name = "", .detail = ""});
  EXPECT_THAT(heard_, ElementsAre(fmt::format("{}: {} lk-c-1 QEMU died", second, static_cast<int>(Kind::kCrashed)),
                                  fmt::format("{}: {}  ", first, static_cast<int>(Kind::kHostBack))));
  EXPECT_EQ(Find(second).state, State::kUp);
}

// ---- draining ----------------------------------------------------------------------------------

TEST_F(HostsTest, ADrainedHostStaysDrainedUntilItIsResumed) {
  const std::string id = Add();
  ASSERT_EQ(hosts_->SetDrained(id, true).value_or(Host()).state, State::kDrained);
  EXPECT_EQ(store_.hosts.at(id).state, State::kDrained);
  EXPECT_THAT(heard_, ElementsAre("fake:///1 drained"));
  EXPECT_NE(hosts_->Get(id), nullptr) << "a drained host stays connected, so that its runs continue";

  Lose();
  EXPECT_EQ(Find(id).state, State::kDrained);
  hosts_->RunDue();
  EXPECT_EQ(Find(id).state, State::kDrained) << "a reconnect does not resume the host";
  Load();
  EXPECT_EQ(Find(id).state, State::kDrained);
  hosts_->RunDue();
  EXPECT_EQ(Find(id).state, State::kDrained) << "a restart of lkd does not resume the host";
  EXPECT_EQ(store_.hosts.at(id).state, State::kDrained);

  heard_.clear();
  ASSERT_EQ(hosts_->SetDrained(id, false).value_or(Host()).state, State::kUp);
  EXPECT_EQ(store_.hosts.at(id).state, State::kUp);
  EXPECT_THAT(heard_, ElementsAre("fake:///1 up"));
}

TEST_F(HostsTest, AHostCanBeDrainedWhileConnecting) {
  const std::string id = Add();
  Load();
  fake().on_call = [&](const std::string& call) {
    if (call != "probe") return;
    EXPECT_TRUE(hosts_->SetDrained(id, true).ok());
  };
  hosts_->RunDue();
  EXPECT_EQ(Find(id).state, State::kDrained);
  EXPECT_EQ(store_.hosts.at(id).state, State::kDrained);
  EXPECT_EQ(heard_.back(), "fake:///1 drained");
}

TEST_F(HostsTest, AResumedHostIsRetriedImmediately) {
  const std::string id = Add();
  ASSERT_TRUE(hosts_->SetDrained(id, true).ok());
  fake().connect = absl::UnavailableError("no route");
  Lose();
  EXPECT_EQ(hosts_->RunDue(), clock_.now + absl::Seconds(1));
  fake().connect = absl::OkStatus();
  EXPECT_EQ(hosts_->SetDrained(id, false).value_or(Host()).state, State::kDown);
  EXPECT_EQ(hosts_->RunDue(), absl::InfiniteFuture());
  EXPECT_EQ(Find(id).state, State::kUp);
}

TEST_F(HostsTest, AnUnknownHostIsNeitherDrainedNorRemoved) {
  EXPECT_EQ(hosts_->SetDrained("h0", true).status(), absl::NotFoundError("no host h0"));
  EXPECT_EQ(hosts_->Remove("h0"), absl::NotFoundError("no host h0"));
}

// ---- removing ----------------------------------------------------------------------------------

TEST_F(HostsTest, ARemovedHostIsForgotten) {
  const std::string id = Add();
  std::shared_ptr<vm::Hypervisor> held = hosts_->Get(id);
  ASSERT_TRUE(hosts_->Remove(id).ok());
  EXPECT_EQ(hosts_->Get(id), nullptr);
  EXPECT_EQ(hosts_->Find(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(store_.hosts, IsEmpty());
  EXPECT_TRUE(held->Probe().ok()) << "a held connection remains usable";
  held.reset();
  EXPECT_EQ(fake().connections, 0);
  Lose();
  EXPECT_EQ(hosts_->RunDue(), absl::InfiniteFuture());
  EXPECT_TRUE(hosts_->Add({.uri = kUri}).ok()) << "a removed host can be added again";
}

TEST_F(HostsTest, AHostRemovedWhileConnectingStaysRemoved) {
  const std::string id = Add();
  Load();
  fake().on_call = [&](const std::string& call) {
    if (call != "probe") return;
    EXPECT_TRUE(hosts_->Remove(id).ok());
  };
  hosts_->RunDue();
  EXPECT_THAT(hosts_->List(), IsEmpty());
  EXPECT_THAT(store_.hosts, IsEmpty());
  EXPECT_THAT(heard_, IsEmpty());
  EXPECT_EQ(fake().connections, 0);
}

// ---- the thread of Hosts -----------------------------------------------------------------------

TEST_F(HostsTest, TheThreadConnectsAndReconnects) {
  Add();
  clock_.now = absl::UnixEpoch();  // the thread waits in real time, in which an attempt that is due in 1970 is overdue
  Load();
  std::counting_semaphore<> up(0);
  on_change_ = [&](const Host& host) {
    if (host.state == State::kUp) up.release();
  };
  fake().calls.clear();
  hosts_->Start();
  up.acquire();
  Lose();
  up.acquire();
  hosts_->Stop();
  EXPECT_THAT(fake().calls, ElementsAre("connect", "probe", "disconnect", "connect", "probe", "disconnect"));
}

TEST_F(HostsTest, StoppingClosesAllConnections) {
  Add();
  hosts_->Stop();
  EXPECT_EQ(fake().connections, 0);
  EXPECT_THAT(hosts_->List(), IsEmpty());
  EXPECT_EQ(hosts_->Add({.uri = kUri}).status(), absl::UnavailableError("lkd is stopping"));
  EXPECT_EQ(store_.hosts.size(), 1u);
}

}  // namespace
}  // namespace lk::scheduler
