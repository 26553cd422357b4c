"""An OpenTelemetry collector of our own: takes OTLP over HTTP as the protocol's own messages, and keeps what came."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.journey.house import free_port
from tests.journey.talking import eventually


class Collector:
    """An OTLP/HTTP collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.raw = bytearray()
        self.spans: list[tuple[str, Span]] = []

    async def __call__(self, scope, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        assert (scope["method"], scope["path"]) == ("POST", "/v1/traces")
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = [item.value.string_value for item in resource.resource.attributes if item.key == "service.name"]
            self.spans += [(names[0], span) for scoped in resource.scope_spans for span in scoped.spans]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def trace(self, trace_id: str) -> dict[bytes, tuple[str, Span]]:
        """The spans of one trace by their ids, each with its service."""
        return {span.span_id: (service, span) for service, span in list(self.spans) if span.trace_id.hex() == trace_id}


@contextmanager
def collector() -> Iterator[Collector]:
    app = Collector()
    port = int(app.url.rpartition(":")[2])
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        eventually(lambda: server.started)
        yield app
    finally:
        server.should_exit = True
        thread.join(timeout=10)
