"""What a program that speaks /api/jobs can say and ask.

See harness.py for the arguments. The model `idle` has no workers.
"""

import time

import httpx

from harness import case, key, url

http = httpx.Client(base_url=f"{url}/api/jobs", headers={"Authorization": f"Bearer {key}"}, timeout=60)


def submit(model="echo", text="Hello", **more):
    answer = http.post("", json={"model": model, "body": {"messages": [{"role": "user", "content": text}]}, **more})
    assert answer.status_code in (200, 202), answer.text
    return answer.json()


def ended(job):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        now = http.get(f"/{job}?wait=10").json()
        if "finished_at" in now:
            return now
    raise AssertionError(f"job {job} has not ended: {now}")


def submission():
    """What an owner says of a job can be read again."""
    said = {"metadata": {"order": 7, "tags": ["a"]}, "affinity": "customer-7", "execution_ms": 60000, "priority": 0,
            "max_attempts": 3, "webhook": "https://receiver.example/hook"}
    job = submit("idle", **said)
    for shown in [job, http.get(f"/{job['id']}").json(), http.get("?limit=1").json()["data"][0]]:
        assert {name: shown[name] for name in said} == said, shown
    for wrong in [{"ttl_ms": 0}, {"execution_ms": 604800001}, {"ttl_ms": 5, "deadline": "2099-01-01T00:00:00Z"},
                  {"webhook": "nowhere"}, {"webhook": "http://user@example.com/"}, {"affinity": ""}, {"max_attempts": 0}]:
        answer = http.post("", json={"model": "idle", "body": {}, **wrong})
        assert answer.status_code == 400, (wrong, answer.text)


def times():
    """Schedule, deadline, time to live, time to run."""
    assert submit("idle", run_at="2099-01-01T00:00:00Z")["due_at"] == 4070908800
    assert submit("idle", deadline="2099-01-01T00:00:00Z")["deadline_at"] == 4070908800
    assert http.post("", json={"model": "idle", "body": {}, "deadline": "2001-01-01T00:00:00Z"}).status_code == 400
    assert ended(submit("idle", ttl_ms=50)["id"])["state"] == "expired"
    assert ended(submit("echo", "[[mock:latency 30000]]", execution_ms=50)["id"])["state"] == "expired"


def waiting():
    """`Prefer: wait` and `?wait` come back when the job ends, or when their time is up."""
    body = {"model": "echo", "body": {"messages": [{"role": "user", "content": "Hello"}]}}
    answer = http.post("", json=body, headers={"Prefer": "respond-async, wait=30"})
    assert answer.status_code == 200 and answer.headers["preference-applied"] == "wait=30"
    assert answer.headers["location"] == f"/api/jobs/{answer.json()['id']}"
    assert answer.json()["usage"]["completion_tokens"] > 0
    # Short enough that only an end by its own time keeps the client from giving up.
    assert http.get(f"/{submit('idle')['id']}?wait=1").json()["state"] == "queued"
    answer = http.post("", json={"model": "idle", "body": {}}, headers={"Prefer": "wait=1"})
    assert answer.status_code == 202 and answer.json()["state"] == "queued"
    assert http.get(f"/{answer.json()['id']}?wait=301").status_code == 400
    assert http.post("", json=[body], headers={"Idempotency-Key": "one"}).status_code == 400
    once = [http.post("", json=body, headers={"Idempotency-Key": "once"}).json()["id"] for _ in range(2)]
    assert once[0] == once[1]


def many():
    """An array shares INSERTs; each element has an answer of its own, in order."""
    bodies = [{"model": "idle", "body": {"n": n}, "metadata": n} for n in range(30)]
    bodies += [{"model": "idle", "body": {"n": n}} for n in range(300)]
    bodies[5]["model"] = "nix"
    made = http.post("", json=bodies).json()["data"]
    assert len(made) == 330 and made[5]["error"]["code"] == "model_not_found"
    ids = [one["id"] for one in made if "id" in one]
    assert len(set(ids)) == 329
    assert http.get(f"/{ids[7]}").json()["metadata"] == 8
    seen, after = [], ""
    while True:
        page = http.get(f"?model=idle&state=queued&limit=100{after}").json()
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert sorted(seen) == sorted(ids) and seen == sorted(seen, reverse=True)
    assert http.get("?batch=1").json()["data"] == [] and http.get("?batch=x").status_code == 400
    too_many = http.post("", json=[{"model": "idle", "body": {}}] * 1001)
    assert too_many.status_code == 400, too_many.text


globals()[case]()
