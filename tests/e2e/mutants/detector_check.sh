# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
check "each detector was provoked" counters '.detectors == 6'
check "each detector reported" counters '[to_entries[] | select(.key | endswith("_after")) | .value] | length == 6 and all(. > 1)'
