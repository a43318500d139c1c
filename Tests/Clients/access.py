"""Keys, limits, guards and logs, as clients other people wrote see them.

See harness.py for the arguments. Here MORE is a JSON array of every route of the gateway.
"""

import concurrent.futures
import json
import os
import re
import ssl
import subprocess
import tempfile
import threading
import time

import httpx
import openai

from harness import (
    case, database, die_with_parent, eventually, gateway, http, key, make_key, more, other, other_key, program, raises, say,
    sluice, sql, url)


def client(address, with_key, retries=0):
    return openai.OpenAI(base_url=f"{address}/v1", api_key=with_key, max_retries=retries, timeout=60)


def ask(address, with_key, text="Hello", **more):
    return client(address, with_key).chat.completions.create(model="echo", messages=say(text), **more)


def post(address, with_key, body, **more):
    headers = {"Authorization": f"Bearer {with_key}", **more.pop("headers", {})}
    return httpx.post(f"{address}/v1/chat/completions", json=body, headers=headers, timeout=60, **more)


def keys():
    reader, _ = make_key("reader", "--scope", "read")
    writer, _ = make_key("writer", "--scope", "submit")
    assert raises(openai.PermissionDeniedError, lambda: ask(url, reader)).code == "insufficient_scope"
    assert client(url, reader).models.list().data
    assert ask(url, writer).choices
    assert httpx.get(f"{url}/api/jobs", headers={"Authorization": f"Bearer {writer}"}).status_code == 403
    # Rotation: both are let in, then only the new one.
    old, number = make_key("old", "--scope", "submit", "--scope", "read")
    sluice("keys", "limits", number, "--requests", "1000")
    turned = json.loads(sluice("keys", "rotate", number, "--overlap", "3s", "--json"))
    assert str(turned["replaces"]) == number
    assert ask(url, old).choices and ask(url, turned["key"]).choices
    eventually("the old key is out", lambda: post(url, old, {"model": "echo", "messages": say("x")}).status_code == 401)
    assert ask(url, turned["key"]).choices
    refused = subprocess.run(["psql", database, "-XAtqc", f"select sluice.rotate_key({number}, 'x', sha256('x'))"], capture_output=True, text=True)
    assert refused.returncode != 0 and "has expired" in refused.stderr, refused.stderr
    listed = {one["id"]: one for one in map(json.loads, sluice("keys", "list", "--json").splitlines())}
    # The new one has the scopes, the limits and the tenant of the old one.
    new, was = listed[turned["id"]], listed[int(number)]
    assert new["scopes"] == was["scopes"] and new["limits"] == was["limits"] == "1000 requests/min", (new, was)
    assert new["prefix"] == turned["key"][:9] and was["prefix"] == old[:9]
    soon, _ = make_key("soon", "--expires", "+2s")
    assert ask(url, soon).choices
    eventually("it has expired", lambda: post(url, soon, {"model": "echo", "messages": say("x")}).status_code == 401)
    # Nothing in the database is a key.
    stored = sql("select string_agg(k::text, ' ') from sluice.api_key k") + sql("select string_agg(e::text, ' ') from sluice.event e")
    for secret in [old, turned["key"], reader, writer, soon]:
        assert secret not in stored and secret[9:] not in stored
    sluice("keys", "revoke", str(turned["id"]))
    eventually("it is revoked", lambda: post(url, turned["key"], {"model": "echo", "messages": say("x")}).status_code == 401)


def isolation():
    """Every route is here: who adds one says here how it keeps tenants apart."""
    mine = http.post("/api/jobs", json={"model": "echo", "body": {"messages": say("canary-of-mine")}, "run_at": "2099-01-01T00:00:00Z"}).json()
    job = f"/api/jobs/{mine['id']}"

    def hidden(method, path, **more):
        answer = other.request(method, path, **more)
        assert answer.status_code == 404 and "canary" not in answer.text, (method, path, answer.status_code)

    def own_call(path, body):
        # A key of idempotency is its tenant's: the other one's call is a job of its own.
        body = {"model": "echo", **body}
        first = http.post(path, json=body, headers={"Idempotency-Key": path})
        second = other.post(path, json=body, headers={"Idempotency-Key": path})
        again = http.post(path, json=body, headers={"Idempotency-Key": path})
        ids = [answer.headers["x-sluice-job-id"] for answer in (first, second, again)]
        assert ids[0] == ids[2] != ids[1], ids

    def own_submission():
        body = {"model": "echo", "body": {"messages": say("a")}, "idempotency_key": "theirs", "run_at": "2099-01-01T00:00:00Z"}
        first, second = http.post("/api/jobs", json=body).json(), other.post("/api/jobs", json=body).json()
        assert first["id"] != second["id"]

    def own_list():
        for query in ["", "&state=scheduled", "&model=echo"]:
            seen = other.get(f"/api/jobs?limit=1000{query}").json()["data"]
            assert mine["id"] not in [one["id"] for one in seen], query

    def public(path):
        answer = httpx.get(url + path)
        assert answer.status_code == 200 and "canary" not in answer.text

    chat = {"messages": say("a")}
    table = {
        "GET /health": lambda: public("/health"),
        "GET /health/live": lambda: public("/health/live"),
        "GET /health/ready": lambda: public("/health/ready"),
        "GET /metrics": lambda: public("/metrics"),
        "GET /v1/models": lambda: None,  # models belong to nobody
        "GET /v1/models/{model}": lambda: None,
        "GET /v1/models/{model}/**": lambda: None,
        "POST /v1/chat/completions": lambda: own_call("/v1/chat/completions", chat),
        "POST /v1/completions": lambda: own_call("/v1/completions", {"prompt": "a"}),
        "POST /v1/embeddings": lambda: own_call("/v1/embeddings", {"input": "a"}),
        "POST /v1/responses": lambda: own_call("/v1/responses", {"input": "a"}),
        "GET /api/jobs": own_list,
        "POST /api/jobs": own_submission,
        "GET /api/jobs/{id}": lambda: hidden("GET", job),
        "GET /api/jobs/{id}/events": lambda: hidden("GET", f"{job}/events"),
        "POST /api/jobs/{id}/cancel": lambda: hidden("POST", f"{job}/cancel"),
        "POST /api/jobs/{id}/retry": lambda: hidden("POST", f"{job}/retry"),
        "POST /api/jobs/{id}/score": lambda: hidden("POST", f"{job}/score", json={"value": 1}),
        "GET /openapi.json": lambda: public("/openapi.json"),
    }
    # Files and batches.
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "echo", "messages": say("canary-of-mine")}}
    file = http.post("/v1/files", data={"purpose": "batch"}, files={"file": ("canary.jsonl", json.dumps(line))}).json()["id"]
    order = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = http.post("/v1/batches", json=order).json()["id"]

    def unlisted(path, hidden_id):
        seen = other.get(path).json()["data"]
        assert hidden_id not in [one["id"] for one in seen], path

    def foreign_file():
        answer = other.post("/v1/batches", json=order)
        assert answer.status_code == 404 or answer.status_code == 400, answer.text
        assert "canary" not in answer.text

    table |= {
        "POST /v1/files": lambda: None,  # makes something of the caller's own
        "GET /v1/files": lambda: unlisted("/v1/files", file),
        "GET /v1/files/{id}": lambda: hidden("GET", f"/v1/files/{file}"),
        "GET /v1/files/{id}/content": lambda: hidden("GET", f"/v1/files/{file}/content"),
        "DELETE /v1/files/{id}": lambda: hidden("DELETE", f"/v1/files/{file}"),
        "POST /v1/batches": foreign_file,
        "GET /v1/batches": lambda: unlisted("/v1/batches", batch),
        "GET /v1/batches/{id}": lambda: hidden("GET", f"/v1/batches/{batch}"),
        "POST /v1/batches/{id}/cancel": lambda: hidden("POST", f"/v1/batches/{batch}/cancel"),
    }
    # Background responses.
    answer = http.post("/v1/responses", json={"model": "echo", "input": "canary-of-mine", "background": True}).json()["id"]
    table |= {
        "GET /v1/responses/{id}": lambda: hidden("GET", f"/v1/responses/{answer}"),
        "POST /v1/responses/{id}/cancel": lambda: hidden("POST", f"/v1/responses/{answer}/cancel"),
        "DELETE /v1/responses/{id}": lambda: hidden("DELETE", f"/v1/responses/{answer}"),
    }
    # The endpoints of RunPod's clients: a model is an endpoint.
    run = f"/v2/echo/status/{mine['id']}"
    table |= {
        "POST /v2/{model}/run": lambda: None,
        "POST /v2/{model}/runsync": lambda: None,
        "GET /v2/{model}/status/{id}": lambda: hidden("GET", run),
        "POST /v2/{model}/status/{id}": lambda: hidden("POST", run),
        "GET /v2/{model}/stream/{id}": lambda: hidden("GET", run.replace("status", "stream")),
        "POST /v2/{model}/stream/{id}": lambda: hidden("POST", run.replace("status", "stream")),
        "POST /v2/{model}/cancel/{id}": lambda: hidden("POST", run.replace("status", "cancel")),
        "POST /v2/{model}/retry/{id}": lambda: hidden("POST", run.replace("status", "retry")),
        # It cancels what waits of the caller's own; ours is looked at below.
        "POST /v2/{model}/purge-queue": lambda: other.post("/v2/echo/purge-queue").raise_for_status(),
        "GET /v2/{model}/health": lambda: other.get("/v2/echo/health").raise_for_status(),
    }
    # Webhooks.
    endpoint = http.post("/api/webhooks/endpoints", json={"url": "https://hooks.example.com/canary"}).json()["id"]
    told = http.post("/api/jobs", json={"model": "echo", "body": {"messages": say("a")}, "webhook": "https://hooks.example.com/canary"}).json()["id"]
    delivery = eventually("a delivery is there", lambda: http.get(f"/api/webhooks/deliveries?job={told}").json()["data"])[0]["id"]
    secret = http.get("/api/webhooks/secret").json()["secret"]
    table |= {
        "POST /api/webhooks/endpoints": lambda: None,
        "GET /api/webhooks/endpoints": lambda: unlisted("/api/webhooks/endpoints", endpoint),
        "DELETE /api/webhooks/endpoints/{id}": lambda: hidden("DELETE", f"/api/webhooks/endpoints/{endpoint}"),
        "GET /api/webhooks/deliveries": lambda: unlisted("/api/webhooks/deliveries", delivery),
        "GET /api/webhooks/deliveries/{id}": lambda: hidden("GET", f"/api/webhooks/deliveries/{delivery}"),
        "POST /api/webhooks/deliveries/{id}/redeliver": lambda: hidden("POST", f"/api/webhooks/deliveries/{delivery}/redeliver"),
        "GET /api/webhooks/secret": lambda: secret == other.get("/api/webhooks/secret").json()["secret"] and 1 / 0,
        "POST /api/webhooks/secret/rotate": lambda: other.post("/api/webhooks/secret/rotate").raise_for_status(),
    }
    routes = json.loads(more[0])
    assert sorted(routes) == sorted(table), f"routes without a test of isolation, or tests without a route: {set(routes) ^ set(table)}"
    for check in table.values():
        check()
    assert http.get(job).json()["state"] == "scheduled"
    assert http.get("/api/webhooks/secret").json()["secret"] == secret
    # Without a key nothing but health; with one that may only look, nothing is changed; and the other way round.
    reader, _ = make_key("looks", "--scope", "read")
    writer, _ = make_key("makes", "--scope", "submit")
    for route in routes:
        method, path = route.split(" ")
        path = re.sub(r"{.*?}", str(mine["id"]), path).replace("**", "more")
        if path.startswith("/health") or path in ("/metrics", "/openapi.json"):
            continue
        assert httpx.request(method, url + path).status_code == 401, route
        assert httpx.request(method, url + path, headers={"Authorization": "Bearer sk-nobody"}).status_code == 401, route
        # Who knows the secret can sign: a key that only looks does not see it.
        wrong = writer if method == "GET" and path != "/api/webhooks/secret" else reader
        assert httpx.request(method, url + path, headers={"Authorization": f"Bearer {wrong}"}).status_code == 403, route


def requests():
    limited, number = make_key("limited")
    sluice("keys", "limits", number, "--requests", "5")
    with gateway() as second:
        raw = client(url, limited).chat.completions.with_raw_response.create(model="echo", messages=say("1"))
        assert raw.headers["x-ratelimit-limit-requests"] == "5" and raw.headers["x-ratelimit-remaining-requests"] == "4"
        assert re.fullmatch(r"1[12](\.\d+)?s", raw.headers["x-ratelimit-reset-requests"]), raw.headers
        assert "x-ratelimit-limit-tokens" not in raw.headers
        for address in [second.url, url, second.url, url]:
            ask(address, limited)
        for address in [second.url, url]:
            refused = raises(openai.RateLimitError, lambda: ask(address, limited))
            assert refused.code == "rate_limit_exceeded" and refused.type == "requests", refused
            headers = refused.response.headers
            assert 1 <= int(headers["retry-after"]) <= 12
            assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("5", "0"), headers
            assert re.fullmatch(r"[0-9m.]+s", headers["x-ratelimit-reset-requests"]), headers
        # Looking is free, and so are others; the SDK comes back when it was told, and is let in.
        assert client(url, limited).models.list().data and ask(url, key).choices
        assert client(url, limited, retries=3).chat.completions.create(model="echo", messages=say("later")).choices
        # A rotated key has no second share.
        new = json.loads(sluice("keys", "rotate", number, "--json"))["key"]
        raises(openai.RateLimitError, lambda: ask(url, new))
        # All keys of a tenant together.
        sql("select sluice.put_tenant('crowd')")
        sluice("keys", "limits", "--tenant", "crowd", "--requests", "4")
        crowd = [make_key(f"crowd-{n}", "--tenant", "crowd")[0] for n in range(3)]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            body = {"model": "echo", "messages": say("all")}
            codes = list(pool.map(lambda n: post([url, second.url][n % 2], crowd[n % 3], body).status_code, range(12)))
        assert sorted(codes) == [200] * 4 + [429] * 8, codes
        # Jobs of one submission count one by one.
        jobs = [{"model": "echo", "body": {"messages": say("a")}}] * 3
        few, number = make_key("few")
        sluice("keys", "limits", number, "--requests", "4")
        headers = {"Authorization": f"Bearer {few}"}
        assert httpx.post(f"{url}/api/jobs", json=jobs, headers=headers).status_code == 202
        assert httpx.post(f"{url}/api/jobs", json=jobs, headers=headers).status_code == 429


def tokens():
    limited, number = make_key("tokens")
    sluice("keys", "limits", number, "--tokens", "600")
    huge = raises(openai.RateLimitError, lambda: ask(url, limited, max_tokens=1000))
    assert huge.type == "tokens" and "retry-after" not in huge.response.headers
    raw = client(url, limited).chat.completions.with_raw_response.create(model="echo", messages=say("Hello"), max_tokens=400)
    used = raw.parse().usage.total_tokens
    # Charged is what was used, not what was asked for.
    assert abs(600 - used - int(raw.headers["x-ratelimit-remaining-tokens"])) <= 20, (used, raw.headers)
    stream = list(client(url, limited).chat.completions.create(model="echo", messages=say("Hello"), max_tokens=400, stream=True))
    assert stream
    assert ask(url, limited, max_tokens=400).choices
    # So it is by whatever door one waits.
    waiting, number = make_key("waiting")
    sluice("keys", "limits", number, "--tokens", "600")
    headers = {"Authorization": f"Bearer {waiting}", "Prefer": "wait=30"}
    request = {"messages": say("Hello"), "max_tokens": 400}
    native = httpx.post(f"{url}/api/jobs", headers=headers, timeout=60, json={"model": "echo", "body": request})
    used = native.json()["result"]["usage"]["total_tokens"]
    assert abs(600 - used - int(native.headers["x-ratelimit-remaining-tokens"])) <= 20, (used, native.headers)
    foreign = httpx.post(f"{url}/v2/echo/runsync", headers=headers, timeout=60, json={"input": request})
    used += foreign.json()["output"]["usage"]["total_tokens"]
    assert abs(600 - used - int(foreign.headers["x-ratelimit-remaining-tokens"])) <= 40, (used, foreign.headers)
    # What nobody asked to bound is charged afterwards.
    for _ in range(100):
        answer = post(url, limited, {"model": "echo", "messages": say("word " * 60)})
        if answer.status_code == 429:
            break
    assert answer.status_code == 429 and answer.json()["error"]["type"] == "tokens", answer.text
    assert int(answer.headers["retry-after"]) >= 1 and answer.headers["x-ratelimit-remaining-tokens"].isdigit()


def concurrency():
    limited, number = make_key("narrow")
    sluice("keys", "limits", number, "--concurrency", "2")
    with gateway() as second, concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = {"model": "echo", "messages": say("[[mock:latency 8000]] narrow")}
        running = [pool.submit(post, address, limited, slow) for address in (url, second.url)]
        eventually("both run", lambda: sql("select sum(slots) from sluice.rate_lease") == "2")
        for address in (url, second.url):
            refused = raises(openai.RateLimitError, lambda: ask(address, limited))
            assert "at a time" in str(refused) and refused.response.headers["retry-after"] == "1"
        assert [one.result().status_code for one in running] == [200, 200]
        eventually("the slots are back", lambda: sql("select count(*) from sluice.rate_lease") == "0")
        # A stream holds its slot to its end, and a client that leaves gives it back.
        stream = client(url, limited).chat.completions.create(model="echo", messages=say("[[mock:latency 1000]] s"), stream=True)
        next(iter(stream))
        assert ask(second.url, limited).choices
        list(stream)
        with httpx.Client(timeout=0.5) as impatient:
            for _ in range(2):
                raises(httpx.ReadTimeout, lambda: impatient.post(
                    f"{url}/v1/chat/completions", headers={"Authorization": f"Bearer {limited}"},
                    json={"model": "echo", "messages": say("[[mock:latency 20000]] gone")}))
        eventually("the slots are back", lambda: sql("select count(*) from sluice.rate_lease") == "0")
        # Many short calls under a limit: no more at a time than allowed, whatever the order.
        codes = list(pool.map(lambda n: post([url, second.url][n % 2], limited, {"model": "echo", "messages": say(f"{n}")}).status_code, range(40)))
        assert set(codes) <= {200, 429} and 200 in codes, codes


def guards():
    sluice("guards", "set", "echo", "--body-bytes", "3000", "--prompt-characters", "100", "--max-tokens", "5",
           "--control-characters", "refuse", "--unknown-fields", "refuse", "--extra-field", "top_k")
    [known] = map(json.loads, sluice("guards", "list", "--json").splitlines())
    assert (known["model"], known["body_bytes"], known["max_tokens"], known["min_tokens"]) == ("echo", 3000, 5, 1), known
    assert known["control_characters"] == known["unknown_fields"] == "refuse" and known["extra_fields"] == "top_k", known
    with gateway() as fresh:
        raw = client(fresh.url, key).chat.completions.with_raw_response.create(model="echo", messages=say("Hi"), max_tokens=4096)
        assert raw.headers["x-sluice-clamped"] == "max_tokens=5"
        assert raw.parse().usage.completion_tokens <= 5
        stream = client(fresh.url, key).chat.completions.with_raw_response.create(model="echo", messages=say("Hi"), stream=True)
        assert stream.headers["x-sluice-clamped"] == "max_tokens=5"
        list(stream.parse())
        within = client(fresh.url, key).chat.completions.with_raw_response.create(model="echo", messages=say("Hi"), max_tokens=3, extra_body={"top_k": 1})
        assert "x-sluice-clamped" not in within.headers
        for extra, code, parameter in [
            ({"messages": say("a" * 101)}, "prompt_too_long", "messages"), ({"messages": say("a\x07")}, "control_character", "messages"),
            ({"odd": 1}, "unknown_field", "odd"), ({"max_tokens": "many"}, "invalid_value", "max_tokens"),
        ]:
            refused = post(fresh.url, key, {"model": "echo", "messages": say("Hi"), **extra})
            assert refused.status_code == 400, refused.text
            assert (refused.json()["error"]["code"], refused.json()["error"]["param"]) == (code, parameter), refused.text
        assert post(fresh.url, key, {"model": "echo", "messages": say("Hi"), "user": "a" * 3000}).status_code == 413
        native = httpx.Client(base_url=fresh.url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        answer = native.post("/api/jobs", headers={"Prefer": "wait=30"}, json={"model": "echo", "body": {"messages": say("Hi"), "max_tokens": 50}})
        assert answer.headers["x-sluice-clamped"] == "max_tokens=5" and answer.json()["usage"]["completion_tokens"] <= 5
        assert native.post("/api/jobs", json={"model": "echo", "body": {"messages": say("Hi"), "odd": 1}}).status_code == 400
    # What was refused is no job.
    assert sql("select count(*) from sluice.job j where j.payload::text like '%odd%'") == "0"
    sluice("guards", "set", "echo", "--control-characters", "strip", "--unknown-fields", "strip")
    with gateway() as fresh:
        answer = post(fresh.url, key, {"model": "echo", "messages": say("a\x07b"), "odd": 1})
        assert answer.status_code == 200 and answer.headers["x-sluice-clamped"] == "odd="
        stored = sql(f"select payload::text from sluice.job where id = {answer.headers['x-sluice-job-id']}")
        assert "odd" not in stored and "ab" in stored, stored
    with gateway("--max-requests", "1") as narrow:
        def hold():
            # It may be the one that is refused, while the other is being answered.
            while (answer := post(narrow.url, key, {"model": "echo", "messages": say("[[mock:latency 2000]]")})).status_code == 503:
                pass
            return answer
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = pool.submit(hold)
            refused = eventually("one too many", lambda: next((a for a in [post(narrow.url, key, {"model": "echo", "messages": say("b")})] if a.status_code == 503), None))
            assert refused.headers["retry-after"] == "1" and refused.json()["error"]["code"] == "overloaded"
            # Who watches over it hears that it lives.
            for path in ["live", "ready"]:
                assert httpx.get(f"{narrow.url}/health/{path}").status_code == 200
            assert not running.done()
            assert running.result().status_code == 200


def overload():
    """Ten times what the model can do: most are refused, and those that are not wait no longer than the bound allows."""
    slots, latency, bound = 4, 100, 10
    sluice("guards", "bound", "7", "--model", "slow", "--tenant", "other")
    sluice("guards", "bound", str(bound), "--model", "slow")
    sluice("guards", "bound", "5")
    sluice("guards", "bound")
    bounds = [json.loads(line) for line in sluice("guards", "bounds", "--json").splitlines()]
    assert sorted((one["tenant"] or "", one["model"] or "", one["waiting"]) for one in bounds) == [
        ("", "", 100000), ("", "slow", bound), ("other", "slow", 7)], bounds
    with gateway() as first, gateway() as second:
        addresses = [first.url, second.url]
        body = {"model": "slow", "messages": say("work")}
        capacity = slots * 1000 / latency
        seconds = 6
        codes, refusals, lock = {}, [], threading.Lock()
        stop = time.monotonic() + seconds

        def knock(number):
            # Each comes back at its own pace, whatever it is told: together ten times the capacity.
            with httpx.Client(timeout=60, headers={"Authorization": f"Bearer {key}"}) as mine:
                while (now := time.monotonic()) < stop:
                    answer = mine.post(f"{addresses[number % 2]}/v1/chat/completions", json=body)
                    with lock:
                        codes[answer.status_code] = codes.get(answer.status_code, 0) + 1
                        if answer.status_code == 429 and len(refusals) < 1000:
                            refusals.append(answer)
                    time.sleep(max(0, 0.1 - (time.monotonic() - now)))

        with concurrent.futures.ThreadPoolExecutor(48) as pool:
            list(pool.map(knock, range(48)))
        assert set(codes) == {200, 429}, codes
        assert codes[429] > codes[200], codes
        # By how many jobs each one waited with: the machine may be slow, the queue may not be long.
        waiting = sql("""with j as (
                select j.created_at, r.started_at from sluice.job j join sluice.result r using (id)
                join sluice.model m on m.id = j.model_id where m.name = 'slow')
            select count(*), max((select count(*) from j o where o.created_at <= j.created_at and o.started_at > j.created_at))
            from j""")
        answered, longest = map(int, waiting.split("|"))
        # All that was let in was done. How fast is measured here, whatever else this machine does.
        assert answered == codes[200], (answered, codes)
        # Two gateways may together let in twice the bound. Without one all 48 clients would wait.
        assert longest <= 3 * bound, (longest, bound)
        span = float(sql("""select extract(epoch from max(r.finished_at) - min(j.created_at)) from sluice.job j
            join sluice.result r using (id) join sluice.model m on m.id = j.model_id where m.name = 'slow'"""))
        rate = answered / span
        last = refusals[-1]
        error = last.json()["error"]
        assert error["code"] == "queue_full" and error["waiting"] >= bound - 1 and error["bound"] == bound, error
        assert int(last.headers["retry-after"]) >= 1 and "of your jobs wait" in error["message"]
        expected = [one.json()["error"]["expected_wait_seconds"] for one in refusals[len(refusals) // 2:]]
        known = sorted(one for one in expected if one is not None)
        # What they were told is what happened, within a factor.
        assert known and bound / rate / 4 <= known[len(known) // 2] <= 4 * bound / rate, (known[len(known) // 2:][:1], rate)
        # More urgent or another model's: nothing stands in their way.
        assert post(first.url, key, {"model": "echo", "messages": say("free")}).status_code == 200


def logs():
    with tempfile.TemporaryDirectory() as folder:
        plain, open_ = os.path.join(folder, "plain"), os.path.join(folder, "open")
        canary = "canary-4711"
        secret, _ = make_key("secret")

        def traffic(address):
            body = {"model": "echo", "messages": say(canary)}
            good = post(address, secret, body, headers={"X-Forwarded-For": "198.51.100.7"})
            assert good.status_code == 200
            with httpx.stream("POST", f"{address}/v1/chat/completions", json={**body, "stream": True}, headers={"Authorization": f"Bearer {secret}"}) as stream:
                stream.read()
            post(address, secret, {"model": canary, "messages": say(canary)})
            post(address, secret, {"model": "echo", "messages": canary})
            post(address, secret + "x", body)
            post(address, secret, {"model": "echo", "messages": say(f"[[mock:error retryable]] {canary}")})
            httpx.get(f"{address}/api/jobs?model={canary}", headers={"Authorization": f"Bearer {secret}"})
            return good

        with gateway("--trusted-proxy", "127.0.0.0/8", log=plain) as quiet:
            good = traffic(quiet.url)
        text = open(plain).read()
        lines = [json.loads(line) for line in text.splitlines()]
        fields = [line["fields"] for line in lines if line["message"] == "A request ended."]
        begun = [line["fields"]["request.id"] for line in lines if line["message"] == "A request began."]
        assert sorted(begun) == sorted(one["request.id"] for one in fields) and len(set(begun)) == 7
        first = fields[0]
        assert first["request.id"] == good.headers["x-request-id"] and first["job.id"] == good.headers["x-sluice-job-id"]
        assert first["tenant.name"] == "default" and first["model.name"] == "echo" and first["outcome"] == "succeeded"
        assert first["status"] == "200" and first["prompt.characters"] == str(len("user") + len(canary)), first
        assert first["client"] == "198.51.100.7" and fields[1]["client"] == "127.0.0.1"
        assert int(first["queue.ms"]) >= 0 and int(first["run.ms"]) >= 0 and int(first["tokens.completion"]) > 0
        assert fields[1]["outcome"] == "succeeded" and int(fields[1]["tokens.prompt"]) > 0, fields[1]
        assert fields[4]["status"] == "401" and "tenant.name" not in fields[4]
        assert fields[5]["outcome"] == "failed" and fields[5]["job.attempt"] == "2"
        assert secret not in text and secret[9:] not in text
        # The name of a model is no secret, but one that does not exist may be anything.
        assert canary not in text.replace(f'"model.name":"{canary}"', ""), [line for line in text.splitlines() if canary in line][:1]
        # Whom nobody trusts is not believed; and what is switched on is there.
        with gateway("--log-bodies", log=open_) as loud:
            traffic(loud.url)
        text = open(open_).read()
        assert canary in text and secret not in text and "198.51.100.7" not in text and "answer.body" in text
    attempts()


def attempts():
    """A worker of one's own logs its attempts, and nothing of what they say."""
    sluice("deploy", "own", "own-1", "--backend", "mock", "--workers", "0", "--config", '{"markers": true, "retry_after_ms": 1}')
    sql("select sluice.put_model('own', 2, 60000, 10, 20)")
    for text in ["canary-4712", "[[mock:error retryable]] canary-4712"]:
        http.post("/api/jobs", json={"model": "own", "body": {"messages": say(text)}})
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            [program, "worker", "--deployment", "own-1", "--database-url", database, "--backends", os.path.dirname(program)],
            stderr=log, env=dict(os.environ, SLUICE_LOG_FORMAT="json"), preexec_fn=die_with_parent)
        try:
            eventually("both ended", lambda: sql("select count(*) from sluice.result r join sluice.job j using (id) join sluice.model m on m.id = j.model_id where m.name = 'own'") == "2")
        finally:
            process.terminate()
            process.wait(20)
        text = open(log.name).read()
    lines = [json.loads(line) for line in text.splitlines()]
    began = [(line["fields"]["job.id"], line["fields"]["job.attempt"]) for line in lines if line["message"] == "An attempt began."]
    ended = {(line["fields"]["job.id"], line["fields"]["job.attempt"]): line["fields"] for line in lines if line["message"] == "An attempt ended."}
    assert len(began) == 3 and set(began) == set(ended), text
    outcomes = sorted(one["outcome"] for one in ended.values())
    assert outcomes == ["failed", "retried", "succeeded"], outcomes
    done = next(one for one in ended.values() if one["outcome"] == "succeeded")
    assert {one["tenant.name"] for one in ended.values()} == {"default"}
    assert done["model.name"] == "own" and int(done["tokens.completion"]) > 0 and int(done["run.ms"]) >= 0 and int(done["queue.ms"]) >= 0
    assert "canary" not in text


def tls():
    with tempfile.TemporaryDirectory() as folder:
        chain, private = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", private, "-out", chain],
            check=True, capture_output=True)
        with gateway("--tls-certificate", chain, "--tls-key", private) as secure:
            assert secure.url.startswith("https://")
            trust = ssl.create_default_context(cafile=chain)
            with httpx.Client(verify=trust) as carrier:
                sdk = openai.OpenAI(base_url=f"{secure.url}/v1", api_key=key, http_client=carrier)
                assert sdk.chat.completions.create(model="echo", messages=say("Hello")).choices
                assert list(sdk.chat.completions.create(model="echo", messages=say("Hello"), stream=True))
            raises(httpx.ConnectError, lambda: httpx.get(f"{secure.url}/health/live"))
            raises(httpx.TransportError, lambda: httpx.get(f"{secure.url}/health/live".replace("https", "http")))
            old = ssl.create_default_context(cafile=chain)
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            raises((httpx.TransportError, ssl.SSLError), lambda: httpx.get(f"{secure.url}/health/live", verify=old))
        missing = subprocess.run(
            [program, "gateway", "--port", "0", "--database-url", database, "--tls-certificate", f"{folder}/none", "--tls-key", private],
            capture_output=True, text=True, timeout=60)
        assert missing.returncode != 0 and missing.stderr, missing


globals()[case]()
