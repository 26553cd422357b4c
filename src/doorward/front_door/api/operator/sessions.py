"""``/api/operator/sessions`` and ``/api/operator/agents``: what runs in the runtime, and the switches."""

import re
from collections.abc import Awaitable, Callable

from doorward.errors import AgentFailed, Conflict, NotFound
from doorward.front_door.api.operator.shapes import AgentItem, RuntimeView, SessionItem
from doorward.front_door.api.shapes import SESSION_ID_PATTERN, timestamp
from doorward.http.request import Request
from doorward.http.response import Problem, Response, json_response
from doorward.http.routes import Access, Route
from doorward.model.agent import AgentState, LiveSession
from doorward.ports.agent import Operations

_SHOWN = 1000
_OWNER = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,47}")

_SEEN = {200: RuntimeView, 404: Problem, 409: Problem, 502: Problem}


def session_routes(operations: Operations | None) -> list[Route]:
    """None in the patterns without a key for operators at the agent door: then all answer 409 ``no_operations``."""
    desk = _Desk(operations)
    return [
        Route(
            method="GET",
            path="/api/operator/sessions",
            handler=desk.show,
            access=Access.OPERATOR,
            summary="The agents, and the sessions of all users that have a process or a running call.",
            responses=_SEEN,
        ),
        Route(
            method="DELETE",
            path="/api/operator/sessions/{owner}/{session_id}",
            handler=desk.end,
            access=Access.OPERATOR,
            summary="End what runs in a session, and its process. What is kept of it stays.",
            responses={204: None, 404: Problem, 409: Problem, 502: Problem},
        ),
        Route(
            method="POST",
            path="/api/operator/agents/{name}/stop",
            handler=desk.stop,
            access=Access.OPERATOR,
            summary="The kill switch: end everything of an agent, and let nothing of it begin, also over a restart.",
            responses=_SEEN,
        ),
        Route(
            method="POST",
            path="/api/operator/agents/{name}/allow",
            handler=desk.allow,
            access=Access.OPERATOR,
            summary="Let a stopped agent run again.",
            responses=_SEEN,
        ),
    ]


class _Desk:
    """The handlers."""

    def __init__(self, operations: Operations | None) -> None:
        self._operations = operations

    async def show(self, _: Request) -> Response:
        state = await self._there().state()
        return json_response(
            RuntimeView(
                agents=[_agent(agent) for agent in state.agents],
                sessions=[_session(session) for session in state.sessions[:_SHOWN]],
                total=len(state.sessions),
            )
        )

    async def end(self, request: Request) -> Response:
        owner, session_id = request.params["owner"], request.params["session_id"]
        # What cannot be an id is at no session; the agent door would only call it invalid.
        named = _OWNER.fullmatch(owner) and re.fullmatch(SESSION_ID_PATTERN, session_id)
        if not named or not await self._there().end_session(owner, session_id):
            raise NotFound("Nothing runs in such a session.")
        return Response(status=204)

    async def stop(self, request: Request) -> Response:
        await self._switch(self._there().stop_agent, request.params["name"])
        return await self.show(request)

    async def allow(self, request: Request) -> Response:
        await self._switch(self._there().allow_agent, request.params["name"])
        return await self.show(request)

    async def _switch(self, turn: Callable[[str], Awaitable[None]], name: str) -> None:
        """An agent that is not there is no failure of the agent door: 404, not 502."""
        if not _NAME.fullmatch(name):
            raise _no_such_agent()
        try:
            await turn(name)
        except AgentFailed as error:
            if error.code != "agent_not_found":
                raise
            raise _no_such_agent() from error

    def _there(self) -> Operations:
        if self._operations is None:
            raise Conflict("In this pattern operators have no key for the agent door.", code="no_operations")
        return self._operations


def _no_such_agent() -> NotFound:
    return NotFound("There is no such agent.", code="agent_unknown")


def _agent(agent: AgentState) -> AgentItem:
    return AgentItem(name=agent.name, stopped_at=None if agent.stopped_at is None else timestamp(agent.stopped_at))


def _session(session: LiveSession) -> SessionItem:
    return SessionItem(
        owner=session.owner,
        agent=session.agent,
        session_id=session.session_id,
        process=session.pid or None,
        started_at=timestamp(session.started_at),
        idle_seconds=round(session.idle_seconds, 1),
        turn_id=session.turn_id or None,
    )
