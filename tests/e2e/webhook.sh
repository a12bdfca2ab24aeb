#!/usr/bin/env bash
# A signed push with an artefact becomes a campaign on a VM, and its verdict a signed notification that arrives though the
# receiver fails at first and lkd is killed before it is delivered.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/webhook_lib.sh"
secrets
touch "$T/refuse"
start_peer
commit=$(openssl rand -hex 20)
cp "$(kernel 6.12)" "$T/artifacts/$commit.deb"

cat >"$T/template.yaml" <<'YAML'
apiVersion: lk/v1
kind: Campaign
metadata: { name: from-webhook }
spec:
  kernels: [ { match: "*" } ]
  profiles: [ { name: small, vcpus: 2, memory: 768MiB } ]
  scenarios: [ { name: baseline, duration: 5s } ]
  notify: [ ci ]
YAML
configure_webhooks '  rules:' \
  '    - name: main' \
  '      source: github' \
  '      event: push' \
  '      repository: octo/linux' \
  '      branches: [ main ]' \
  "      campaign: $T/template.yaml" \
  "      artifacts: [ { url: \"https://$artifacts/\${commit}.deb\" } ]" \
  '      set: { metadata.labels.branch: branch }' \
  '    - name: inside' \
  '      source: github' \
  '      event: push' \
  '      repository: octo/linux' \
  '      branches: [ inside ]' \
  "      campaign: $T/template.yaml" \
  "      artifacts: [ { url: \"https://localhost:${artifacts#*:}/x.deb\" } ]"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null

echo "{\"ref\": \"refs/heads/main\", \"after\": \"$commit\", \"deleted\": false, \"repository\": {\"full_name\": \"octo/linux\"}}" >"$T/push.json"
openssl rand -hex 32 >"$T/secrets/guessed"
check "a wrong signature is refused" same "$(push "$T/push.json" d0 "$T/secrets/guessed")" 401
check "a good one is taken" same "$(push "$T/push.json" d1)" 202
check "the same again is known" same "$(push "$T/push.json" d1)" 200
check "and under another id" same "$(push "$T/push.json" d2)" 200
sed 's/heads\/main/heads\/inside/' "$T/push.json" >"$T/inside.json"
check "one that leads to another origin is taken, too" same "$(push "$T/inside.json" d3)" 202

started() { lkctl -o json webhook list --in --state done | jq -se 'any(.campaignId != "")' >/dev/null; }
check "the campaign is started" wait_for 300 started
id=$(lkctl -o json webhook list --in --state done | jq -r .campaignId)
await_end "$id"
lkctl -o json campaign show "$id" >"$T/result.json"
check "it passes on a VM" json "$T/result.json" '.state == "finished" and .verdict == "pass" and .counts.pass == 1'
check "it says where it comes from" json "$T/result.json" ".labels == { repository: \"octo/linux\", ref: \"main\", commit: \"$commit\", branch: \"main\" }"
check "the kernel has the commit as its label" test "$(lkctl -o json kernel list | jq -r .labels.commit)" = "$commit"
refused() { lkctl -o json webhook list --in --state failed | jq -se 'any(.error | test("origins"))' >/dev/null; }
check "what leads elsewhere is refused, and says why" wait_for 120 refused
audited() { lkctl -o json audit list | jq -se '[.[] | select(.caller == "webhook") | .method] | sort == ["CampaignService/StartCampaign", "KernelService/AddKernel"]' >/dev/null; }
check "the audit log has both changes, as the webhook's" wait_for 60 audited
check "one campaign, whatever came twice" same "$(lkctl -o json campaign list | wc -l)" 1

failed_twice() { lkctl -o json webhook list --state pending | jq -se 'any(.attempts >= 2 and .lastStatus == 503)' >/dev/null; }
check "the receiver has failed twice" wait_for 120 failed_twice
kill -9 "$lkd_pid"
wait "$lkd_pid" 2>/dev/null || true
check "nothing was delivered so far" same "$(jq -s 'map(select(.status == 204)) | length' "$T/received")" 0
rm "$T/refuse"
start_lkd
arrived() { grep -q '"status": 204' "$T/received"; }
check "the notification still arrives" wait_for 120 arrived
jq -s . "$T/received" >"$T/received.json"
check "with the same id each time" json "$T/received.json" "[.[].id] | unique == [\"msg_${id}_ci\"]"
check "signed each time" json "$T/received.json" 'all(.good)'
check "each attempt with its own time" json "$T/received.json" '.[-1].timestamp != .[0].timestamp'
check "and tells the verdict" json "$T/received.json" ".[-1] | .status == 204 and .type == \"campaign.finished\" and .campaign == \"$id\" and .verdict == \"pass\" and .commit == \"$commit\""
delivered() { lkctl -o json webhook list --state delivered | jq -se 'any(.attempts > 2 and .lastStatus == 204)' >/dev/null; }
check "lkctl says so" wait_for 60 delivered
attempts=$(lkctl -o json webhook list --state delivered | jq .attempts)
metric() { grep -qxF "lk_webhook_deliveries_total{target=\"ci\",result=\"$1\"} $2" <<<"$(curl -sf "http://$metrics/metrics")"; }
check "failures are counted" metric failed $((attempts - 1))
check "so is the delivery" metric delivered 1
check "a test is delivered" lkctl webhook test ci
check "to no one else" same "$(lkctl webhook test other >/dev/null 2>&1; echo $?)" 2

stop_peer
status=0
lkctl -o json webhook test ci >"$T/test.json" || status=$?
check "a test that is not delivered is exit 1" same $status 1
check "and says why" json "$T/test.json" '.state == "pending" and .attempts == 1 and (.error | test("127.0.0.1"))'
check "nothing else is left" nothing_left
stop_lkd
check "no secret is in the log" same "$(cat "$T"/lkd.*.log | grep -cF -e "$(cat "$T/secrets/github")" -e "$(cat "$T/secrets/out")")" 0
