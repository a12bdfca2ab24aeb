#!/usr/bin/env bash
# Webhooks at a rate of 200 a second, good and bad ones mixed, while a campaign runs: none is lost, none counts twice, and health
# is answered all the while. How fast is for tests/bench/webhooks to tell.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/webhook_lib.sh"
load_ready
check "each is answered as it must be" load 30
check "so is health, all the while" json "$T/load.json" '.healthz > 0 and .healthz_failed == 0'

lkctl -o json webhook list --in | jq -r .delivery | sort >"$T/stored"
jq -r '.taken[]' "$T/load.json" | sort >"$T/taken"
check "none is lost" same "$(comm -13 "$T/stored" "$T/taken" | wc -l)" 0
check "none is there that was not taken" same "$(comm -23 "$T/stored" "$T/taken" | wc -l)" 0
check "none is there twice" same "$(uniq -d "$T/stored" | wc -l)" 0
none_queued() { [ -z "$(lkctl -o json webhook list --in --state queued)" ]; }
check "the queue empties" wait_for 300 none_queued
lkctl -o json campaign list | jq -r 'select(.name == "matched") | .labels.delivery' | sort >"$T/started"
check "each that fits the rule started one campaign" same "$(wc -l <"$T/started") $(uniq "$T/started" | wc -l)" "5 5"
load_over
check "nothing is left" nothing_left
