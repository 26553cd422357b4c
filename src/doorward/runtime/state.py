"""The state service: where a worker loads and saves the state of the session it is running for, and asks the breaker of
the model.

Workers call it over a unix socket of the runtime process with the handle of a running invocation. It refuses every
other handle, so a worker can reach neither the data folder nor the state of a session that is not running.
"""

import asyncio
import socket
from http import HTTPStatus

import msgspec
import structlog

from doorward.errors import DoorwardError
from doorward.http.asgi import Receive, Scope, Send
from doorward.http.request import BodyTooLarge, ClientGone, Request
from doorward.ports.agent import CheckpointStore
from doorward.runtime.breaker import ModelBreaker
from doorward.runtime.sessions import Invocations, SessionKey
from doorward.runtime.sockets import EmbeddedServer, listen
from doorward.runtime.wire import INVOCATION_HEADER, MAX_STATE_BYTES, MODEL, STATE, ModelReport

log = structlog.get_logger()

BODY_SECONDS = 30.0
MAX_REPORT_BYTES = 1024


class StateApp:
    """``GET /state`` (404 when there is none) and ``PUT /state``, both as raw bytes; ``GET /model`` asks whether the
    model may be called, ``PUT /model`` says how that went."""

    def __init__(self, checkpoints: CheckpointStore, invocations: Invocations, breaker: ModelBreaker) -> None:
        self._checkpoints = checkpoints
        self._invocations = invocations
        self._breaker = breaker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            status, body = await self._answer(Request(scope, receive))
        except ClientGone:
            return
        except DoorwardError as error:
            log.warning("state_refused", code=error.code)
            status, body = error.status, b""
        head = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": int(status), "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, request: Request) -> tuple[int, bytes]:
        invocation = self._invocations.by_handle(request.headers.get(INVOCATION_HEADER, ""))
        if invocation is None:
            return HTTPStatus.FORBIDDEN, b""
        if request.raw_path == MODEL.encode():
            return await self._model(request, invocation.key.owner)
        if request.raw_path != STATE.encode():
            return HTTPStatus.NOT_FOUND, b""
        if request.method == "GET":
            return await self._load(invocation.key)
        if request.method != "PUT":
            return HTTPStatus.METHOD_NOT_ALLOWED, b""
        if int(request.headers.get("content-length", "0")) > MAX_STATE_BYTES:
            raise BodyTooLarge(f"The state is larger than {MAX_STATE_BYTES} bytes.")
        state = await request.read_body(limit=MAX_STATE_BYTES, timeout=BODY_SECONDS)
        return await self._save(request, invocation.key, state)

    async def _model(self, request: Request, owner: str) -> tuple[int, bytes]:
        if request.method == "GET":
            return HTTPStatus.OK, msgspec.json.encode(self._breaker.ask(owner))
        if request.method != "PUT":
            return HTTPStatus.METHOD_NOT_ALLOWED, b""
        body = await request.read_body(limit=MAX_REPORT_BYTES, timeout=BODY_SECONDS)
        try:
            report = msgspec.json.decode(body, type=ModelReport)
        except msgspec.MsgspecError:
            return HTTPStatus.BAD_REQUEST, b""
        self._breaker.report(owner, report.code)
        return HTTPStatus.OK, b""

    async def _load(self, key: SessionKey) -> tuple[int, bytes]:
        state = await self._checkpoints.load(key.owner, key.agent, key.session_id)
        return (HTTPStatus.NOT_FOUND, b"") if state is None else (HTTPStatus.OK, state)

    async def _save(self, request: Request, key: SessionKey, state: bytes) -> tuple[int, bytes]:
        # The body took its time: an invocation that has ended meanwhile must not write any more.
        if self._invocations.by_handle(request.headers[INVOCATION_HEADER]) is None:
            return HTTPStatus.FORBIDDEN, b""
        await self._checkpoints.save(key.owner, key.agent, key.session_id, state)
        return HTTPStatus.NO_CONTENT, b""


class StateService:
    """The state application on its socket."""

    def __init__(self, app: StateApp, path: str) -> None:
        self._app = app
        self._path = path
        self._socket: socket.socket | None = None
        self._server: EmbeddedServer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen."""
        self._socket = listen(self._path)
        self._server = EmbeddedServer(self._app)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await self._server.up.wait()

    async def close(self) -> None:
        """Stop listening."""
        if self._server is None or self._task is None or self._socket is None:
            return
        self._server.should_exit = True
        await self._task
        self._socket.close()
