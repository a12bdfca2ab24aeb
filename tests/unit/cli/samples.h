// SPDX-License-Identifier: Apache-2.0
// Sample messages, with an example of everything that lkctl displays.
#pragma once

#include <string>
#include <vector>

#include "lk/v1/campaign.pb.h"

namespace lk::cli {

inline v1::Run SampleRun(const std::string& id, const std::string& kernel, const std::string& scenario,
                         const std::string& verdict) {
  v1::Run run;
  run.set_id(id);
  run.set_campaign_id("c00000000abc");
  run.set_kernel(kernel);
  run.set_kernel_id("k" + kernel.substr(0, 1) + "00000000000");
  run.set_arch("x86_64");
  run.set_profile("iommu");
  run.set_scenario(scenario);
  run.set_repeat(1);
  run.set_attempt(1);
  run.set_state("done");
  run.set_verdict(verdict);
  run.set_reason(verdict == "pass" ? "" : "reason of " + id);
  run.set_host("h01234567");
  run.set_accelerator("tcg");
  run.mutable_created()->set_seconds(1750000000);
  run.mutable_started()->set_seconds(1750000010);
  run.mutable_finished()->set_seconds(1750000045);
  run.set_canary_console(true);
  run.set_canary_kmsg(true);
  run.set_operations(120);
  v1::LatencySummary& latency = *run.add_latencies();
  latency.set_probe("timer_wakeup");
  latency.set_count(5000);
  latency.set_p50_seconds(52e-6);
  latency.set_p90_seconds(90e-6);
  latency.set_p99_seconds(1.2e-3);
  latency.set_max_seconds(17.5e-3);
  latency.set_mean_seconds(60e-6);
  return run;
}

inline v1::Finding SampleFinding() {
  v1::Finding finding;
  finding.set_kind("soft_lockup");
  finding.set_title("BUG: soft lockup in crash_handle_hotplug_event");
  finding.add_alt_titles("stall in crash_handle_hotplug_event");
  finding.set_start_offset(1000);
  finding.set_end_offset(1400);
  finding.set_excerpt("watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [trigger:77]\n\x1b[31mred\x1b[0m\ttext\n");
  finding.set_cpu(1);
  finding.set_task("trigger:77");
  finding.set_seconds_stuck(22);
  finding.set_count(3);
  finding.mutable_first_seen()->set_seconds(1750000030);
  finding.mutable_last_seen()->set_seconds(1750000040);
  finding.add_witnesses("console");
  finding.add_witnesses("agent");
  finding.set_phase("running");
  finding.set_activity("attach dimm 3");
  finding.set_taint("Not tainted");
  v1::Frame& frame = *finding.add_frames();
  frame.set_function("crash_handle_hotplug_event");
  frame.set_offset(0x1f);
  frame.set_location("kernel/crash_core.c:560");
  v1::Frame& module_frame = *finding.add_frames();
  module_frame.set_function("virtnet_poll");
  module_frame.set_offset(0x200);
  module_frame.set_module("virtio_net");
  return finding;
}

// A run whose guest hung, with one report incomplete, one not trusted and one without text.
inline v1::Run SampleHungRun() {
  v1::Run run = SampleRun("c00000000abc-9", "6.12.95", "crash_hotplug", "fail");
  run.set_paused_seconds(12);
  run.set_steal_seconds(0.25);
  run.set_delay_seconds(1.5);
  const auto step = [&](const char* name, const char* outcome, const char* detail, double seconds) {
    v1::PostMortemStep& added = *run.add_post_mortem();
    added.set_step(name);
    added.set_outcome(outcome);
    added.set_detail(detail);
    added.set_seconds(seconds);
    return &added;
  };
  step("drain", "done", "412 bytes", 2);
  step("registers", "done", "2 of 2 CPUs running with interrupts off; CPU 0 at 0xffffffff81000010, CPU 1 at 0x10", 0.02)
      ->set_text("CPU 0\nRAX=0\n");
  step("nmi", "failed", "QEMU said \x1b[2J", 0.1);
  step("dump", "skipped", "16GiB of memory exceeds dumps.maxBytes (8GiB)", 0);
  step("destroy", "done", "", 1.5);

  v1::Finding finding = SampleFinding();
  finding.set_function("crash_handle_hotplug_event");
  finding.clear_excerpt();
  v1::CpuStack& other = *finding.add_others();
  other.set_cpu(0);
  other.set_task("kworker/0:1:30");
  other.set_function("on_each_cpu_cond_mask");
  for (const char* function : {"csd_lock_wait", "smp_call_function_many_cond", "on_each_cpu_cond_mask", "flush_tlb_all",
                               "arch_remove_memory", "try_remove_memory", "remove_memory"}) {
    other.add_frames()->set_function(function);
  }
  other.mutable_frames(2)->set_location("kernel/smp.c:1052");
  finding.add_others()->set_cpu(-1);
  finding.mutable_others(1)->set_task("idle");
  *run.add_findings() = finding;

  finding = v1::Finding();
  finding.set_cpu(-1);
  finding.set_kind("rcu_stall");
  finding.set_title("INFO: rcu detected stall in f");
  finding.set_open(true);
  *run.add_findings() = finding;
  finding.set_open(false);
  finding.set_distrust("the VM was paused for 12s");
  *run.add_findings() = finding;
  finding.clear_distrust();
  finding.set_kind("hung_task");
  finding.set_title("hung task counter rose");
  finding.set_counted(true);
  *run.add_findings() = finding;
  finding.set_counted(false);
  finding.set_title("INFO: task hung in f");
  finding.set_known("fix is queued");
  finding.mutable_victim()->set_cpu(-1);
  finding.mutable_victim()->set_task("mount:812");
  finding.mutable_victim()->set_function("f");
  finding.mutable_culprit()->set_cpu(3);
  *run.add_findings() = finding;
  return run;
}

inline v1::Campaign SampleCampaign() {
  v1::Campaign campaign;
  campaign.set_id("c00000000abc");
  campaign.set_name("nightly");
  (*campaign.mutable_labels())["tree"] = "mainline";
  campaign.set_state("finished");
  campaign.set_verdict("fail");
  campaign.mutable_created()->set_seconds(1750000000);
  campaign.mutable_finished()->set_seconds(1750000600);

  *campaign.add_runs() = SampleRun("c00000000abc-1", "6.1.153", "baseline", "pass");
  *campaign.add_runs() = SampleRun("c00000000abc-2", "6.1.153", "crash_hotplug", "skip");
  *campaign.add_runs() = SampleRun("c00000000abc-3", "6.12.95", "baseline", "pass");
  v1::Run failed = SampleRun("c00000000abc-4", "6.12.95", "crash_hotplug", "fail");
  failed.set_blame("kernel");
  failed.set_emulated(true);
  *failed.add_findings() = SampleFinding();
  v1::Run retried = failed;
  retried.set_superseded(true);
  *campaign.add_runs() = retried;
  v1::Run second = SampleRun("c00000000abc-4.2", "6.12.95", "crash_hotplug", "pass");
  second.set_attempt(2);
  second.set_emulated(true);
  *campaign.add_runs() = second;
  v1::Run slow = SampleRun("c00000000abc-5", "6.1.153", "baseline", "pass");
  slow.mutable_latencies(0)->set_p50_seconds(70e-6);
  slow.mutable_latencies(0)->set_max_seconds(0.5);
  *campaign.add_runs() = slow;
  v1::Run broken = SampleRun("c00000000abc-6", "6.1.153", "crash_hotplug", "error");
  broken.set_blame("infrastructure");
  broken.set_reason("VM lost: \x1b[2Jqemu was killed");
  *campaign.add_runs() = broken;
  failed.set_id("c00000000abc-7");
  failed.set_superseded(false);
  *campaign.add_runs() = failed;

  v1::Run killed = SampleRun("c00000000abc-8", "6.12.95-mutant", "crash_hotplug", "fail");
  killed.set_control(true);
  killed.set_emulated(true);
  *campaign.add_runs() = killed;
  const auto mutant = [&](const char* kernel, const char* scenario, const char* state, const char* reason,
                          std::vector<std::string> runs) {
    v1::Mutant& added = *campaign.add_mutants();
    added.set_kernel(kernel);
    added.set_scenario(scenario);
    added.set_state(state);
    added.set_reason(reason);
    for (const std::string& id : runs) added.add_run_ids(id);
  };
  mutant("6.12.95-mutant", "crash_hotplug", "killed", "reason of c00000000abc-8", {"c00000000abc-8"});
  mutant("6.12.95-quiet", "baseline", "survived", "120 operations", {"c00000000abc-10", "c00000000abc-11"});
  campaign.mutable_mutation_score()->set_killed(1);
  campaign.mutable_mutation_score()->set_all(2);

  v1::KnownProblem& known = *campaign.add_known();
  known.set_title("WARNING in tick_.*");
  known.set_reason("fix is queued");
  known.set_until("2027-03-31");
  *campaign.add_known() = known;
  campaign.mutable_known(1)->set_kind("warning");

  v1::Counts& counts = *campaign.mutable_counts();
  counts.set_total(7);
  counts.set_pass(4);
  counts.set_fail(1);
  counts.set_error(1);
  counts.set_skip(1);
  counts.set_superseded(1);
  counts.set_controls(3);
  return campaign;
}

}  // namespace lk::cli
