#!/usr/bin/env bash
# A campaign file with five different mistakes: all five are told with their places, and nothing starts.
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
check "exit 2" same $status 2
for place in 5:14 8:15 9:7 11:15 12:37; do check "mistake at $place" grep -q "bad.yaml:$place:" "$T/err"; done
check "five mistakes" same "$(grep -c 'bad.yaml:' "$T/err")" 5
status=0
lkctl -o json campaign start --wait "$T/bad.yaml" >"$T/out" 2>"$T/err" || status=$?
check "start refuses it with exit 2" same $status 2
check "nothing started" same "$(lkctl -o json campaign list | wc -l)" 0
check "an unreadable file is exit 2" same "$(lkctl campaign validate "$T/none.yaml" >/dev/null 2>&1; echo $?)" 2
check "a syntax error has a place" bash -c "printf 'a: [\n' | lkctl campaign validate - 2>&1 | grep -E ':[0-9]+:[0-9]+:'"
check "a campaign without hosts is a miss: exit 3" same "$(lkctl kernel add "$(kernel 6.1)" >/dev/null 2>&1; campaign baseline | lkctl campaign start --wait - >/dev/null 2>&1; echo $?)" 3
stop_lkd
check "no lkd is exit 4" same "$(lkctl campaign list >/dev/null 2>&1; echo $?)" 4
check "version needs no lkd" lkctl version
