"""An ASGI app as a Lambda function behind API Gateway: events of a REST API's proxy integration in, streams out.

The event's claims are put into the scope as `CLAIMS`: API Gateway's authorizer has verified the token. No request can
say them: a header of that name is a header like any other. But an event is believed as it is. Whoever in the account
may ``lambda:InvokeFunction`` can make one with anybody's claims: the function's policy lets one API in, and cannot keep
out what IAM allows ("Who may invoke the functions" in docs/how-to/deploy-to-aws.md). `API` is where it says it is from.
"""

import asyncio
import base64
import binascii
import contextlib
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from doorward.http.asgi import App, Message, Scope
from doorward.http.lambda_runtime import Gone, Invocation, Prelude, Responder

CLAIMS = "doorward.claims"
API = "doorward.api"


class _Authorizer(Struct):
    claims: dict[str, Any] | None = None


class _Identity(Struct, rename="camel"):
    source_ip: str = ""


class _Context(Struct, rename="camel"):
    account_id: str = ""
    api_id: str = ""
    stage: str = ""
    authorizer: _Authorizer | None = None
    identity: _Identity = field(default_factory=_Identity)


class _Event(Struct, rename="camel"):
    """The parts of the event that are read ("Input format of a Lambda function for proxy integration")."""

    http_method: str
    path: str
    request_context: _Context
    multi_value_headers: dict[str, list[str]] | None = None
    multi_value_query_string_parameters: dict[str, list[str]] | None = None
    body: str | None = None
    is_base64_encoded: bool = False


class NotFromApiGateway(Exception):
    """The event is none of API Gateway's."""


_decoder = msgspec.json.Decoder(_Event)


class ApiFunction:
    """`app` as a function. One invocation at a time, as Lambda does it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, invocation: Invocation, responder: Responder) -> None:
        scope, body = read_event(invocation.event)
        exchange = _Exchange(body, responder)
        await self._app(scope, exchange.receive, exchange.send)
        await exchange.finish()


class _Exchange:
    """One request and its answer."""

    def __init__(self, body: bytes, responder: Responder) -> None:
        self._body: bytes | None = body
        self._responder = responder
        self._gone = asyncio.Event()
        self._start: Message | None = None
        self._begun = False
        self._ended = False

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """The head waits for the first piece of the body, so that an answer is begun once, with all that it says.

        INVARIANT: one that could not be begun is not begun again with a later piece.
        """
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        try:
            await self._begin()
            await self._responder.write(message.get("body", b""))
            if not message.get("more_body", False):
                self._ended = True
                await self._responder.end()
        except Gone:
            self._gone.set()

    async def finish(self) -> None:
        """Say that an answer broke off which the app began and did not end."""
        if self._begun and not self._ended and not self._gone.is_set():
            with contextlib.suppress(Gone):
                await self._responder.end("BrokenOff")

    async def _begin(self) -> None:
        if self._begun:
            return
        if self._start is None:
            raise RuntimeError("a body came before its head")
        try:
            await self._responder.begin(_prelude(self._start))
        except OSError:
            self._gone.set()
            raise
        self._begun = True


def read_event(raw: bytes) -> tuple[Scope, bytes]:
    """The scope of a request, and its body. Raises `NotFromApiGateway`."""
    try:
        event = _decoder.decode(raw)
        body = _body(event)
    except (msgspec.DecodeError, binascii.Error, UnicodeError):
        raise NotFromApiGateway from None
    headers = [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, values in (event.multi_value_headers or {}).items()
        for value in values
    ]
    if body and not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", b"%d" % len(body)))
    context = event.request_context
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": event.http_method,
        "scheme": "https",
        "path": event.path,
        "raw_path": event.path.encode("utf-8"),
        "query_string": _query(event.multi_value_query_string_parameters or {}),
        "headers": headers,
        "client": (context.identity.source_ip, 0),
        CLAIMS: context.authorizer.claims if context.authorizer else None,
        API: f"{context.account_id}:{context.api_id}/{context.stage}",
    }
    return scope, body


def _body(event: _Event) -> bytes:
    if event.body is None:
        return b""
    return base64.b64decode(event.body, validate=True) if event.is_base64_encoded else event.body.encode("utf-8")


def _query(parameters: dict[str, list[str]]) -> bytes:
    """API Gateway has decoded them; a parameter that was given twice stays so, for the check that refuses it."""
    pairs = [
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, values in parameters.items() for value in values
    ]
    return "&".join(pairs).encode("ascii")


def _prelude(start: Message) -> Prelude:
    """Headers of one name are joined (RFC 9110 5.2); none of ours is a Set-Cookie, the one that must not be."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in start["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        # The answer is streamed in chunks: its length is whatever comes.
        if name != "content-length":
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Prelude(status_code=start["status"], headers=headers)
