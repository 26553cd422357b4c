"""The operator port of a process: ``GET /metrics`` in Prometheus' text format, and nothing else."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from doorward.http.asgi import Receive, Scope, Send
from doorward.telemetry.metrics import REGISTRY


async def operator_app(scope: Scope, _receive: Receive, send: Send) -> None:
    """ASGI application."""
    found = scope["method"] == "GET" and scope["path"] == "/metrics"
    body = generate_latest(REGISTRY) if found else b"not found\n"
    kind = CONTENT_TYPE_LATEST if found else "text/plain"
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200 if found else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})
