"""An OpenAI-compatible server of our own for tests: streams, calls tools, counts tokens, and keeps what it was sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


class OpenAIServer:
    """Answers ``POST /v1/chat/completions``. Asked about the time it calls the first tool that it was given."""

    def __init__(self) -> None:
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
        self.keys.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        if scope["path"] != "/v1/chat/completions":
            await answer(send, 404, {"error": {"message": "not here"}})
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


HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "local-model"}


def deltas(request: dict[str, Any]) -> list[tuple[dict[str, Any], str | None]]:
    """The pieces of the answer."""
    last = request["messages"][-1]
    if last["role"] == "user" and "time" in last["content"] and request.get("tools"):
        name = request["tools"][0]["function"]["name"]
        start = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = ['{"timezone"', ': "UTC"}']
        parts = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
        return [({"role": "assistant", "tool_calls": [part]}, None) for part in (start, *parts)] + [({}, "tool_calls")]
    words = f"The server heard: {last['content']}".split(" ")
    return [({"content": f"{word} "}, None) for word in words] + [({}, "stop")]


async def event(send: Any, value: dict[str, Any]) -> None:
    body = b"data: %b\n\n" % json.dumps(value).encode()
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def answer(send: Any, status: int, value: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})


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
