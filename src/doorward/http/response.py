"""Answers: whole ones, streams and problems (RFC 9457). Security headers are the door's business, not the handler's."""

from collections.abc import AsyncIterator, Iterable, Mapping
from http import HTTPStatus

import msgspec
from msgspec import Struct

from doorward.errors import Conflict, DoorwardError, TooManyRequests

Headers = list[tuple[bytes, bytes]]


class Response(Struct, kw_only=True):
    """An answer. Either `body` or, when `chunks` is set, a stream: `chunks` is closed when the client goes away."""

    status: int = 200
    headers: Headers = []
    body: bytes = b""
    chunks: AsyncIterator[bytes] | None = None


class Problem(Struct, kw_only=True, omit_defaults=True):
    """The body of every error: RFC 9457 with the stable `code`, the string `error` and the request's id."""

    title: str
    status: int
    code: str
    error: str
    detail: str
    type: str = "about:blank"
    request_id: str = ""


def json_response(value: object, *, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """`value` as JSON (anything msgspec encodes)."""
    return Response(
        status=status, headers=[(b"content-type", b"application/json"), *headers], body=msgspec.json.encode(value)
    )


def redirect(location: str, *, status: int = 303, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """Send the browser on. The caller has made sure that `location` is one of ours."""
    return Response(status=status, headers=[(b"location", location.encode("ascii")), *headers])


def event_stream(chunks: AsyncIterator[bytes], *, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """Server-sent events. Proxies are told not to buffer."""
    fixed = [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    return Response(headers=[*fixed, *headers], chunks=chunks)


def problem(
    status: int, code: str, detail: str, *, request_id: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """An error as ``application/problem+json``. `detail` is shown to the caller: nothing internal belongs in it."""
    body = Problem(
        title=HTTPStatus(status).phrase, status=status, code=code, error=detail, detail=detail, request_id=request_id
    )
    extra = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return Response(
        status=status,
        headers=[(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"), *extra],
        body=msgspec.json.encode(body),
    )


def problem_of(error: DoorwardError, *, request_id: str = "") -> Response:
    """The problem that an error of ours turns into."""
    headers = {}
    if isinstance(error, TooManyRequests | Conflict) and error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    return problem(error.status, error.code, error.message, request_id=request_id, headers=headers)
