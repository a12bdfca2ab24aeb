#!/usr/bin/env bash
# A signed push event starts a campaign for the pushed artifact, and the campaign's verdict is sent as a signed
# notification. The notification arrives even though the receiver fails at first and lkd is killed before delivery.
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
check "a correct signature is accepted" same "$(push "$T/push.json" d1)" 202
check "a duplicate is recognised" same "$(push "$T/push.json" d1)" 200
check "a duplicate with a different delivery id is recognised" same "$(push "$T/push.json" d2)" 200
sed 's/heads\/main/heads\/inside/' "$T/push.json" >"$T/inside.json"
check "a push whose artifact is at an origin that is not allowed is accepted at first" same "$(push "$T/inside.json" d3)" 202

started() { lkctl -o json webhook list --in --state done | jq -se 'any(.campaignId != "")' >/dev/null; }
check "the campaign is started" wait_for 300 started
id=$(lkctl -o json webhook list --in --state done | jq -r .campaignId)
await_end "$id"
lkctl -o json campaign show "$id" >"$T/result.json"
check "the campaign passes on a VM" json "$T/result.json" '.state == "finished" and .verdict == "pass" and .counts.pass == 1'
check "the campaign's labels contain the repository, ref, commit and branch" json "$T/result.json" ".labels == { repository: \"octo/linux\", ref: \"main\", commit: \"$commit\", branch: \"main\" }"
check "the kernel is labelled with the commit" test "$(lkctl -o json kernel list | jq -r .labels.commit)" = "$commit"
refused() { lkctl -o json webhook list --in --state failed | jq -se 'any(.error | test("origins"))' >/dev/null; }
check "the artifact at the other origin is refused, with the reason" wait_for 120 refused
audited() { lkctl -o json audit list | jq -se '[.[] | select(.caller == "webhook") | .method] | sort == ["CampaignService/StartCampaign", "KernelService/AddKernel"]' >/dev/null; }
check "the audit log attributes both changes to the webhook" wait_for 60 audited
check "duplicates do not start more campaigns" same "$(lkctl -o json campaign list | wc -l)" 1

failed_twice() { lkctl -o json webhook list --state pending | jq -se 'any(.attempts >= 2 and .lastStatus == 503)' >/dev/null; }
check "the receiver has failed twice" wait_for 120 failed_twice
kill -9 "$lkd_pid"
wait "$lkd_pid" 2>/dev/null || true
check "nothing has been delivered so far" same "$(jq -s 'map(select(.status == 204)) | length' "$T/received")" 0
rm "$T/refuse"
start_lkd
arrived() { grep -q '"status": 204' "$T/received"; }
check "the notification still arrives" wait_for 120 arrived
jq -s . "$T/received" >"$T/received.json"
check "the notification has the same id each time" json "$T/received.json" "[.[].id] | unique == [\"msg_${id}_ci\"]"
check "the notification is signed each time" json "$T/received.json" 'all(.good)'
check "each attempt has its own timestamp" json "$T/received.json" '.[-1].timestamp != .[0].timestamp'
check "the notification contains the verdict" json "$T/received.json" ".[-1] | .status == 204 and .type == \"campaign.finished\" and .campaign == \"$id\" and .verdict == \"pass\" and .commit == \"$commit\""
delivered() { lkctl -o json webhook list --state delivered | jq -se 'any(.attempts > 2 and .lastStatus == 204)' >/dev/null; }
check "lkctl shows the delivery" wait_for 60 delivered
attempts=$(lkctl -o json webhook list --state delivered | jq .attempts)
metric() { grep -qxF "lk_webhook_deliveries_total{target=\"ci\",result=\"$1\"} $2" <<<"$(curl -sf "http://$metrics/metrics")"; }
check "failed deliveries are counted" metric failed $((attempts - 1))
check "the successful delivery is counted" metric delivered 1
check "a test notification is delivered" lkctl webhook test ci
check "an unknown target is refused" same "$(lkctl webhook test other >/dev/null 2>&1; echo $?)" 2

stop_peer
status=0
lkctl -o json webhook test ci >"$T/test.json" || status=$?
check "exit status 1 if a test notification is not delivered" same $status 1
check "lkctl prints the reason" json "$T/test.json" '.state == "pending" and .attempts == 1 and (.error | test("127.0.0.1"))'
check "nothing is left behind" nothing_left
stop_lkd
check "no secret is in the log" same "$(cat "$T"/lkd.*.log | grep -cF -e "$(cat "$T/secrets/github")" -e "$(cat "$T/secrets/out")")" 0
