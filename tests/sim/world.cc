// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <utility>

namespace lk::sim {
namespace {

using Kind = vm::VmEvent::Kind;

constexpr std::string_view kVmPrefix = "lk-";

Status Broken() {
  return vm::WithFault(absl::UnavailableError("connection lost"), vm::Fault::kHost);
}

}  // namespace

// ---- connections -------------------------------------------------------------------------------

Connection::Connection(World& world, std::string uri, vm::VmListener listener)
    : world_(world), uri_(std::move(uri)), listener_(std::move(listener)) {
  world_.hosts_.at(uri_).connection = this;
}

Connection::~Connection() {
  if (Usable().ok()) world_.hosts_.at(uri_).connection = nullptr;
}

Status Connection::Usable() const {
  return world_.hosts_.at(uri_).connection == this ? absl::OkStatus() : Broken();
}

Guest* Connection::Find(const std::string& name) const {
  const auto it = world_.guests_.find(name.substr(kVmPrefix.size()));
  return it == world_.guests_.end() || it->second.host != uri_ ? nullptr : &it->second;
}

StatusOr<Guest*> Connection::Responsive(const std::string& name) const {
  LK_RETURN_IF_ERROR(Usable());
  Guest* guest = Find(name);
  if (!guest) return vm::WithFault(absl::NotFoundError("no such domain"), vm::Fault::kGuest);
  if (world_.dice_.Chance(world_.hazards_.step_fails)) {
    return vm::WithFault(absl::InternalError("refused"), vm::Fault::kGuest);
  }
  return guest;
}

StatusOr<vm::HostFacts> Connection::Probe() {
  LK_RETURN_IF_ERROR(Usable());
  return world_.hosts_.at(uri_).facts;
}

Status Connection::Start(const vm::VmSpec& spec, vm::ConsoleSink console) {
  LK_RETURN_IF_ERROR(Usable());
  Dice& dice = world_.dice_;
  world_.on_start(spec.run_id);
  if (dice.Chance(world_.hazards_.start_fails)) {
    return vm::WithFault(absl::InternalError("launch failed"), dice.Chance(0.5) ? vm::Fault::kHost : vm::Fault::kOurs);
  }
  EXPECT_FALSE(world_.fates_.contains(spec.run_id)) << spec.run_id << " is started only once";
  Guest& guest = world_.guests_[spec.run_id];
  guest.run_id = spec.run_id;
  guest.host = uri_;
  if (dice.Chance(world_.hazards_.odd_fate)) guest.fate = static_cast<Fate>(dice.Below(kFates));
  if (world_.stored(spec.run_id)->control && dice.Chance(0.5)) guest.fate = Fate::kPanics;
  if (dice.Chance(0.3)) guest.starves = absl::Minutes(5);  // longer than lkd waits
  guest.monitor_responds = guest.fate != Fate::kQemuStops && !dice.Chance(world_.hazards_.step_fails);
  guest.next_connect = world_.clock_.now + dice.UpTo(20);
  guest.sink = std::move(console);
  world_.fates_[spec.run_id] = guest.fate;
  world_.PrintBoot(guest);
  return absl::OkStatus();
}

Status Connection::Reattach(const std::string& name, const std::filesystem::path&, uint64_t recorded,
                            vm::ConsoleSink console) {
  LK_RETURN_IF_ERROR(Usable());
  Guest* guest = Find(name);
  if (!guest) return vm::WithFault(absl::NotFoundError("no such domain"), vm::Fault::kGuest);
  guest->sink = std::move(console);
  if (recorded < guest->console.size()) guest->sink->on_bytes(std::string_view(guest->console).substr(recorded));
  return absl::OkStatus();
}

Status Connection::Destroy(const std::string& name) {
  LK_RETURN_IF_ERROR(Usable());
  Guest* guest = Find(name);
  if (!guest) return absl::OkStatus();
  if (world_.dice_.Chance(world_.hazards_.destroy_fails)) {
    return vm::WithFault(absl::InternalError("cannot kill the process"), vm::Fault::kHost);
  }
  world_.PowerOff(*guest, Kind::kDestroyed);
  return absl::OkStatus();
}

StatusOr<std::vector<vm::VmInfo>> Connection::List(const std::string&) {
  LK_RETURN_IF_ERROR(Usable());
  std::vector<vm::VmInfo> list;
  for (const auto& [run_id, guest] : world_.guests_) {
    if (guest.host == uri_) list.push_back({std::string(kVmPrefix) + run_id, run_id, true});
  }
  return list;
}

StatusOr<std::string> Connection::AttachDimm(const std::string& name, uint64_t) {
  LK_RETURN_IF_ERROR(Responsive(name).status());
  return fmt::format("dimm{}", ++world_.dimms_);
}

Status Connection::DetachDimm(const std::string& name, const std::string&, absl::Duration) {
  return Responsive(name).status();
}

Status Connection::ResizeVirtioMem(const std::string& name, uint64_t) {
  return Responsive(name).status();
}

Status Connection::ReplugDisk(const std::string& name, const campaign::Profile&, const vm::ScratchDisk&, unsigned,
                              absl::Duration) {
  return Responsive(name).status();
}

Status Connection::InjectNmi(const std::string& name) {
  LK_ASSIGN_OR_RETURN(Guest* const guest, Responsive(name));
  guest->nmi = true;
  if (world_.dice_.Chance(0.9)) world_.PrintNmi(*guest);
  return absl::OkStatus();
}

StatusOr<std::vector<vm::Vcpu>> Connection::VcpuState(const std::string& name) {
  LK_ASSIGN_OR_RETURN(const Guest* const guest, Responsive(name));
  const bool off = guest->fate == Fate::kHangs || guest->fate == Fate::kNeverBack;
  return std::vector<vm::Vcpu>{{.index = 0, .interrupts_off = off, .registers = "RIP=ffffffff81000000"}};
}

StatusOr<std::vector<absl::Duration>> Connection::VcpuDelays(const std::string& name) {
  LK_ASSIGN_OR_RETURN(const Guest* const guest, Responsive(name));
  return std::vector<absl::Duration>{guest->delay, absl::ZeroDuration()};
}

Status Connection::DumpMemory(const std::string& name, const std::filesystem::path& path) {
  LK_RETURN_IF_ERROR(Responsive(name).status());
  std::ofstream(path) << "dump";
  return absl::OkStatus();
}

// ---- hosts -------------------------------------------------------------------------------------

void World::AddHost(const std::string& uri, const std::string& accelerator) {
  SimHost& host = hosts_[uri];
  host.facts.cpus = 4;
  host.facts.memory_bytes = uint64_t{8} << 30;
  host.facts.hypervisor_version = "QEMU 10.0.2";
  host.facts.accelerator = accelerator;
  host.facts.archs = {"x86_64"};
  host.facts.features = {"memory:dimm"};
}

StatusOr<std::unique_ptr<vm::Hypervisor>> World::Connect(const std::string& uri, vm::VmListener listener) {
  if (!hosts_.at(uri).up) return Broken();
  return std::make_unique<Connection>(*this, uri, std::move(listener));
}

void World::LoseHost(const std::string& uri) {
  SimHost& host = hosts_.at(uri);
  host.up = false;
  for (auto& [run_id, guest] : guests_) {
    if (guest.host == uri) guest.sink.reset();
  }
  if (const Connection* connection = std::exchange(host.connection, nullptr)) {
    connection->Tell({.kind = Kind::kHostLost, .name = "", .detail = "connection lost"});
  }
}

void World::LiveHost(const std::string& uri, SimHost& host) {
  if (host.up && dice_.Chance(hazards_.host_lost)) {
    LoseHost(uri);
  } else if (!host.up && dice_.Chance(hazards_.host_back)) {
    host.up = true;
  }
}

void World::Live() {
  for (auto& [uri, host] : hosts_) LiveHost(uri, host);
  for (auto it = guests_.begin(); it != guests_.end();) LiveGuest((it++)->second);
}

void World::LoseLkd() {
  for (auto& [run_id, guest] : guests_) {
    guest.sink.reset();
    Disconnect(guest);
  }
  for (auto& [uri, host] : hosts_) host.connection = nullptr;
  expected_.clear();
  sessions_ = 0;
}

bool World::MonitorHangs(const std::string& run_id) const {
  const auto it = guests_.find(run_id);
  return it != guests_.end() && !it->second.monitor_responds;
}

void World::Tell(const Guest& guest, Kind kind, const std::string& detail, bool by_itself) {
  const Connection* connection = hosts_.at(guest.host).connection;
  if (connection) connection->Tell({kind, std::string(kVmPrefix) + guest.run_id, detail, by_itself});
}

void World::PowerOff(Guest& guest, Kind kind) {
  if (guest.connected) post(scheduler::AgentDisconnected{guest.run_id, guest.session});
  Tell(guest, kind);
  if (guest.sink && !dice_.Chance(hazards_.console_cut)) guest.sink->on_end();
  guests_.erase(guest.run_id);
}

// ---- images ------------------------------------------------------------------------------------

StatusOr<vm::Images::Image> World::Build(const Request& request) {
  if (dice_.Chance(hazards_.start_fails / 2)) return absl::NotFoundError("kernel " + request.kernel_id);
  std::error_code error;
  std::filesystem::create_directories(request.directory, error);
  if (error) return absl::InternalError(request.directory.string() + ": " + error.message());
  return Image{"vmlinuz", "initrd", "0123"};
}

// ---- lkd's side of agents ----------------------------------------------------------------------

void World::Expect(const scheduler::Run& run, scheduler::AgentTerms) {
  expected_.insert(run.id);
}

void World::Forget(const std::string& run_id) {
  may_die();
  expected_.erase(run_id);
  const auto it = guests_.find(run_id);
  if (it != guests_.end()) Disconnect(it->second);
}

Guest* World::Speaking(const std::string& run_id, uint64_t session) {
  const auto it = guests_.find(run_id);
  const bool speaking = it != guests_.end() && it->second.connected && (session == 0 || it->second.session == session);
  return speaking ? &it->second : nullptr;
}

void World::SendLease(const std::string& run_id, uint64_t session, const scheduler::LeaseTerms& terms) {
  may_die();
  Guest* guest = Speaking(run_id, session);
  if (!guest || std::exchange(guest->leased, true)) return;
  guest->nonce = terms.canary_nonce;
  guest->done_at = clock_.now + terms.duration;
  guest->fate_at = clock_.now + dice_.UpTo(18);
}

void World::SendAck(const std::string& run_id, uint64_t session, uint64_t sequence) {
  may_die();
  EXPECT_LE(sequence, stored(run_id)->agent_sequence) << "messages are stored before they are acknowledged";
  Guest* guest = Speaking(run_id, session);
  while (guest && !guest->unacknowledged.empty() && guest->unacknowledged.front().sequence <= sequence) {
    guest->unacknowledged.pop_front();
  }
}

void World::SendCancel(const std::string& run_id, const std::string&) {
  may_die();
  Guest* guest = Speaking(run_id, 0);
  if (!guest || guest->panicked || guest->done_said || dice_.Chance(0.5)) return;
  guest->done_said = true;
  Say(*guest, scheduler::AgentDone{"error", "cancelled", guest->progress, {}});
}

void World::SendFinish(const std::string& run_id) {
  may_die();
  if (Guest* guest = Speaking(run_id, 0)) guest->finish = true;
}

void World::SendHostActionReply(const scheduler::HostActionDone&) {
  may_die();
}

void World::Drop(const std::string& run_id, uint64_t session) {
  may_die();
  if (Guest* guest = Speaking(run_id, session)) Disconnect(*guest);
}

}  // namespace lk::sim
