"""What receivers of webhooks see, verified with the package `standardwebhooks`.

usage: hooks.py CASE URL KEY OTHER_KEY SLUICE DATABASE_URL
OTHER_KEY belongs to another tenant. The model `echo` is the mock backend with markers.
"""

import http.server
import json
import queue
import subprocess
import sys
import threading
import time

import httpx
import standardwebhooks

case, url, key, other_key, sluice, database = sys.argv[1:7]
http_client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
other = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {other_key}"}, timeout=60)


class Receiver:
    """A server that keeps what it is sent, and answers what it is told to: statuses, 200 when none is left."""

    def __init__(self, *statuses):
        self.messages = queue.Queue()
        self.statuses = list(statuses)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                receiver.messages.put((dict(self.headers.items()), body))
                if status == "hold":
                    threading.Event().wait(60)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        headers, body = self.messages.get(timeout=30)
        return {name.lower(): value for name, value in headers.items()}, body


def submit(text="Hello", **more):
    body = {"model": "echo", "body": {"messages": [{"role": "user", "content": text}]}, **more}
    answer = http_client.post("/api/jobs", json=body)
    assert answer.status_code in (200, 202), answer.text
    return answer.json()["id"]


def deliveries(job):
    return http_client.get(f"/api/webhooks/deliveries?job={job}").json()["data"]


def eventually(what, check):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def job():
    """A job's own webhook."""
    receiver = Receiver()
    number = submit(webhook=receiver.url, metadata={"order": 7})
    headers, body = receiver.next()
    secret = http_client.get("/api/webhooks/secret").json()["secret"]
    message = standardwebhooks.Webhook(secret).verify(body, headers)
    assert message["type"] == "job.succeeded" and message["data"]["id"] == number, message
    assert message["data"]["state"] == "succeeded" and message["data"]["result"]["choices"]
    eventually("delivered", lambda: deliveries(number)[0]["state"] == "delivered")
    bad = submit("[[mock:error invalid_request]]", webhook=receiver.url)
    headers, body = receiver.next()
    message = standardwebhooks.Webhook(secret).verify(body, headers)
    assert message["type"] == "job.failed" and message["data"]["id"] == bad and message["data"]["error"]["message"]
    # A new secret signs beside the one before.
    changed = http_client.post("/api/webhooks/secret/rotate").json()["secret"]
    submit(webhook=receiver.url)
    headers, body = receiver.next()
    for one in (secret, changed):
        standardwebhooks.Webhook(one).verify(body, headers)
    try:
        standardwebhooks.Webhook(other.get("/api/webhooks/secret").json()["secret"]).verify(body, headers)
        raise AssertionError("another tenant's secret verified it")
    except standardwebhooks.WebhookVerificationError:
        pass


def endpoint():
    """A tenant's endpoints."""
    receiver = Receiver()
    made = http_client.post("/api/webhooks/endpoints", json={"url": receiver.url, "states": ["failed"]})
    assert made.status_code == 201, made.text
    made = made.json()
    submit()
    bad = submit("[[mock:error invalid_request]]")
    headers, body = receiver.next()
    message = standardwebhooks.Webhook(made["secret"]).verify(body, headers)
    assert message["type"] == "job.failed" and message["data"]["id"] == bad
    assert [one["id"] for one in http_client.get("/api/webhooks/endpoints").json()["data"]] == [made["id"]]
    assert http_client.delete(f"/api/webhooks/endpoints/{made['id']}").json()["deleted"]
    assert http_client.delete(f"/api/webhooks/endpoints/{made['id']}").status_code == 404
    submit("[[mock:error invalid_request]]")
    last = submit("[[mock:error invalid_request]]", webhook=receiver.url)
    assert json.loads(receiver.next()[1])["data"]["id"] == last
    for wrong in [{}, {"url": "nowhere"}, {"url": receiver.url, "states": []}, {"url": receiver.url, "states": ["queued"]},
                  {"url": receiver.url, "states": "failed"}, {"url": "http://user:secret@example.com/"}]:
        assert http_client.post("/api/webhooks/endpoints", json=wrong).status_code == 400, wrong


def retried():
    receiver = Receiver(500, 302)
    number = submit(webhook=receiver.url)
    seen = [receiver.next() for _ in range(3)]
    assert len({headers["webhook-id"] for headers, _ in seen}) == 1 and len({body for _, body in seen}) == 1
    eventually("delivered", lambda: deliveries(number)[0]["state"] == "delivered")
    delivery = http_client.get(f"/api/webhooks/deliveries/{deliveries(number)[0]['id']}").json()
    assert [one["status"] for one in delivery["tries"]] == [200, 302, 500], delivery
    again = http_client.post(f"/api/webhooks/deliveries/{delivery['id']}/redeliver")
    assert again.status_code == 200 and again.json()["state"] == "waiting"
    assert receiver.next()[0]["webhook-id"] == seen[0][0]["webhook-id"]
    for answer in [other.get(f"/api/webhooks/deliveries/{delivery['id']}"),
                   other.post(f"/api/webhooks/deliveries/{delivery['id']}/redeliver")]:
        assert answer.status_code == 404
    assert other.get(f"/api/webhooks/deliveries?job={number}").json()["data"] == []
    eventually("delivered", lambda: deliveries(number)[0]["state"] == "delivered")
    done = subprocess.run([sluice, "webhooks", "redeliver", str(delivery["id"]), "--database-url", database])
    assert done.returncode == 0 and receiver.next()[0]["webhook-id"] == seen[0][0]["webhook-id"]


def gone():
    receiver = Receiver(410)
    made = http_client.post("/api/webhooks/endpoints", json={"url": receiver.url}).json()
    number = submit()
    receiver.next()
    eventually("failed", lambda: deliveries(number)[0]["state"] == "failed")
    [known] = http_client.get("/api/webhooks/endpoints").json()["data"]
    assert known["id"] == made["id"] and known["disabled_reason"] == "it answered 410 Gone"


def runpod():
    receiver = Receiver()
    answer = http_client.post("/v2/echo/run", json={"input": {"prompt": "Hello"}, "webhook": receiver.url})
    headers, body = receiver.next()
    secret = http_client.get("/api/webhooks/secret").json()["secret"]
    message = standardwebhooks.Webhook(secret).verify(body, headers)
    assert message["id"] == answer.json()["id"] and message["status"] == "COMPLETED" and message["output"]["choices"]


def killed():
    """A gateway that is killed while it delivers leaves the delivery to the next. There is no other gateway here."""
    global http_client

    def gateway():
        process = subprocess.Popen(
            [sluice, "gateway", "--port", "0", "--json", "--allow-private-webhooks", "--database-url", database],
            stdout=subprocess.PIPE)
        address = json.loads(process.stdout.readline())["url"]
        return process, httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60)

    receiver = Receiver("hold")
    process, http_client = gateway()
    try:
        number = submit(webhook=receiver.url)
        http_client.post(f"/api/jobs/{number}/cancel")
        first = receiver.next()
        process.kill()
        process.wait()
        # The lease of whoever held it runs out at once, not in a minute.
        subprocess.run(["psql", "-X", "-q", database, "-c", "update sluice.webhook_delivery set due_at = now()"], check=True)
        process, http_client = gateway()
        assert receiver.next()[0]["webhook-id"] == first[0]["webhook-id"]
        eventually("delivered", lambda: deliveries(number)[0]["state"] == "delivered")
        assert deliveries(number)[0]["attempt"] == 2
    finally:
        process.kill()


def private():
    """What is not of the public internet is not asked, however it is named."""
    receiver = Receiver()
    port = receiver.server.server_port
    hosts = ["127.0.0.1", "localhost", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"]
    for host in hosts:
        number = submit(webhook=f"http://{host}:{port}/")
        eventually("failed", lambda: [one["state"] for one in deliveries(number)] == ["failed"])
        assert deliveries(number)[0]["error"] == "the host's address is not of the public internet", host
    assert receiver.messages.empty()


globals()[case]()
