#!/usr/bin/env bash
# While a VM runs: QEMU in its sandbox, nothing of the host in the domain, lkd's files its own.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill_begun 'act: none' 10min
domain=$(domains)
status=/proc/$(qemu_pid)/status
check "QEMU runs under a seccomp filter" grep -qE '^Seccomp:[[:space:]]+2$' "$status"
check "it gets no new privileges" grep -qE '^NoNewPrivs:[[:space:]]+1$' "$status"
virsh -q -c "$libvirt_uri" dumpxml "$domain" >"$T/domain.xml"
check "the VM has no directory, device, display or channel of the host" \
  same "$(xmllint --xpath 'count(//filesystem | //hostdev | //graphics | //channel | //redirdev | //shmem)' "$T/domain.xml")" 0

# Kernels, and the part of an initramfs that all runs share, are no secret. libvirt hands over to QEMU's user what a VM
# boots while it runs.
open_files() { find "$T/s/lk" -type f -perm /077 ! -path "$T/s/lk/kernels/*" ! -path "$T/s/lk/images/*" -printf '%m %P '; }
open_folders() { find "$T/s/lk" -type d -perm /066 -printf '%m %P '; }
check "no file is open to others" same "$(open_files)" ""
check "no folder can be listed by others" same "$(open_folders)" ""
check "the socket is for the group" same "$(stat -c %a "$T/lkd.sock")" 660

lkctl campaign cancel "$id" >/dev/null
drill_over
lkctl run artifacts "$(jq -r .id "$T/run.json")" --download "$T/artifacts" >/dev/null
check "what lkctl fetches is its user's" same "$(stat -c %a "$T/artifacts/console.log")" 600
check "who cancelled is in the audit log" \
  json <(lkctl -o json audit list | jq -s .) 'any(.method == "CampaignService/CancelCampaign" and .outcome == "OK" and (.caller | test("^uid ")))'
check "nothing is left" nothing_left
