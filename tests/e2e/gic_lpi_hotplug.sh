#!/usr/bin/env bash
# Runs gic_lpi_hotplug on distribution kernels with and without PREEMPT_RT, and on the lab kernel and its mutant. Takes
# half an hour under emulation on two cores, not counting the builds.
#   gic_lpi_hotplug.sh [KERNEL-PACKAGE...]     uses these kernels instead of fetching four; a kernel that consists of
#                                              several packages is one argument
. "$(dirname "$0")/lib.sh"
if [ $# -eq 0 ]; then
  # 6.1 with PREEMPT_RT prints an unrelated warning (see the scenario's README.md).
  set -- "$(fetch --arch arm64 bookworm 'linux-image-6.1.0-+([0-9])-cloud-arm64')" \
    "$(fetch --arch arm64 bookworm-backports 'linux-image-6.12*-cloud-arm64')" \
    "$(fetch --arch arm64 bookworm-backports 'linux-image-6.12*-rt-arm64')" "$(fetch --arch arm64 forky 'linux-image-*-rt-arm64')"
fi
mutant=$(lab --arch arm64 --flavour rt --mutant gic_lpi_hotplug/reserve)
lab=$(unmutated "$mutant")
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
for kernel in "$@"; do
  # shellcheck disable=SC2086  # a build may consist of several packages
  lkctl kernel add --together $kernel
done
lkctl kernel add "$lab" "$mutant"
status=0
timeout 3600 lkctl -o json campaign start --wait - >"$T/result.json" 2>"$T/progress" <<'YAML' || status=$?
apiVersion: lk/v1
kind: Campaign
metadata: { name: gic }
spec:
  kernels: [ { match: "*" } ]
  profiles: [ arm64-gicv3 ]
  scenarios: [ { name: gic_lpi_hotplug, duration: 2min, params: { kexecs: 3 } } ]
  positiveControls: require
  maxParallel: 1
YAML
jq -r '.runs[] | "\(.kernel) \(.verdict) \(.reason) [\([.phases[]?.seconds] | add // 0 | floor) s]"' "$T/result.json"
passing='.runs[] | select((.control // false | not) and (.superseded // false | not))'
check "lkctl exits with status 0" same $status 0
check "all kernels except the mutant pass" json "$T/result.json" "[$passing | .verdict == \"pass\"] | all and length == $(($# + 1))"
check "passing runs had three kexec cycles and at least 80 CPU transitions" json "$T/result.json" \
  "[$passing | [.counters[] | {key: .name, value: .value}] | from_entries | .kexec_cycles == 3 and .cpu_transitions >= 80 and .its_interrupts > 0] | all"
# CPU 3 is not online in the first boot.
check "every CPU has an LPI table in every boot" json "$T/result.json" "[$passing | [.tables[] | select(.name == \"lpi_tables\") | .rows | length == 15]] | flatten | all"
check "the LPI tables are still reserved after each kexec" json "$T/result.json" \
  "[$passing | .tables[] | select(.name == \"lpi_tables\") | .rows[].cells | select(.[0] != \"0\" and .[:2] != [\"1\", \"3\"]) | .[2] == \"reserved\"] | all"
check "the mutant sleeps in atomic context" json "$T/result.json" \
  '.runs[] | select(.control) | .verdict == "fail" and ([.findings[].title] |
   any(IN("BUG: sleeping function called from invalid context in " + ("efi_mem_reserve_persistent", "its_free_pending_table"))))'
check "nothing is left behind" nothing_left
