#!/usr/bin/env bash
# Guests of two architectures in one campaign: each gets the agent for its architecture, and impossible combinations are
# skipped with a reason.
. "$(dirname "$0")/lib.sh"
arm64=$(fetch --arch arm64 bookworm-backports 'linux-image-6.12*-cloud-arm64')
ready 6.12
lkctl kernel add "$arm64" >/dev/null
status=0
timeout 800 lkctl -o json campaign start --wait - >"$T/result.json" 2>"$T/progress" <<'YAML' || status=$?
apiVersion: lk/v1
kind: Campaign
metadata: { name: two-architectures }
spec:
  kernels: [ { match: "*" } ]
  profiles:
    - arm64-gicv3
    - { name: plain, vcpus: 2, memory: 768MiB }
    - { name: arm64-smmu, arch: aarch64, vcpus: 2, memory: 1GiB, iommu: { model: smmuv3 } }
  scenarios:
    - { name: baseline, duration: 3s, profiles: [ plain, arm64-smmu ] }
    - { name: gic_lpi_hotplug, duration: 60s, params: { kexecs: 1, transitions: 6 } }
  retries: { error: 1, fail: 0 }
  maxParallel: 1
YAML
jq -r '.runs[] | "\(.kernel) \(.profile) \(.scenario) \(.verdict) \(.reason) [\([.phases[]?.seconds] | add // 0 | floor) s]"' "$T/result.json"
# run PROFILE SCENARIO FILTER
run() { json "$T/result.json" ".runs[] | select((.superseded // false | not) and .profile == \"$1\" and .scenario == \"$2\") | $3"; }
check "exit status 0: no run failed" same $status 0
check "an x86 guest ran baseline" run plain baseline '.verdict == "pass" and .arch == "x86_64"'
check "an arm64 guest ran baseline behind an SMMU" run arm64-smmu baseline '.verdict == "pass" and .arch == "aarch64" and .accelerator == "tcg"'
check "an arm64-only scenario is skipped on x86, with the reason" run plain gic_lpi_hotplug '.verdict == "skip" and (.reason | test("aarch64"))'
check "a scenario that requires UEFI is skipped without it, with the reason" run arm64-smmu gic_lpi_hotplug '.verdict == "skip" and (.reason | test("uefi"))'
run arm64-gicv3 gic_lpi_hotplug . >/dev/null && jq '.runs[] | select(.profile == "arm64-gicv3" and (.superseded // false | not))' "$T/result.json" >"$T/run.json"
check "an arm64 guest went through kexec" json "$T/run.json" '.verdict == "pass" and ([.counters[] | select(.name == "kexec_cycles") | .value] == [1])'
# CPU 3 is online for the first time after kexec.
check "the LPI tables are reported for each CPU and boot" json "$T/run.json" '[.tables[] | select(.name == "lpi_tables") | .rows[].cells] | length == 7 and ([.[] | select(.[0] == "1") | .[1] == "3" or .[2] == "reserved"] | all)'
id=$(jq -r .id "$T/run.json")
check "run show prints the LPI tables" grep -qE '^ +1 +2 +reserved +0x' <<<"$(lkctl run show "$id")"
check "nothing is left behind" nothing_left
