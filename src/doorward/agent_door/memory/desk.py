"""Behind the checks: does what an allowed request asks of the memory, and answers as AgentCore does."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from doorward.agent_door.answers import json_answer
from doorward.agent_door.memory.paths import ACTOR, SESSION
from doorward.agent_door.memory.wire import (
    CreateEventBody,
    ListBody,
    ListEventsBody,
    ListSessionsBody,
    branch_of,
    event_to_wire,
    milliseconds_of,
    payload_of,
    query_of,
    read_body,
    session_to_wire,
)
from doorward.agent_door.visit import MemoryTarget, Operation, Visit
from doorward.errors import InvalidInput, NotFound
from doorward.http.response import Response
from doorward.model.chat import Page
from doorward.model.memory import Bounds, MemorySession, NewEvent
from doorward.ports.memory import MemoryStore


class MemoryDesk:
    """`bounds` holds every memory of the house by its id."""

    def __init__(self, store: MemoryStore, bounds: Mapping[str, Bounds]) -> None:
        self._store = store
        self._bounds = bounds

    async def answer(self, visit: Visit) -> Response:
        """Raises `InvalidInput`, `NotFound`, `QuotaExceeded`, `StoreUnavailable`."""
        target = visit.memory or MemoryTarget("", "", "", "")
        where = MemorySession(target.memory, target.actor, target.session)
        match visit.operation:
            case Operation.CREATE_EVENT:
                return json_answer(visit, await self._create(visit, target.memory), status=201)
            case Operation.GET_EVENT:
                event = await self._store.get(where, target.event)
                if event is None:
                    raise _no_event()
                return json_answer(visit, {"event": event_to_wire(event)})
            case Operation.DELETE_EVENT:
                if not await self._store.delete(where, target.event):
                    raise _no_event()
                return json_answer(visit, {"eventId": target.event})
            case Operation.LIST_EVENTS:
                page = await self._store.events(where, query_of(read_body(visit.body, ListEventsBody)))
                return _list(visit, "events", page, [event_to_wire(event) for event in page.items])
            case Operation.LIST_SESSIONS:
                return await self._sessions(visit, target)
            case _:
                asked = read_body(visit.body, ListBody)
                actors = await self._store.actors(target.memory, limit=asked.max_results, cursor=asked.next_token)
                return _list(visit, "actorSummaries", actors, [{"actorId": actor} for actor in actors.items])

    async def _sessions(self, visit: Visit, target: MemoryTarget) -> Response:
        asked = read_body(visit.body, ListSessionsBody)
        empty = asked.filter is None or asked.filter.event_filter is None
        found = await self._store.sessions(
            target.memory, target.actor, limit=asked.max_results, cursor=asked.next_token, empty=empty
        )
        return _list(visit, "sessionSummaries", found, [session_to_wire(session) for session in found.items])

    async def _create(self, visit: Visit, memory: str) -> dict[str, Any]:
        body = read_body(visit.body, CreateEventBody)
        session = body.session_id if body.session_id is not None else str(uuid.uuid4())
        if not ACTOR.fullmatch(body.actor_id) or not SESSION.fullmatch(session):
            raise InvalidInput("The actorId or sessionId is not one that AgentCore Memory takes.", code="invalid_actor")
        event = NewEvent(
            where=MemorySession(memory, body.actor_id, session),
            at=milliseconds_of(body.event_timestamp),
            payload=payload_of(body.payload),
            branch=branch_of(body.branch),
            metadata={key: value.string_value for key, value in body.metadata.items()},
            token=_token(visit, body),
            digest=hashlib.sha256(visit.body).digest(),
        )
        return {"event": event_to_wire(await self._store.create(event, self._bounds[memory]))}


def _token(visit: Visit, body: CreateEventBody) -> str:
    """INVARIANT: a captured CreateEvent makes nothing new: without a token of its caller's its signature is one."""
    if body.client_token is not None:
        return f"client:{body.client_token}"
    return f"signature:{visit.claim.signature if visit.claim else uuid.uuid4()}"


def _list(visit: Visit, name: str, page: Page[Any], items: list[dict[str, Any]]) -> Response:
    told: dict[str, Any] = {name: items}
    if page.next_cursor is not None:
        told["nextToken"] = page.next_cursor
    return json_answer(visit, told)


def _no_event() -> NotFound:
    return NotFound("There is no such event.", code="event_not_found")
