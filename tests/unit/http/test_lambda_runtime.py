"""The loop of a function against a Runtime API that says what was sent to it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest
from aiohttp import web

from doorward.errors import AgentUnreachable, ConfigurationError
from doorward.http import lambda_runtime
from doorward.http.lambda_events import ApiFunction
from doorward.http.lambda_invoke import LambdaEvents
from doorward.http.lambda_runtime import STREAMED, Invocation, LambdaRuntime, Responder
from doorward.identity.sigv4 import Credentials
from doorward.model.secret import Secret

pytestmark = pytest.mark.anyio

EVENT = json.dumps(
    {"httpMethod": "GET", "path": "/x", "requestContext": {}, "multiValueHeaders": {"Accept": ["*/*"]}}
).encode()


NEXT = b"HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: one\r\ncontent-length: %d\r\n\r\n%b"
BROKEN_OFF = b"0\r\nlambda-runtime-function-error-type: BrokenOff\r\n\r\n"


class RuntimeApi:
    """Hands out the events of a test, then nothing; keeps what comes back as (path, headers, body)."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[bytes] = asyncio.Queue()
        self.said: asyncio.Queue[tuple[str, dict[str, str], bytes]] = asyncio.Queue()
        self.status = 202
        self.cuts = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/2018-06-01/runtime/invocation/next", self._next)
        app.router.add_post("/{path:.*}", self._post)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._site = site
        self.port = self._runner.addresses[0][1]
        return self

    async def take_no_more_connections(self) -> None:
        """The ones that are open stay."""
        await self._site.stop()

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _next(self, _: web.Request) -> web.Response:
        event = await self.events.get()
        headers = {"Lambda-Runtime-Aws-Request-Id": "one", "Lambda-Runtime-Deadline-Ms": "1700000000000"}
        return web.Response(body=event, headers=headers)

    async def _post(self, request: web.Request) -> web.Response:
        if self.cuts and request.transport is not None:  # so many answers break off before they are read
            self.cuts -= 1
            request.transport.abort()
            return web.Response()
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        await self.said.put((request.path, headers, body))
        return web.Response(status=self.status)

    async def next_said(self) -> tuple[str, dict[str, str], bytes]:
        async with asyncio.timeout(30):
            return await self.said.get()


@pytest.fixture
async def api() -> AsyncIterator[RuntimeApi]:
    async with RuntimeApi() as running:
        yield running


async def told(
    api: RuntimeApi, function: Any, *events: bytes, each: int = 1
) -> list[tuple[str, dict[str, str], bytes]]:
    """What the Runtime API is told for these events: so often for each."""
    runtime = LambdaRuntime(f"127.0.0.1:{api.port}")
    serving = asyncio.create_task(runtime.serve(function))
    try:
        answers = []
        for event in events:
            await api.events.put(event)
            answers += [await api.next_said() for _ in range(each)]
        return answers
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        runtime.close()


async def test_an_answer_is_streamed_with_its_head_before_it(api: RuntimeApi) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain"), (b"vary", b"a"), (b"vary", b"b"), (b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"on", "more_body": True})
        await send({"type": "http.response.body", "body": b"ce"})

    ((path, headers, body),) = await told(api, ApiFunction(app), EVENT)
    assert path == "/2018-06-01/runtime/invocation/one/response"
    assert headers["lambda-runtime-function-response-mode"] == "streaming"
    assert headers["content-type"] == STREAMED
    prelude, _, content = body.partition(bytes(8))
    assert json.loads(prelude) == {"statusCode": 201, "headers": {"content-type": "text/plain", "vary": "a, b"}}
    assert content == b"once"


async def test_an_error_is_reported_without_its_text_and_the_next_event_is_taken(api: RuntimeApi) -> None:
    """AP-HTP-12."""

    async def function(invocation: Invocation, responder: Responder) -> None:
        if invocation.event == b"bad":
            raise ValueError("the secret is hunter2")
        await responder.whole({"deadline": invocation.deadline})

    first, second = await told(api, function, b"bad", b"good")
    assert first[0].endswith("/invocation/one/error")
    assert first[1]["lambda-runtime-function-error-type"] == "ValueError"
    assert b"hunter2" not in first[2]
    assert second[0].endswith("/response")
    assert json.loads(second[2]) == {"deadline": 1_700_000_000.0}


async def test_an_answer_that_cannot_be_begun_is_reported_as_failed(api: RuntimeApi) -> None:
    """Also when the app takes it for a client that has gone, as the front door does."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await api.take_no_more_connections()
        with contextlib.suppress(OSError):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"never"})

    ((path, headers, _),) = await told(api, ApiFunction(app), EVENT)
    assert path.endswith("/invocation/one/error")
    assert headers["lambda-runtime-function-error-type"] == "NotAnswered"


def answering_in_pieces(*, head: str = "") -> ApiFunction:
    """An app that goes on when a piece could not be sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-head", head.encode())]})
        for piece in (b"one ", b"two "):
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": b"three"})

    return ApiFunction(app)


async def test_an_answer_whose_connection_is_never_taken_is_reported_and_not_begun_again(
    api: RuntimeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = asyncio.open_connection
    tried = []

    async def first_never(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tried.append(port)
        if len(tried) == 1:
            await asyncio.Event().wait()
        return await connect(host, port)

    monkeypatch.setattr(asyncio, "open_connection", first_never)
    monkeypatch.setattr(lambda_runtime, "_CONNECT_SECONDS", 0.5)
    ((path, headers, _),) = await told(api, answering_in_pieces(), EVENT)
    assert path.endswith("/invocation/one/error")
    assert headers["lambda-runtime-function-error-type"] == "NotAnswered"
    assert tried == [api.port]


async def test_an_answer_that_breaks_off_in_its_head_is_reported_and_not_begun_again(api: RuntimeApi) -> None:
    """The head is larger than what the way there takes unread: sending it ends only when it is read."""
    api.cuts = 1
    ((path, headers, _),) = await told(api, answering_in_pieces(head="x" * 32_000_000), EVENT)
    assert path.endswith("/invocation/one/error")
    assert headers["lambda-runtime-function-error-type"] == "NotAnswered"


async def test_a_whole_answer_that_is_not_read_is_reported_as_failed(api: RuntimeApi) -> None:
    async def function(_: Invocation, responder: Responder) -> None:
        await responder.whole({"closed": 1})

    api.cuts = 1
    ((path, _, _),) = await told(api, function, EVENT)
    assert path.endswith("/invocation/one/error")


@pytest.mark.parametrize("status", [400, 413, 500])
async def test_a_whole_answer_that_is_refused_is_reported_as_failed(api: RuntimeApi, status: int) -> None:
    async def function(_: Invocation, responder: Responder) -> None:
        await responder.whole("x")

    api.status = status
    response, error = await told(api, function, EVENT, each=2)
    assert response[0].endswith("/invocation/one/response")
    assert error[0].endswith("/invocation/one/error")
    assert error[1]["lambda-runtime-function-error-type"] == "NotAnswered"


async def test_an_app_that_answers_nothing_is_reported_as_failed(api: RuntimeApi) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    ((path, _, _),) = await told(api, ApiFunction(app), EVENT)
    assert path.endswith("/invocation/one/error")


async def test_an_app_that_breaks_off_in_mid_answer_does_not_look_whole(api: RuntimeApi) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    ((_, headers, body),) = await told(api, ApiFunction(app), EVENT)
    assert body.endswith(b"half")
    assert "lambda-runtime-function-error-type" in headers["trailer"]


@pytest.mark.parametrize(("whole", "end"), [(True, b"0\r\n\r\n"), (False, BROKEN_OFF)])
async def test_the_trailer_of_an_answer_says_whether_it_broke_off(whole: bool, end: bytes) -> None:
    """Lambda's own client reads it; without it half an answer is a whole one."""
    sent: asyncio.Queue[bytes] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"some", "more_body": not whole})

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET"):
            writer.write(NEXT % (len(EVENT), EVENT))
            return
        body = b""
        while not body.endswith((b"\r\n0\r\n\r\n", BROKEN_OFF)):
            body += await reader.readuntil(b"\r\n")
        await sent.put(body)
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    runtime = LambdaRuntime(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    serving = asyncio.create_task(runtime.serve(ApiFunction(app)))
    async with asyncio.timeout(30):
        body = await sent.get()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    runtime.close()
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
    assert body.endswith(b"\r\n4\r\nsome\r\n" + end)


async def test_a_function_that_cannot_start_says_so(api: RuntimeApi) -> None:
    runtime = LambdaRuntime(f"127.0.0.1:{api.port}")
    await runtime.broken("store_not_shared")
    path, headers, _ = await api.next_said()
    assert path == "/2018-06-01/runtime/init/error"
    assert headers["lambda-runtime-function-error-type"] == "store_not_shared"
    runtime.close()


@pytest.mark.parametrize("address", ["", "nowhere", "host:port"])
async def test_without_a_runtime_api_nothing_is_served(address: str) -> None:
    with pytest.raises(ConfigurationError):
        LambdaRuntime(address)


def events_to(api: RuntimeApi, function: str = "arn:aws:lambda:us-east-1:1:function:turns") -> LambdaEvents:
    key = Credentials("AKIDEXAMPLE0000000000", Secret("secret"), "lambda", Secret("token"))
    url = f"http://127.0.0.1:{api.port}"
    return LambdaEvents(function, url, region="us-east-1", credentials=key, clock=lambda: 1_700_000_000.0)


async def test_another_function_is_called_without_waiting_for_it(api: RuntimeApi) -> None:
    await events_to(api).begin(b'{"turn": 1}')
    path, headers, body = await api.next_said()
    assert path == "/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:turns/invocations"
    assert headers["x-amz-invocation-type"] == "Event"
    assert "/us-east-1/lambda/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "token"
    assert body == b'{"turn": 1}'


@pytest.mark.parametrize("status", [200, 403, 413, 429, 500])
async def test_what_is_not_certainly_taken_is_taken_for_refused(api: RuntimeApi, status: int) -> None:
    api.status = status
    with pytest.raises(AgentUnreachable):
        await events_to(api).begin(b"{}")


async def test_a_function_must_be_named_and_its_url_be_one(api: RuntimeApi) -> None:
    with pytest.raises(ConfigurationError):
        events_to(api, "")
    key = Credentials("AKIDEXAMPLE0000000000", Secret("secret"), "lambda")
    with pytest.raises(ConfigurationError):
        LambdaEvents("turns", "ftp://x", region="us-east-1", credentials=key, clock=lambda: 0.0)
