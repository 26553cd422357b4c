"""Serves the AgentCore container contract on the worker's socket: ``/invocations``, ``/ping``, ``/titles/invocations``.

Only the runtime host may call: every request carries the worker's secret. Errors leave as safe text; where they
happened goes to standard error.
"""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import msgspec

from doorward.http.asgi import Message, Receive, Scope, Send
from doorward.http.departure import Departure, disconnected
from doorward.runtime.wire import (
    INVOCATION_HEADER,
    INVOCATIONS,
    PING,
    SAFE_FAILURE,
    SESSION_HEADER,
    TITLES,
    TURN_HEADER,
    USER_HEADER,
    WORKER_HEADER,
)
from doorward.runtime.worker.adapter import (
    Adapter,
    BadPayload,
    Event,
    EventAdapter,
    Invocation,
    ValueAdapter,
    gives_events,
    gives_value,
    present,
    serves_itself,
)
from doorward.runtime.worker.agui import run_error
from doorward.runtime.worker.logs import log_failure
from doorward.runtime.worker.model_trouble import trouble_in
from doorward.runtime.worker.stream import EventStream

_encoder = msgspec.json.Encoder()


class Health:
    """The answer to a ping. INVARIANT: its time moves only when the status does (C1), or no session would ever idle."""

    def __init__(self) -> None:
        self._running = 0
        self._changed_at = time.time()

    def enter(self) -> None:
        """A run begins."""
        self._running += 1
        if self._running == 1:
            self._changed_at = time.time()

    def leave(self) -> None:
        """A run has ended."""
        self._running -= 1
        if self._running == 0:
            self._changed_at = time.time()

    def status(self) -> dict[str, object]:
        """The body of ``/ping``."""
        return {"status": "HealthyBusy" if self._running else "Healthy", "time_of_last_update": int(self._changed_at)}


class Shim:
    """The door of the worker: checks the secret, then hands on to the agent or to the titles."""

    def __init__(self, agent: Adapter, titles: ValueAdapter, secret: str) -> None:
        self.agent = agent
        self.titles = titles
        self._secret = secret.encode()
        self._health = Health()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and serves_itself(self.agent):
            await self.agent(scope, receive, send)
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        if not hmac.compare_digest(headers.get(WORKER_HEADER.encode(), b""), self._secret):
            await answer(send, HTTPStatus.FORBIDDEN, {"error": "forbidden"})
            return
        match scope["method"], scope["path"]:
            case "POST", path if path == TITLES:
                await self._run(self.titles, (headers, receive, send))
            case ("POST", path) | ("GET", path) if serves_itself(self.agent) and path in (INVOCATIONS, PING):
                await self.agent(scope, receive, send)
            case "POST", path if path == INVOCATIONS:
                await self._run(self.agent, (headers, receive, send))
            case "GET", path if path == PING:
                await answer(send, HTTPStatus.OK, self._health.status())
            case _:
                await answer(send, HTTPStatus.NOT_FOUND, {"error": "not found"})

    async def _run(self, adapter: Adapter, asked: tuple[dict[bytes, bytes], Receive, Send]) -> None:
        headers, receive, send = asked
        try:
            payload = msgspec.json.decode(await _body(receive))
        except msgspec.DecodeError:
            await answer(send, HTTPStatus.BAD_REQUEST, {"error": "Invalid JSON"})
            return
        call = _invocation(payload, headers)
        present.set(call)
        self._health.enter()
        run = Run(adapter, call, send)
        try:
            await run.until_gone(receive, streaming=wants_stream(headers.get(b"accept", b"")))
        finally:
            self._health.leave()


class Run:
    """One run of an adapter, cancelled when the caller hangs up."""

    def __init__(self, adapter: Adapter, call: Invocation, send: Send) -> None:
        self._adapter = adapter
        self._call = call
        self._send = send
        self._stream = EventStream(send)
        self._gone = False

    async def until_gone(self, receive: Receive, *, streaming: bool) -> None:
        """Run to the end, or until the caller has gone."""
        runner = asyncio.current_task()
        departure = Departure(lambda: disconnected(receive), lambda: self.caller_gone(runner))
        try:
            await self._guarded(streaming)
        except asyncio.CancelledError:
            self._stream.drop()
            if not self._gone:
                raise
        finally:
            departure.close()

    def caller_gone(self, task: "asyncio.Task[Any] | None") -> None:
        """Cancel the run: nobody reads its answer."""
        self._gone = True
        if task is not None:
            task.cancel()

    async def _guarded(self, streaming: bool) -> None:
        try:
            if gives_events(self._adapter):
                await self._answer_events(self._adapter, streaming)
            elif gives_value(self._adapter):
                await answer(self._send, HTTPStatus.OK, await self._adapter.value(self._call))
        except BadPayload as error:
            await answer(self._send, HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except Exception as error:  # noqa: BLE001  # process edge: foreign code runs here
            log_failure(error)
            await self._answer_failure(error)

    async def _answer_events(self, adapter: EventAdapter, streaming: bool) -> None:
        events = adapter.events(self._call)
        try:
            if not streaming:
                await answer(self._send, HTTPStatus.OK, await collected(events))
                return
            async for event in events:
                await self._stream.emit(event)
        finally:
            await events.aclose()
        if not self._stream.started:
            self._stream.put({"type": "CUSTOM", "name": "empty", "value": None})
        await self._stream.close()

    async def _answer_failure(self, error: Exception) -> None:
        trouble = trouble_in(error)
        code = trouble.code if trouble is not None else "agent_failed"
        if self._stream.started:
            await self._stream.close(run_error(code))
        else:
            body = {"error": SAFE_FAILURE, "error_type": type(error).__name__, "code": code}
            await answer(self._send, HTTPStatus.INTERNAL_SERVER_ERROR, body)


async def collected(events: AsyncIterator[object]) -> dict[str, object]:
    """The text of a run for a caller that takes no stream. Raises `RuntimeError` when the run reported an error."""
    text: list[str] = []
    usage: Event | None = None
    async for event in events:
        match event:
            case {"type": "TEXT_MESSAGE_CONTENT", "delta": str(delta)}:
                text.append(delta)
            case {"type": "CUSTOM", "name": "usage", "value": dict(value)}:
                usage = value if usage is None else added(usage, value)
            case {"type": "RUN_ERROR"}:
                raise RuntimeError("the run reported an error")
    answered: dict[str, object] = {"response": "".join(text)}
    if usage:
        answered["usage"] = usage
    return answered


def added(first: Event, second: Event) -> Event:
    """Two reports of usage as one. `TypeError` for what is no number is the agent's own failure."""
    model = second.get("model") or first.get("model") or ""
    counts = {name: first.get(name, 0) + second.get(name, 0) for name in ("inputTokens", "outputTokens")}
    return {"model": model, **counts}


def wants_stream(accept: bytes) -> bool:
    """Whether the caller takes server-sent events; one that does not say takes anything."""
    return not accept or b"text/event-stream" in accept or b"*/*" in accept


async def answer(send: Send, status: HTTPStatus, body: object) -> None:
    """One JSON answer."""
    data = _encoder.encode(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": data})


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message: Message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def _invocation(payload: object, headers: dict[bytes, bytes]) -> Invocation:
    def text(name: str) -> str:
        return headers.get(name.encode(), b"").decode("latin-1")

    return Invocation(
        payload=payload,
        session_id=text(SESSION_HEADER),
        handle=text(INVOCATION_HEADER),
        user=text(USER_HEADER),
        turn_id=text(TURN_HEADER),
    )
