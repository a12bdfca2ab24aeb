# Sourced by lab, patch and the tests: the mutants in a directory of scenarios.

# list_mutants DIR prints SCENARIO/NAME for each mutant.
list_mutants() {
  (cd "$1" && compgen -G '*/mutant_*.cocci' || true) |
    sed -nE 's|^([^/]+)/mutant_([a-z0-9_]+)\.(.*\.)?cocci$|\1/\2|p' | LC_ALL=C sort -u
}

# find_mutant DIR WORD prints the SCENARIO/NAME that WORD stands for: itself, or a scenario with a single mutant. Otherwise
# prints the reason and fails.
find_mutant() {
  local all own
  all=$(list_mutants "$1")
  own=$(grep -E "^$(sed 's/[^a-z0-9_]/\\&/g' <<<"$2")(/|\$)" <<<"$all" || true)
  if [ -z "$own" ]; then
    echo "unknown mutant \"$2\" (expected one of ${all//$'\n'/, })"
  elif [[ $own == *$'\n'* ]]; then
    echo "$2 has more than one mutant (expected one of ${own//$'\n'/, })"
  else
    echo "$own"
    return 0
  fi
  return 1
}

# mutant_patches DIR SCENARIO/NAME prints the paths of its patches.
mutant_patches() { (shopt -s nullglob && printf '%s\n' "$1/${2%/*}/mutant_${2#*/}".cocci "$1/${2%/*}/mutant_${2#*/}".*.cocci); }
