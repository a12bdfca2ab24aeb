# Sourced by the webhook tests after lib.sh: creates secrets, starts a peer (webhook_peer.py) and configures lkd.
peer_pid=
# Nothing listens on this port. start_peer sets the actual ports.
artifacts=127.0.0.1:1
receiver=127.0.0.1:1

# secrets creates $T/secrets/{github,generic,out}, and a certificate for the artifacts.
secrets() {
  mkdir -m 700 "$T/secrets" "$T/artifacts"
  openssl rand -hex 32 >"$T/secrets/github"
  local name
  for name in generic out; do printf 'whsec_%s\n' "$(openssl rand -base64 32)" >"$T/secrets/$name"; done
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=artifacts \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$T/secrets/key.pem" -out "$T/secrets/cert.pem" 2>/dev/null
  chmod 600 "$T"/secrets/*
}

# start_peer starts the receiver, which responds with 503 while $T/refuse exists and logs requests in $T/received.
start_peer() {
  local artifacts_port receiver_port
  : >"$T/received"
  exec {peer_out}< <(exec python3 "$top/tests/e2e/webhook_peer.py" --artifacts "$T/artifacts" --certificate "$T/secrets/cert.pem" \
    --key "$T/secrets/key.pem" --secret-file "$T/secrets/out" --refuse "$T/refuse" --log "$T/received")
  peer_pid=$!
  read -rt 60 artifacts_port receiver_port <&"$peer_out" || { echo "the peer did not start within 60 s"; exit 1; }
  artifacts=127.0.0.1:$artifacts_port
  receiver=127.0.0.1:$receiver_port
}
stop_peer() {
  kill "$peer_pid"
  wait "$peer_pid" 2>/dev/null || true
  peer_pid=
}

# configure_webhooks [LINE...] configures lkd with additional lines in the webhooks section (rules).
configure_webhooks() {
  configure 'webhooks:' \
    "  github: { secretFiles: [ $T/secrets/github ] }" \
    "  generic: { secretFiles: [ $T/secrets/generic ] }" \
    "  artifacts: { caFile: $T/secrets/cert.pem, origins: [ { url: \"https://$artifacts\", privateAddresses: true } ] }" \
    "  targets: [ { name: ci, format: lk, url: \"http://$receiver/lk\", secretFiles: [ $T/secrets/out ] } ]" \
    '  retry: { first: 4s, most: 4s, attempts: 1000 }' "$@"
}

# push BODY-FILE DELIVERY [SECRET-FILE] sends a signed request like GitHub's and prints the status. The response body is
# saved in $T/response.
push() {
  local signature
  signature=$(openssl dgst -sha256 -hmac "$(cat "${3:-$T/secrets/github}")" "$1" | sed 's/.* //')
  curl -s -o "$T/response" -w '%{http_code}\n' -H 'Content-Type: application/json' -H 'X-GitHub-Event: push' \
    -H "X-GitHub-Delivery: $2" -H "X-Hub-Signature-256: sha256=$signature" --data-binary "@$1" "http://$http/hooks/v1/github"
}

# load_ready starts lkd with a rule that starts a campaign named "matched", and starts another campaign.
load_ready() {
  cat >"$T/template.yaml" <<'YAML'
apiVersion: lk/v1
kind: Campaign
metadata: { name: matched }
spec:
  kernels: [ { match: "*" } ]
  profiles: [ { name: small, vcpus: 2, memory: 768MiB } ]
  scenarios: [ { name: baseline, duration: 5s } ]
YAML
  secrets
  configure_webhooks '  rules:' \
    '    - { name: matched, source: github, event: push, repository: octo/linux, branches: [ matched ],' \
    "        campaign: $T/template.yaml, set: { metadata.labels.delivery: delivery } }"
  ready 6.12
  id=$(campaign '{ name: baseline, duration: 60s }' | lkctl -o json campaign start - | jq -r .id)
  check "a run of the other campaign starts" wait_for 300 run_state "$id" running
}
# load SECONDS sends 200 webhooks per second, valid and invalid ones mixed, five of which match the rule. Writes results
# to $T/load.json; fails if there was an unexpected response.
load() {
  python3 "$top/tests/e2e/webhook_load.py" --address "$http" --seconds "$1" --out "$T/load.json" \
    --github-secret-file "$T/secrets/github" --generic-secret-file "$T/secrets/generic"
}
# load_over cancels all campaigns, since their results do not matter, and waits until they have finished.
load_over() {
  local campaign_id
  for campaign_id in $(lkctl -o json campaign list | jq -r 'select(.state == "queued" or .state == "running") | .id'); do
    lkctl campaign cancel "$campaign_id" >/dev/null
  done
  for campaign_id in $(lkctl -o json campaign list | jq -r .id); do await_end "$campaign_id"; done
}
