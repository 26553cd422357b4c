"""``python -m bench.stub FD [URL]``: the floor. The agent behind bare uvicorn, or a bare uvicorn hop to a URL.

Its first argument is the number of the listening socket that it inherits. Nothing is checked, stored or signed.
"""

import asyncio
import json
import socket
import sys

import aiohttp
import uvicorn

from bench import agents
from doorward.http.asgi import App, Receive, Scope, Send

_JSON = [(b"content-type", b"application/json")]
_SSE = [(b"content-type", b"text/event-stream")]


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """The agent itself: a stream for who accepts one and asks for a number of pieces, else one JSON answer."""
    body = await _body(receive)
    if scope["method"] == "GET":
        await _whole(send, b'{"status":"Healthy"}')
        return
    asked = json.loads(body)
    message = asked.get("message") or asked.get("prompt")
    if (b"accept", b"text/event-stream") in scope["headers"]:
        await send({"type": "http.response.start", "status": 200, "headers": _SSE})
        async for piece in agents.stream(message):
            event = b"data: %b\n\n" % json.dumps({"type": "TEXT_MESSAGE_CONTENT", "delta": piece}).encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    await _whole(send, json.dumps(await agents.main(message)).encode())


def hop(url: str) -> App:
    """A bare hop: takes a request, sends its body on with aiohttp, gives the answer back."""
    sessions: list[aiohttp.ClientSession] = []

    async def forward(_scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        async with sessions[0].post(url, data=body, headers={"content-type": "application/json"}) as response:
            await _whole(send, await response.read())

    return forward


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _whole(send: Send, body: bytes) -> None:
    headers = [*_JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until SIGTERM."""
    app = hop(sys.argv[2]) if len(sys.argv) > 2 else answer
    config = uvicorn.Config(app, http="httptools", loop="uvloop", lifespan="off", log_level="error", access_log=False)
    server = uvicorn.Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[socket.socket(fileno=int(sys.argv[1]))]))


if __name__ == "__main__":
    main()
