"""What receivers of webhooks see, verified with the package `standardwebhooks`.

See harness.py for the arguments.
"""

import http.server
import json
import queue
import threading
import time

import httpx
import standardwebhooks

from harness import case, client, eventually, gateway, http as http_client, key, other, say, sluice, sql


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
                self.send_response(200 if status == "drip" else status)
                if status == "drip":
                    self.end_headers()
                    while True:
                        self.wfile.write(b".")
                        time.sleep(0.1)
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
    body = {"model": "echo", "body": {"messages": say(text)}, **more}
    answer = http_client.post("/api/jobs", json=body)
    assert answer.status_code in (200, 202), answer.text
    return answer.json()["id"]


def deliveries(job):
    return http_client.get(f"/api/webhooks/deliveries?job={job}").json()["data"]


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
    sluice("webhooks", "redeliver", str(delivery["id"]))
    assert receiver.next()[0]["webhook-id"] == seen[0][0]["webhook-id"]


def dripping():
    """A receiver whose answer has no end has heard the message all the same, and holds nobody up."""
    receiver = Receiver("drip", "drip")
    for number in [submit(webhook=receiver.url) for _ in range(2)]:
        receiver.next()
        eventually("delivered", lambda: deliveries(number)[0]["state"] == "delivered")
        assert deliveries(number)[0]["attempt"] == 1


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

    def asking(target):
        return httpx.Client(base_url=target.url, headers={"Authorization": f"Bearer {key}"}, timeout=60)

    receiver = Receiver("hold")
    with gateway("--allow-private-webhooks") as first:
        http_client = asking(first)
        number = submit(webhook=receiver.url)
        http_client.post(f"/api/jobs/{number}/cancel")
        seen = receiver.next()
        first.kill()
    # The lease of whoever held it runs out at once, not in a minute.
    sql("update sluice.webhook_delivery set due_at = now()")
    with gateway("--allow-private-webhooks") as second:
        http_client = asking(second)
        assert receiver.next()[0]["webhook-id"] == seen[0]["webhook-id"]
        eventually("delivered", lambda: deliveries(number)[0]["state"] == "delivered")
        assert deliveries(number)[0]["attempt"] == 2


def batch():
    """The end of a batch, told once as OpenAI names it."""
    receiver, silent = Receiver(), Receiver()
    made = http_client.post("/api/webhooks/endpoints", json={"url": receiver.url}).json()
    assert set(made["batch_states"]) == {"completed", "failed", "expired", "cancelled"}, made
    jobs = http_client.post("/api/webhooks/endpoints", json={"url": silent.url, "states": ["failed"]}).json()
    assert jobs["batch_states"] == [] and jobs["states"] == ["failed"], jobs
    assert http_client.post("/api/webhooks/endpoints", json={"url": silent.url, "batch_states": ["running"]}).status_code == 400

    def order(text, window="24h", line="POST"):
        request = {"custom_id": "a", "method": line, "url": "/v1/chat/completions", "body": {"model": "echo", "messages": say(text)}}
        file = client.files.create(file=("in.jsonl", json.dumps(request).encode()), purpose="batch")
        return client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window=window).id

    def told(kind, number):
        headers, body = receiver.next()
        message = standardwebhooks.Webhook(made["secret"]).verify(body, headers)
        assert message["type"] == f"batch.{kind}" and message["data"]["id"] == number, message
        assert message["data"]["status"] == kind and message["data"]["object"] == "batch" and message["timestamp"]
        assert message["data"] == client.batches.retrieve(number).to_dict()
        return message["data"]

    assert told("completed", order("Hello"))["output_file_id"]
    assert told("failed", order("Hello", line="GET"))["errors"]["data"][0]["code"] == "invalid_method"
    assert told("expired", order("[[mock:latency 60000]]", window="1s"))["error_file_id"]
    cancelled = order("[[mock:latency 60000]]")
    client.batches.cancel(cancelled)
    told("cancelled", cancelled)
    # Each once, and nobody else is told.
    found = http_client.get("/api/webhooks/deliveries").json()["data"]
    assert len(found) == 4 and all(one["batch"] and "job" not in one for one in found), found
    [one] = http_client.get(f"/api/webhooks/deliveries?batch={cancelled}").json()["data"]
    assert one["batch_state"] == "cancelled" and one["endpoint"] == made["id"]
    assert http_client.get("/api/webhooks/deliveries?batch=7").status_code == 400
    listed = [json.loads(line) for line in sluice("webhooks", "list", "--batch", cancelled.split("_")[1], "--json").splitlines()]
    assert [line["id"] for line in listed] == [one["id"]], listed
    assert receiver.messages.empty() and silent.messages.empty()


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
