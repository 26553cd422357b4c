"""Server-sent events out of a worker: what is produced while a write is under way goes out together in the next one."""

import asyncio

import msgspec

from doorward.http.asgi import Send
from doorward.runtime.worker.adapter import Event

HIGH_WATER = 65536
_encoder = msgspec.json.Encoder()


class EventStream:
    """A stream that starts with its first event. `emit` waits only when the reader is slow."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._buffer = bytearray()
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def started(self) -> bool:
        """Whether anything was emitted."""
        return self._task is not None

    async def emit(self, event: object) -> None:
        """Queue one event."""
        self.put(event)
        if len(self._buffer) > HIGH_WATER:
            self._drained.clear()
            await self._drained.wait()

    def put(self, event: object) -> None:
        """Queue one event without waiting."""
        # Encoded apart: what cannot be encoded must not leave half a line behind.
        self._buffer += b"data: %b\n\n" % _encoder.encode(event)
        self._wake.set()
        if self._task is None:
            self._task = asyncio.create_task(self._pump())

    async def close(self, last: Event | None = None) -> None:
        """Send what is queued, then the end."""
        if last is not None:
            self.put(last)
        self._closed = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def drop(self) -> None:
        """There is nobody to send to any more."""
        if self._task is not None:
            self._task.cancel()

    async def _pump(self) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        while True:
            await self._wake.wait()
            self._wake.clear()
            block, self._buffer = bytes(self._buffer), bytearray()
            self._drained.set()
            closed = self._closed
            await self._send({"type": "http.response.body", "body": block, "more_body": not closed})
            if closed:
                return
