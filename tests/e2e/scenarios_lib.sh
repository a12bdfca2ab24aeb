# Sourced by lib.sh and build-mutants, which define $top and lab: functions for the scenarios that have a mutant.
# with_mutant prints the names of all these scenarios, on one line.
with_mutant() { (cd "$top/agent/scenarios" && printf '%s\n' */mutant_*.cocci) | cut -d/ -f1 | sort -u | paste -sd' '; }
# with_mutant_x86 prints those whose profile is not for arm64.
with_mutant_x86() {
  local scenario
  for scenario in $(with_mutant); do
    grep -q '^arch: aarch64' "$top/deploy/profiles/$(profile_of "$scenario").yaml" || echo "$scenario"
  done | paste -sd' '
}
# profile_of SCENARIO prints its profile in deploy/mutants.yaml.
profile_of() { sed -n "s/.*{ name: $1, profiles: \[ \([^] ]*\) \].*/\1/p" "$top/deploy/mutants.yaml"; }
# mutants_yaml SCENARIO... prints deploy/mutants.yaml with only these scenarios and their profiles.
mutants_yaml() {
  local scenario profiles
  profiles=$(for scenario in "$@"; do profile_of "$scenario"; done | sort -u | paste -sd, | sed 's/,/, /g')
  awk -v keep=" $* " -v profiles="$profiles" '
    /^    - \{ name: / { name = $4; sub(/,$/, "", name); if (!index(keep, " " name " ")) next }
    /^  profiles: / { $0 = "  profiles: [ " profiles " ]" }
    { print }' "$top/deploy/mutants.yaml"
}
# emulates SCENARIO succeeds if the lab kernel emulates hardware for the scenario.
emulates() { compgen -G "$top/agent/scenarios/$1/emulation*" >/dev/null; }
# has_harness SCENARIO succeeds if the lab kernel has a harness for the scenario.
has_harness() { compgen -G "$top/agent/scenarios/$1/harness*" >/dev/null; }
# mutants_of SCENARIO prints the SCENARIO/NAME of each of its mutants.
mutants_of() { lab --list-mutants | grep "^$1/"; }
# mutant SCENARIO/NAME builds the mutant, if necessary, and prints its directory.
mutant() {
  case $1 in
    gic_lpi_hotplug/*) lab --arch arm64 --flavour rt --mutant "$1" ;;
    *) lab --mutant "$1" ;;
  esac
}
# unmutated DIRECTORY prints the directory of the kernel that a mutant was made from.
unmutated() { echo "$(dirname "$1")/$(sed -n 's/^mutant-of=//p' "$1/labels")"; }
