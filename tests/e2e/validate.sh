#!/usr/bin/env bash
# A campaign file has five different errors: all five are reported with line and column, and no run starts.
. "$(dirname "$0")/lib.sh"
start_lkd
cat >"$T/bad.yaml" <<'YAML'
apiVersion: lk/v1
kind: Campaign
metadata: { name: bad }
spec:
  kernels: [ "9.9.9-none" ]
  profiles:
    - name: p
      memory: 2GB
      vcpu: 4
  scenarios:
    - { name: basline }
    - { name: baseline, profiles: [ q ] }
YAML
status=0
lkctl campaign validate "$T/bad.yaml" >"$T/out" 2>"$T/err" || status=$?
cat "$T/err"
check "lkctl exits with status 2" same $status 2
for position in 5:14 8:15 9:7 11:15 12:37; do check "error at $position" grep -q "bad.yaml:$position:" "$T/err"; done
check "no other errors are reported" same "$(grep -c 'bad.yaml:' "$T/err")" 5
status=0
lkctl -o json campaign start --wait "$T/bad.yaml" >"$T/out" 2>"$T/err" || status=$?
check "campaign start refuses the file with exit status 2" same $status 2
check "no campaign was started" same "$(lkctl -o json campaign list | wc -l)" 0
check "exit status 2 for an unreadable file" same "$(lkctl campaign validate "$T/none.yaml" >/dev/null 2>&1; echo $?)" 2
check "a syntax error is reported with line and column" bash -c "printf 'a: [\n' | lkctl campaign validate - 2>&1 | grep -E ':[0-9]+:[0-9]+:'"
check "a campaign without hosts is a miss: exit status 3" same "$(lkctl kernel add "$(kernel 6.1)" >/dev/null 2>&1; campaign baseline | lkctl campaign start --wait - >/dev/null 2>&1; echo $?)" 3
stop_lkd
check "exit status 4 without lkd" same "$(lkctl campaign list >/dev/null 2>&1; echo $?)" 4
check "lkctl version does not require lkd" lkctl version
