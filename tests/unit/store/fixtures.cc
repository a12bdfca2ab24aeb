// SPDX-License-Identifier: Apache-2.0
#include <soci/soci.h>

#include "server/store/dialect.h"
#include "tests/unit/store/conformance.h"

namespace lk::store {

void StoreTest::SetUp() {
  const StatusOr<std::string> url = GetParam().fresh();
  if (!url.ok()) GTEST_SKIP() << url.status().message();
  url_ = *url;
  store_ = Reopen();
}

std::unique_ptr<Store> StoreTest::Reopen(Observer observe) const {
  StatusOr<std::unique_ptr<Store>> store = Open(url_, std::move(observe));
  if (!store.ok()) throw std::runtime_error(store.status().ToString());
  return *std::move(store);
}

void StoreTest::Execute(const std::string& statement) const {
  const Dialect& dialect = **FindDialect(url_);
  soci::session sql(*dialect.factory(), *dialect.connect_string(url_));
  sql << statement;
}

void StatisticsTest::SetUp() {
  StoreTest::SetUp();
  if (store_ == nullptr) return;
  ASSERT_TRUE(store_->PutKernel(SomeKernel("k0123456789ab", "6.12.1-cloud")).ok());
}

void StatisticsTest::Save(const campaign::Run& run) const {
  ASSERT_TRUE(store_->Apply({.campaigns = {}, .runs = {run}, .events = {}, .time = {}}).ok());
}

RunStatistics::Row StatisticsTest::OnlyRow() const {
  const RunStatistics statistics = store_->Statistics().value();
  if (statistics.rows.size() != 1) throw std::runtime_error("expected one row");
  return statistics.rows[0];
}

campaign::Campaign SomeCampaign(const std::string& id) {
  campaign::Campaign campaign;
  campaign.id = id;
  campaign.state = campaign::CampaignState::kRunning;
  campaign.created = absl::FromUnixMicros(1'700'000'000'000'001);
  campaign.finished = absl::InfinitePast();
  campaign.spec_yaml = "apiVersion: lk/v1 # prüfen, 'quoted' :named ?\n";
  campaign.overrides = {"spec.repeats=2"};
  campaign.spec.name = "nightly";
  campaign.spec.labels = {{"tree", "mainline"}};
  campaign.seed = 4'294'967'295;
  return campaign;
}

campaign::Run SomeRun(const std::string& id) {
  campaign::Run run;
  run.id = id;
  run.campaign_id = id.substr(0, id.rfind('-'));
  run.kernel_id = "k0123456789ab";
  run.kernel_release = "6.12.1-cloud";
  run.arch = campaign::Arch::kAarch64;
  run.profile = "small";
  run.scenario = "baseline";
  run.cell = 2;
  run.repeat = 3;
  run.attempt = 4;
  run.state = campaign::RunState::kRunning;
  run.emulated = true;
  run.host_id = "h01234567";
  run.accelerator = "tcg";
  run.created = absl::FromUnixMicros(1'700'000'000'000'002);
  run.started = absl::FromUnixMicros(1'700'000'000'000'003);
  run.finished = absl::InfinitePast();
  run.phase_seconds = {{"boot", 2.5}};
  detect::Finding finding;
  finding.kind = detect::Kind::kSoftLockup;
  finding.title = "BUG: soft lockup in do_idle";
  finding.alt_titles = {"stall in do_idle"};
  finding.corrupted = true;
  finding.start_offset = uint64_t{1} << 40;
  finding.end_offset = finding.start_offset + 7;
  finding.excerpt = "watchdog: BUG: \"soft\" lockup\n\ttwo";
  finding.frames = {{.function = "do_idle", .offset = 12, .module = "m", .location = "idle.c:1"}};
  finding.function = "do_idle";
  finding.others = {{.cpu = 1, .task = "kworker/1:0:30", .function = "smp_call", .frames = finding.frames}};
  finding.cpu = 3;
  finding.task = "swapper/3:0";
  finding.seconds_stuck = 22;
  finding.count = 5;
  finding.fatal = true;
  finding.taint = "Tainted: G";
  finding.kernel_release = "6.12.1";
  finding.first_seen = absl::FromUnixMicros(4);
  finding.last_seen = absl::FromUnixMicros(5);
  finding.witnesses = {"console", "agent"};
  finding.phase = "running";
  finding.activity = "spinning";
  finding.nmi = true;
  run.findings = {finding};
  run.latencies["timer_wakeup"].Record(1500, 10);
  run.latencies["timer_wakeup"].Record(2'000'000);
  run.counters = {{"blocks_onlined",
                   {.value = 8.5, .unit = "1", .first = "f", .took_seconds = 7, .limit_seconds = 5, .distrust = "d"}}};
  run.canary_console = true;
  run.canary_kmsg = true;
  run.operations = uint64_t{1} << 50;
  run.console_bytes = 1000;
  run.cmdline = "console=ttyS0";
  run.skipped_parts = {"crash: not configured"};
  run.journal = {"0.1s started", "0.2s booted"};
  using Step = campaign::PostMortemStep;
  run.post_mortem = {{.step = Step::Step::kRegisters,
                      .outcome = Step::Outcome::kDone,
                      .detail = "2 of 2 CPUs running with interrupts off",
                      .text = "RAX=0\nRBX=1",
                      .seconds = 0.25},
                     {.step = Step::Step::kDump,
                      .outcome = Step::Outcome::kSkipped,
                      .detail = "not requested",
                      .text = "",
                      .seconds = 0}};
  run.paused_seconds = 12.5;
  run.steal_seconds = 0.125;
  run.delay_seconds = 1.5;
  run.token = std::string(64, 'a');
  run.canary_nonce = "0123456789abcdef";
  run.boot_id = "b-1";
  run.agent_sequence = uint64_t{1} << 33;
  run.reboot_until = absl::FromUnixMicros(1234567);
  run.announced_boots = 3;
  run.tables["lpi_tables"] = {{"boot", "cpu"}, {{"0", "1"}}};
  run.ending = campaign::Ending{campaign::Ending::Kind::kDone, "", "ok", "why: not"};
  run.seed = 4'000'000'000;
  return run;
}

campaign::Run DoneRun(const std::string& id, campaign::Verdict verdict) {
  campaign::Run run = SomeRun(id);
  run.state = campaign::RunState::kDone;
  run.verdict = verdict;
  run.reason = "because";
  run.blame = campaign::Blame::kKernel;
  run.finished = absl::FromUnixMicros(1'700'000'100'000'000);
  return run;
}

campaign::KernelBuild SomeKernel(const std::string& id, const std::string& release) {
  campaign::KernelBuild kernel;
  kernel.id = id;
  kernel.release = release;
  kernel.arch = campaign::Arch::kAarch64;
  kernel.flavour = "cloud";
  kernel.labels = {{"tree", "next"}};
  kernel.config_sha256 = "abc";
  kernel.config = {{"KEXEC", "y"}};
  kernel.has_modules = true;
  kernel.guest_modules = {"failover", "virtio_net"};
  kernel.image_bytes = uint64_t{1} << 33;
  kernel.banner = "Linux version";
  kernel.added = absl::FromUnixMicros(9);
  kernel.source = "linux-image.deb";
  return kernel;
}

}  // namespace lk::store
