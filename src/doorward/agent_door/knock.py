"""The caller's side of the agent door: signs and sends, as the services see it (`ports.agent.Agent`).

Speaks Bedrock AgentCore's data plane over HTTP, so the door may be ours or AWS's. Knocks again only
where AgentCore says that a conflict will pass: then nothing ran.
"""

import asyncio
import contextlib
import itertools
import math
import random
import secrets
import uuid
from collections.abc import AsyncIterator
from typing import NoReturn
from urllib.parse import quote, urlsplit

import msgspec
import structlog
from msgspec import Struct

from doorward.agent_door.visit import FORGET, KEEP, REQUEST_ID, SESSION_ID, TURN_TOKEN, USER_ID
from doorward.errors import (
    AgentFailed,
    AgentTimeout,
    AgentUnreachable,
    ConfigurationError,
    Conflict,
    DoorwardError,
    Forbidden,
    NotFound,
    TooManyRequests,
)
from doorward.http.client import Answer, Client, ConnectTimeout, Origin
from doorward.identity import sigv4
from doorward.model.agent import FROM_AGENT, AgentCall, AgentReply
from doorward.model.secret import Secret
from doorward.model.settings import AgentSettings
from doorward.ports.clock import Clock
from doorward.telemetry import traces

_log = structlog.get_logger()
_QUALIFIER = "DEFAULT"
_MAX_ERROR_BYTES = 65536
# Shorter than any server's, so that a call is not sent on a connection that is being closed.
_KEEP_ALIVE_SECONDS = 4.0
# Between two knocks while a conflict passes, in seconds, with jitter: AWS asks for exponential backoff.
_PAUSES = (0.1, 0.2, 0.4, 0.8)


class _Problem(Struct):
    """AWS's error body, and our code in it when the door is ours."""

    message: str = ""
    code: str = ""


class _Meaning(Struct, frozen=True):
    """The port's error for an answer of the door."""

    kind: type[Forbidden | Conflict | AgentFailed | AgentTimeout | AgentUnreachable]
    message: str
    code: str | None = None


# Statuses as in the data plane of AgentCore; the codes are ours and refine 424 and 500.
_FAILED = _Meaning(AgentFailed, "The agent failed.")
_REFUSED = _Meaning(Forbidden, "The agent door refused the call.", "agent_door_refused")
_UNREADABLE = _Meaning(AgentFailed, "The agent door could not take the call.", "agent_call_invalid")
_BY_STATUS = {
    400: _UNREADABLE,
    401: _REFUSED,
    403: _REFUSED,
    404: _Meaning(AgentFailed, "There is no such agent.", "agent_not_found"),
    409: _Meaning(Conflict, "This session is busy.", "session_busy"),
    413: _UNREADABLE,
    503: _Meaning(AgentUnreachable, "The agent door cannot serve at the moment."),
}
_BY_CODE = {
    "agent_timeout": _Meaning(AgentTimeout, "The agent did not answer in time."),
    "agent_unreachable": _Meaning(AgentUnreachable, "The agent could not be reached."),
    "agent_stopped": _Meaning(AgentUnreachable, "The agent was stopped by an operator.", "agent_stopped"),
}


class Sending(Struct, frozen=True):
    """One request, before it is signed. `unsigned` headers may change on the way."""

    path: str
    headers: list[tuple[str, str]]
    unsigned: list[tuple[str, str]]
    body: bytes
    bearer: Secret | None = None


class Knock:
    """Knocks at one agent door. `settings` gives region and deadlines; without `credentials` only calls with `bearer`
    can be made. Belongs to one event loop.
    """

    def __init__(
        self,
        url: str,
        settings: AgentSettings,
        *,
        credentials: sigv4.Credentials | None,
        clock: Clock,
    ) -> None:
        base = urlsplit(url)
        origin = _origin_of(url)
        self._path = base.path.rstrip("/")
        default_port = origin.port == (443 if origin.tls else 80)
        bare = f"[{origin.host}]" if ":" in origin.host else origin.host
        self._host = bare if default_port else f"{bare}:{origin.port}"
        self._region = settings.region
        self._timeout = settings.turn_timeout
        self._client = Client(origin, connect_timeout=settings.connect_timeout, keep_alive=_KEEP_ALIVE_SECONDS)
        self._credentials = credentials
        self._clock = clock
        self._name = secrets.token_hex(12)
        self._numbers = itertools.count(1)
        self._paths: dict[tuple[str, str], str] = {}

    async def close(self) -> None:
        """Close the connections."""
        self._client.close()

    async def invoke(self, call: AgentCall) -> AgentReply:
        headers = [("content-type", "application/json"), ("accept", call.accept), (SESSION_ID, call.session_id)]
        headers += _for_user(call.user_id, call.turn_token)
        if call.keep:
            headers.append((KEEP, str(math.ceil(call.keep))))
        if call.request_id:
            headers.append((REQUEST_ID, call.request_id))
        traceparent = call.traceparent or traces.traceparent()
        unsigned = [] if traceparent is None else [("traceparent", traceparent)]
        path = self.path_of(call.agent, "invocations")
        response = await self.send(Sending(path, headers, unsigned, call.payload, call.bearer))
        return await _reply(response, call.session_id)

    async def resume(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> AgentReply:
        headers = [("content-type", "application/json"), (SESSION_ID, session_id), *_for_user(user_id, turn_token)]
        response = await self.send(Sending(self.path_of(agent, "resumeinvocation"), headers, [], b"{}"))
        if response.status == 404:  # also of a data plane that has no such operation: AgentCore's own
            response.hang_up()
            raise NotFound("Nothing is left of this turn's answer.", code="turn_not_kept")
        return await _reply(response, session_id)

    async def stop(
        self, agent: str, session_id: str, *, user_id: str | None = None, turn_token: Secret | None = None
    ) -> None:
        await self._stop(agent, session_id, _for_user(user_id, turn_token))

    async def forget(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> None:
        await self._stop(agent, session_id, [*_for_user(user_id, turn_token), (FORGET, "true")])

    async def _stop(self, agent: str, session_id: str, more: list[tuple[str, str]]) -> None:
        headers = [("content-type", "application/json"), (SESSION_ID, session_id), *more]
        body = msgspec.json.encode({"clientToken": str(uuid.uuid4())})
        response = await self.send(Sending(self.path_of(agent, "stopruntimesession"), headers, [], body))
        if response.status == 200:
            await response.up_to(_MAX_ERROR_BYTES)
            return
        problem = await _problem(response)
        if not _no_such_session(response, problem):
            raise _error_of(response, problem)

    def path_of(self, agent: str, operation: str) -> str:
        """The path of an operation on an agent (its ARN)."""
        key = (agent, operation)
        if key not in self._paths:
            self._paths[key] = f"{self._path}/runtimes/{quote(agent, safe='')}/{operation}"
        return self._paths[key]

    async def send(self, sending: Sending) -> Answer:
        """Sign it and send it, again while a conflict passes. Raises `AgentUnreachable` and `AgentTimeout`; a refusal
        is an answer."""
        for pause in _PAUSES:
            answer = await self._send_once(sending)
            if not _will_pass(answer):
                return answer
            answer.hang_up()
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311  # jitter, no secret
        return await self._send_once(sending)

    async def _send_once(self, sending: Sending) -> Answer:
        query = f"qualifier={_QUALIFIER}"
        headers = [*self._proof(sending, query), *sending.unsigned]
        try:
            target = f"{sending.path}?{query}"
            return await self._client.send("POST", target, headers, sending.body, timeout=self._timeout)
        except ConnectTimeout:
            raise AgentUnreachable("The agent door did not take the connection in time.") from None
        except TimeoutError:
            raise AgentTimeout("The agent did not answer in time.") from None
        except OSError as error:
            _log.warning("agent_door_unreachable", error=type(error).__name__)
            raise AgentUnreachable("The agent door cannot be reached.") from None

    def _proof(self, sending: Sending, query: str) -> list[tuple[str, str]]:
        """The headers with the credential: the user's token where the pattern says so, else a signature."""
        if sending.bearer is not None:
            bearer = ("authorization", f"Bearer {sending.bearer.reveal()}")
            return [("host", self._host), *sending.headers, bearer]
        if self._credentials is None:
            raise ConfigurationError("This service has no key for the agent door.")
        # The id makes two equal calls within one second two signatures, so that neither is taken for a replay.
        signed = [
            ("host", self._host),
            *sending.headers,
            ("amz-sdk-invocation-id", f"{self._name}-{next(self._numbers):x}"),
        ]
        head = sigv4.Head("POST", sending.path, query, signed)
        return [*signed, *sigv4.sign(head, sending.body, self._credentials, region=self._region, at=self._clock())]


def _origin_of(url: str) -> Origin:
    """Where a URL leads. Refuses what is no http(s) URL."""
    base = urlsplit(url)
    try:
        port = base.port
    except ValueError:
        port = 0
    if base.scheme not in ("http", "https") or not base.hostname or port == 0:
        raise ConfigurationError(f"The agent door's URL is not an http(s) URL: {url}")
    tls = base.scheme == "https"
    return Origin(host=base.hostname, port=port or (443 if tls else 80), tls=tls)


def _for_user(user_id: str | None, turn_token: Secret | None) -> list[tuple[str, str]]:
    headers = []
    if user_id is not None:
        headers.append((USER_ID, user_id))
    if turn_token is not None:
        headers.append((TURN_TOKEN, turn_token.reveal()))
    return headers


class _Chunks(AsyncIterator[bytes]):
    """The body as it arrives. Closing it before its end closes the connection, which hangs up on the agent."""

    def __init__(self, response: Answer) -> None:
        self._response = response

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.read()
        except TimeoutError:
            raise AgentTimeout("The agent did not finish in time.") from None
        except OSError:
            raise AgentUnreachable("The agent's answer broke off.") from None
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Hang up, unless the end was reached: then the connection is back in the pool already."""
        self._response.hang_up()


async def _reply(response: Answer, session_id: str) -> AgentReply:
    if response.status != 200:
        await raise_refusal(response)
    return AgentReply(
        status=response.status,
        content_type=response.headers.get("content-type", "application/octet-stream"),
        session_id=response.headers.get(SESSION_ID, session_id),
        chunks=_Chunks(response),
    )


async def raise_refusal(response: Answer) -> NoReturn:
    """The port's error for an answer other than 200."""
    raise _error_of(response, await _problem(response))


async def _problem(response: Answer) -> _Problem:
    problem = _Problem()
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        problem = msgspec.json.decode(await response.up_to(_MAX_ERROR_BYTES), type=_Problem)
    _log.info("agent_door_answered", status=response.status, code=problem.code)
    return problem


def _no_such_session(response: Answer, problem: _Problem) -> bool:
    """What AgentCore says to a stop of a session that has ended by itself ("Stop a running session", AgentCore's
    developer guide). Our own door says so only of an agent that it does not have, with a code."""
    return response.status == 404 and _kind(response) == "ResourceNotFoundException" and not problem.code


def _will_pass(response: Answer) -> bool:
    """What AgentCore says of a conflict that may be gone at the next try (``RetryableConflictException``). Our own door
    never says so: of a session in which something runs it is known that it goes on."""
    return response.status == 409 and _kind(response) == "RetryableConflictException"


def _kind(response: Answer) -> str:
    return response.headers.get("x-amzn-errortype", "").partition(":")[0]


def _error_of(response: Answer, problem: _Problem) -> DoorwardError:
    if response.status in (402, 429):
        if problem.code == "budget_exhausted":  # only where users knock with their own token, through the front door
            return TooManyRequests(problem.message, retry_after=_retry_after(response), code=problem.code)
        return TooManyRequests("The agent is busy.", retry_after=_retry_after(response))
    found = _BY_STATUS.get(response.status) or _BY_CODE.get(problem.code) or _FAILED
    if found is _FAILED and problem.code in FROM_AGENT:
        return AgentFailed(found.message, code=problem.code)
    return found.kind(found.message, code=found.code)


def _retry_after(response: Answer) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else 1.0
