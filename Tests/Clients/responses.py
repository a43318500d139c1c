"""Responses in the background, and the package's retries. See harness.py for the arguments."""

import asyncio

import httpx
import openai

from harness import case, client, eventually, http, key, other, raises, say, url

SLOW = "[[mock:latency 60000]]"


def begin(text="Hello", **more):
    return client.responses.create(model="echo", input=text, background=True, **more)


def ended(response):
    found = []

    def check():
        found[:] = [client.responses.retrieve(response.id)]
        return found[0].status not in ("queued", "in_progress")

    eventually("it has ended", check)
    return found[0]


def background():
    response = begin()
    assert response.id.startswith("resp_") and response.object == "response" and response.model == "echo"
    assert response.status in ("queued", "in_progress", "completed") and response.background
    done = ended(response)
    assert done.status == "completed" and done.id == response.id and done.background and done.error is None
    assert done.output_text == client.responses.create(model="echo", input="Hello").output_text
    slow = begin(SLOW)
    assert slow.status in ("queued", "in_progress") and slow.output == []
    eventually("it runs", lambda: client.responses.retrieve(slow.id).status == "in_progress")
    client.responses.cancel(slow.id)

    async def several():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60) as many:
            made = await asyncio.gather(*(many.responses.create(model="echo", input=f"{n}", background=True) for n in range(16)))
            assert len({one.id for one in made}) == 16
            for one in made:
                while one.status != "completed":
                    one = await many.responses.retrieve(one.id)
                    await asyncio.sleep(0.01)

    asyncio.run(several())


def failures():
    failed = ended(begin("[[mock:error invalid_request]]"))
    assert failed.status == "failed" and failed.error.code == "server_error" and failed.error.message, failed
    hot = ended(begin("[[mock:error rate_limited]]"))
    assert hot.status == "failed" and hot.error.code == "rate_limit_exceeded", hot
    error = raises(openai.BadRequestError, lambda: begin(store=False))
    assert error.param == "store"
    assert raises(openai.BadRequestError, lambda: begin(extra_body={"background": 1})).param == "background"
    raises(openai.NotFoundError, lambda: client.responses.create(model="nix", input="a", background=True))
    for path in ["resp_0", "resp_x", "resp_999999", "resp_99999999999999999999", "1"]:
        assert http.get(f"/v1/responses/{path}").status_code == 404, path
        assert http.post(f"/v1/responses/{path}/cancel").status_code == 404, path
        assert http.delete(f"/v1/responses/{path}").status_code == 404, path
    # A chat is no response.
    job = http.post("/api/jobs", json={"model": "echo", "body": {"messages": say("Hello")}}).json()["id"]
    assert http.get(f"/v1/responses/resp_{job}").status_code == 404


def cancelling():
    response = begin(SLOW)
    assert client.responses.cancel(response.id).status in ("cancelled", "in_progress")
    assert ended(response).status == "cancelled"
    # Again, and of one that has ended, it says how that was.
    assert client.responses.cancel(response.id).status == "cancelled"
    done = ended(begin())
    assert client.responses.cancel(done.id).status == "completed"
    assert raises(openai.BadRequestError, lambda: client.responses.cancel(client.responses.create(model="echo", input="a").id))


def resuming():
    seen = list(begin("Go on", stream=True))
    assert seen[-1].type == "response.completed" and len(seen) > 5
    identifier = seen[-1].response.id
    whole = client.responses.retrieve(identifier)
    text = "".join(event.delta for event in seen if event.type == "response.output_text.delta")
    assert whole.output_text == text and whole.status == "completed"
    numbers = [event.sequence_number for event in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for place in range(len(numbers) - 1):
        rest = list(client.responses.retrieve(identifier, stream=True, starting_after=numbers[place]))
        assert [event.sequence_number for event in rest] == numbers[place + 1:], place
        assert rest[-1].response.output_text == text
    assert [event.sequence_number for event in client.responses.retrieve(identifier, stream=True)] == numbers
    # Whoever leaves a stream in the background leaves the job alone, and finds it again.
    stream = begin("[[mock:latency 1500]] Later", stream=True)
    job = http.get("/api/jobs?limit=1").json()["data"][0]
    stream.close()
    rest = list(client.responses.retrieve(f"resp_{job['id']}", stream=True))
    assert rest[-1].type == "response.completed"
    # Made without a stream it has the whole for an event.
    plain = list(client.responses.retrieve(begin().id, stream=True))
    assert [event.type for event in plain] == ["response.completed"] and plain[0].response.output_text
    failed = list(client.responses.retrieve(begin("[[mock:error invalid_request]]").id, stream=True))
    assert [event.type for event in failed] == ["response.failed"] and failed[0].response.status == "failed"
    for number in ["x", "-1", "9" * 18]:
        answer = http.get(f"/v1/responses/{identifier}?stream=true&starting_after={number}")
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "starting_after", number


def deleting():
    done = ended(begin())
    client.responses.delete(done.id)
    raises(openai.NotFoundError, lambda: client.responses.retrieve(done.id))
    raises(openai.NotFoundError, lambda: client.responses.delete(done.id))
    assert http.get(f"/api/jobs/{done.id[5:]}").status_code == 404
    slow = begin(SLOW)
    raises(openai.ConflictError, lambda: client.responses.delete(slow.id))
    client.responses.cancel(slow.id)
    assert ended(slow).status == "cancelled"
    client.responses.delete(slow.id)


def synchronous():
    """What was waited for can be looked at afterwards, under the id that was told."""
    answer = client.responses.create(model="echo", input="Hello")
    assert answer.id.startswith("resp_")
    again = client.responses.retrieve(answer.id)
    assert again.output_text == answer.output_text and not again.background
    seen = list(client.responses.create(model="echo", input="Hello", stream=True))
    assert seen[-1].type == "response.completed" and seen[-1].response.output_text == answer.output_text
    assert client.responses.retrieve(seen[-1].response.id).output_text == answer.output_text


def tenants():
    done, slow = ended(begin()), begin(SLOW)
    for method, path in [
        ("GET", f"/v1/responses/{done.id}"), ("GET", f"/v1/responses/{done.id}?stream=true"),
        ("POST", f"/v1/responses/{slow.id}/cancel"), ("DELETE", f"/v1/responses/{done.id}"),
    ]:
        assert other.request(method, path).status_code == 404, path
        assert httpx.request(method, url + path).status_code == 401, path
    assert client.responses.retrieve(done.id).status == "completed"
    assert client.responses.retrieve(slow.id).status in ("queued", "in_progress")
    client.responses.cancel(slow.id)


def retries():
    """429 and 503 say when to come again, and the package does."""
    for word, kind in [("rate_limited", openai.RateLimitError), ("overloaded", openai.InternalServerError)]:
        answers = []
        hooks = {"response": [lambda response: answers.append((response.status_code, response.headers.get("retry-after")))]}
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=2, timeout=60,
                           http_client=httpx.Client(event_hooks=hooks)) as retrying:
            raises(kind, lambda: retrying.chat.completions.create(model="echo", messages=say(f"[[mock:error {word}]]")))
        status = 429 if word == "rate_limited" else 503
        assert answers == [(status, "1")] * 3, answers


globals()[case]()
