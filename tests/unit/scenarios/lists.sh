#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares hand-written lists of scenarios with the folders in agent/scenarios.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../../.."
# shellcheck disable=SC2086  # a pattern
folders() { (cd agent/scenarios && printf '%s\n' $1) | cut -d/ -f1 | sort -u; }
scenarios=$(folders '*/scenario.textproto')
mutants=$(folders '*/mutant_*.cocci')

status=0
# compare FILE EXPECTED FOUND: the lists contain one name per line.
compare() {
  local name
  for name in $(comm -23 <(echo "$2") <(sort -u <<<"$3")); do echo "$1: $name is missing"; status=1; done
  for name in $(comm -13 <(echo "$2") <(sort -u <<<"$3")); do echo "$1: unexpected entry $name"; status=1; done
}
pages() { grep -oE '\(([^)]*/)?agent/scenarios/[a-z0-9_]+/README\.md\)' "$1" | grep -oE '[a-z0-9_]+/README' | cut -d/ -f1; }

compare 'agent/scenarios/*/README.md' "$scenarios" "$(folders '*/README.md')"
for file in README.md docs/README.md; do compare $file "$scenarios" "$(pages $file)"; done
compare deploy/mutants.yaml "$mutants" "$(sed -n 's/^    - { name: \([^,]*\),.*/\1/p' deploy/mutants.yaml)"
compare 'tests/e2e/mutants/*.sh' "$mutants" "$(cd tests/e2e/mutants && printf '%s\n' *.sh | sed 's/\.sh$//')"
exit $status
