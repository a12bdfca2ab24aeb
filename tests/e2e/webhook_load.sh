#!/usr/bin/env bash
# Sends 200 webhooks per second, valid and invalid ones mixed, while a campaign is running: none is lost, none counts
# twice, and health checks succeed all the time. tests/bench/webhooks measures the latencies.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/webhook_lib.sh"
load_ready
check "each webhook gets the expected response" load 30
check "health checks succeed all the time" json "$T/load.json" '.healthz > 0 and .healthz_failed == 0'

lkctl -o json webhook list --in | jq -r .delivery | sort >"$T/stored"
jq -r '.taken[]' "$T/load.json" | sort >"$T/taken"
check "no accepted webhook is lost" same "$(comm -13 "$T/stored" "$T/taken" | wc -l)" 0
check "only accepted webhooks are stored" same "$(comm -23 "$T/stored" "$T/taken" | wc -l)" 0
check "no webhook is stored twice" same "$(uniq -d "$T/stored" | wc -l)" 0
none_queued() { [ -z "$(lkctl -o json webhook list --in --state queued)" ]; }
check "the queue empties" wait_for 300 none_queued
lkctl -o json campaign list | jq -r 'select(.name == "matched") | .labels.delivery' | sort >"$T/started"
check "each webhook that matches the rule has started one campaign" same "$(wc -l <"$T/started") $(uniq "$T/started" | wc -l)" "5 5"
load_over
check "nothing is left behind" nothing_left
