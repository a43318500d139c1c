"""What clients other people wrote see of the gateway: the openai package and httpx. See harness.py for the arguments."""

import asyncio
import json
import socket
import urllib.parse

import httpx
import openai

from harness import case, client, events, eventually, gateway, holding, http, key, other, raises, say, sql, url


def calls():
    chat = client.chat.completions.create(model="echo", messages=say("Hello"), seed=7)
    assert chat.choices[0].message.content and chat.usage.total_tokens > 0
    again = client.chat.completions.create(model="echo", messages=say("Hello"), seed=7)
    assert again.choices[0].message.content == chat.choices[0].message.content
    text = client.completions.create(model="echo", prompt="Hello")
    assert text.choices[0].text
    numbers = client.embeddings.create(model="echo", input=["a", "b"])
    assert len(numbers.data) == 2 and len(numbers.data[0].embedding) == 8
    answer = client.responses.create(model="echo", input="Hello")
    assert answer.output_text
    assert [model.id for model in client.models.list()] == ["echo"]
    assert client.models.retrieve("echo").id == "echo"
    raw = client.chat.completions.with_raw_response.create(model="echo", messages=say("Hello"))
    assert int(raw.headers["x-sluice-job-id"]) > 0 and int(raw.headers["openai-processing-ms"]) >= 0


def streams():
    whole = client.chat.completions.create(model="echo", messages=say("Go on"), seed=1)
    stream = client.chat.completions.create(
        model="echo", messages=say("Go on"), seed=1, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content, (text, whole)
    assert len(chunks) > 5 and chunks[-1].usage.total_tokens == whole.usage.total_tokens
    plain = list(client.chat.completions.create(model="echo", messages=say("Go on"), seed=1, stream=True))
    assert all(chunk.usage is None for chunk in plain)
    text = "".join(c.choices[0].text for c in client.completions.create(model="echo", prompt="Go on", stream=True))
    assert text == client.completions.create(model="echo", prompt="Go on").choices[0].text


def concurrent():
    async def all_at_once():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60) as many:
            answers = await asyncio.gather(
                *(many.chat.completions.create(model="echo", messages=say(f"Number {n}")) for n in range(64))
            )
            singles = {answer.id for answer in answers}
            assert len(singles) == 64

            async def joined(number):
                stream = await many.chat.completions.create(model="echo", messages=say(f"Number {number}"), stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            texts = await asyncio.gather(*(joined(n) for n in range(32)))
            assert texts == [answers[n].choices[0].message.content for n in range(32)]

    asyncio.run(all_at_once())


def errors():
    raises(openai.AuthenticationError, lambda: openai.OpenAI(base_url=f"{url}/v1", api_key="sk-no", max_retries=0).models.list())
    missing = raises(openai.NotFoundError, lambda: client.chat.completions.create(model="nix", messages=say("Hello")))
    assert missing.code == "model_not_found"
    raises(openai.NotFoundError, lambda: client.models.retrieve("nix"))
    empty = raises(openai.BadRequestError, lambda: client.chat.completions.create(model="echo", messages=[]))
    assert empty.param == "messages"
    bad = say("[[mock:error invalid_request]]")
    raises(openai.BadRequestError, lambda: client.chat.completions.create(model="echo", messages=bad))
    # Before the first piece a stream has a status of its own; after it, an error is the last event.
    raises(openai.NotFoundError, lambda: client.chat.completions.create(model="nix", messages=bad, stream=True))
    raises(openai.APIError, lambda: list(client.chat.completions.create(model="echo", messages=bad, stream=True)))
    unsupported = say("[[mock:error unsupported]]")
    raises(openai.BadRequestError, lambda: client.chat.completions.create(model="echo", messages=unsupported))
    hot = say("[[mock:error rate_limited]]")
    raises(openai.RateLimitError, lambda: client.chat.completions.create(model="echo", messages=hot))
    broken = say("[[mock:error retryable]]")
    raises(openai.InternalServerError, lambda: client.chat.completions.create(model="echo", messages=broken))


def malformed():
    for body in [b"", b"{", b"[]", b"null", b'{"model": 7}', b'{"model": "echo"}', b'{"model":"echo","messages":"x"}',
                 b'{"model":"echo","messages":[{}],"stream":1}', b'{"model":"echo","messages":["\xff"]}',
                 b'{"model":"echo","messages":["\\u0000"]}', b"[" * 4000 + b"]" * 4000]:
        answer = http.post("/v1/chat/completions", content=body)
        assert answer.status_code == 400 and answer.json()["error"]["message"], (body[:50], answer.status_code)
    for body in [b"{", b"7", b'{"model":"echo"}', b'{"model":"echo","body":[]}', b'{"model":"echo","body":{},"priority":9}',
                 b'{"model":"echo","body":{},"kind":"song"}', b'{"model":"echo","body":{},"run_at":"soon"}', b"[]", b"[1]"]:
        answer = http.post("/api/jobs", content=body)
        assert answer.status_code == 400, (body, answer.status_code, answer.text)
    large = http.post("/v1/chat/completions", content=b" " * (17 << 20))
    assert large.status_code == 413, large.status_code
    for path in ["/api/jobs/0", "/api/jobs/x", "/api/jobs/99999999999999999999", "/v2/nothing"]:
        assert http.get(path).status_code == 404, path
    assert http.get("/api/jobs?limit=0").status_code == 400
    assert http.get("/api/jobs?state=lost").status_code == 400


def jobs():
    job = http.post("/api/jobs", json={"model": "echo", "body": {"messages": say("Hello")}}).json()
    assert job["object"] == "job" and job["id"] > 0
    done = http.get(f"/api/jobs/{job['id']}?wait=30").json()
    assert done["state"] == "succeeded" and done["result"]["choices"], done
    waited = http.post("/api/jobs", headers={"Prefer": "wait=30"}, json={"model": "echo", "body": {"messages": say("Hi")}})
    assert waited.status_code == 200 and waited.json()["state"] == "succeeded"
    keyed = {"model": "echo", "body": {"messages": say("Once")}, "idempotency_key": "once"}
    assert http.post("/api/jobs", json=keyed).json()["id"] == http.post("/api/jobs", json=keyed).json()["id"]
    reused = dict(keyed, body={"messages": say("Twice")})
    assert http.post("/api/jobs", json=reused).status_code == 409
    several = http.post("/api/jobs", json=[{"model": "echo", "body": {"messages": say("a")}}, {"model": "nix", "body": {}}])
    assert several.status_code == 202
    first, second = several.json()["data"]
    assert first["id"] > 0 and second["error"]["code"] == "model_not_found"
    later = http.post("/api/jobs", json={"model": "echo", "body": {"messages": say("b")}, "run_at": "2099-01-01T00:00:00Z"}).json()
    assert later["state"] == "scheduled"
    assert http.post(f"/api/jobs/{later['id']}/retry").status_code == 409
    assert http.post(f"/api/jobs/{later['id']}/cancel").json()["state"] == "cancelled"
    assert http.post(f"/api/jobs/{later['id']}/retry").status_code == 200
    page = http.get("/api/jobs?limit=2").json()
    assert len(page["data"]) == 2 and page["has_more"]
    rest = http.get(f"/api/jobs?limit=1000&after={page['last_id']}").json()
    assert {one["id"] for one in rest["data"]}.isdisjoint(one["id"] for one in page["data"])
    failed = http.post("/api/jobs", headers={"Prefer": "wait=30"},
                       json={"model": "echo", "body": {"messages": say("[[mock:error invalid_request]]")}}).json()
    assert failed["state"] == "failed" and failed["error"]["class"] == "invalid_request", failed


def job_events():
    job = http.post("/api/jobs", json={"model": "echo", "stream": True, "body": {"messages": say("Tell me")}}).json()
    path = f"/api/jobs/{job['id']}/events"
    with http.stream("GET", path) as response:
        assert response.headers["content-type"] == "text/event-stream"
        seen = list(events(response))
    assert [name for name, _, _ in seen] == ["chunk"] * (len(seen) - 1) + ["end"] and len(seen) > 5
    text = "".join(data["choices"][0]["delta"].get("content", "") for name, _, data in seen if name == "chunk")
    assert seen[-1][2]["result"]["choices"][0]["message"]["content"] == text
    with http.stream("GET", path, headers={"Last-Event-ID": seen[3][1]}) as response:
        assert list(events(response)) == seen[4:]
    assert http.get(path, headers={"Last-Event-ID": "nonsense"}).status_code == 400


def tenants():
    job = http.post("/api/jobs", json={"model": "echo", "body": {"messages": say("Mine")}, "run_at": "2099-01-01T00:00:00Z"}).json()
    path = f"/api/jobs/{job['id']}"
    for answer in [other.get(path), other.get(f"{path}/events"), other.post(f"{path}/cancel"), other.post(f"{path}/retry")]:
        assert answer.status_code == 404, (answer.url, answer.status_code)
    assert job["id"] not in [one["id"] for one in other.get("/api/jobs?limit=1000").json()["data"]]
    assert http.get(path).json()["state"] == "scheduled"
    for method, route in [("GET", path), ("GET", "/api/jobs"), ("POST", "/api/jobs"), ("GET", f"{path}/events"),
                          ("POST", f"{path}/cancel"), ("POST", f"{path}/retry"), ("GET", "/v1/models"),
                          ("POST", "/v1/chat/completions"), ("POST", "/v1/completions"), ("POST", "/v1/embeddings"),
                          ("POST", "/v1/responses")]:
        assert httpx.request(method, url + route).status_code == 401, route


def leaving():
    """A client that goes away takes its job with it, streaming or not."""
    for extra in [{}, {"stream": True}]:
        body = {"model": "echo", "messages": say("[[mock:latency 30000]]"), **extra}
        before = http.get("/api/jobs?limit=1").json()["last_id"] or 0
        raises(httpx.ReadTimeout, lambda: http.post("/v1/chat/completions", json=body, timeout=1))
        job = http.get("/api/jobs?limit=1").json()["data"][0]
        assert job["id"] > before
        eventually("cancelled", lambda: http.get(f"/api/jobs/{job['id']}").json()["state"] == "cancelled")


def leaving_early():
    """Also one that goes while its job is being stored."""
    address = httpx.URL(url)
    for extra in [{}, {"stream": True}]:
        before = http.get("/api/jobs?limit=1").json()["last_id"] or 0
        body = json.dumps({"model": "echo", "messages": say("[[mock:latency 30000]]"), **extra})
        with holding("lock table sluice.job in share mode"):
            with socket.create_connection((address.host, address.port)) as connection:
                connection.sendall(
                    f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
                waiting = "select count(*) from pg_locks where relation = 'sluice.job'::regclass and not granted"
                eventually("it is being stored", lambda: sql(waiting) != "0")
            # By the time these are answered the gateway knows.
            for _ in range(10):
                assert httpx.get(f"{url}/health/live").status_code == 200
        job = eventually("it is stored", lambda: next(
            (one["id"] for one in http.get("/api/jobs?limit=1").json()["data"] if one["id"] > before), None))
        eventually("cancelled", lambda: http.get(f"/api/jobs/{job}").json()["state"] == "cancelled")


def repeating():
    """A call with an idempotency key goes on without its client, who may ask again."""
    for extra in [{}, {"stream": True}]:
        again = {"Idempotency-Key": f"again {extra}"}
        body = {"model": "echo", "messages": say("[[mock:latency 3000]] again"), **extra}
        raises(httpx.ReadTimeout, lambda: http.post("/v1/chat/completions", json=body, headers=again, timeout=1))
        job = http.get("/api/jobs?limit=1").json()["data"][0]["id"]
        answer = http.post("/v1/chat/completions", json=body, headers=again)
        assert answer.status_code == 200 and answer.headers["x-sluice-job-id"] == str(job), answer.text
        assert "choices" in answer.text and sql(f"select count(*) from sluice.attempt where id = {job}") == "1"


def whole():
    """A stream whose pieces are gone is made of the answer, as is one of a backend that has no pieces."""
    def twice(name, ask):
        def once():
            return list(ask(stream=True, extra_headers={"Idempotency-Key": name}))

        cut = once()
        sql("delete from sluice.chunk")
        return cut, once()

    def chat(**more):
        return client.chat.completions.create(
            model="echo", messages=say("Go on"), stream_options={"include_usage": True}, **more)

    def text(chunks):
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    cut, made = twice("chat", chat)
    assert len(cut) > 5 and len(made) == 2 and text(made) == text(cut), made
    assert made[0].object == "chat.completion.chunk" and made[0].choices[0].delta.role == "assistant"
    assert made[0].choices[0].finish_reason == cut[-2].choices[0].finish_reason, (cut[-2], made)
    assert made[1].usage.total_tokens == cut[-1].usage.total_tokens
    cut, made = twice("completion", lambda **more: client.completions.create(model="echo", prompt="Go on", **more))
    assert "".join(one.choices[0].text for one in made) == "".join(one.choices[0].text for one in cut) and len(made) == 1
    cut, made = twice("response", lambda **more: client.responses.create(model="echo", input="Go on", **more))
    assert made[0].type == "response.created" and made[-1].type == cut[-1].type == "response.completed"
    assert made[-1].response == cut[-1].response, (made[-1], cut[-1])
    deltas = ["".join(one.delta for one in events if one.type == "response.output_text.delta") for events in (cut, made)]
    assert deltas[0] == deltas[1] == made[-1].response.output_text
    # The package's own reader of events takes them, too.
    with client.responses.stream(model="echo", input="Go on", extra_headers={"Idempotency-Key": "response"}) as stream:
        assert stream.get_final_response().output_text == deltas[0]


def names():
    """A model's name in a path is escaped, or as it is."""
    name = "meta-llama/Llama 3 ü"
    quoted = urllib.parse.quote(name, safe="")
    sql(f"select sluice.put_model('{name}')")
    assert client.models.retrieve(name).id == name and client.models.retrieve("echo").id == "echo"
    assert http.get(f"/v1/models/{quoted}").json()["id"] == name
    raises(openai.NotFoundError, lambda: client.models.retrieve("meta-llama/nix"))
    job = http.post(f"/v2/{quoted}/run", json={"input": {"prompt": "Hello"}}).json()["id"]
    assert http.get(f"/v2/{quoted}/status/{job}").json()["status"] == "IN_QUEUE"
    assert http.get(f"/v2/{quoted}/health").json()["jobs"]["inQueue"] == 1
    assert http.post(f"/v2/{quoted}/cancel/{job}").json()["status"] == "CANCELLED"


def models():
    """The list of models does not count what waits: it is there although nobody may count."""
    with holding("lock table sluice.ready"):
        assert [one["id"] for one in http.get("/v1/models", timeout=10).json()["data"]] == ["echo"]
        assert http.get("/v1/models/echo", timeout=10).json()["id"] == "echo"


def readiness():
    """A gateway whose database was brought to another version says that it cannot serve."""
    with gateway() as target:
        ready = f"{target.url}/health/ready"
        assert httpx.get(ready).json() == {"status": "ok"}
        sql("insert into sluice.schema_version (version, name, digest) values (9999, 'later', '')")
        try:
            answer = httpx.get(ready)
        finally:
            sql("delete from sluice.schema_version where version = 9999")
        assert answer.status_code == 503 and "schema" in answer.json()["error"]["message"], answer.text
        assert httpx.get(ready).json() == {"status": "ok"}


def health():
    assert httpx.get(f"{url}/health/live").json() == {"status": "ok"}
    assert httpx.get(f"{url}/health/ready").json() == {"status": "ok"}
    assert httpx.get(f"{url}/health").json()["parts"]["database"]["status"] == "ok"
    client.chat.completions.create(model="echo", messages=say("Count me"))
    # Streams are calls, too, also one that ends before it begins.
    list(client.chat.completions.create(model="echo", messages=say("Count me"), stream=True))
    bad = say("[[mock:error invalid_request]]")
    raises(openai.APIError, lambda: list(client.chat.completions.create(model="echo", messages=bad, stream=True)))

    def read():
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        return lines, dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    # What it says of workers may be a second old.
    eventually("there is a worker", lambda: read()[1]['sluice_workers{model="echo",deployment="echo-1"}'] == "1")
    lines, values = read()
    assert values['sluice_calls_total{kind="chat",state="succeeded"}'] == "2", values
    assert values['sluice_calls_total{kind="chat",state="failed"}'] == "1" and values["sluice_call_run_seconds_count"] == "3"
    kinds = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds))
    buckets = [float(value) for name, value in values.items() if name.startswith("sluice_http_duration_seconds_bucket")]
    assert buckets == sorted(buckets)


globals()[case]()
