#!/usr/bin/env bash
# broken/ has logs of guests that the emulation broke, sound/ such that are not: all made up.
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

# one FILE: a folder with nothing but that.
one() { rm -rf "$T/one" && mkdir "$T/one" && cp "$1" "$T/one"; }
names() { "$tests/emulation-faults" "$T/one" | cut -d: -f1 | sort -u; }
declare -A expected=([int3.console.log]=int3 [int3-older.console.log]=int3 [assertion.qemu.log]=iotlb_to_section)
for file in "$here"/broken/*; do
  one "$file"
  check "$(basename "$file") is a fault of the emulation" test "$(names)" = "${expected[$(basename "$file")]:-idle-without-ticks}"
done
for file in "$here"/sound/*; do
  one "$file"
  check "$(basename "$file") is not" test "$(names)" = ""
done
mkdir "$T/none"
"$tests/emulation-faults" "$T/none" >/dev/null
check "nothing in an empty folder" test $? = 1
"$tests/emulation-faults" "$T/absent" 2>/dev/null
check "no such folder: wrong usage" test $? = 2

# A test that leaves a sample the first time and ends with $first, and with $second the second time.
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
# run SAMPLE FIRST SECOND: sets $times, how often it ran, and $status.
run() {
  rm -f "$T/state"
  STATE=$T/state SAMPLE=$1 FIRST=$2 SECOND=$3 "$tests/vm-test" "$T/logs" planted 30 "$T/script" >"$T/out"
  status=$?
  times=$(cat "$T/state")
}
run "" 0 0
check "a test that passes runs once" test "$times $status" = "1 0"
run "" 1 0
check "one that fails, fails the first time" test "$times $status" = "1 1"
run "$here/sound/hard-lockup.console.log" 1 0
check "so does one that saw a lockup of the kernel's" test "$times $status" = "1 1"
check "which nobody is told ran twice" test ! -e "$T/logs/repeated"
run "$here/broken/int3.console.log" 0 1
check "a fault of the emulation that hurt nobody is nothing" test "$times $status" = "1 0"
run "$here/broken/int3.console.log" 1 0
check "one that broke the test: once more" test "$times $status" = "2 0"
check "which is told, with both logs" grep -q '^planted: int3: passed the second time; logs: .*/planted/1/log, .*/planted/2/log$' "$T/logs/repeated"
check "which are there" grep -q 'attempt 2' "$T/logs/planted/2/log"
run "$here/broken/csd.console.log" 1 3
check "once, and no more often" test "$times $status" = "2 3"
check "and that is told" grep -q '^planted: idle-without-ticks: failed the second time' "$T/logs/repeated"
[ $failures = 0 ] || { echo "$failures checks failed"; exit 1; }
