// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/report/report_sample.h"

#include <fmt/format.h>

#include <cmath>

namespace lk::report {
namespace {

using campaign::Blame;
using campaign::Finding;
using campaign::KernelBuild;
using campaign::Run;
using campaign::RunState;
using campaign::Verdict;

constexpr int64_t kBegin = 1'764'300'000;

constexpr char kSpec[] = R"(apiVersion: lk/v1
kind: Campaign
metadata: { name: nightly, labels: { tree: mainline } }
spec:
  kernels: [ { match: "6.12.*" } ]
  profiles:
    - { name: hotplug, vcpus: 2, memory: 1GiB, memoryHotplug: { model: dimm, slots: 8, max: 4GiB } }
    - iommu-strict
  scenarios:
    - { name: baseline, duration: 30s, budgets: { timer_wakeup_p99: 50ms } }
    - { name: crash_hotplug, duration: 30s, params: { readersPerEvent: 2 }, profiles: [ hotplug ] }
  repeats: 2
  retries: { error: 2, fail: 1 }
)";

KernelBuild Kernel(const std::string& id, const std::string& release) {
  KernelBuild kernel;
  kernel.id = id;
  kernel.release = release;
  kernel.flavour = "cloud";
  kernel.labels = {{"tree", "mainline"}};
  kernel.config_sha256 = std::string(64, 'c');
  kernel.banner = "Linux version " + release + " (debian-kernel@lists.debian.org)";
  kernel.source = "linux-image-" + release + ".deb";
  return kernel;
}

Finding Lockup() {
  Finding finding;
  finding.kind = detect::Kind::kSoftLockup;
  finding.title = "BUG: soft lockup in crash_handle_hotplug_event";
  finding.alt_titles = {"stall in crash_handle_hotplug_event"};
  finding.function = "crash_handle_hotplug_event";
  finding.frames = {
      {.function = "native_queued_spin_lock_slowpath",
       .offset = 0x1f0,
       .module = "",
       .location = "kernel/locking/qspinlock.c:474"},
      {.function = "_raw_spin_lock", .offset = 0x29, .module = "", .location = "include/linux/spinlock.h:351"},
      {.function = "crash_handle_hotplug_event.isra.0",
       .offset = 0x8c,
       .module = "",
       .location = "kernel/crash_core.c:512"},
      {.function = "crash_memhp_notifier", .offset = 0x2f, .module = "", .location = "kernel/crash_core.c:583"},
      {.function = "notifier_call_chain", .offset = 0x5a, .module = "", .location = ""},
      {.function = "memory_notify", .offset = 0x18, .module = "", .location = ""},
      {.function = "online_pages", .offset = 0x1c2, .module = "", .location = "mm/memory_hotplug.c:1192"},
      {.function = "virtio_mem_online_page", .offset = 0x33, .module = "virtio_mem", .location = ""}};
  finding.others = {
      {.cpu = 0, .task = "lk-trigger:77", .function = "walk_iomem_res_desc", .frames = {finding.frames[1]}}};
  finding.cpu = 1;
  finding.task = "kworker/1:2:93";
  finding.seconds_stuck = 22;
  finding.count = 3;
  finding.taint = "Not tainted";
  finding.kernel_release = "6.12.96";
  finding.witnesses = {"console", "agent"};
  finding.phase = "running";
  finding.activity = "attach dimm 3";
  finding.excerpt = fmt::format(
      "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:93]\nRIP: 0010:native_queued_spin_lock_slowpath"
      "\tx\nsaid by a program: {}\n\x1b[31mred\xff\n",
      kMarkup);
  return finding;
}

// Latencies with a tail, around the given median. Not random, so that they are the same on every machine.
Histogram Latencies(uint64_t median_ns) {
  Histogram histogram;
  for (int i = 0; i < 400; ++i) {
    const double turn = std::sin(i * 12.9898) * 43758.5453;
    const double share = turn - std::floor(turn);
    histogram.Record(static_cast<uint64_t>(static_cast<double>(median_ns) * std::exp((share - 0.5) * 2)));
  }
  histogram.Record(median_ns * 60);
  return histogram;
}

class Sample {
 public:
  Sample() {
    campaign::Campaign& campaign = report_.campaign;
    campaign.id = "c1jd2k4ab12";
    campaign.state = campaign::CampaignState::kFinished;
    campaign.verdict = Verdict::kFail;
    campaign.created = absl::FromUnixSeconds(kBegin);
    campaign.finished = absl::FromUnixSeconds(kBegin + 1800);
    campaign.spec_yaml = kSpec;
    campaign.overrides = {"spec.maxParallel=4"};
    campaign.spec.name = "nightly";
    campaign.spec.labels = {{"tree", "mainline"}};
    campaign.seed = 7;
    report_.kernels["k0123456789ab"] = Kernel("k0123456789ab", "6.12.95");
    report_.kernels["kba9876543210"] = Kernel("kba9876543210", "6.12.96-00012-g0123456789ab");
    report_.kernels["k777777777777"] = Kernel("k777777777777", "6.12.95-lab-mutant");
    report_.kernels["k777777777777"].labels["mutant"] = "crash_hotplug";
    campaign::Host& host = report_.hosts["h01234567"];
    host.id = "h01234567";
    host.uri = "qemu:///system";
    host.accelerator = "tcg";
    host.accelerator_reason = "/dev/kvm does not exist";
    host.hypervisor_version = "QEMU 10.0.2";
    host.libvirt_version = "11.3.0";
    host.kernel_release = "6.1.0-40-amd64";
    report_.scenarios["crash_hotplug"] = {
        .summary = "Memory hotplug events against readers of the crash kernel's segments",
        .emulation = {"slow-host.cocci"},
        .harness = {}};
    report_.lk_version = "0.1.0";
    report_.written = absl::FromUnixSeconds(kBegin + 3600);
  }

  // Adds a run of the next repeat.
  Run& Add(const std::string& kernel, const std::string& scenario, const std::string& profile, Verdict verdict) {
    ++cell_;
    attempt_ = 0;
    return Again(kernel, scenario, profile, verdict);
  }
  // Adds another attempt at the last repeat.
  Run& Again(const std::string& kernel, const std::string& scenario, const std::string& profile, Verdict verdict) {
    ++attempt_;
    Run& run = report_.runs.emplace_back();
    run.id = fmt::format("{}-{:03}{}", report_.campaign.id, cell_, attempt_ > 1 ? fmt::format(".{}", attempt_) : "");
    run.campaign_id = report_.campaign.id;
    run.kernel_id = kernel;
    run.kernel_release = report_.kernels.at(kernel).release;
    run.profile = profile;
    run.scenario = scenario;
    run.cell = cell_;
    run.attempt = attempt_;
    run.state = RunState::kDone;
    run.verdict = verdict;
    run.blame = verdict == Verdict::kFail ? Blame::kKernel : verdict == Verdict::kPass ? Blame::kNone : Blame::kTest;
    run.reason = verdict == Verdict::kPass ? "" : fmt::format("reason of {}", run.id);
    run.host_id = "h01234567";
    run.accelerator = "tcg";
    run.created = absl::FromUnixSeconds(kBegin);
    run.started = absl::FromUnixSeconds(kBegin + 10 * cell_);
    run.finished = run.started + absl::Milliseconds(45'250);
    run.phase_seconds = {{"image", 0.2}, {"define", 0.5}, {"boot", 9.25}, {"run", 30}};
    run.canary_console = run.canary_kmsg = true;
    run.operations = 120;
    run.console_bytes = 40'000;
    run.cmdline = "console=ttyS0 panic=-1";
    run.seed = 1000 + cell_;
    run.provenance = {{.config_sha256 = std::string(64, 'c'),
                       .kernel_source = report_.kernels.at(kernel).source,
                       .kernel_commit = campaign::CommitOf(report_.kernels.at(kernel))},
                      {.image_sha256 = std::string(64, '1'),
                       .host_uri = "qemu:///system",
                       .host_kernel = "6.1.0-40-amd64",
                       .hypervisor = "QEMU 10.0.2",
                       .libvirt = "11.3.0"}};
    return run;
  }

  CampaignReport& report() { return report_; }

 private:
  CampaignReport report_;
  uint32_t cell_ = 0;
  uint32_t attempt_ = 0;
};

}  // namespace

CampaignReport SampleReport() {
  const std::string old_kernel = "k0123456789ab";
  const std::string new_kernel = "kba9876543210";
  const std::string mutant = "k777777777777";
  Sample sample;

  Run& killed = sample.Add(mutant, "crash_hotplug", "hotplug", Verdict::kFail);
  killed.control = true;
  killed.findings = {Lockup()};
  killed.symptom = killed.findings[0].title;
  killed.unmutated = old_kernel;
  Run& survived = sample.Add(mutant, "crash_hotplug", "iommu-strict", Verdict::kPass);
  survived.control = true;

  sample.Add(old_kernel, "baseline", "hotplug", Verdict::kPass).latencies["timer_wakeup"] = Latencies(90'000);
  Run& sibling = sample.Add(old_kernel, "crash_hotplug", "hotplug", Verdict::kPass);
  sibling.emulated = true;
  sibling.sibling = true;
  sample.Add(old_kernel, "crash_hotplug", "iommu-strict", Verdict::kUnproven).reason =
      "the mutant 6.12.95-lab-mutant survived this scenario on this profile";
  // Flaky: both results are kept.
  Run& flaky = sample.Add(old_kernel, "baseline", "iommu-strict", Verdict::kFail);
  flaky.reason = "budget timer_wakeup_p99: 61ms of 50ms";
  sample.Again(old_kernel, "baseline", "iommu-strict", Verdict::kPass);

  Run& locked = sample.Add(new_kernel, "crash_hotplug", "hotplug", Verdict::kFail);
  locked.findings = {Lockup()};
  locked.reason = "BUG: soft lockup in crash_handle_hotplug_event";
  locked.emulated = true;
  locked.counters = {{"blocks_onlined", {.value = 96, .unit = "1"}}};
  locked.tables = {
      {"lpi_tables",
       {.columns = {"boot", "cpu", "table", "address"}, .rows = {{"0", "1", "allocated", "<0x401b0000>"}}}}};
  locked.skipped_parts = {"kexec: CONFIG_CRASH_HOTPLUG is not set"};
  locked.journal = {"0.5s VM started", fmt::format("12.0s {}", kMarkup)};
  locked.post_mortem = {{.step = campaign::PostMortemStep::Step::kRegisters,
                         .outcome = campaign::PostMortemStep::Outcome::kDone,
                         .detail = "2 of 2 CPUs running with interrupts off",
                         .text = "RAX=0",
                         .seconds = 0.25}};
  sample.report().consoles[locked.id] = {
      .text = fmt::format("Linux version 6.12.96\nlogin: {}\n\x1b]0;title\x07\xe2\x80\xae"
                          "abc\n",
                          kMarkup),
      .left_out = 35'000};
  Run& slower = sample.Add(new_kernel, "baseline", "hotplug", Verdict::kPass);
  slower.latencies["timer_wakeup"] = Latencies(210'000);
  slower.latencies["page_fault"] = Latencies(1'500);
  // An error that was retried.
  Run& lost = sample.Add(new_kernel, "baseline", "iommu-strict", Verdict::kError);
  lost.reason = "the agent's stream ended and the agent did not reconnect";
  lost.superseded = true;
  sample.Again(new_kernel, "baseline", "iommu-strict", Verdict::kError).reason = "trigger did no work # at all";
  Run& missed = sample.Add(new_kernel, "crash_hotplug", "iommu-strict", Verdict::kMiss);
  missed.reason = std::string("no host: ") + kMarkup;
  missed.host_id.clear();
  missed.accelerator.clear();
  missed.started = absl::InfinitePast();
  missed.provenance.image_sha256.clear();
  sample.Add(new_kernel, "ipi_low_memory", "hotplug", Verdict::kSkip).reason = "needs CONFIG_CMA, which it lacks";
  Run& tolerated = sample.Add(new_kernel, "ipi_low_memory", "hotplug", Verdict::kPass);
  Finding warning;
  warning.kind = detect::Kind::kWarning;
  warning.title = std::string("WARNING in ") + kMarkup;
  warning.tolerated = true;
  tolerated.findings = {warning};
  tolerated.repeat = 2;
  Run& known = sample.Add(new_kernel, "ipi_low_memory", "hotplug", Verdict::kPass);
  Finding hung;
  hung.kind = detect::Kind::kHungTask;
  hung.title = "INFO: task hung in drain_pages";
  hung.known = std::string("fix is queued ") + kMarkup;
  hung.victim = {.cpu = -1, .task = "sync:812", .function = "drain_pages"};
  hung.culprit = {.cpu = 1, .task = std::string("kworker ") + kMarkup, .function = ""};
  known.findings = {hung};
  known.repeat = 3;
  return std::move(sample.report());
}

}  // namespace lk::report
