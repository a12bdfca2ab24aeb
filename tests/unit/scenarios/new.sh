#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# agent/scenarios/new creates complete, formatted scenarios, and reports each error on a single line.
set -euo pipefail
top=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$top"/agent/scenarios/{new,template} "$top/.clang-format" "$work"
cd "$work"

fail() { echo "FAIL: $1"; exit 1; }
# fails STATUS TEXT ARGUMENT...: the script must exit with STATUS, print one line that contains TEXT, and create
# nothing.
fails() {
  local want=$1 text=$2 code=0 before
  shift 2
  before=$(ls)
  ./new "$@" >out 2>err || code=$?
  [ "$code" = "$want" ] || fail "new $*: expected exit status $want, found $code: $(cat err)"
  [ "$(wc -l <err)" = 1 ] || fail "new $*: expected one line, found: $(cat err)"
  grep -qF -- "$text" err || fail "new $*: expected \"$text\", found: $(cat err)"
  [ "$(ls)" = "$before" ] || fail "new $*: left $(ls)"
}
touch out err

./new --help | grep -q '^usage: ' || fail "--help does not print the usage"
./new first_one >out
for name in a_rather_long_name_of_32_letters s1_2; do ./new $name --probe x >out; done
for file in README.md example.yaml scenario.textproto trigger.cc; do
  [ -s first_one/$file ] || fail "first_one/$file is missing or empty"
done
! grep -rn '@name@\|@probe@' first_one || fail "a placeholder is left"
! awk 'length > 120 { print FILENAME ": " $0; long = 1 } END { exit !long }' a_rather*/* || fail "a line is too long"
grep -q 'name: "x"' s1_2/scenario.textproto || fail "--probe has no effect"
grep -q 'lkctl campaign start agent/scenarios/s1_2/example.yaml' out || fail "no start command in the output"
if command -v clang-format >/dev/null; then clang-format --dry-run -Werror ./*/trigger.cc; fi

fails 1 'scenario first_one already exists' first_one
fails 2 'NAME is missing'
for name in Upper_case one_ _one two__words with-dash ../up_one /tmp/some_one 'a b_c' 1_two plain std '' \
  a_name_that_is_longer_than_it_may; do
  fails 2 "$([ -n "$name" ] && echo "invalid NAME \"$name\"" || echo NAME)" "$name"
done
fails 2 'invalid PROBE "P"' some_name --probe P
fails 2 'invalid PROBE ""' some_name --probe ''
fails 2 '--probe requires a value' some_name --probe
fails 2 'unexpected argument "more"' some_name more
fails 2 'unknown option "--force"' some_name --force
echo passed
