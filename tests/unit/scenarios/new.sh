#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# agent/scenarios/new: what it makes is whole and formatted, and what it does not make it says in one line.
set -euo pipefail
top=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$top"/agent/scenarios/{new,template} "$top/.clang-format" "$work"
cd "$work"

fail() { echo "FAIL: $1"; exit 1; }
# fails STATUS TEXT ARGUMENT...: it exits with STATUS, having said one line with TEXT, and made nothing.
fails() {
  local want=$1 text=$2 code=0 before
  shift 2
  before=$(ls)
  ./new "$@" >out 2>err || code=$?
  [ "$code" = "$want" ] || fail "new $*: exit status $code, not $want: $(cat err)"
  [ "$(wc -l <err)" = 1 ] || fail "new $*: says not one line but: $(cat err)"
  grep -qF -- "$text" err || fail "new $*: does not say \"$text\" but: $(cat err)"
  [ "$(ls)" = "$before" ] || fail "new $*: left $(ls)"
}
touch out err

./new --help | grep -q '^usage: ' || fail "--help does not say how it is called"
./new first_one >out
for name in a_rather_long_name_of_32_letters s1_2; do ./new $name --probe x >out; done
for file in README.md example.yaml scenario.textproto trigger.cc; do
  [ -s first_one/$file ] || fail "there is no first_one/$file"
done
! grep -rn '@name@\|@probe@' first_one || fail "a placeholder is left"
! awk 'length > 120 { print FILENAME ": " $0; long = 1 } END { exit !long }' a_rather*/* || fail "a line is too long"
grep -q 'name: "x"' s1_2/scenario.textproto || fail "--probe has no effect"
grep -q 'lkctl campaign start agent/scenarios/s1_2/example.yaml' out || fail "it does not say how to go on"
if command -v clang-format >/dev/null; then clang-format --dry-run -Werror ./*/trigger.cc; fi

fails 1 'there is a scenario first_one already' first_one
fails 2 'NAME is missing'
for name in Upper_case one_ _one two__words with-dash ../up_one /tmp/some_one 'a b_c' 1_two plain std '' \
  a_name_that_is_longer_than_it_may; do
  fails 2 "$([ -n "$name" ] && echo "bad name \"$name\"" || echo NAME)" "$name"
done
fails 2 'bad probe name "P"' some_name --probe P
fails 2 'bad probe name ""' some_name --probe ''
fails 2 '--probe requires a value' some_name --probe
fails 2 'unexpected argument "more"' some_name more
fails 2 'unknown option "--force"' some_name --force
echo passed
