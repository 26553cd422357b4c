"""Asks the runtime whether the model may be called, and tells it how that went: the breaker is shared by all workers.

Blocking, on the runtime's socket, with the handle of the present invocation; from the event loop it runs in a thread.
A runtime that does not answer lets the call go: a breaker guards time, not money.
"""

import http.client
import socket
from http import HTTPStatus

import msgspec

from doorward.runtime.wire import INVOCATION_HEADER, MODEL, ModelPermit, ModelReport
from doorward.runtime.worker.adapter import present

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
