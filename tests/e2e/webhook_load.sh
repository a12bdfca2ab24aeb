#!/usr/bin/env bash
# 200 webhooks a second for 30 seconds, good and bad ones mixed, while a campaign runs: none is lost, none counts twice, and
# health answers all the while.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/webhook_lib.sh"
secrets
cat >"$T/template.yaml" <<'YAML'
apiVersion: lk/v1
kind: Campaign
metadata: { name: matched }
spec:
  kernels: [ { match: "*" } ]
  profiles: [ { name: small, vcpus: 2, memory: 768MiB } ]
  scenarios: [ { name: baseline, duration: 5s } ]
YAML
configure_webhooks '  rules:' \
  '    - { name: matched, source: github, event: push, repository: octo/linux, branches: [ matched ],' \
  "        campaign: $T/template.yaml, set: { metadata.labels.delivery: delivery } }"
ready 6.12
id=$(campaign '{ name: baseline, duration: 60s }' | lkctl -o json campaign start - | jq -r .id)
check "a campaign runs" wait_for 90 run_state "$id" running

check "each is answered as it must be" python3 "$top/tests/e2e/webhook_load.py" --address "$http" --out "$T/load.json" \
  --github-secret-file "$T/secrets/github" --generic-secret-file "$T/secrets/generic"
check "the rate was kept" json "$T/load.json" '.rate >= 190'
check "each was answered within a second" json "$T/load.json" '.webhook_max_ms < 1000'
check "healthz: p99 below 50 ms" json "$T/load.json" '.healthz_p99_ms < 50'

lkctl -o json webhook list --in | jq -r .delivery | sort >"$T/stored"
jq -r '.taken[]' "$T/load.json" | sort >"$T/taken"
check "none is lost" same "$(comm -13 "$T/stored" "$T/taken" | wc -l)" 0
check "none is there that was not taken" same "$(comm -23 "$T/stored" "$T/taken" | wc -l)" 0
check "none is there twice" same "$(uniq -d "$T/stored" | wc -l)" 0
none_queued() { [ -z "$(lkctl -o json webhook list --in --state queued)" ]; }
check "the queue empties" wait_for 60 none_queued
lkctl -o json campaign list | jq -r 'select(.name == "matched") | .labels.delivery' | sort >"$T/started"
check "each that fits the rule started one campaign" same "$(wc -l <"$T/started") $(uniq "$T/started" | wc -l)" "5 5"
for campaign_id in $(lkctl -o json campaign list | jq -r 'select(.state == "queued" or .state == "running") | .id'); do
  lkctl campaign cancel "$campaign_id" >/dev/null
done
for campaign_id in $(lkctl -o json campaign list | jq -r .id); do timeout 60 lkctl campaign watch "$campaign_id" >/dev/null || true; done
check "nothing is left" nothing_left
