"""Reads a worker's pipes and forwards what it prints to the log: long lines are cut, floods are counted instead."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger()

MAX_LINE = 2000
LINES_PER_SECOND = 100


@asynccontextmanager
async def read_pipe(descriptor: int) -> AsyncIterator[asyncio.StreamReader]:
    """A reader of a pipe, which is closed at the end."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        yield reader
    finally:
        transport.close()


async def forward_output(reader: asyncio.StreamReader, *, stream: str, pid: int) -> None:
    """Read until the end. Control characters are escaped, so a line of an agent stays one line of the log."""
    gate = _Gate()
    rest = b""
    while block := await reader.read(65536):
        *lines, rest = (rest + block).split(b"\n")
        rest = rest[: MAX_LINE * 4]
        for line in lines:
            _forward(line, gate, stream, pid)
    if rest:
        _forward(rest, gate, stream, pid)


def _forward(line: bytes, gate: "_Gate", stream: str, pid: int) -> None:
    allowed, dropped = gate.take()
    if dropped:
        log.warning("worker_output_dropped", stream=stream, pid=pid, lines=dropped)
    text = line[: MAX_LINE * 4].decode("utf-8", "replace").rstrip()[:MAX_LINE]
    if allowed and text:
        log.info("worker_output", stream=stream, pid=pid, line=_escaped(text))


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


class _Gate:
    """Lets so many lines through in a second and counts the rest."""

    def __init__(self) -> None:
        self._second = 0
        self._count = 0

    def take(self) -> tuple[bool, int]:
        second = int(asyncio.get_running_loop().time())
        dropped = 0
        if second != self._second:
            dropped = max(0, self._count - LINES_PER_SECOND)
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= LINES_PER_SECOND, dropped
