"""What clients that mean harm, and machines that fail, do to a gateway.

See harness.py for the arguments. Here MORE is a seed, or a folder.
"""

import concurrent.futures
import json
import os
import random
import re
import socket
import threading
import time

import httpx

from harness import case, eventually, gateway, key, more, raises, say, send, sql, url

HEAD = f"Host: sluice\r\nAuthorization: Bearer {key}\r\n"
BODY = json.dumps({"model": "echo", "messages": say("Hello")})


def statuses(answer):
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d\d\d)", answer or b"")]


def lives(address):
    assert httpx.get(f"{address}/health/live", timeout=20).json() == {"status": "ok"}


def request(line="POST /v1/chat/completions HTTP/1.1", headers="", body=BODY, length=True):
    if length:
        headers += f"Content-Length: {len(body)}\r\n"
    return f"{line}\r\n{HEAD}Connection: close\r\n{headers}\r\n{body}".encode("latin-1")


def chunked(*pieces, headers="Transfer-Encoding: chunked\r\n"):
    return request(headers=headers, body="".join(pieces), length=False)


def malformed():
    """Every one is refused or closed; the gateway lives, and none of them is a job."""
    size = f"{len(BODY):x}\r\n{BODY}\r\n"
    smuggled = "POST /api/jobs HTTP/1.1\r\nHost: x\r\n\r\n"
    refused = {
        "both lengths": chunked("0\r\n\r\n", smuggled, headers="Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
        "both, the other way": chunked("0\r\n\r\n", headers="Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        "two lengths": request(headers="Content-Length: 5\r\n"),
        "a length with a plus": request(headers=f"Content-Length: +{len(BODY)}\r\n", length=False),
        "a negative length": request(headers="Content-Length: -1\r\n", length=False),
        "a length in hexadecimal": request(headers="Content-Length: 0x10\r\n", length=False),
        "a length without end": request(headers="Content-Length: 99999999999999999999999999\r\n", length=False),
        "a list of lengths": request(headers=f"Content-Length: {len(BODY)}, 5\r\n", length=False),
        "an unknown coding": chunked(size, "0\r\n\r\n", headers="Transfer-Encoding: xchunked\r\n"),
        "chunked not last": chunked(size, "0\r\n\r\n", headers="Transfer-Encoding: chunked, identity\r\n"),
        "a blank before the colon": request(headers="X-A : b\r\n"),
        "a folded header": request(headers="X-A: b\r\n c\r\n"),
        "a bare line feed": request().replace(b"\r\n", b"\n", 1).replace(b"Host", b"Ho\x00st"),
        "NUL in a header": request(headers="X-A: b\x00c\r\n"),
        "a control character in a name": request(headers="X\x01A: b\r\n"),
        "no name": request(headers=": b\r\n"),
        "a chunk that is no number": chunked("zz\r\n", "0\r\n\r\n"),
        "a negative chunk": chunked("-5\r\nhello\r\n", "0\r\n\r\n"),
        "a chunk without end": chunked("fffffffffffffffffff\r\nhello\r\n", "0\r\n\r\n"),
        "a chunk that is longer": chunked("5\r\nhello world\r\n", "0\r\n\r\n"),
        "another version": request("POST /v1/chat/completions HTTP/9.9"),
        "no version": request("POST /v1/chat/completions"),
        "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "noise": bytes(range(256)) * 4,
        "a long line": request("POST /" + "a" * 200_000 + " HTTP/1.1"),
        "a long header": request(headers=f"X-A: {'a' * 100_000}\r\n"),
        "many headers": request(headers="".join(f"X-{n}: b\r\n" for n in range(1_000))),
        "headers without end": f"GET / HTTP/1.1\r\n{HEAD}".encode() + b"X-A: b\r\n" * 200_000,
        "half a body": request(headers=f"Content-Length: {len(BODY) + 50}\r\n", length=False),
        "bad UTF-8": request(body=BODY.replace("Hello", "\xff\xfe\x80")),
        "overlong UTF-8": request(body=BODY.replace("Hello", "\xc0\xaf")),
        "half a surrogate": request(body=BODY.replace("Hello", "\\ud800")),
        "a bad path": request("POST /v1/%ff%00/%zz HTTP/1.1"),
        "dots in the path": request("GET /v1/../../etc/passwd HTTP/1.1", body=""),
        "a method of its own": request("BREW /v1/chat/completions HTTP/1.1"),
        "a connect": request("CONNECT evil:443 HTTP/1.1", body=""),
        "bad multipart": request(headers="Content-Type: multipart/form-data; boundary=x\r\n", body="--y\r\n\r\n--"),
    }
    before = sql("select count(*) from sluice.job")
    with gateway("--idle-timeout", "3s", "--body-grace", "1s") as target:
        for name, data in refused.items():
            answer = send(target.address, data, shut=name in ("half a body", "headers without end"))
            codes = statuses(answer)
            assert answer is not None, f"{name}: left open"
            assert all(400 <= code < 500 for code in codes), (name, codes, answer[:300])
            lives(target.url)
        assert sql("select count(*) from sluice.job") == before
        # What only looks odd works.
        for name, data in {
            "in pieces": chunked(f"{len(BODY):X};name=value\r\n{BODY}\r\n", "0\r\nX-Trailer: a\r\n\r\n"),
            "a byte a chunk": chunked(*(f"1\r\n{letter}\r\n" for letter in BODY), "0\r\n\r\n"),
            "an old version": request("POST /v1/chat/completions HTTP/1.0"),
            "empty lines first": b"\r\n\r\n" + request(),
        }.items():
            assert statuses(send(target.address, data)) == [200], name


def fuzzed():
    """Requests with random bytes changed, cut or doubled: 4xx, 2xx or closed; never 5xx, never the end of the gateway."""
    generator = random.Random(int(more[0]))
    seeds = [
        request(), chunked(f"{len(BODY):x}\r\n{BODY}\r\n", "0\r\n\r\n"), request("GET /api/jobs?limit=5 HTTP/1.1", body=""),
        request("POST /api/jobs HTTP/1.1", body=json.dumps({"model": "echo", "body": {"messages": say("a")}})),
    ]
    with gateway("--idle-timeout", "2s", "--body-grace", "1s") as target:
        def one(data):
            codes = statuses(send(target.address, data, shut=True))
            assert all(code < 500 for code in codes), (codes, data)
            return codes

        cases = []
        for _ in range(400):
            data = bytearray(generator.choice(seeds))
            for _ in range(generator.randint(1, 4)):
                place = generator.randrange(len(data))
                kind = generator.randrange(4)
                if kind == 0:
                    data[place] = generator.randrange(256)
                elif kind == 1:
                    del data[place:place + generator.randint(1, 9)]
                elif kind == 2:
                    data[place:place] = data[place:place + generator.randint(1, 40)]
                else:
                    data[place:place] = generator.choice([b"\r\n", b"\n", b"\x00", b": ", b"0\r\n\r\n", b"\xff", b"Transfer-Encoding: chunked\r\n"])
                if not data:
                    data = bytearray(b"x")
            cases.append(bytes(data))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            codes = [code for found in pool.map(one, cases) for code in found]
        assert codes and set(codes) - {200, 202}, codes
        lives(target.url)


def slow():
    """Who sends slowly, or nothing, is closed; who waits for an answer is not."""
    with gateway("--idle-timeout", "2s", "--body-grace", "1s") as target:
        head = f"POST /v1/chat/completions HTTP/1.1\r\n{HEAD}Content-Length: 100000\r\n\r\n".encode()

        def drip(first, piece):
            with socket.create_connection(target.address, timeout=30) as connection:
                connection.sendall(first)
                connection.settimeout(0.2)
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    try:
                        connection.sendall(piece)
                        if not connection.recv(1000):
                            return
                    except TimeoutError:
                        continue
                    except OSError:
                        return
                raise AssertionError(f"{first[:20]}: still open")

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            drips = [pool.submit(drip, head, b" "), pool.submit(drip, b"GET / HT", b"T"), pool.submit(drip, b"", b"")]
            waits = pool.submit(lambda: httpx.post(
                f"{target.url}/v1/chat/completions", headers={"Authorization": f"Bearer {key}"}, timeout=60,
                json={"model": "echo", "messages": say("[[mock:latency 6000]]")}))
            assert waits.result().status_code == 200
            for one in drips:
                one.result()
        lives(target.url)


def killed():
    """A gateway is killed in the middle of a call: the client asks another one, and gets the one result."""
    with gateway() as first, gateway() as second:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "once-and-for-all"}
        body = {"model": "echo", "messages": say("[[mock:latency 2500]] killed")}

        def call(address):
            return httpx.post(f"{address}/v1/chat/completions", json=body, headers=headers, timeout=60)

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            lost = pool.submit(call, first.url)
            eventually("it runs", lambda: sql("select count(*) from sluice.running") == "1")
            first.kill()
            raises(httpx.TransportError, lost.result)
        answer = call(second.url)
        assert answer.status_code == 200 and answer.json()["choices"], answer.text
        again = call(second.url)
        assert again.json() == answer.json() and again.headers["x-sluice-job-id"] == answer.headers["x-sluice-job-id"]
        job = answer.headers["x-sluice-job-id"]
        assert sql("select count(*) from sluice.job") == "1"
        assert sql(f"select count(*) from sluice.attempt where id = {job}") == "1"


def ending():
    """A gateway that is told to end finishes what is under way, and takes nothing new."""
    with gateway() as target, concurrent.futures.ThreadPoolExecutor(2) as pool:
        def call(**more):
            return httpx.post(
                f"{target.url}/v1/chat/completions", headers={"Authorization": f"Bearer {key}"}, timeout=60,
                json={"model": "echo", "messages": say("[[mock:latency 2000]]"), **more})

        calls = [pool.submit(call), pool.submit(call, stream=True)]
        eventually("they run", lambda: sql("select count(*) from sluice.running") == "2")
        target.process.terminate()
        eventually("nothing new", lambda: raises_or_not(lambda: httpx.get(f"{target.url}/health/live", timeout=5)))
        for one in calls:
            assert one.result().status_code == 200 and "choices" in one.result().text
        assert target.process.wait(30) == 0


def raises_or_not(call):
    try:
        call()
        return False
    except httpx.TransportError:
        return True


def database():
    """The database stops and comes back under load: 503 with Retry-After meanwhile, and nothing acknowledged is lost."""
    folder = more[0]
    acknowledged, codes, problems, lock = [], [], [], threading.Lock()
    over = threading.Event()

    def submit(number):
        with httpx.Client(timeout=120, headers={"Authorization": f"Bearer {key}"}) as mine:
            while not over.is_set():
                call = number % 2 == 0
                try:
                    if call:
                        answer = mine.post(f"{url}/v1/chat/completions", json=json.loads(BODY))
                    else:
                        answer = mine.post(f"{url}/api/jobs", json={"model": "echo", "body": {"messages": say("a")}})
                except httpx.HTTPError as error:
                    problems.append(repr(error))
                    continue
                with lock:
                    codes.append(answer.status_code)
                    if answer.status_code == 202:
                        acknowledged.append(answer.json()["id"])
                    elif answer.status_code == 503 and "retry-after" not in answer.headers:
                        problems.append("503 without Retry-After")
                    elif answer.status_code not in (200, 503):
                        problems.append(answer.text)
                if answer.status_code == 503:
                    time.sleep(0.05)

    def said(name):
        return os.path.exists(os.path.join(folder, name))

    def tell(name):
        open(os.path.join(folder, name), "w").close()

    threads = [threading.Thread(target=submit, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        eventually("there is load", lambda: len(acknowledged) > 50)
        tell("stop")
        eventually("it stopped", lambda: said("stopped"), 60)
        eventually("clients are told", lambda: codes[-20:].count(503) > 10, 60)
        # Nobody waits any more: eight clients that waited for seconds each would hear this in minutes.
        told = codes.count(503)
        eventually("clients are told at once", lambda: codes.count(503) > told + 400, 60)
        assert httpx.post(f"{url}/v1/batches", headers={"Authorization": f"Bearer {key}"}, json={}, timeout=20).status_code in (400, 503)
        assert httpx.get(f"{url}/health/live", timeout=20).status_code == 200
        assert httpx.get(f"{url}/health/ready", timeout=60).status_code == 503
        tell("start")
        eventually("it is back", lambda: said("started"), 60)
        before = len(acknowledged)
        eventually("jobs are taken again", lambda: len(acknowledged) > before + 50, 60)
        eventually("calls are answered again", lambda: 200 in codes[-20:], 60)
    finally:
        over.set()
        tell("start")
    for thread in threads:
        thread.join(150)
    assert not problems, problems[:3]
    with httpx.Client(base_url=url, timeout=60, headers={"Authorization": f"Bearer {key}"}) as mine:
        for job in acknowledged:
            done = mine.get(f"/api/jobs/{job}?wait=60").json()
            assert done.get("state") == "succeeded", done


globals()[case]()
