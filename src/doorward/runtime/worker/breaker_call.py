"""Asks the runtime whether the model may be called, and tells it how that went: the breaker is shared by all workers.

Blocking, on the runtime's socket, with the handle of the present invocation; from the event loop it runs in a thread.
A runtime that does not answer lets the call go: a breaker guards time, not money.
"""

import asyncio
import contextvars
import http.client
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from http import HTTPStatus
from typing import TypeVar

import msgspec

from doorward.runtime.wire import INVOCATION_HEADER, MODEL, ModelPermit, ModelReport
from doorward.runtime.worker.adapter import present

T = TypeVar("T")

_HOST = "runtime"
_SECONDS = 2.0
_OPEN = ModelPermit(go=True)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__(_HOST, timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)


@cache
def _threads(pid: int) -> ThreadPoolExecutor:  # noqa: ARG001  # a forked process has none of its parent's threads
    return ThreadPoolExecutor(max_workers=4, thread_name_prefix="doorward-breaker")


async def beside(function: Callable[..., T], *arguments: object) -> T:
    """Run what blocks for a moment in a thread that is ours: tools that never end can hold all those of the loop."""
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads(os.getpid()), partial(context.run, function, *arguments))


class BreakerCall:
    """The breaker as a worker sees it. Outside of an invocation, and of our runtime, there is none."""

    def __init__(self, socket_path: str) -> None:
        self._path = socket_path

    def ask(self) -> ModelPermit:
        """Whether a call may be made now."""
        body = self._exchange("GET", b"")
        try:
            return msgspec.json.decode(body, type=ModelPermit) if body else _OPEN
        except msgspec.DecodeError:
            return _OPEN

    def report(self, code: str = "") -> None:
        """How a call went: the code of its trouble, empty when the model answered."""
        self._exchange("PUT", msgspec.json.encode(ModelReport(code)))

    def _exchange(self, method: str, body: bytes) -> bytes:
        call = present.get(None)
        if call is None or not self._path:
            return b""
        connection = _UnixConnection(self._path)
        try:
            connection.request(method, MODEL, body, {INVOCATION_HEADER: call.handle, "connection": "close"})
            response = connection.getresponse()
            return response.read() if response.status == HTTPStatus.OK else b""
        except (OSError, http.client.HTTPException):
            return b""
        finally:
            connection.close()
