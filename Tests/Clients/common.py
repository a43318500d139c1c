"""What the scripts beside this one have in common.

usage of each: SCRIPT CASE URL KEY OTHER_KEY
OTHER_KEY belongs to another tenant. The model `echo` is the mock backend with markers.
"""

import json
import sys
import time

import httpx
import openai

case, url, key, other_key = sys.argv[1:5]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)
http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
other = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {other_key}"}, timeout=60)


def say(text):
    return [{"role": "user", "content": text}]


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def eventually(what, check):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def events(response):
    """The server-sent events of a response, as (event, id, data)."""
    name, identifier = None, None
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("id: "):
            identifier = line[4:]
        elif line.startswith("data: "):
            yield name, identifier, json.loads(line[6:])
