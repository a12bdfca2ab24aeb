#!/usr/bin/env bash
# Tests emulation-faults and vm-test with made-up logs: broken/ has logs of guests that the emulation broke, sound/ has
# logs of other guests.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tests=$(cd "$here/../.." && pwd)
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
failures=0
check() {
  local text=$1
  shift
  if "$@"; then echo "ok - $text"; else echo "not ok - $text"; failures=$((failures + 1)); fi
}

# one FILE makes $T/one a directory that contains only FILE.
one() { rm -rf "$T/one" && mkdir "$T/one" && cp "$1" "$T/one"; }
names() { "$tests/emulation-faults" "$T/one" | cut -d: -f1 | sort -u; }
declare -A expected=([int3.console.log]=int3 [int3-older.console.log]=int3 [assertion.qemu.log]=iotlb_to_section)
for file in "$here"/broken/*; do
  one "$file"
  check "$(basename "$file") shows an emulation fault" test "$(names)" = "${expected[$(basename "$file")]:-idle-without-ticks}"
done
for file in "$here"/sound/*; do
  one "$file"
  check "$(basename "$file") shows no emulation fault" test "$(names)" = ""
done
mkdir "$T/none"
"$tests/emulation-faults" "$T/none" >/dev/null
check "an empty directory has no emulation faults" test $? = 1
"$tests/emulation-faults" "$T/absent" 2>/dev/null
check "a missing directory is a usage error" test $? = 2

# A test that leaves $SAMPLE behind and exits with $FIRST in its first run, and exits with $SECOND in its second run.
cat >"$T/script" <<'SCRIPT'
#!/usr/bin/env bash
n=$(($(cat "$STATE" 2>/dev/null || echo 0) + 1))
echo $n >"$STATE"
echo "attempt $n"
[ $n != 1 ] || [ -z "$SAMPLE" ] || cp "$SAMPLE" "$LK_KEEP_LOGS"
[ $n = 1 ] && exit "$FIRST"
exit "$SECOND"
SCRIPT
chmod +x "$T/script"
# run SAMPLE FIRST SECOND runs the test with vm-test, and sets $times (how often it ran) and $status.
run() {
  rm -f "$T/state"
  STATE=$T/state SAMPLE=$1 FIRST=$2 SECOND=$3 "$tests/vm-test" "$T/logs" planted 30 "$T/script" >"$T/out"
  status=$?
  times=$(cat "$T/state")
}
run "" 0 0
check "a test that passes runs once" test "$times $status" = "1 0"
run "" 1 0
check "a test that fails without an emulation fault runs once" test "$times $status" = "1 1"
run "$here/sound/hard-lockup.console.log" 1 0
check "a test that fails because of a kernel lockup runs once" test "$times $status" = "1 1"
check "tests that ran once are not listed as repeated" test ! -e "$T/logs/repeated"
run "$here/broken/int3.console.log" 0 1
check "an emulation fault is ignored if the test passes" test "$times $status" = "1 0"
run "$here/broken/int3.console.log" 1 0
check "an emulation fault causes a retry if the test fails" test "$times $status" = "2 0"
check "the retry is listed with both logs" grep -q '^planted: int3: passed the second time; logs: .*/planted/1/log, .*/planted/2/log$' "$T/logs/repeated"
check "the log of the retry exists" grep -q 'attempt 2' "$T/logs/planted/2/log"
run "$here/broken/csd.console.log" 1 3
check "there is only one retry" test "$times $status" = "2 3"
check "the failed retry is listed as failed" grep -q '^planted: idle-without-ticks: failed the second time' "$T/logs/repeated"
[ $failures = 0 ] || { echo "$failures checks failed"; exit 1; }
