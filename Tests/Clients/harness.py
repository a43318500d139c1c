"""What the scripts beside this one share: clients, the command line, SQL, gateways of their own, raw connections.

usage of each: SCRIPT CASE URL KEY OTHER_KEY SLUICE DATABASE_URL [MORE]
URL is a gateway; OTHER_KEY belongs to another tenant than KEY; SLUICE is the program. The model `echo` is the mock backend
with markers.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import openai

case, url, key, other_key, program, database = sys.argv[1:7]
more = sys.argv[7:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)
http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
other = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {other_key}"}, timeout=60)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def say(text):
    return [{"role": "user", "content": text}]


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def eventually(what, check, within=20):
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = check()
        if found:
            return found
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


def sluice(*arguments):
    ended = subprocess.run([program, *arguments, "--database-url", database], capture_output=True, text=True)
    assert ended.returncode == 0, (arguments, ended.stderr)
    return ended.stdout.strip()


def sql(text):
    return subprocess.run(["psql", database, "-XAtqc", text], check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def holding(statement):
    """A transaction that has run `statement` and stays open meanwhile."""
    process = subprocess.Popen(
        ["psql", database, "-XAtq", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=die_with_parent)
    try:
        process.stdin.write(f"begin; {statement}; select 'held';\n")
        process.stdin.flush()
        assert process.stdout.readline() == "held\n", statement
        yield
    finally:
        process.stdin.close()
        process.wait(20)


def make_key(name, *arguments):
    """A key and its number."""
    made = json.loads(sluice("keys", "create", name, "--json", *arguments))
    return made["key"], str(made["id"])


class Gateway:
    def __init__(self, process, address):
        self.process = process
        self.url = address
        host, port = address.split("//")[1].rsplit(":", 1)
        self.address = (host, int(port))

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def gateway(*options, log=None):
    """A gateway of one's own, with a log of JSON lines in the file `log`."""
    environment = dict(os.environ, SLUICE_LOG_FORMAT="json")
    with open(log or os.devnull, "wb") as errors:
        process = subprocess.Popen(
            [program, "gateway", "--json", "--port", "0", "--database-url", database, *options],
            stdout=subprocess.PIPE, stderr=errors, env=environment, preexec_fn=die_with_parent)
        try:
            yield Gateway(process, json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()


def send(address, data, timeout=20, shut=False):
    """Everything that comes back on a connection of its own until it is closed; None when it stays open in silence."""
    with socket.create_connection(address, timeout=timeout) as connection:
        answer = b""
        try:
            connection.sendall(data)
            if shut:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            return None
        return answer
