"""``/api/turns``: look at a turn, read on in its events, cancel it. Another user's turn is not there (AP-SES-04)."""

from doorward.front_door.api.parameters import caller, resume_point
from doorward.front_door.api.shapes import TokenUsage, TurnState, timestamp
from doorward.front_door.api.turn_stream import resumed
from doorward.http.request import Request
from doorward.http.response import Problem, Response, event_stream, json_response
from doorward.http.routes import Access, Route
from doorward.model.chat import Turn
from doorward.ports.services import Chat


def turn_routes(chat: Chat) -> list[Route]:
    """Turns of the caller."""

    async def show(request: Request) -> Response:
        return json_response(turn_state(await chat.turn(caller(request), request.params["turn_id"])))

    async def events(request: Request) -> Response:
        chunks = await resumed(chat, caller(request), request.params["turn_id"], resume_point(request))
        return event_stream(chunks)

    async def cancel(request: Request) -> Response:
        return json_response(turn_state(await chat.cancel(caller(request), request.params["turn_id"])))

    return [
        Route(
            method="GET",
            path="/api/turns/{turn_id}",
            handler=show,
            access=Access.USER,
            summary="The state of a turn.",
            responses={200: TurnState, 404: Problem},
        ),
        Route(
            method="GET",
            path="/api/turns/{turn_id}/events",
            handler=events,
            access=Access.USER,
            query=("after",),
            stream=True,
            summary="A turn's events after Last-Event-ID (or after=), first the stored ones, then live ones.",
            responses={200: "text/event-stream", 404: Problem},
        ),
        Route(
            method="POST",
            path="/api/turns/{turn_id}/cancel",
            handler=cancel,
            access=Access.USER,
            summary="Stop a turn; what was answered so far is kept. A turn that has ended stays as it is.",
            responses={200: TurnState, 404: Problem},
        ),
    ]


def turn_state(turn: Turn) -> TurnState:
    """A turn as the API shows it."""
    return TurnState(
        turn_id=turn.id,
        session_id=turn.session_id,
        status=turn.status.value,
        started_at=timestamp(turn.started_at),
        finished_at=None if turn.finished_at is None else timestamp(turn.finished_at),
        error_code=turn.error_code,
        usage=TokenUsage(
            model=turn.usage.model, input_tokens=turn.usage.input_tokens, output_tokens=turn.usage.output_tokens
        ),
    )
