"""The one strict reading of HTTP/1.1: uvicorn's httptools protocol with deadlines, caps and no second interpretation.

Every server of the house is built on it (`http.server`). It refuses whatever two parsers could read differently, and
answers such a request with a problem and a closed connection; nothing that follows on that connection is read.
"""

import asyncio
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import httptools
from msgspec import Struct
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from doorward.http.head import Refusal, check_head, split_target
from doorward.http.response import problem

Phase = Literal["idle", "head", "body", "busy", "drain"]


class ProtocolLimits(Struct, frozen=True, kw_only=True):
    """Deadlines in seconds and caps in bytes.

    `header_timeout` runs from the first byte of a request to the end of its headers; `idle_timeout` between requests;
    `write_timeout` is how long a client may take to drain a full send buffer (64 KiB); `drain_timeout` and
    `max_drain_bytes` bound the rest of a body that was answered before it was read.
    """

    header_timeout: float = 5.0
    idle_timeout: float = 75.0
    write_timeout: float = 30.0
    drain_timeout: float = 5.0
    max_header_bytes: int = 16384
    max_headers: int = 64
    max_url_bytes: int = 4096
    max_drain_bytes: int = 16 * 1024 * 1024
    max_chunk_overhead: int = 1024


class StrictHttpProtocol(HttpToolsProtocol):
    """One connection. `limits` belongs to the class that `strict_protocol` makes."""

    limits: ClassVar[ProtocolLimits] = ProtocolLimits()
    parser: httptools.HttpRequestParser

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=False)
        self._phase: Phase = "idle"
        self._deaf = False
        self._refusal: Refusal | None = None
        self._timer: TimerHandle | None = None
        self._write_timer: TimerHandle | None = None
        self._head_bytes = 0
        self._raw_bytes = 0
        self._body_bytes = 0
        self._chunks = 0

    # --- what the transport says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm(self.limits.header_timeout, self._hang_up)

    def data_received(self, data: bytes) -> None:
        """Feed the parser. `_deaf` means that this connection has said something we refused or did not wait for."""
        if self._deaf:
            return
        if self._phase == "idle":
            self._disarm()
            self._phase = "head"
            self._raw_bytes = 0
        self._raw_bytes += len(data)
        try:
            self.parser.feed_data(data)
            self._check_growth()
        except Refusal as refusal:
            self._refuse(refusal)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(self._refusal or Refusal(400, "malformed_request", "The request is not valid HTTP/1.1."))
        if self._phase == "head" and self._timer is None and not self._deaf:
            self._arm(self.limits.header_timeout, self._headers_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = True
        self._disarm()
        self._disarm_write()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.limits.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._disarm_write()

    def shutdown(self) -> None:
        """The server stops: an idle connection is closed, a busy one after its answer."""
        if self.cycle is None or self.cycle.response_complete:
            self._hang_up()
        else:
            self.cycle.keep_alive = False

    # --- what the parser says

    def on_message_begin(self) -> None:
        # INVARIANT: no second request is read before the first is answered, so none can be smuggled behind it.
        if self.cycle is not None and not self.cycle.response_complete:
            raise self._stop(400, "pipelining_refused", "Send one request at a time.")
        super().on_message_begin()
        if self._phase == "idle":
            self._disarm()
            self._raw_bytes = 0
        self._phase = "head"
        self._head_bytes = self._body_bytes = self._chunks = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.limits.max_url_bytes:
            raise self._stop(414, "url_too_long", f"The URL is longer than {self.limits.max_url_bytes} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase != "head":
            raise self._stop(400, "trailers_refused", "Trailer fields are not taken.")
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self.limits.max_header_bytes or len(self.headers) >= self.limits.max_headers:
            raise self._stop(431, "headers_too_large", "The headers are too large or too many.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        try:
            check_head(self.parser.get_http_version(), self.parser.get_method(), self.url, self.headers)
        except Refusal as refusal:
            self._refusal = refusal
            raise
        self._disarm()
        self._phase = "body"
        super().on_headers_complete()
        self.scope["raw_path"], self.scope["query_string"] = split_target(self.url)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._phase == "drain" and self._body_bytes > self.limits.max_drain_bytes:
            raise self._stop(413, "body_too_large", "The body is too large.")
        super().on_body(body)

    def on_chunk_header(self) -> None:
        """Chunks may not be dust: each costs us more than it costs the sender."""
        self._chunks += 1
        if self._chunks > 1024 + self._body_bytes // 16:
            raise self._stop(400, "chunks_too_small", "The chunks of the body are too small.")

    def on_message_complete(self) -> None:
        if self._chunks:
            self._check_overhead()
        super().on_message_complete()
        if self._phase == "drain":
            self._wait_for_next()
        else:
            self._phase = "busy"

    def on_response_complete(self) -> None:
        """The answer is written: wait for the next request, for the rest of this one's body, or for nothing."""
        self.server_state.total_requests += 1
        if self._deaf or self.transport.is_closing():
            self._hang_up()
            return
        self.flow.resume_reading()
        if self._phase == "body":
            self._phase = "drain"
            self._arm(self.limits.drain_timeout, self._hang_up)
        else:
            self._wait_for_next()

    # --- refusing and waiting

    def _stop(self, status: int, code: str, detail: str) -> Refusal:
        """The parser swallows what a callback raises, so it is kept here."""
        self._refusal = Refusal(status, code, detail)
        return self._refusal

    def _check_growth(self) -> None:
        """Bytes that the parser holds back: an unfinished head, or chunk extensions that never become a body."""
        if self._phase == "head":
            if self._raw_bytes > self.limits.max_header_bytes + self.limits.max_url_bytes + 1024:
                raise Refusal(431, "headers_too_large", "The headers are too large or too many.")
        elif self._phase in {"body", "drain"}:
            self._check_overhead()

    def _check_overhead(self) -> None:
        overhead = self._raw_bytes - self._body_bytes - self._head_bytes - len(self.url)
        if overhead > self.limits.max_chunk_overhead + 24 * self._chunks:
            raise self._stop(400, "chunk_extensions", "Chunk extensions are not taken.")

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a problem if the fault is this request's and nothing was answered yet; close in any case."""
        self._deaf = True
        self._disarm()
        cycle = self.cycle
        running = cycle is not None and not cycle.response_complete
        if running and self._phase == "busy":
            cycle.keep_alive = False
            return
        if self._phase != "drain" and not (running and cycle.response_started):
            self._write_problem(refusal)
        if running:
            cycle.disconnected = True
            cycle.message_event.set()
        self._hang_up()

    def _write_problem(self, refusal: Refusal) -> None:
        answer = problem(refusal.status, refusal.code, refusal.detail)
        fields = [
            *answer.headers,
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self.transport.write(STATUS_LINE[refusal.status] + head + b"\r\n" + answer.body)

    def _headers_late(self) -> None:
        self._timer = None
        self._refuse(Refusal(408, "header_timeout", "The headers did not arrive in time."))

    def _wait_for_next(self) -> None:
        self._phase = "idle"
        self._arm(self.limits.idle_timeout, self._hang_up)

    def _hang_up(self) -> None:
        """Close once everything is written; a client that does not read is cut off after `write_timeout`."""
        self._deaf = True
        self._disarm()
        self.transport.close()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.limits.write_timeout, self.transport.abort)

    def _arm(self, seconds: float, callback: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, callback)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _disarm_write(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def strict_protocol(
    *,
    header_timeout: float = 5.0,
    idle_timeout: float = 75.0,
    max_header_bytes: int = 16384,
    max_headers: int = 64,
    max_url_bytes: int = 4096,
) -> type[StrictHttpProtocol]:
    """A protocol class with these limits, for `make_server` or uvicorn's ``Config(http=...)``. Seconds and bytes."""
    return protocol_with(
        ProtocolLimits(
            header_timeout=header_timeout,
            idle_timeout=idle_timeout,
            max_header_bytes=max_header_bytes,
            max_headers=max_headers,
            max_url_bytes=max_url_bytes,
        )
    )


def protocol_with(limits: ProtocolLimits) -> type[StrictHttpProtocol]:
    """A protocol class with all its limits given."""
    return type("StrictHttpProtocol", (StrictHttpProtocol,), {"limits": limits})
