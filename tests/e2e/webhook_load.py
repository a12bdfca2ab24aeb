#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends webhooks at a steady rate, valid and invalid ones mixed, while polling /healthz.

Writes JSON to OUT: the number of requests by kind and response status, the ids of accepted webhooks, the maximum and
the 99th percentile of the latencies of webhooks and of /healthz, and the number of failed /healthz requests. Exits
with status 1 if a webhook got an unexpected response.
"""
import argparse
import base64
import hashlib
import hmac
import http.client
import json
import queue
import random
import threading
import time

WANT = {"matched": 202, "good": 200, "repeat": 200, "wrong": 401, "missing": 401, "stale": 401, "truncated": 400}


def github(secret, delivery, body):
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return "/hooks/v1/github", {
        "X-GitHub-Event": "push", "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": "sha256=" + signature}, body


def generic(secret, delivery, body, when):
    key = base64.b64decode(secret.decode().removeprefix("whsec_"))
    stamp = str(int(when))
    text = f"{delivery}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return "/hooks/v1/generic", {
        "webhook-id": delivery, "webhook-timestamp": stamp, "webhook-signature": "v1," + signature}, body


def push_body(number, branch):
    return json.dumps({"ref": f"refs/heads/{branch}", "after": f"{number:040x}", "repository": {"full_name": "octo/linux"},
                       "commits": ["x" * 2000]}).encode()


def request(kind, number, args):
    """Returns the path, headers and body of a request of the given kind."""
    delivery = f"load-{number}"
    body = push_body(number, "matched" if kind == "matched" else "other")
    if kind == "stale":
        return generic(args.generic, delivery, json.dumps({"type": "x", "data": {"repository": "r"}}).encode(), time.time() - 3600)
    if kind == "good" and number % 2:
        return generic(args.generic, delivery, json.dumps({"type": "x", "data": {"repository": "r"}}).encode(), time.time())
    if kind == "wrong":
        return github(b"guessed", delivery, body)
    if kind == "truncated":
        return github(args.github, delivery, body[:-10])
    path, headers, body = github(args.github, delivery, body)
    if kind == "missing":
        del headers["X-Hub-Signature-256"]
    return path, headers, body


def ask(args, method, path, headers=None, body=None):
    """Returns the status (0 if there was no response) and the duration in seconds."""
    host, port = args.address.rsplit(":", 1)
    begin = time.monotonic()
    try:
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, time.monotonic() - begin
    except OSError:
        return 0, time.monotonic() - begin


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--github-secret-file", required=True)
    parser.add_argument("--generic-secret-file", required=True)
    parser.add_argument("--rate", type=int, default=200, help="requests per second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--matched", type=int, default=5, help="number of webhooks that match a rule")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    with open(args.github_secret_file, "rb") as file:
        args.github = file.read().strip()
    with open(args.generic_secret_file, "rb") as file:
        args.generic = file.read().strip()

    chance = random.Random(args.seed)
    total = args.rate * args.seconds
    kinds = chance.choices(["good", "repeat", "wrong", "missing", "stale", "truncated"], [50, 15, 15, 8, 6, 6], k=total)
    kinds[0] = "good"
    for place in chance.sample(range(1, total), args.matched):
        kinds[place] = "matched"
    work = queue.Queue()
    lock = threading.Lock()
    taken, answers, latencies, health, unhealthy, late = [], {}, [], [], [], []
    sent = {}

    def worker():
        while (item := work.get()) is not None:
            number, kind, due = item
            path, headers, body = sent[number] if kind != "repeat" else item_repeat(number)
            late.append(max(0.0, time.monotonic() - due))
            status, seconds = ask(args, "POST", path, headers, body)
            with lock:
                latencies.append(seconds)
                key = f"{kind} {status}"
                answers[key] = answers.get(key, 0) + 1
                if kind in ("good", "matched") and status == WANT[kind]:
                    taken.append(headers.get("X-GitHub-Delivery") or headers["webhook-id"])
                    done.append(number)

    done = []

    def item_repeat(number):
        with lock:
            known = done[number % len(done)] if done else None
        # If none has been accepted yet, repeats the first request, which is valid.
        return sent[known if known is not None else 0]

    stop = threading.Event()

    def watch_health():
        while not stop.wait(0.02):
            status, seconds = ask(args, "GET", "/healthz")
            with lock:
                health.append(seconds)
                unhealthy.append(status != 200)

    workers = [threading.Thread(target=worker) for _ in range(24)]
    watcher = threading.Thread(target=watch_health)
    for thread in workers + [watcher]:
        thread.start()
    begin = time.monotonic()
    for number, kind in enumerate(kinds):
        due = begin + number / args.rate
        if kind != "repeat":
            sent[number] = request(kind, number, args)
        wait = due - time.monotonic()
        if wait > 0:
            stop.wait(wait)
        work.put((number, kind, due))
    for _ in workers:
        work.put(None)
    for thread in workers:
        thread.join()
    lasted = time.monotonic() - begin
    stop.set()
    watcher.join()

    wrong = {key: count for key, count in answers.items() if int(key.split()[1]) != WANT[key.split()[0]]}
    figures = {
        "requests": total, "seconds": round(lasted, 2), "rate": round(total / lasted, 1), "answers": answers, "wrong": wrong,
        "webhook_p99_ms": round(percentile(latencies, 0.99) * 1000, 2), "webhook_max_ms": round(max(latencies) * 1000, 2),
        "healthz": len(health), "healthz_failed": sum(unhealthy),
        "healthz_p50_ms": round(percentile(health, 0.5) * 1000, 2),
        "healthz_p99_ms": round(percentile(health, 0.99) * 1000, 2), "healthz_max_ms": round(max(health) * 1000, 2),
        "late_p99_ms": round(percentile(late, 0.99) * 1000, 2)}
    print(json.dumps(figures))
    with open(args.out, "w", encoding="utf-8") as out:
        json.dump({**figures, "taken": taken}, out)
    raise SystemExit(1 if wrong else 0)


main()
