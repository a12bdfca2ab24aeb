# Sourced by lib.sh and build-mutants, which define $top and lab: functions for the scenarios that have a mutant.
# with_mutant prints the names of all these scenarios, on one line.
with_mutant() { (cd "$top/agent/scenarios" && printf '%s\n' */mutant*.cocci) | cut -d/ -f1 | sort -u | paste -sd' '; }
# with_mutant_x86 prints those whose profile is not for arm64.
with_mutant_x86() {
  local scenario
  for scenario in $(with_mutant); do
    grep -q '^arch: aarch64' "$top/deploy/profiles/$(profile_of "$scenario").yaml" || echo "$scenario"
  done | paste -sd' '
}
# profile_of SCENARIO prints its profile in deploy/mutants.yaml.
profile_of() { sed -n "s/.*{ name: $1, profiles: \[ \([^] ]*\) \].*/\1/p" "$top/deploy/mutants.yaml"; }
# emulates SCENARIO succeeds if the lab kernel emulates hardware for the scenario.
emulates() { compgen -G "$top/agent/scenarios/$1/emulation*" >/dev/null; }
# mutant SCENARIO builds the mutant, if necessary, and prints its directory.
mutant() {
  case $1 in
    gic_lpi_hotplug) lab --arch arm64 --flavour rt --mutant "$1" ;;
    *) lab --mutant "$1" ;;
  esac
}
