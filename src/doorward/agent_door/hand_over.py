"""Behind the checks: hands an allowed request to the runtime and its answer back, chunk by chunk."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import structlog

from doorward.agent_door.answers import denial_of, json_answer, refusal, stream_headers
from doorward.agent_door.memory.door import Memories
from doorward.agent_door.operating import operate
from doorward.agent_door.visit import FOR_OPERATORS, FORGET, KEEP, Operation, Visit
from doorward.errors import AgentFailed, DoorwardError
from doorward.http.asgi import Send
from doorward.http.departure import Departure
from doorward.http.request import ClientGone
from doorward.http.response import Response
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.chunks import close_chunks
from doorward.model.principals import Principal, User
from doorward.ports.agent import Operations, Runtime
from doorward.telemetry import traces

_log = structlog.get_logger()
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_MAX_KEEP = 3600
_ACCEPT = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,255}")


class HandOver:
    """Serves what the checks have allowed. A client that goes away hangs up on the runtime, which ends the run unless
    it was asked to keep it."""

    def __init__(
        self, runtime: Runtime, operations: Operations | None, memories: Memories | None, *, max_response_bytes: int
    ) -> None:
        self._runtime = runtime
        self._operations = operations
        self._memories = memories
        self._max_response_bytes = max_response_bytes

    async def serve(self, visit: Visit, send: Send) -> None:
        """Answer the request. Raises `ClientGone` when there is nobody left to answer."""
        hang_up = asyncio.timeout(None)
        loop = asyncio.get_running_loop()
        departure = Departure(visit.request.disconnected, lambda: hang_up.reschedule(loop.time()))
        try:
            async with hang_up:
                try:
                    await self._serve(visit, send)
                finally:
                    departure.close()
        except TimeoutError:
            if not hang_up.expired():
                raise
            raise ClientGone from None

    async def _serve(self, visit: Visit, send: Send) -> None:
        try:
            if visit.operation in FOR_OPERATORS and self._operations is not None:
                await send_whole(send, json_answer(visit, await operate(self._operations, visit)))
                return
            if visit.memory is not None and self._memories is not None:
                await send_whole(send, await self._memories.desk.answer(visit))
                return
            if visit.operation is Operation.STOP:
                await self._runtime.stop(visit.agent, _caller(visit), visit.session_id)
                if visit.header(FORGET) == "true":
                    await self._runtime.forget(visit.agent, _caller(visit), visit.session_id)
                await send_whole(send, json_answer(visit, {}))
                return
            if visit.operation is Operation.RESUME:
                reply = await self._runtime.resume(visit.agent, _caller(visit), visit.session_id)
            else:
                reply = await self._runtime.run(visit.agent, _caller(visit), _call(visit))
        except DoorwardError as error:
            event = "agent_run_failed" if visit.memory is None else "memory_operation_failed"
            _log.info(event, code=error.code, request_id=visit.request_id)
            await send_whole(send, refusal(visit, denial_of(error)))
            return
        await self._pass_on(visit, reply, send)

    async def _pass_on(self, visit: Visit, reply: AgentReply, send: Send) -> None:
        try:
            if reply.status >= 400:
                await send_whole(send, refusal(visit, denial_of(AgentFailed("The agent answered with an error."))))
                return
            head = stream_headers(visit, reply.content_type)
            await send({"type": "http.response.start", "status": reply.status, "headers": head})
            whole = await self._stream(visit, reply.chunks, send)
        finally:
            await _close(reply.chunks)
        if whole:
            await send({"type": "http.response.body", "body": b""})
        # Otherwise the body stays without its end: the server closes the connection, so no client takes it for whole.

    async def _stream(self, visit: Visit, chunks: AsyncIterator[bytes], send: Send) -> bool:
        """Whether the answer went out whole. INVARIANT: at most `max_response_bytes` go out."""
        left = self._max_response_bytes
        try:
            async for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    _log.warning("agent_answer_too_large", request_id=visit.request_id)
                    return False
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except DoorwardError as error:
            _log.warning("agent_answer_broke_off", code=error.code, request_id=visit.request_id)
            return False
        return True


async def send_whole(send: Send, response: Response) -> None:
    """Send an answer that has its whole body."""
    headers = response.headers
    if response.status != 204:
        headers = [*headers, (b"content-length", str(len(response.body)).encode())]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _call(visit: Visit) -> AgentCall:
    """Made anew from what was checked: no header of the client is passed on as it is (AP-BYP-07)."""
    return AgentCall(
        agent=visit.arn,
        session_id=visit.session_id,
        payload=visit.body,
        accept=_match(_ACCEPT, visit.header("accept")) or "*/*",
        user_id=visit.turn.owner_key if visit.turn else None,
        turn_token=visit.turn_token,
        request_id=visit.request_id,
        keep=_keep(visit.header(KEEP)),
        traceparent=traces.traceparent() or _match(_TRACEPARENT, visit.request.headers.get("traceparent")),
    )


def _caller(visit: Visit) -> Principal:
    """Whose session it is: the user's who called, the user's a turn acts for, or the workload's own."""
    caller = visit.principal if isinstance(visit.principal, User) else visit.turn or visit.principal
    if caller is None:
        raise AgentFailed("Nobody was identified.", code="internal_error")
    return caller


def _keep(value: str | None) -> float:
    """Whole seconds, up to an hour; 0 for anything else."""
    return float(min(int(value), _MAX_KEEP)) if value is not None and _SECONDS.fullmatch(value) else 0.0


def _match(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value is not None and pattern.fullmatch(value) else None


async def _close(chunks: AsyncIterator[bytes]) -> None:
    with contextlib.suppress(DoorwardError):
        await close_chunks(chunks)
