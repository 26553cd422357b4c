"""AWS around the functions, as far as they can see it: the Lambda Runtime API, Lambda's Invoke, and API Gateway with a
Cognito authorizer. Written for the tests from AWS's documents; the functions are real processes and know no better."""

import asyncio
import base64
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet

RUNTIME = "/2018-06-01/runtime"
STREAMED = "application/vnd.awslambda.http-integration-response"
# Which function answers which path, as the template has it.
ROUTES = (("/api/chat", "chat"), ("/api/turns", "chat"), ("/chat", "chat"), ("/api/", "conversations"))


@dataclass
class Invoked:
    """One invocation: its event, and its answer as it comes. `chunks` ends with None; `error` is what was reported."""

    event: bytes
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    seconds: float = 60.0
    chunks: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    streamed: bool = False
    error: dict[str, Any] | None = None


class Function:
    """The Runtime API of one function, and the processes that ask it for events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: asyncio.Queue[Invoked] = asyncio.Queue()
        self.running: dict[str, Invoked] = {}
        self.broken: list[dict[str, Any]] = []
        self.trailers: list[str] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        app.router.add_get(f"{RUNTIME}/invocation/next", self._next)
        app.router.add_post(f"{RUNTIME}/invocation/{{id}}/response", self._response)
        app.router.add_post(f"{RUNTIME}/invocation/{{id}}/error", self._error)
        app.router.add_post(f"{RUNTIME}/init/error", self._init_error)
        return app

    async def _next(self, request: web.Request) -> web.Response:
        del request
        invoked = await self.waiting.get()
        self.running[invoked.id] = invoked
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invoked.id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + invoked.seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:us-east-1:000000000000:function:{self.name}",
        }
        return web.Response(body=invoked.event, content_type="application/json", headers=headers)

    async def _response(self, request: web.Request) -> web.Response:
        invoked = self.running.pop(request.match_info["id"])
        invoked.streamed = request.headers.get("Lambda-Runtime-Function-Response-Mode") == "streaming"
        if invoked.streamed:
            assert request.headers["Transfer-Encoding"] == "chunked"
            assert request.headers["Content-Type"] == STREAMED
        async for chunk in request.content.iter_any():
            await invoked.chunks.put(chunk)
        await invoked.chunks.put(None)
        return web.Response(status=202)

    async def _error(self, request: web.Request) -> web.Response:
        invoked = self.running.pop(request.match_info["id"])
        invoked.error = await request.json()
        await invoked.chunks.put(None)
        return web.Response(status=202)

    async def _init_error(self, request: web.Request) -> web.Response:
        self.broken.append(await request.json())
        return web.Response(status=202)


class Cloud:
    """All of it on one event loop in a thread. `limit` is API Gateway's, in seconds."""

    def __init__(self, *, issuer: str, keys: dict[str, Any], limit: float = 29.0, origin: str = "") -> None:
        self.functions = {name: Function(name) for name in ("chat", "turns", "conversations")}
        self.ports: dict[str, int] = {}
        self.limit = limit
        self._origin = origin
        self.lose_events = False
        self.double_events = False
        self.refuse_events = False
        self.events: list[dict[str, Any]] = []
        self._issuer = issuer
        self._keys = KeySet.import_key_set(keys)  # type: ignore[arg-type]
        self._loop = asyncio.new_event_loop()
        self._runners: list[web.AppRunner] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """API Gateway."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def start(self) -> None:
        self._thread.start()
        apps = {name: function.app() for name, function in self.functions.items()}
        gateway = web.Application(client_max_size=2**24)
        gateway.router.add_route("*", "/{path:.*}", self._gateway)
        invoke = web.Application(client_max_size=2**24)
        invoke.router.add_post("/2015-03-31/functions/{name}/invocations", self._invoke)
        for name, app in {**apps, "gateway": gateway, "lambda": invoke}.items():
            self.serve(name, app)

    def serve(self, name: str, app: web.Application) -> str:
        """Serve one more thing, under this name in `ports`; its URL."""
        asyncio.run_coroutine_threadsafe(self._serve(name, app), self._loop).result(30)
        return f"http://127.0.0.1:{self.ports[name]}"

    def stop(self) -> None:
        async def close() -> None:
            for runner in self._runners:
                await runner.cleanup()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(30)

        async def finish() -> None:
            open_tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in open_tasks:
                task.cancel()
            await asyncio.gather(*open_tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(finish(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _serve(self, name: str, app: web.Application) -> None:
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        self.ports[name] = listener.getsockname()[1]
        await web.SockSite(runner, listener).start()
        self._runners.append(runner)

    async def _invoke(self, request: web.Request) -> web.Response:
        """Lambda's Invoke, for events only. Lambda promises to hand an event on at least once."""
        assert request.headers["X-Amz-Invocation-Type"] == "Event"
        assert "/us-east-1/lambda/aws4_request" in request.headers["Authorization"]
        if self.refuse_events:
            return web.json_response({"message": "Rate Exceeded."}, status=429)
        event = await request.read()
        self.events.append(msgspec.json.decode(event))
        for _ in range(0 if self.lose_events else 2 if self.double_events else 1):
            await self.functions[request.match_info["name"]].waiting.put(Invoked(event, seconds=120.0))
        return web.Response(status=202)

    def invoke(self, name: str, event: object) -> Invoked:
        """Invoke a function as a schedule does, and wait for its answer."""

        async def run() -> Invoked:
            invoked = Invoked(msgspec.json.encode(event), seconds=120.0)
            await self.functions[name].waiting.put(invoked)
            whole = b""
            async with asyncio.timeout(60):
                while (chunk := await invoked.chunks.get()) is not None:
                    whole += chunk
            invoked.event = whole
            return invoked

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(90)

    def ask(self, name: str, event: dict[str, Any]) -> tuple[int, bytes]:
        """Invoke a function with an event as API Gateway makes them, past API Gateway: status and body."""
        prelude, _, body = self.invoke(name, event).event.partition(bytes(8))
        return msgspec.json.decode(prelude)["statusCode"], body

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS" and self._origin:  # the template's answer from a table
            return web.Response(status=204, headers={**self._cors(), "Access-Control-Allow-Methods": "GET,POST,DELETE"})
        name = next((function for prefix, function in ROUTES if request.path.startswith(prefix)), None)
        if name is None:
            return _said(403, "forbidden", "Missing Authentication Token")
        try:
            claims = self._claims(request)
        except ValueError:
            return _said(401, "unauthenticated", "Unauthorized", self._cors())
        event = await _event(request, claims)
        invoked = Invoked(msgspec.json.encode(event))
        await self.functions[name].waiting.put(invoked)
        try:
            async with asyncio.timeout(self.limit):
                return await self._answer(request, invoked)
        except TimeoutError:
            if request.transport is not None:
                request.transport.close()  # what API Gateway does in mid-stream
            return _said(504, "agent_timeout", "Endpoint request timed out")

    async def _answer(self, request: web.Request, invoked: Invoked) -> web.StreamResponse:
        head = b""
        while bytes(8) not in head:
            chunk = await invoked.chunks.get()
            if chunk is None:
                return _said(502, "internal_error", "Internal server error")
            head += chunk
        prelude_bytes, _, first = head.partition(bytes(8))
        prelude = msgspec.json.decode(prelude_bytes)
        response = web.StreamResponse(status=prelude["statusCode"], headers=prelude["headers"])
        await response.prepare(request)
        if first:
            await response.write(first)
        while (chunk := await invoked.chunks.get()) is not None:
            await response.write(chunk)
        await response.write_eof()
        return response

    def _cors(self) -> dict[str, str]:
        headers = "authorization,content-type,accept,last-event-id,idempotency-key"
        return {"Access-Control-Allow-Origin": self._origin, "Access-Control-Allow-Headers": headers}

    def _claims(self, request: web.Request) -> dict[str, str]:
        """What the Cognito authorizer does: the pool's signature, issuer and time; then every claim as a text. AWS does
        not say which of two Authorization headers it reads: here any one that is good, so that the function refuses."""
        for given in request.headers.getall("Authorization", []):
            with suppress(ValueError):
                return self._verified(given)
        raise ValueError("no token")

    def _verified(self, given: str) -> dict[str, str]:
        try:
            token = jwt.decode(given.removeprefix("Bearer "), self._keys, algorithms=["RS256"])
            registry = jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self._issuer}, exp={"essential": True}, leeway=0
            )
            registry.validate(token.claims)
        except Exception as error:
            raise ValueError("bad token") from error
        return {name: _text(value) for name, value in token.claims.items()}


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _said(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> web.Response:
    body = {"code": code, "error": text, "detail": text}
    return web.json_response(body, status=status, content_type="application/problem+json", headers=headers)


async def _event(request: web.Request, claims: dict[str, str]) -> dict[str, Any]:
    body = await request.read()
    return api_event(
        request.method,
        request.path,
        claims=claims,
        headers={name: request.headers.getall(name) for name in dict.fromkeys(request.headers)},
        query={name: request.query.getall(name) for name in dict.fromkeys(request.query)},
        body=body,
    )


def api_event(
    method: str,
    path: str,
    *,
    claims: dict[str, str],
    headers: dict[str, list[str]] | None = None,
    query: dict[str, list[str]] | None = None,
    body: bytes = b"",
) -> dict[str, Any]:
    """The event of a REST API's proxy integration (payload format 1.0)."""
    headers = headers or {"Host": ["127.0.0.1"]}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in (query or {}).items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "a1b2c3d4e5",
            "authorizer": {"claims": claims},
            "httpMethod": method,
            "identity": {"sourceIp": "198.51.100.7", "userAgent": headers.get("User-Agent", [""])[-1]},
            "path": f"/v1{path}",
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "stage": "v1",
        },
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }


@contextmanager
def processes(cloud: Cloud, counts: dict[str, int], environment: dict[str, str], folder: Path) -> Iterator[None]:
    """So many execution environments of each function, as real processes; each serves one event at a time."""
    started: list[subprocess.Popen[bytes]] = []
    base = {name: value for name, value in os.environ.items() if not name.startswith(("DOORWARD_", "AWS_"))}
    try:
        for name, count in counts.items():
            for number in range(count):
                variables = {
                    **base,
                    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{cloud.ports[name]}",
                    "DOORWARD_FUNCTIONS_URL": f"http://127.0.0.1:{cloud.ports['lambda']}",
                    "DOORWARD_FUNCTIONS_TURNS": "turns",
                    **environment,
                }
                command = [sys.executable, "-m", f"doorward.compose.lambda_{name}"]
                with (folder / f"{name}-{number}.log").open("ab") as log:
                    started.append(subprocess.Popen(command, stdout=log, stderr=log, env=variables, cwd=folder))
        yield
        assert not [process.args for process in started if process.poll() is not None]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)
