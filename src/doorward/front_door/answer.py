"""Puts an answer on the wire: the headers that every answer carries, whole bodies, and streams that end well."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from doorward.errors import DoorwardError
from doorward.front_door.origins import Origins
from doorward.front_door.rate_headers import limit_headers
from doorward.front_door.visit import Visit
from doorward.front_door.where import where
from doorward.http.asgi import Send
from doorward.http.response import Headers, Response, problem, problem_of
from doorward.model.chunks import close_chunks
from doorward.telemetry.metrics import OPEN_STREAMS

_log = structlog.get_logger()
_CLOSING = b"event: server_closing\ndata: {}\n\n"
_FIXED: Headers = [
    (b"x-content-type-options", b"nosniff"),
    # not "no-referrer": with it, browsers send `Origin: null` with our own forms
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000")


class Answers:
    """Sends answers, and knows the event streams that are open, so that a shutdown can tell their readers."""

    def __init__(self, origins: Origins, public_url: str) -> None:
        self._origins = origins
        self._fixed = [*_FIXED, _HSTS] if public_url.startswith("https://") else _FIXED
        self._open: set[asyncio.Timeout] = set()
        self._closing = False

    def begin_shutdown(self) -> None:
        """Every open event stream gets ``server_closing`` as its last event; new ones get it as their only one."""
        self._closing = True
        for stream in self._open:
            stream.reschedule(0)

    async def send(self, visit: Visit, response: Response, send: Send) -> None:
        """Send it all. Returns early when the client has gone; `response.chunks` is closed in any case."""
        start = {"type": "http.response.start", "status": response.status, "headers": self._headers(visit, response)}
        try:
            await send(start)
            if response.chunks is None:
                body = b"" if visit.method == "HEAD" else response.body
                await send({"type": "http.response.body", "body": body})
            elif visit.method == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            else:
                await self._stream(visit, response, response.chunks, send)
        finally:
            await close_chunks(response.chunks)

    def _headers(self, visit: Visit, response: Response) -> Headers:
        headers = response.headers + visit.response_headers
        given = {name for name, _ in headers}
        headers += [field for field in self._fixed if field[0] not in given]
        headers += self._origins.headers(visit.origin, visit.headers.get("host", ""), visit.route)
        headers.append((b"x-request-id", visit.id.encode()))
        if b"ratelimit" not in given:
            for name, state in visit.limits:
                headers += [(key.encode(), value.encode()) for key, value in limit_headers(name, state).items()]
        if response.chunks is None and response.status not in (204, 304):
            headers.append((b"content-length", str(len(response.body)).encode()))
        return headers

    async def _stream(self, visit: Visit, response: Response, chunks: AsyncIterator[bytes], send: Send) -> None:
        events = any(
            name == b"content-type" and value.startswith(b"text/event-stream") for name, value in response.headers
        )
        last, gone = b"", False
        end = asyncio.timeout(None)
        try:
            async with end:
                watcher = asyncio.create_task(_watch(visit, end))
                try:
                    self._track(end, events)
                    async for chunk in chunks:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                finally:
                    gone = watcher.done()
                    watcher.cancel()
                    self._untrack(end)
        except TimeoutError:
            if not end.expired():
                raise
            last = _CLOSING
        except Exception as error:  # the process edge: nothing internal may leave
            if not events:
                raise
            last = _last_words(visit, error)
        if not gone:
            await send({"type": "http.response.body", "body": last})

    def _track(self, end: asyncio.Timeout, events: bool) -> None:
        """Only event streams are ended by a shutdown: half a file must not look like a whole one."""
        if not events:
            return
        self._open.add(end)
        OPEN_STREAMS.inc()
        if self._closing:
            end.reschedule(0)

    def _untrack(self, end: asyncio.Timeout) -> None:
        if end in self._open:
            self._open.discard(end)
            OPEN_STREAMS.dec()


def _last_words(visit: Visit, error: Exception) -> bytes:
    """An event that says that the stream broke, and why as far as the reader may know."""
    if isinstance(error, DoorwardError):
        answer = problem_of(error, request_id=visit.id)
    else:
        _log.error("stream_broken", request_id=visit.id, action=visit.action, **where(error))
        answer = problem(500, "internal_error", "Something went wrong here.", request_id=visit.id)
    return b"event: error\ndata: " + answer.body + b"\n\n"


async def _watch(visit: Visit, end: asyncio.Timeout) -> None:
    """End the stream when its reader has gone."""
    await visit.disconnected()
    with contextlib.suppress(RuntimeError):  # it ended by itself at the same moment
        end.reschedule(0)
