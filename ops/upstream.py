"""A server that speaks enough of the OpenAI API for the checker to try the OpenAI backend with: soundly, and at once.

usage: python3 ops/upstream.py [PORT]    prints its base URL, and serves until it is killed
"""

import asyncio
import sys

USAGE = b'"usage":{"prompt_tokens":1,"completion_tokens":1}'
DONE = b"data: [DONE]\n\n"
STREAMS = {
    b"/v1/chat/completions": b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n' + DONE,
    b"/v1/completions": b'data: {"choices":[{"index":0,"text":"x","finish_reason":"stop"}]}\n\n' + DONE,
    b"/v1/responses": b'data: {"type":"response.completed","response":{"id":"r",' + USAGE + b"}}\n\n",
}


def answer(path: bytes, body: bytes) -> bytes:
    kind, text = b"application/json", b'{"id":"x",' + USAGE + b"}"
    if b'"stream":true' in body and path in STREAMS:
        kind, text = b"text/event-stream", STREAMS[path]
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (kind, len(text), text)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in lines if line)
            body = await reader.readexactly(int(headers.get(b"content-length", 0)))
            writer.write(answer(first.split(b" ")[1], body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


asyncio.run(main())
