"""What RunPod's own package, and plain HTTP as its documentation has it, see of /v2.

See harness.py for the arguments. The model `idle` has no workers.
"""

import time

import httpx
import requests
import runpod

from harness import case, gateway, key, make_key, other_key, say, sluice, url

runpod.endpoint_url_base = f"{url}/v2"
runpod.api_key = key
endpoint = runpod.Endpoint("echo")
http = httpx.Client(base_url=f"{url}/v2", headers={"Authorization": f"Bearer {key}"}, timeout=60)
other = httpx.Client(base_url=f"{url}/v2", headers={"Authorization": f"Bearer {other_key}"}, timeout=60)


def ended(job, model="echo"):
    """The status of a job, once it is final."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        status = http.get(f"/{model}/status/{job}").json()
        if status["status"] not in ("IN_QUEUE", "IN_PROGRESS"):
            return status
        time.sleep(0.02)
    raise AssertionError(f"job {job} has not ended: {status}")


def package():
    """What the package can do."""
    job = endpoint.run({"input": {"messages": say("Hello"), "seed": 7}})
    assert job.output(timeout=30)["choices"][0]["message"]["content"]
    assert job.status() == "COMPLETED"
    assert endpoint.run_sync({"prompt": "Hello"}, timeout=30)["choices"][0]["text"]
    health = endpoint.health()
    assert health["jobs"]["completed"] >= 2 and health["workers"]["ready"] == 1, health
    assert endpoint.purge_queue() == {"removed": 0, "status": "completed"}
    slow = endpoint.run({"input": {"messages": say("[[mock:latency 30000]]")}})
    assert slow.cancel()["status"] == "CANCELLED" and slow.status() == "CANCELLED"
    streamed = endpoint.run({"input": {"messages": say("Go on"), "stream": True}})
    chunks = list(streamed.stream())
    assert len(chunks) > 5 and chunks[-1]["object"] == "chat.completion.chunk", chunks[-1:]
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    assert text == streamed.output()["choices"][0]["message"]["content"]
    whole = endpoint.run({"input": {"messages": say("All of it")}})
    assert list(whole.stream()) == [whole.output()]
    runpod.api_key = "sk-no"
    try:
        runpod.Endpoint("echo").run({"prompt": "Hello"})
        raise AssertionError("a wrong key was let in")
    except RuntimeError:
        pass


def statuses():
    done = http.post("/echo/runsync", json={"input": {"messages": say("Hello")}}).json()
    assert done["status"] == "COMPLETED" and done["output"]["choices"], done
    assert done["delayTime"] >= 0 and done["executionTime"] >= 0 and isinstance(done["id"], str)
    assert http.post(f"/echo/status/{done['id']}").json() == http.get(f"/echo/status/{done['id']}").json() == done
    numbers = {"openai_route": "/v1/embeddings", "openai_input": {"input": ["a", "b"]}}
    assert len(http.post("/echo/runsync", json={"input": numbers}).json()["output"]["data"]) == 2
    bad = http.post("/echo/runsync", json={"input": {"messages": say("[[mock:error invalid_request]]")}}).json()
    assert bad["status"] == "FAILED" and isinstance(bad["error"], str) and "output" not in bad, bad
    assert http.post(f"/echo/retry/{bad['id']}").json()["status"] == "IN_QUEUE"
    assert ended(bad["id"])["status"] == "FAILED"
    assert http.post(f"/echo/retry/{done['id']}").status_code == 409
    late = http.post("/echo/run", json={"input": {"messages": say("[[mock:latency 30000]]")}, "policy": {"executionTimeout": 100}})
    assert late.status_code == 200 and late.json()["status"] == "IN_QUEUE", late.text
    assert ended(late.json()["id"])["status"] == "TIMED_OUT"
    waited = http.post("/idle/runsync?wait=1000", json={"input": {"prompt": "a"}, "policy": {"ttl": 1500}}).json()
    assert waited["status"] == "IN_QUEUE"
    assert ended(waited["id"], "idle")["status"] == "TIMED_OUT"
    slow = http.post("/echo/run", json={"input": {"messages": say("[[mock:latency 30000]]")}, "policy": {"lowPriority": True}}).json()
    native = httpx.get(f"{url}/api/jobs/{slow['id']}", headers=http.headers).json()
    assert native["priority"] == 4
    http.post(f"/echo/cancel/{slow['id']}")


def purge():
    jobs = [http.post("/idle/run", json={"input": {"prompt": str(n)}}).json()["id"] for n in range(5)]
    assert http.get("/idle/health").json()["jobs"]["inQueue"] == 5
    assert other.post("/idle/purge-queue").json()["removed"] == 0
    assert http.post("/idle/purge-queue").json() == {"removed": 5, "status": "completed"}
    assert {http.get(f"/idle/status/{job}").json()["status"] for job in jobs} == {"CANCELLED"}
    assert http.get("/idle/health").json()["jobs"] == {"completed": 0, "failed": 5, "inProgress": 0, "inQueue": 0, "retried": 0}


def limits():
    """Looking, and giving up, is free, also when there is no more to be had."""
    limited, number = make_key("limited")
    sluice("keys", "limits", number, "--requests", "1")
    with httpx.Client(base_url=f"{url}/v2/idle", headers={"Authorization": f"Bearer {limited}"}, timeout=60) as few:
        job = few.post("/run", json={"input": {"prompt": "a"}}).json()["id"]
        assert few.post("/run", json={"input": {"prompt": "a"}}).status_code == 429
        for path in [f"status/{job}", f"stream/{job}", f"cancel/{job}", "purge-queue"]:
            answer = few.post(f"/{path}")
            assert answer.status_code == 200, (path, answer.text)
        assert few.post(f"/retry/{job}").status_code == 429


def bounded():
    """What is repeated waits in the same queue as everything else, which is bounded."""
    first = http.post("/idle/run", json={"input": {"prompt": "a"}}).json()["id"]
    assert http.post(f"/idle/cancel/{first}").json()["status"] == "CANCELLED"
    sluice("guards", "bound", "1", "--model", "idle")
    with gateway() as fresh, httpx.Client(base_url=fresh.url, headers=http.headers, timeout=60) as mine:
        second = mine.post("/v2/idle/run", json={"input": {"prompt": "b"}}).json()["id"]
        for path in [f"/v2/idle/retry/{first}", f"/api/jobs/{first}/retry"]:
            refused = mine.post(path)
            assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1, (path, refused.text)
        assert refused.json()["error"]["code"] == "queue_full" and refused.json()["error"]["waiting"] == 1, refused.text
        assert mine.get(f"/v2/idle/status/{first}").json()["status"] == "CANCELLED"
        assert mine.post(f"/v2/idle/cancel/{second}").json()["status"] == "CANCELLED"


def refused():
    job = http.post("/idle/run", json={"input": {"prompt": "mine"}}).json()["id"]
    for method, path in [("GET", "status"), ("POST", "status"), ("GET", "stream"), ("POST", "cancel"), ("POST", "retry")]:
        for client, model in [(other, "idle"), (http, "echo")]:
            answer = client.request(method, f"/{model}/{path}/{job}")
            assert answer.status_code == 404 and isinstance(answer.json()["error"], str), (method, path, answer.text)
        assert httpx.request(method, f"{url}/v2/idle/{path}/{job}").status_code == 401
    for path in ["run", "runsync", "purge-queue"]:
        assert httpx.post(f"{url}/v2/idle/{path}").status_code == 401
        assert http.post(f"/nix/{path}", json={"input": {"prompt": "a"}}).status_code == 404
    assert http.get("/nix/health").status_code == 404 and httpx.get(f"{url}/v2/idle/health").status_code == 401
    for body in [b"", b"{", b"[]", b"{}", b'{"input": "text"}', b'{"input": {}, "policy": {"ttl": -1}}',
                 b'{"input": {}, "webhook": "file:///etc/passwd"}']:
        answer = http.post("/echo/run", content=body)
        assert answer.status_code == 400 and isinstance(answer.json()["error"], str), (body, answer.text)
    assert http.post("/echo/runsync?wait=1", json={"input": {"prompt": "a"}}).status_code == 400
    for job in ["0", "x", "99999999999999999999"]:
        assert http.get(f"/echo/status/{job}").status_code == 404
    assert requests.get(f"{url}/v2/echo/status/{job}", headers=dict(http.headers)).status_code == 404


globals()[case]()
