"""Files and batches, as the openai package and httpx see them. See harness.py for the arguments."""

import asyncio
import concurrent.futures
import io
import json
import socket
import time

import httpx
import openai

from harness import case, client, eventually, http, key, make_key, other, raises, say, sluice, sql, url


def lines(count, content="Hello", model="echo"):
    """A batch file of so many chat requests."""
    requests = [
        {"custom_id": f"id-{n}", "method": "POST", "url": "/v1/chat/completions",
         "body": {"model": model, "messages": say(f"{content} {n}")}}
        for n in range(count)
    ]
    return "".join(json.dumps(request) + "\n" for request in requests).encode()


def upload(content, name="in.jsonl", purpose="batch"):
    return client.files.create(file=(name, content), purpose=purpose)


def create(file, endpoint="/v1/chat/completions", window="24h", **more):
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window=window, **more)


def ended(batch):
    """The batch, once it has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        batch = client.batches.retrieve(batch.id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
        time.sleep(0.05)
    raise AssertionError(f"never ended: {batch}")


def results(identifier):
    return [json.loads(line) for line in client.files.content(identifier).text.splitlines()]


def files():
    content = bytes(range(256)) * 3_000 + b"\r\n--\r\n"
    file = upload(content, name="a \"b\" ü.bin", purpose="user_data")
    assert file.object == "file" and file.bytes == len(content) and file.purpose == "user_data", file
    assert file.filename == "a \"b\" ü.bin" or file.filename == "a %22b%22 ü.bin", file.filename
    assert file.status == "processed" and file.expires_at is None and abs(file.created_at - time.time()) < 60
    assert client.files.content(file.id).content == content
    assert client.files.retrieve(file.id) == file
    empty = upload(b"", name="empty", purpose="evals")
    assert empty.bytes == 0 and client.files.content(empty.id).content == b""
    batch = upload(lines(1))
    assert batch.expires_at - batch.created_at == 2_592_000
    short = client.files.create(file=("a", b"a"), purpose="evals", expires_after={"anchor": "created_at", "seconds": 3600})
    assert short.expires_at - short.created_at == 3600
    everything = [one.id for one in client.files.list()]
    assert everything == [short.id, batch.id, empty.id, file.id]
    # Through pages of two, as the package turns them.
    assert [one.id for one in client.files.list(limit=2)] == everything
    assert [one.id for one in client.files.list(limit=1, order="asc")] == everything[::-1]
    assert [one.id for one in client.files.list(purpose="batch")] == [batch.id]
    page = http.get("/v1/files?limit=1").json()
    assert page["has_more"] and page["first_id"] == page["last_id"] == short.id
    assert client.files.delete(file.id).deleted
    raises(openai.NotFoundError, lambda: client.files.retrieve(file.id))
    raises(openai.NotFoundError, lambda: client.files.content(file.id))
    raises(openai.NotFoundError, lambda: client.files.delete(file.id))
    assert file.id not in [one.id for one in client.files.list()]


def large_file():
    """More than fits into a piece, and into what is buffered on the way."""
    line = lines(1, "x" * 1_000)
    content = line * ((48 << 20) // len(line))
    file = upload(content)
    assert file.bytes == len(content)
    with client.files.with_streaming_response.content(file.id) as response:
        assert int(response.headers["content-length"]) == len(content)
        size, same = 0, True
        for piece in response.iter_bytes(1 << 20):
            same = same and content[size:size + len(piece)] == piece
            size += len(piece)
    assert same and size == len(content)


def bad_forms():
    def post(content, type="multipart/form-data; boundary=X"):
        return http.post("/v1/files", content=content, headers={"Content-Type": type})

    def part(name, value, filename=None):
        file = f'; filename="{filename}"' if filename else ""
        return f'--X\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'.encode()

    whole = part("purpose", "batch") + part("file", "{}", "a") + b"--X--"
    assert post(whole).status_code == 200
    assert post(part("file", "{}", "a") + part("purpose", "batch") + b"--X--").status_code == 200
    for content, param in [
        (b"", None), (b"--X--", "file"), (whole[:-2], None), (whole[:60], None), (b"nonsense", None),
        (part("purpose", "batch") + b"--X--", "file"), (part("file", "{}", "a") + b"--X--", "purpose"),
        (part("purpose", "fun") + part("file", "{}", "a") + b"--X--", "purpose"),
        (part("purpose", "batch") * 2 + part("file", "{}", "a") + b"--X--", "purpose"),
        (part("purpose", "batch") + part("file", "{}", "a") * 2 + b"--X--", "file"),
        (part("purpose", "batch") + part("file", "{}") + b"--X--", "file"),
        (part("purpose", "batch_output") + part("file", "{}", "a") + b"--X--", "purpose"),
        (part("purpose", "x" * 5_000) + part("file", "{}", "a") + b"--X--", "purpose"),
        (part("expires_after[seconds]", "5") + whole, "expires_after"),
        (part("expires_after[seconds]", "soon") + whole, "expires_after"),
        (part("expires_after[anchor]", "created_at") + whole, "expires_after"),
        (part("song", "la") + whole, "song"), (b"--X\r\n\r\nx\r\n" + whole, None), (b"--X\r\nA: \xff\r\n\r\nx\r\n" + whole, None),
    ]:
        answer = post(content)
        assert answer.status_code == 400 and answer.json()["error"]["message"], (content, answer.status_code)
        assert answer.json()["error"]["param"] == param, (content, answer.text)
    for kind in ["application/json", "multipart/form-data", "multipart/form-data; boundary=", "x" * 5_000]:
        assert post(whole, kind).status_code == 400, kind
    # One that says it is too large is refused before it comes.
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port), timeout=60) as connection:
        connection.sendall(
            f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {1 << 40}\r\n"
            "Content-Type: multipart/form-data; boundary=X\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 413"
    # Nothing of all that is seen.
    assert len(http.get("/v1/files").json()["data"]) == 2
    assert http.get("/v1/files?limit=0").status_code == http.get("/v1/files?after=x").status_code == 400
    assert http.get("/v1/files?order=up").status_code == 400
    for path in ["file-0", "file-01", "file-x", "file-99999999999999999999", "batch_1", "1"]:
        assert http.get(f"/v1/files/{path}").status_code == 404, path


def broken_upload():
    """A client that goes away in the middle leaves nothing that is seen."""
    def body():
        yield b'--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 65_536
        raise RuntimeError("gone")

    raises(RuntimeError, lambda: http.post(
        "/v1/files", content=body(), headers={"Content-Type": "multipart/form-data; boundary=X"}))
    assert http.get("/v1/files").json()["data"] == []


def batches():
    file = upload(lines(250))
    batch = create(file, metadata={"for": "a test"})
    assert batch.id.startswith("batch_") and batch.object == "batch" and batch.input_file_id == file.id
    assert batch.endpoint == "/v1/chat/completions" and batch.completion_window == "24h"
    assert batch.metadata == {"for": "a test"} and batch.expires_at - batch.created_at == 86_400
    assert batch.status in ("validating", "in_progress"), batch
    done = ended(batch)
    assert done.status == "completed", done
    counts = done.request_counts
    assert (counts.total, counts.completed, counts.failed) == (250, 250, 0)
    assert done.created_at <= done.in_progress_at <= done.finalizing_at <= done.completed_at
    assert done.failed_at is done.expired_at is done.cancelling_at is done.cancelled_at is done.errors is None
    assert done.error_file_id is None
    # Older versions of the package do not know it, and leave it as it came.
    usage = done.to_dict()["usage"]
    assert usage["output_tokens"] > 0 and usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    output = client.files.retrieve(done.output_file_id)
    assert output.purpose == "batch_output" and output.expires_at - output.created_at == 2_592_000
    assert output.bytes == len(client.files.content(output.id).content)
    found = results(output.id)
    assert [one["custom_id"] for one in found] == [f"id-{n}" for n in range(250)]
    assert found[7]["error"] is None and found[7]["response"]["status_code"] == 200
    assert found[7]["response"]["body"]["choices"][0]["message"]["content"]
    # Of one file as many batches as wanted; its own time for the output.
    again = ended(create(file, output_expires_after={"anchor": "created_at", "seconds": 7200}))
    assert again.id != done.id and again.status == "completed"
    output = client.files.retrieve(again.output_file_id)
    assert output.expires_at - output.created_at == 7200
    raises(openai.ConflictError, lambda: client.batches.cancel(again.id))
    for endpoint, body in [("/v1/embeddings", {"input": "a"}), ("/v1/completions", {"prompt": "a"}), ("/v1/responses", {"input": "a"})]:
        line = {"custom_id": "1", "method": "POST", "url": endpoint, "body": {"model": "echo", **body}}
        done = ended(create(upload(json.dumps(line).encode()), endpoint))
        assert done.status == "completed" and done.request_counts.completed == 1, done


def failing_lines():
    content = lines(4) + lines(1, "[[mock:error invalid_request]]").replace(b"id-0", b"bad") + lines(1, "[[mock:error retryable]]").replace(b"id-0", b"broken")
    done = ended(create(upload(content)))
    assert done.status == "completed"
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (6, 4, 2)
    assert len(results(done.output_file_id)) == 4
    bad, broken = results(done.error_file_id)
    assert bad["custom_id"] == "bad" and bad["response"]["status_code"] == 400, bad
    assert bad["response"]["body"]["error"]["code"] == "invalid_request"
    assert broken["custom_id"] == "broken" and broken["response"]["status_code"] == 500, broken


def bad_batches():
    content = lines(2) + b"{\n" + lines(1).replace(b"id-0", b"id-1") + lines(1).replace(b"POST", b"GET").replace(b"id-0", b"get")
    failed = ended(create(upload(content)))
    assert failed.status == "failed" and failed.failed_at and failed.in_progress_at is None, failed
    assert failed.errors.object == "list"
    assert [(one.line, one.code) for one in failed.errors.data] == [
        (3, "invalid_json_line"), (4, "duplicate_custom_id"), (5, "invalid_method")], failed.errors
    assert all(one.message for one in failed.errors.data)
    assert failed.request_counts.total == 0 and failed.output_file_id is None
    assert [one.code for one in ended(create(upload(b"\n"))).errors.data] == ["empty_file"]
    mismatched = ended(create(upload(lines(1)), "/v1/embeddings"))
    assert [(one.code, one.line) for one in mismatched.errors.data] == [("mismatched_url", 1)]
    unknown = ended(create(upload(lines(1, model="nix"))))
    assert unknown.errors.data[0].code == "model_not_found" and "nix" in unknown.errors.data[0].message
    file = upload(lines(1))
    good = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    for change, param in [
        ({"input_file_id": "file-999999"}, "input_file_id"), ({"input_file_id": "x"}, "input_file_id"),
        ({"input_file_id": 7}, "input_file_id"), ({"input_file_id": upload(b"a", purpose="evals").id}, "input_file_id"),
        ({"endpoint": "/v1/songs"}, "endpoint"), ({"endpoint": None}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"), ({"completion_window": "0h"}, "completion_window"),
        ({"completion_window": "31d"}, "completion_window"), ({"completion_window": "99999999999d"}, "completion_window"),
        ({"completion_window": "-1h"}, "completion_window"), ({"completion_window": ""}, "completion_window"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"), ({"metadata": {"a": "b" * 513}}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"), ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after"),
    ]:
        answer = http.post("/v1/batches", json={**good, **change})
        assert answer.status_code == 400 and answer.json()["error"]["param"] == param, (change, answer.text)
    for body in [b"", b"{", b"[]", b"7", b"{}"]:
        assert http.post("/v1/batches", content=body).status_code == 400
    error = raises(openai.BadRequestError, lambda: create(client.files.retrieve(file.id), window="x"))
    assert error.param == "completion_window"
    for path in ["batch_0", "batch_x", "batch_99999999999", "file-1", "1"]:
        assert http.get(f"/v1/batches/{path}").status_code == 404
        assert http.post(f"/v1/batches/{path}/cancel").status_code == 404


def lost_input():
    """A file of which a part is gone is no shorter file."""
    file = upload(lines(5_000))
    sql(f"delete from sluice.file_piece where file_id = {file.id.split('-')[1]} and ordinal = 1")
    batch = ended(create(file))
    assert batch.status == "failed", batch
    assert [(one.code, one.line) for one in batch.errors.data] == [("file_not_found", None)], batch.errors
    assert batch.errors.data[0].message and batch.request_counts.total == 0


def cancelling():
    done = [line for line in lines(3).splitlines()]
    content = b"\n".join(done) + b"\n" + lines(40, "[[mock:latency 60000]]").replace(b"id-", b"slow-")
    batch = create(upload(content))
    eventually("three are done", lambda: client.batches.retrieve(batch.id).request_counts.completed == 3)
    assert client.batches.retrieve(batch.id).status == "in_progress"
    told = client.batches.cancel(batch.id)
    assert told.status == "cancelling" and told.cancelling_at
    over = ended(batch)
    assert over.status == "cancelled" and over.cancelled_at >= over.cancelling_at
    assert (over.request_counts.total, over.request_counts.completed, over.request_counts.failed) == (43, 3, 40)
    # What was answered stays answered.
    assert len(results(over.output_file_id)) == 3
    errors = results(over.error_file_id)
    assert len(errors) == 40 and all(one["error"]["code"] == "batch_cancelled" and one["response"] is None for one in errors)


def expiring():
    content = lines(3) + lines(40, "[[mock:latency 60000]]").replace(b"id-", b"slow-")
    batch = create(upload(content), window="3s")
    assert batch.expires_at - batch.created_at == 3
    over = ended(batch)
    assert over.status == "expired" and over.expired_at >= over.expires_at and over.cancelling_at is None, over
    assert (over.request_counts.total, over.request_counts.completed, over.request_counts.failed) == (43, 3, 40), over
    assert len(results(over.output_file_id)) == 3
    errors = results(over.error_file_id)
    assert len(errors) == 40 and all(one["error"]["code"] == "batch_expired" for one in errors), errors[0]


def loaded(batch):
    return int(sql(f"select loaded from sluice.batch where id = {batch.id.removeprefix('batch_')}"))


def guarded():
    """Lines meet their model's guard as single requests do, and hear the same."""
    sql("select sluice.set_guard('echo', p_body_bytes_max => 2000, p_prompt_characters_max => 40, p_max_tokens_max => 5,"
        " p_control_characters => 'refuse')")
    refused = {
        "long": {"messages": say("x" * 41)}, "control": {"messages": say("a\u0007")},
        "large": {"messages": say("a"), "user": "u" * 3_000},
    }
    bodies = {"first": {"messages": say("a")}, **refused, "clamped": {"messages": say("a"), "max_tokens": 500}}
    eventually("the guard is known", lambda: http.post(
        "/v1/chat/completions", json={"model": "echo", **bodies["long"]}).status_code == 400)
    content = "".join(
        json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": {"model": "echo", **body}}) + "\n"
        for name, body in bodies.items())
    done = ended(create(upload(content.encode())))
    assert done.status == "completed", done
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (5, 2, 3), done
    assert [one["custom_id"] for one in results(done.output_file_id)] == ["first", "clamped"]
    assert sql("select payload->>'max_tokens' from sluice.job where custom_id = 'clamped'") == "5"
    errors = results(done.error_file_id)
    assert [one["custom_id"] for one in errors] == list(refused)
    for one in errors:
        body = json.dumps({"model": "echo", **refused[one["custom_id"]]})
        direct = http.post("/v1/chat/completions", content=body)
        assert direct.status_code in (400, 413)
        assert one["response"]["status_code"] == direct.status_code and one["response"]["body"] == direct.json(), (one, direct.text)
    # Whoever asks for it again does not get past the guard.
    job = sql("select id from sluice.job where custom_id = 'long'")
    again = http.post(f"/api/jobs/{job}/retry")
    assert again.status_code == 409 and "refused" in again.json()["error"]["message"], again.text
    assert sql("select sum(violations) from sluice.check_invariants()") == "0"


def full_queue():
    """A batch waits for room in the queue."""
    sql("select sluice.set_queue_bound(20, 'echo')")
    batch = create(upload(lines(100, "[[mock:latency 200]]")))
    seen = []

    def over():
        seen.append(int(sql("select count(*) from sluice.ready")))
        return client.batches.retrieve(batch.id).status == "completed"

    eventually("it is done", over, 120)
    assert 0 < max(seen) <= 20, max(seen)
    done = client.batches.retrieve(batch.id)
    assert (done.request_counts.total, done.request_counts.completed) == (100, 100), done
    assert [one["custom_id"] for one in results(done.output_file_id)] == [f"id-{n}" for n in range(100)]


def turns():
    """Batches that wait for room do not keep the others from being loaded, although they have all the lanes."""
    sql("select sluice.put_model('nobody'); select sluice.set_queue_bound(1, 'nobody')")
    waiting = [create(upload(lines(3, model="nobody"))) for _ in range(2)]
    eventually("there is no room for more", lambda: sql("select sum(loaded) from sluice.batch") == "1")
    done = ended(create(upload(lines(3))))
    assert done.status == "completed" and done.request_counts.completed == 3, done
    for batch in waiting:
        client.batches.cancel(batch.id)
        assert ended(batch).request_counts.failed == 3


def limited():
    """Lines are charged to the limits of the key that ordered the batch, and leave half of them to single requests."""
    limited_key, number = make_key("limited")
    sluice("keys", "limits", number, "--requests", "20")
    headers = {"Authorization": f"Bearer {limited_key}"}
    order = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = http.post("/v1/batches", headers=headers, json={**order, "input_file_id": upload(lines(12)).id})
    batch = client.batches.retrieve(batch.json()["id"])
    eventually("half is used", lambda: loaded(batch) >= 8)
    for _ in range(5):
        answer = http.post("/v1/chat/completions", headers=headers, json={"model": "echo", "messages": say("a")})
        assert answer.status_code == 200, answer.text
    done = ended(batch)
    assert done.status == "completed" and done.request_counts.completed == 12, done
    # As fast as half of the limit fills up again: one in three seconds.
    span = sql("select extract(epoch from max(created_at) - min(created_at)) from sluice.job where custom_id is not null")
    assert float(span) > 3, span
    small_key, number = make_key("small")
    sluice("keys", "limits", number, "--tokens", "100")
    headers = {"Authorization": f"Bearer {small_key}"}
    body = {"model": "echo", "messages": say("a"), "max_tokens": 500}
    direct = http.post("/v1/chat/completions", headers=headers, json=body)
    assert direct.status_code == 429 and "retry-after" not in direct.headers, direct.text
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    file = upload(json.dumps(line).encode())
    batch = http.post("/v1/batches", headers=headers, json={**order, "input_file_id": file.id})
    [error] = results(ended(client.batches.retrieve(batch.json()["id"])).error_file_id)
    assert error["response"]["status_code"] == 429 and error["response"]["body"] == direct.json(), error


def cut():
    """Lines that were not queued before a batch was cancelled, or its window ended, are in the error file."""
    sql("select sluice.set_queue_bound(5, 'echo')")
    file = upload(lines(30, "[[mock:latency 60000]]"))

    def check(over, code):
        assert (over.request_counts.total, over.request_counts.completed, over.request_counts.failed) == (30, 0, 30), over
        errors = results(over.error_file_id)
        assert [one["custom_id"] for one in errors] == [f"id-{n}" for n in range(30)]
        assert {one["error"]["code"] for one in errors} == {code} and not any(one["response"] for one in errors)
        assert over.output_file_id is None

    batch = create(file)
    # As many run as there are slots, and five wait.
    eventually("no more are let in", lambda: loaded(batch) == 21)
    assert http.delete(f"/v1/files/{file.id}").status_code == 409
    client.batches.cancel(batch.id)
    over = ended(batch)
    assert over.status == "cancelled"
    check(over, "batch_cancelled")
    over = ended(create(file, window="3s"))
    assert over.status == "expired"
    check(over, "batch_expired")
    assert client.files.delete(file.id).deleted


def repeated():
    """The same order with the same idempotency key makes one batch."""
    file = upload(lines(1))
    order = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}

    def post(key="once", using=http, **change):
        return using.post("/v1/batches", json={**order, **change}, headers={"Idempotency-Key": key})

    first = post().json()
    assert post().json()["id"] == first["id"] and post("twice").json()["id"] != first["id"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda _: post("many").json()["id"], range(8)))
    assert len(set(many)) == 1 and len(client.batches.list(limit=100).data) == 3, many
    changed = post(completion_window="12h")
    assert changed.status_code == 409 and changed.json()["error"]["code"] == "idempotency_key_reused", changed.text
    assert post("x" * 257).status_code == 400
    for batch in client.batches.list(limit=100):
        ended(batch)
    assert client.files.delete(file.id).deleted
    assert post().json()["id"] == first["id"] and post("new").status_code == 400
    # The key is the tenant's own.
    assert post(using=other).status_code == 400


def lists():
    file = upload(lines(1))
    made = [create(file).id for _ in range(5)][::-1]
    assert [one.id for one in client.batches.list()] == made
    assert [one.id for one in client.batches.list(limit=2)] == made
    page = http.get(f"/v1/batches?limit=2&after={made[1]}").json()
    assert [one["id"] for one in page["data"]] == made[2:4] and page["has_more"]
    assert (page["first_id"], page["last_id"]) == (made[2], made[3])
    assert not http.get(f"/v1/batches?limit=1&after={made[3]}").json()["has_more"]
    for query in ["limit=0", "limit=101", "limit=x", "after=x", "order=asc"]:
        assert http.get(f"/v1/batches?{query}").status_code == 400, query


def asynchronous():
    async def run():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60) as many:
            async def one(number):
                file = await many.files.create(file=("in.jsonl", io.BytesIO(lines(20, f"Batch {number}"))), purpose="batch")
                batch = await many.batches.create(
                    input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="1h")
                while batch.status != "completed":
                    assert batch.status in ("validating", "in_progress", "finalizing"), batch
                    await asyncio.sleep(0.05)
                    batch = await many.batches.retrieve(batch.id)
                content = await many.files.content(batch.output_file_id)
                return len(content.text.splitlines())

            assert await asyncio.gather(*(one(number) for number in range(8))) == [20] * 8
            listed = [batch.id async for batch in many.batches.list(limit=3)]
            assert len(listed) == len(set(listed)) == 8
            files = [file.id async for file in many.files.list(limit=7)]
            assert len(files) == len(set(files)) == 16

    asyncio.run(run())


def tenants():
    file = upload(lines(1))
    batch = ended(create(file))
    running = create(upload(lines(1, "[[mock:latency 60000]]")))
    eventually("it runs", lambda: client.batches.retrieve(running.id).status == "in_progress")
    for method, path in [
        ("GET", f"/v1/files/{file.id}"), ("GET", f"/v1/files/{file.id}/content"), ("DELETE", f"/v1/files/{file.id}"),
        ("GET", f"/v1/files/{batch.output_file_id}"), ("GET", f"/v1/files/{batch.output_file_id}/content"),
        ("GET", f"/v1/batches/{batch.id}"), ("POST", f"/v1/batches/{running.id}/cancel"),
    ]:
        assert other.request(method, path).status_code == 404, path
        assert httpx.request(method, url + path).status_code == 401, path
    assert other.get("/v1/files").json()["data"] == other.get("/v1/batches").json()["data"] == []
    foreign = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert other.post("/v1/batches", json=foreign).status_code == 400
    for method, path in [("GET", "/v1/files"), ("POST", "/v1/files"), ("GET", "/v1/batches"), ("POST", "/v1/batches")]:
        assert httpx.request(method, url + path).status_code == 401, path
    assert client.files.retrieve(file.id) and client.batches.retrieve(running.id).status == "in_progress"
    assert client.batches.cancel(running.id).status == "cancelling"


globals()[case]()
