#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs example/ with the installed library: test.sh CMAKE BUILD-DIRECTORY
set -euo pipefail
cmake=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$cmake" --install "$build" --component detect-library --prefix "$dir/prefix" >/dev/null
# Only the public headers are installed, so the example cannot include others.
"$cmake" -S "$here/example" -B "$dir/build" -DCMAKE_PREFIX_PATH="$dir/prefix" >/dev/null
"$cmake" --build "$dir/build" >/dev/null

cat >"$dir/log" <<LOG
[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [tester:77]
[  100.000001] CPU: 1 PID: 77 Comm: tester Not tainted 6.12.0 #1
[  100.000002] RIP: 0010:spins+0x1f/0x40
[  100.000003] Call Trace:
[  100.000004]  <TASK>
[  100.000005]  spins+0x1f/0x40
[  100.000006]  waits_for_it+0x60/0x90
[  100.000007]  </TASK>
LOG
diff - <("$dir/build/example" <"$dir/log") <<EXPECTED
container: console
soft_lockup: BUG: soft lockup in spins
  spins
  waits_for_it
EXPECTED
