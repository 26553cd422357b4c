"""The loop of a Lambda function: takes invocations from the Lambda Runtime API (2018-06-01) and answers them, streamed.

Lambda's own loop for Python answers only when all is there. This one speaks the same API and streams, as a custom
runtime may ("Using the Lambda runtime API" and "response streaming" of the AWS Lambda developer guide).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.http.client import Client, Origin

_log = structlog.get_logger()
_BASE = "/2018-06-01/runtime"
# Between two invocations the process is frozen: a long wait is the rule, and its time does not count.
_FOREVER = 10 * 365 * 86400.0
_CONNECT_SECONDS = 5.0
_MAX_EVENT_BYTES = 16 * 1024 * 1024
STREAMED = "application/vnd.awslambda.http-integration-response"
_SEPARATOR = bytes(8)


class Invocation(Struct, frozen=True, kw_only=True):
    """One event. `deadline` is when Lambda ends the function, in seconds since 1970."""

    id: str
    deadline: float
    event: bytes


class Prelude(Struct, frozen=True, kw_only=True, rename="camel"):
    """What comes before a streamed body: API Gateway makes the answer's head of it."""

    status_code: int
    headers: dict[str, str]


class Gone(Exception):
    """The Runtime API takes no more of this answer: nobody reads it."""


class Responder:
    """The answer to one invocation: `whole`, or `begin`, many times `write`, and `end`. `answered` says that it was
    taken, or its head sent."""

    def __init__(self, origin: Origin, client: Client, invocation_id: str) -> None:
        self._origin = origin
        self._client = client
        self._path = f"{_BASE}/invocation/{invocation_id}"
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self.answered = False

    async def whole(self, value: object) -> None:
        """Answer with one JSON value. One that the Runtime API refuses (413: too large) is none."""
        status = await self._post("response", msgspec.json.encode(value), [("content-type", "application/json")])
        self.answered = 200 <= status < 300
        if not self.answered:
            _log.error("answer_refused", status=status)

    async def failed(self, kind: str, sentence: str) -> None:
        """Report an error of ours. Kinds and sentences only: nothing of an exception's own text (AP-HTP-12)."""
        body = msgspec.json.encode({"errorMessage": sentence, "errorType": kind, "stackTrace": []})
        await self._post("error", body, [("lambda-runtime-function-error-type", kind)])

    async def begin(self, prelude: Prelude) -> None:
        """Begin a streamed answer. Raises `OSError` when there is no connection for it, `Gone` when its head cannot be
        sent: nothing was said then."""
        host = f"{self._origin.host}:{self._origin.port}"
        async with asyncio.timeout(_CONNECT_SECONDS):
            self._reader, self._writer = await asyncio.open_connection(self._origin.host, self._origin.port)
        self._writer.write(
            f"POST {self._path}/response HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n"
            f"lambda-runtime-function-response-mode: streaming\r\ncontent-type: {STREAMED}\r\n"
            "trailer: lambda-runtime-function-error-type, lambda-runtime-function-error-body\r\n"
            "connection: close\r\n\r\n".encode("ascii")
        )
        await self.write(msgspec.json.encode(prelude) + _SEPARATOR)
        self.answered = True

    async def write(self, chunk: bytes) -> None:
        """The next piece. `Gone` when it cannot be given."""
        if not chunk:
            return
        await self._send(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    async def end(self, failure: str = "") -> None:
        """The end of a streamed answer; a `failure` (its kind) says that it broke off."""
        trailer = f"lambda-runtime-function-error-type: {failure}\r\n".encode("ascii") if failure else b""
        await self._send(b"0\r\n" + trailer + b"\r\n")
        assert self._reader is not None  # noqa: S101 - begun
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._reader.readline()

    async def close(self) -> None:
        """Close the connection of a streamed answer, ended or not."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _send(self, data: bytes) -> None:
        assert self._writer is not None  # noqa: S101 - begun
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            raise Gone from None

    async def _post(self, what: str, body: bytes, headers: list[tuple[str, str]]) -> int:
        """The status of the Runtime API."""
        host = ("host", f"{self._origin.host}:{self._origin.port}")
        answer = await self._client.send("POST", f"{self._path}/{what}", [host, *headers], body, timeout=30.0)
        await answer.up_to(65536)
        return answer.status


Function = Callable[[Invocation, Responder], Awaitable[None]]


class LambdaRuntime:
    """The function's side of the Runtime API at `address` (``host:port``). Belongs to one event loop."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigurationError("There is no Lambda Runtime API here: this is started by AWS Lambda.")
        self._origin = Origin(host=host, port=int(port))
        self._client = Client(self._origin, connect_timeout=_CONNECT_SECONDS, keep_alive=_FOREVER)

    async def serve(self, function: Function) -> None:
        """Take one invocation after the other, for ever. An error of the function is reported, and the next taken.

        INVARIANT: an invocation that was not answered is reported as failed, also when the function knows of nothing.
        """
        while True:
            invocation = await self._next()
            responder = Responder(self._origin, self._client, invocation.id)
            try:
                kind = await _kind_of_failure(function, invocation, responder)
                if kind and not responder.answered:
                    await responder.failed(kind, "Something went wrong here.")
            finally:
                await responder.close()

    async def broken(self, kind: str) -> None:
        """Report that the function cannot start."""
        host = ("host", f"{self._origin.host}:{self._origin.port}")
        body = msgspec.json.encode({"errorMessage": "The function could not start.", "errorType": kind})
        headers = [host, ("lambda-runtime-function-error-type", kind)]
        await self._client.send("POST", f"{_BASE}/init/error", headers, body, timeout=30.0)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    async def _next(self) -> Invocation:
        host = ("host", f"{self._origin.host}:{self._origin.port}")
        answer = await self._client.send("GET", f"{_BASE}/invocation/next", [host], b"", timeout=_FOREVER)
        headers = answer.headers
        event = await answer.up_to(_MAX_EVENT_BYTES)
        return Invocation(
            id=headers["lambda-runtime-aws-request-id"],
            deadline=int(headers.get("lambda-runtime-deadline-ms", "0")) / 1000,
            event=event,
        )


async def _kind_of_failure(function: Function, invocation: Invocation, responder: Responder) -> str:
    """Run it; empty when all is well."""
    try:
        await function(invocation, responder)
    except Exception as error:  # noqa: BLE001 - the process edge: nothing internal may leave
        kind = type(error).__name__
    else:
        kind = "" if responder.answered else "NotAnswered"
    if kind:
        _log.error("function_failed", invocation=invocation.id, error=kind)
    return kind
