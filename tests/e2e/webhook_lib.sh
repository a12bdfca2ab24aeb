# Sourced by the tests of webhooks, after lib.sh: secrets, a peer (webhook_peer.py), lkd's configuration for both.
peer_pid=
artifacts=127.0.0.1:17443
receiver=127.0.0.1:17444

# secrets: $T/secrets/{github,generic,out}, and a certificate for the artefacts.
secrets() {
  mkdir -m 700 "$T/secrets" "$T/artifacts"
  openssl rand -hex 32 >"$T/secrets/github"
  local name
  for name in generic out; do printf 'whsec_%s\n' "$(openssl rand -base64 32)" >"$T/secrets/$name"; done
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=artifacts \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$T/secrets/key.pem" -out "$T/secrets/cert.pem" 2>/dev/null
  chmod 600 "$T"/secrets/*
}

# start_peer FAILURES: the receiver answers so many requests with 503 first; what it gets is in $T/received.
start_peer() {
  : >"$T/received"
  exec {peer_out}< <(exec python3 "$top/tests/e2e/webhook_peer.py" --artifacts "$T/artifacts" --artifacts-port "${artifacts#*:}" \
    --certificate "$T/secrets/cert.pem" --key "$T/secrets/key.pem" --receiver-port "${receiver#*:}" \
    --secret-file "$T/secrets/out" --failures "$1" --log "$T/received")
  peer_pid=$!
  local line
  read -rt 20 line <&"$peer_out" && [ "$line" = ready ] || { echo "the peer did not start"; exit 1; }
}
stop_peer() {
  kill "$peer_pid"
  wait "$peer_pid" 2>/dev/null || true
  peer_pid=
}

# configure_webhooks [LINE...]: further lines of the webhooks section (rules).
configure_webhooks() {
  configure 'webhooks:' \
    "  github: { secretFiles: [ $T/secrets/github ] }" \
    "  generic: { secretFiles: [ $T/secrets/generic ] }" \
    "  artifacts: { caFile: $T/secrets/cert.pem, origins: [ { url: \"https://$artifacts\", privateAddresses: true } ] }" \
    "  targets: [ { name: ci, format: lk, url: \"http://$receiver/lk\", secretFiles: [ $T/secrets/out ] } ]" \
    '  retry: { first: 4s, most: 4s, attempts: 10 }' "$@"
}

# push BODY-FILE DELIVERY [SECRET-FILE]: what GitHub sends, signed; prints "STATUS SECONDS", the answer's body is in $T/answer.
push() {
  local signature
  signature=$(openssl dgst -sha256 -hmac "$(cat "${3:-$T/secrets/github}")" "$1" | sed 's/.* //')
  curl -s -o "$T/answer" -w '%{http_code} %{time_total}\n' -H 'Content-Type: application/json' -H 'X-GitHub-Event: push' \
    -H "X-GitHub-Delivery: $2" -H "X-Hub-Signature-256: sha256=$signature" --data-binary "@$1" "http://$http/hooks/v1/github"
}
