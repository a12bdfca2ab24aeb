#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The peer of lkd's webhooks: serves artifacts over HTTPS and receives notifications, which it refuses on demand.

Each notification is logged as a line of JSON in LOG: id, timestamp, whether the signature is valid, the response
status, and the type, campaign, verdict and commit in the body. Prints the ports of both servers once they listen.
"""
import argparse
import base64
import functools
import hashlib
import hmac
import http.server
import json
import os
import ssl
import threading


def signature_good(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    want = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(want, given) for given in headers.get("webhook-signature", "").split())


class Receiver(http.server.BaseHTTPRequestHandler):
    lock = threading.Lock()
    refuse = ""
    secret = ""
    log = ""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = 503 if os.path.exists(self.refuse) else 204
        event = json.loads(body)
        line = {
            "id": self.headers.get("webhook-id"),
            "timestamp": self.headers.get("webhook-timestamp"),
            "good": signature_good(self.secret, self.headers, body),
            "status": status,
            "type": event.get("type"),
            "campaign": event.get("data", {}).get("id"),
            "verdict": event.get("data", {}).get("verdict"),
            "commit": event.get("data", {}).get("labels", {}).get("commit"),
        }
        with self.lock, open(self.log, "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


class Artifacts(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artifacts", required=True, help="directory to serve")
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret-file", required=True)
    parser.add_argument("--refuse", required=True, help="refuse notifications with status 503 while this file exists")
    parser.add_argument("--log", required=True)
    args = parser.parse_args()

    Receiver.refuse = args.refuse
    Receiver.log = args.log
    with open(args.secret_file, encoding="ascii") as file:
        Receiver.secret = file.read().strip()
    artifacts = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Artifacts, directory=args.artifacts))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(args.certificate, args.key)
    artifacts.socket = tls.wrap_socket(artifacts.socket, server_side=True)
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=artifacts.serve_forever, daemon=True).start()
    print(artifacts.server_port, receiver.server_port, flush=True)
    receiver.serve_forever()


main()
