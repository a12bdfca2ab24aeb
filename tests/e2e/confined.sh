#!/usr/bin/env bash
# While a VM is running, QEMU is sandboxed, the VM has no access to directories and devices of the host, and lkd's files
# are private.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill_begun 'act: none' 10min
domain=$(domains)
status=/proc/$(qemu_pid)/status
check "QEMU runs under a seccomp filter" grep -qE '^Seccomp:[[:space:]]+2$' "$status"
check "QEMU cannot gain new privileges" grep -qE '^NoNewPrivs:[[:space:]]+1$' "$status"
virsh -q -c "$libvirt_uri" dumpxml "$domain" >"$T/domain.xml"
check "the VM has no host directory, device, display or channel" \
  same "$(xmllint --xpath 'count(//filesystem | //hostdev | //graphics | //channel | //redirdev | //shmem)' "$T/domain.xml")" 0

# Kernels, and the part of an initramfs that all runs share, are not secret. While a VM is running, libvirt makes QEMU's
# user the owner of the files that the VM boots.
open_files() { find "$T/s/lk" -type f -perm /077 ! -path "$T/s/lk/kernels/*" ! -path "$T/s/lk/images/*" -printf '%m %P '; }
open_folders() { find "$T/s/lk" -type d -perm /066 -printf '%m %P '; }
check "no file is accessible to other users" same "$(open_files)" ""
check "no directory can be listed by other users" same "$(open_folders)" ""
check "the operator socket is accessible to the group" same "$(stat -c %a "$T/lkd.sock")" 660

lkctl campaign cancel "$id" >/dev/null
drill_over
lkctl run artifacts "$(jq -r .id "$T/run.json")" --download "$T/artifacts" >/dev/null
check "files downloaded by lkctl are private to its user" same "$(stat -c %a "$T/artifacts/console.log")" 600
check "the audit log names the user who cancelled the campaign" \
  json <(lkctl -o json audit list | jq -s .) 'any(.method == "CampaignService/CancelCampaign" and .outcome == "OK" and (.caller | test("^uid ")))'
check "nothing is left behind" nothing_left
