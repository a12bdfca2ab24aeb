# Sourced by lib.sh and build-mutants, after $top and lab: the scenarios that have a mutant, by what their folders hold.
# with_mutant: all of them, in one line.
with_mutant() { (cd "$top/agent/scenarios" && printf '%s\n' */mutant*.cocci) | cut -d/ -f1 | sort -u | paste -sd' '; }
# with_mutant_x86: those whose profile is not for arm64.
with_mutant_x86() {
  local scenario
  for scenario in $(with_mutant); do
    grep -q '^arch: aarch64' "$top/deploy/profiles/$(profile_of "$scenario").yaml" || echo "$scenario"
  done | paste -sd' '
}
# profile_of SCENARIO: the profile that deploy/mutants.yaml runs it on.
profile_of() { sed -n "s/.*{ name: $1, profiles: \[ \([^] ]*\) \].*/\1/p" "$top/deploy/mutants.yaml"; }
# emulates SCENARIO: the lab kernel has something that stands in for its hardware.
emulates() { compgen -G "$top/agent/scenarios/$1/emulation*" >/dev/null; }
# mutant SCENARIO: the lab kernel with its problem put back.
mutant() {
  case $1 in
    gic_lpi_hotplug) lab --arch arm64 --flavour rt --mutant "$1" ;;
    *) lab --mutant "$1" ;;
  esac
}
