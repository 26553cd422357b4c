"""An OpenAI-compatible server of our own for tests: streams, calls tools, counts tokens, keeps what it was sent, and
fails as providers do."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn


class OpenAIServer:
    """Answers ``POST /v1/chat/completions``. Asked about the time it calls the first tool that it was given, always
    again when asked to loop.

    `faults` are taken one for each request, and `ill` is the fault of all others: a status (``429``, ``500``; with
    ``429/7`` it asks to wait 7 seconds), ``hang``, ``half`` (some words, then silence), ``cut`` (some words, then the
    connection closes), ``html``, ``garbage``, ``endless``. Empty is well.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.ill = ""
        self.at: list[float] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.url = ""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        request = json.loads(body)
        self.requests.append(request)
        self.at.append(time.monotonic())
        self.keys.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        fault = self.faults.pop(0) if self.faults else self.ill
        if scope["path"] != "/v1/chat/completions":
            await answer(send, 404, {"error": {"message": "not here"}})
        elif fault:
            await fail(fault, receive, send)
        elif "please fail" in str(request["messages"][-1]["content"]):
            await answer(send, 400, {"error": {"message": "canary " + str(request["messages"])}})
        elif request.get("stream"):
            await self._stream(request, send)
        else:
            message = {"role": "assistant", "content": '"A named conversation".'}
            await answer(send, 200, {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    async def _stream(self, request: dict[str, Any], send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for delta, reason in deltas(request):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            await event(send, {**HEAD, "object": "chat.completion.chunk", "choices": [choice]})
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        await event(send, {**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def fail(fault: str, receive: Any, send: Any) -> None:
    """What a provider does that is not well."""
    status, _, wait = fault.partition("/")
    if status.isdigit():
        extra = [(b"retry-after", wait.encode())] if wait else []
        await answer(send, int(status), {"error": {"message": "canary of the provider"}}, extra)
        return
    if fault == "hang":
        await gone(receive)
        return
    kind = b"text/html" if fault == "html" else b"text/event-stream"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    if fault in NONSENSE:
        await send({"type": "http.response.body", "body": NONSENSE[fault]})
        return
    if fault == "endless":
        leaving = asyncio.create_task(gone(receive))
        while not leaving.done():
            await word(send, "more and " * 500)
            await asyncio.sleep(0)
        return
    await word(send, "half ")
    await word(send, "an ")
    if fault == "cut":
        raise ConnectionResetError("the provider closes the connection")
    await gone(receive)


NONSENSE = {
    "html": b"<html>canary: the gateway is down</html>",
    "garbage": b"data: {canary\xff\n\ndata: [1, 2\n\n",
}


async def gone(receive: Any) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def word(send: Any, text: str) -> None:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    await event(send, {**HEAD, "object": "chat.completion.chunk", "choices": [choice]})


HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "local-model"}


def deltas(request: dict[str, Any]) -> list[tuple[dict[str, Any], str | None]]:
    """The pieces of the answer."""
    last = request["messages"][-1]
    asked = str(request["messages"][1 if request["messages"][0]["role"] == "system" else 0]["content"])
    again = "loop" in asked or (last["role"] == "user" and "time" in last["content"])
    if again and request.get("tools"):
        names = [tool["function"]["name"] for tool in request["tools"]]
        name = next((one for one in names if one in asked), names[0])
        start = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = ['{"timezone"', ': "UTC"}']
        parts = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
        return [({"role": "assistant", "tool_calls": [part]}, None) for part in (start, *parts)] + [({}, "tool_calls")]
    words = f"The server heard: {last['content']}".split(" ")
    return [({"content": f"{word} "}, None) for word in words] + [({}, "stop")]


async def event(send: Any, value: dict[str, Any]) -> None:
    body = b"data: %b\n\n" % json.dumps(value).encode()
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def answer(send: Any, status: int, value: dict[str, Any], extra: list[tuple[bytes, bytes]] | None = None) -> None:
    headers = [(b"content-type", b"application/json"), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})


@contextmanager
def openai_server_in_a_thread() -> Iterator[OpenAIServer]:
    """The same, for tests that have no loop of their own."""
    ready: Future[OpenAIServer] = Future()
    over = threading.Event()

    async def serve() -> None:
        async with openai_server() as app:
            ready.set_result(app)
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield ready.result(timeout=30)
    finally:
        over.set()
        thread.join(timeout=30)


@asynccontextmanager
async def openai_server() -> AsyncIterator[OpenAIServer]:
    """The server on a free port of loopback."""
    app = OpenAIServer()
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, loop="none"))  # type: ignore[arg-type]
    task = asyncio.create_task(server._serve())
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
    app.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    try:
        yield app
    finally:
        server.should_exit = True
        await task
