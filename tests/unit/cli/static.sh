#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lkctl-detect is static and small, and prints what `lkctl detect` prints: static.sh LKCTL LKCTL-DETECT VMLINUX
set -euo pipefail
lkctl=$1 detect=$2 vmlinux=$3
top=$(cd "$(dirname "$0")/../../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "static.sh: $*" >&2; exit 1; }

headers=$(readelf --program-headers --wide "$detect")
grep -q ' LOAD ' <<<"$headers" || fail "$detect: readelf shows no program headers"
if grep -qE ' (INTERP|DYNAMIC) ' <<<"$headers"; then fail "$detect is not static"; fi
size=$(stat --format %s "$detect")
[ "$size" -lt $((16 << 20)) ] || fail "$detect has $size bytes (expected less than 16 MiB)"
cp "$detect" "$dir/as-built"
strip "$dir/as-built"
[ "$(stat --format %s "$dir/as-built")" -ge "$size" ] || fail "$detect is not stripped"

# same NAME ARGS...: with the same exit code, too.
same() {
  local name=$1 expected=0 code=0
  shift
  "$lkctl" detect "$@" >"$dir/expected" 2>"$dir/expected.err" || expected=$?
  "$detect" "$@" >"$dir/found" 2>"$dir/found.err" || code=$?
  [ "$code" = "$expected" ] || fail "$name: exit code $code (expected $expected)"
  diff "$dir/expected" "$dir/found" || fail "$name: the output differs"
  diff <(sed 's/^lkctl: //' "$dir/expected.err") <(sed 's/^lkctl-detect: //' "$dir/found.err") ||
    fail "$name: the errors differ"
}
console=$top/tests/corpus/console
for format in json yaml sarif markdown table; do
  same "corpus as $format" -o "$format" --show --exit-status "$console"
  grep -q 'soft lockup in' "$dir/found" || fail "$format: no soft lockup in the corpus"
done

log=$dir/console.log
cat >"$log" <<LOG
[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [tester:77]
[  100.000001] CPU: 1 PID: 77 Comm: tester Not tainted 6.12.0 #1
[  100.000002] RIP: 0010:spins+0x1/0x40
[  100.000003] Call Trace:
[  100.000004]  <TASK>
[  100.000005]  spins+0x1/0x40
[  100.000006]  </TASK>
LOG
same "file and line" --vmlinux "$vmlinux" "$log"
grep -q 'init/main.c:' "$dir/found" || fail "--vmlinux finds no line"
for tool in gzip bzip2 xz; do
  $tool --keep "$log"
done
same "compressed logs" --exit-status "$log".*
grep -q '3 files: 3 findings in 3' "$dir/found" || fail "a compressed log was not read"
printf -- '- { title: "BUG: soft lockup in .*", reason: bug 7, until: 9999-12-31 }\n' >"$dir/known.yaml"
same "known problems" --exit-status --known "$dir/known.yaml" "$log"
grep -q 'known: bug 7' "$dir/found" || fail "--known does not apply"
same "a missing file" "$dir/none"
"$detect" <"$log" --version >/dev/null

# Standard streams that cannot be used. writes NAME ERROR ARGS...: with standard output as it is.
writes() {
  local name=$1 error=$2 code=0
  shift 2
  timeout 60 "$@" 2>"$dir/err" || code=$?
  [ "$code" = 2 ] || fail "$name: exit code $code (expected 2)"
  grep -qx "[a-z-]*: standard output: $error" "$dir/err" || fail "$name: $(cat "$dir/err")"
}
for program in "$lkctl detect" "$detect"; do
  for args in "$log" --help; do
    writes "$program $args on a full disk" "No space left on device" $program $args >/dev/full
    writes "$program $args without output" "Bad file descriptor" $program $args >&-
  done
  code=0
  timeout 60 $program - <&- >"$dir/found" 2>"$dir/err" || code=$?
  [ "$code" = 2 ] || fail "$program without input: exit code $code (expected 2)"
  grep -q ': -: Bad file descriptor$' "$dir/err" || fail "$program without input: $(cat "$dir/err")"
  writes "$program for a log that grows" "No space left on device" $program - < <(cat "$log"; exec sleep 100) >/dev/full
  kill $!
  # A reader that has gone, without the signal.
  exec 3> >(true)
  wait $!
  code=0
  (trap '' PIPE; timeout 60 $program "$log" >&3 2>"$dir/err") || code=$?
  exec 3>&-
  [ "$code" = 0 ] || fail "$program for a reader that has gone: exit code $code"
  [ ! -s "$dir/err" ] || fail "$program for a reader that has gone: $(cat "$dir/err")"
done
[ "$("$detect" -o json - <"$log" | grep -c '"file":"-"')" = 1 ] || fail "standard input is not read"
