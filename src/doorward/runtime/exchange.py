"""One invocation of a worker over HTTP (the AgentCore container contract) and the answer's body as it arrives.

The host calls it. It sends only the headers named here: no user's token and no Authorization header can pass.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from doorward.errors import AgentFailed, AgentTimeout, AgentUnreachable, DoorwardError
from doorward.http.client import Answer, NotConnected
from doorward.model.agent import FROM_AGENT, AgentCall, AgentReply
from doorward.model.principals import Principal, TurnIdentity, Workload
from doorward.runtime.connection import Worker
from doorward.runtime.sessions import Invocation
from doorward.runtime.wire import (
    INVOCATION_HEADER,
    REQUEST_HEADER,
    SAFE_FAILURE,
    SESSION_HEADER,
    TURN_HEADER,
    TURN_TOKEN_HEADER,
    USER_HEADER,
    WORKER_HEADER,
    WORKER_HOST,
)

log = structlog.get_logger()

_MAX_FAILURE_BYTES = 4096


class _Failure(Struct):
    code: str = ""


MEDIA_TYPES = ("text/event-stream", "application/json", "text/plain")


def headers_for(worker: Worker, invocation: Invocation, caller: Principal, call: AgentCall) -> dict[str, str]:
    """The headers of an invocation. INVARIANT: `AgentCall.bearer` is never among them."""
    headers = {
        "host": WORKER_HOST,
        "content-type": "application/json",
        "accept": call.accept,
        SESSION_HEADER: invocation.key.visible_id,
        REQUEST_HEADER: call.request_id,
        WORKER_HEADER: worker.secret.reveal(),
        INVOCATION_HEADER: invocation.handle,
        USER_HEADER: "" if isinstance(caller, Workload) else invocation.key.owner,
        TURN_HEADER: caller.turn_id if isinstance(caller, TurnIdentity) else "",
    }
    if call.turn_token is not None:
        headers[TURN_TOKEN_HEADER] = call.turn_token.reveal()
    if call.traceparent is not None:
        headers["traceparent"] = call.traceparent
    return headers


class NotSent(AgentUnreachable):
    """There was no connection, so nothing ran: another worker may be tried."""


class WorkerChunks(AsyncGenerator[bytes, None]):
    """The body of an answer. Closing it hangs up, which cancels the run in the worker.

    Raises `AgentUnreachable` when the worker breaks off, `AgentTimeout` when its time is over or it was silent for too
    long, and `AgentFailed` (``session_stopped``, ``response_too_large``).
    """

    def __init__(
        self,
        worker: Worker,
        response: Answer,
        invocation: Invocation,
        *,
        end: Callable[[Invocation], None],
        limit: int,
    ) -> None:
        self._worker = worker
        self._response = response
        self._invocation = invocation
        self._end = end
        self._left = limit
        invocation.hang_up = self._finish

    async def __anext__(self) -> bytes:
        if self._invocation.aborted:
            self._finish()
            raise failure(self._worker, self._invocation, TimeoutError())
        try:
            async with asyncio.timeout(self._invocation.silence):
                chunk = await self._response.read()
        except TimeoutError as error:
            self._invocation.abort("timeout")
            self._finish()
            raise failure(self._worker, self._invocation, error) from None
        except OSError as error:
            self._finish()
            raise failure(self._worker, self._invocation, error) from None
        except asyncio.CancelledError:
            self._finish()
            raise
        self._left -= len(chunk)
        if self._left < 0:
            self._finish()
            raise AgentFailed("The agent's answer is too large.", code="response_too_large")
        if not chunk:
            self._finish()
            raise StopAsyncIteration
        return chunk

    async def asend(self, value: None) -> bytes:  # noqa: ARG002  # the protocol of generators; nothing is sent
        return await self.__anext__()

    async def athrow(self, *error: Any) -> bytes:  # noqa: ANN401  # three overloaded forms
        """Hang up, and raise what was thrown in."""
        self._finish()
        raise next(one for one in reversed(error) if one is not None and not isinstance(one, TracebackType))

    async def aclose(self) -> None:
        """Hang up. May be said twice."""
        self._finish()

    def _finish(self) -> None:
        self._response.hang_up()
        self._end(self._invocation)


def aborted(invocation: Invocation) -> DoorwardError:
    """Why the call was ended from outside."""
    if invocation.aborted == "timeout":
        return AgentTimeout("The agent did not finish in time.")
    return AgentFailed("The session was stopped.", code="session_stopped")


def failure(worker: Worker, invocation: Invocation, error: BaseException) -> DoorwardError:
    """What a broken connection means. The worker is asked how it is before it is given more."""
    if invocation.aborted:
        # Its time over may mean that the worker hangs.
        worker.suspect = worker.suspect or invocation.aborted == "timeout"
        return aborted(invocation)
    worker.suspect = True
    log.warning("agent_broke_off", agent=invocation.key.agent, error=type(error).__name__)
    return AgentUnreachable("The agent broke off.")


async def post(worker: Worker, path: str, headers: dict[str, str], body: bytes, invocation: Invocation) -> Answer:
    """Send and wait for the head of the answer; ended by `Invocation.abort`. Raises what `WorkerChunks` raises."""
    try:
        async with asyncio.timeout(None) as scope:
            loop = asyncio.get_running_loop()
            invocation.hang_up = lambda: scope.reschedule(loop.time())
            return await worker.exchange.send("POST", path, list(headers.items()), body, timeout=None)
    except TimeoutError as error:
        raise failure(worker, invocation, error) from None
    except NotConnected:
        worker.suspect = True
        raise NotSent("The agent is not running.") from None
    except OSError as error:
        raise failure(worker, invocation, error) from None
    finally:
        invocation.hang_up = None


async def refuse_failure(response: Answer, agent: str) -> None:
    """`AgentFailed` for every answer but 200. What a failed agent says of itself stays in the worker's log, but for a
    code that is its own to say."""
    if response.status == 200:
        return
    code = ""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        code = msgspec.json.decode(await response.up_to(_MAX_FAILURE_BYTES), type=_Failure).code
    response.hang_up()
    log.warning("agent_answered_error", agent=agent, status=response.status, code=code if code in FROM_AGENT else "")
    raise AgentFailed(SAFE_FAILURE, code=code if code in FROM_AGENT else None)


def reply(response: Answer, call: AgentCall, chunks: WorkerChunks) -> AgentReply:
    """The reply with a media type that no browser would run."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return AgentReply(
        status=response.status,
        content_type=media_type if media_type in MEDIA_TYPES else "application/octet-stream",
        session_id=call.session_id,
        chunks=chunks,
    )
