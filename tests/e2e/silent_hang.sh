#!/usr/bin/env bash
# On the mutant reclaim of iommu_invalidation, all CPUs end up with interrupts off: one waits for a descriptor that another CPU
# has reclaimed, and the others, sooner or later, for a lock that this one holds. The guest's own detectors are off, so
# that none of them reports anything first. lkd notices the silence, and the NMI's backtraces show who waits for whom.
. "$(dirname "$0")/lib.sh"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
lkctl kernel add "$(mutant iommu_invalidation/reclaim)" >/dev/null
detectors_off='nowatchdog nmi_watchdog=0 rcupdate.rcu_cpu_stall_suppress=1 smp.csd_lock_timeout=0'
detectors_off+=' workqueue.watchdog_thresh=0 sysctl.kernel.hung_task_timeout_secs=0'
status=0
timeout 600 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null <<YAML || status=$?
apiVersion: lk/v1
kind: Campaign
metadata: { name: silent }
spec:
  kernels: [ { match: "*" } ]
  profiles:
    - { base: $(profile_of iommu_invalidation), name: silent, cmdline: "intel_iommu=on iommu.strict=1 $detectors_off" }
  scenarios: [ { name: iommu_invalidation, duration: 2min } ]
  positiveControls: off
  retries: { error: 0, fail: 0 }
YAML
jq '.runs[0]' "$T/result.json" >"$T/run.json"
lkctl run logs "$(jq -r .id "$T/run.json")" | tr -d '\r' >"$T/console"
check "lkctl exits with status 1" same $status 1
check "the verdict is fail, blame kernel" json "$T/run.json" '.verdict == "fail" and .blame == "kernel"'
# Only the canary looks like a report.
reports='soft lockup|hard LOCKUP|rcu: .*stall|csd: Detected|blocked for more than|workqueue lockup'
check "the kernel's detectors printed nothing" same "$(grep -E "$reports" "$T/console" | grep -cv lk-canary)" 0
check "there is exactly one finding" findings 'length == 1'
check "the hang is named after the function that waits for the descriptor" findings \
  '.[0] | .kind == "hang" and .title == "hang in qi_submit_sync" and .function == "qi_submit_sync"'
check "the NMI brought a stack of each of the four CPUs" findings '.[0] | [.cpu, .others[].cpu] | unique == [0, 1, 2, 3]'
check "the culprit waits for the descriptor, and the victim is a CPU that spins on a lock, if there is one" findings \
  '.[0] | [.others[] | select(.frames[0].function | test("queued_spin_lock_slowpath$")).cpu] as $spinning |
   if $spinning == [] then .culprit == null and .victim == null
   else .culprit.cpu == .cpu and .culprit.function == "qi_submit_sync" and (.victim.cpu | IN($spinning[])) end'
check "the run ended because of the hang" ended hang
check "the registers show that interrupts are off" json "$T/run.json" '.postMortem[] | select(.step == "registers") | .detail | test("interrupts off")'
check "nothing is left behind" nothing_left
