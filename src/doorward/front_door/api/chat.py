"""``POST /api/chat``, pattern `conversations`: a message in, the answer out, whole or as a stream of the turn's events.

The turn is stored and runs on its own: a client that goes away does not stop it.
"""

import msgspec

from doorward.errors import TurnContinues
from doorward.front_door.api.parameters import caller, idempotency_key
from doorward.front_door.api.shapes import ChatAnswer, turn_request
from doorward.front_door.api.turn_stream import stream
from doorward.front_door.api.turns import turn_state
from doorward.http.request import Request
from doorward.http.response import Problem, Response, event_stream, json_response
from doorward.http.routes import Access, Route
from doorward.ports.services import PLAIN, Chat, Sending, SendKey, StartedTurn

_ROUTE = "POST /api/chat"


def chat_routes(chat: Chat, *, max_message_characters: int, body_limit: int) -> list[Route]:
    """The chat; a message has at most `max_message_characters`, the body at most `body_limit` bytes."""

    async def talk(request: Request) -> Response:
        user = caller(request)
        started = await chat.start(
            user,
            request.body.message,
            session_id=request.body.session_id,
            request_id=request.id,
            sending=_sending(request),
        )
        # On the request, not on the response: a problem carries them too, so that a failed turn can be looked up.
        request.response_headers.extend(turn_headers(started))
        if request.wants_stream():
            return event_stream(stream(await chat.events(user, started.turn_id, after=0)))
        try:
            answer = await chat.answer(user, started.turn_id)
        except TurnContinues:
            state = turn_state(await chat.turn(user, started.turn_id))
            return json_response(state, status=202, headers=[(b"retry-after", b"1")])
        return json_response(ChatAnswer(response=answer.response, session_id=answer.session_id, turn_id=answer.turn_id))

    return [
        Route(
            method="POST",
            path="/api/chat",
            handler=talk,
            access=Access.USER,
            body=turn_request(max_message_characters),
            body_limit=body_limit,
            prompt=("message",),
            headers=("Idempotency-Key",),
            shares_turns=True,
            stream=True,
            summary="Send a message; the answer comes whole, or as events with Accept: text/event-stream.",
            responses={
                200: (ChatAnswer, "text/event-stream"),
                202: "application/json",  # the turn's state, where functions answer: it goes on
                **dict.fromkeys((404, 409, 422, 502, 504), Problem),
            },
        )
    ]


def _sending(request: Request) -> Sending:
    """The body is hashed as it was understood, so that another order of its fields is still the same send."""
    key, on_busy = idempotency_key(request), request.body.on_busy
    if key is None:
        return PLAIN if on_busy is None else Sending(on_busy=on_busy)
    return Sending(key=SendKey(route=_ROUTE, key=key, body=msgspec.json.encode(request.body)), on_busy=on_busy)


def turn_headers(started: StartedTurn) -> list[tuple[bytes, bytes]]:
    """Where the turn is, for a client that wants to go on reading after its connection broke."""
    turn_id = started.turn_id.encode("ascii")
    headers = [
        (b"x-turn-id", turn_id),
        (b"x-session-id", started.session_id.encode("ascii")),
        # Beside the chat itself, so that it leads there also under a prefix (the stage of an API Gateway).
        (b"location", b"turns/%b/events" % turn_id),
    ]
    if started.replayed:
        headers.append((b"idempotency-replayed", b"true"))
    return headers
