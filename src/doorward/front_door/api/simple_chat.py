"""``POST /chat`` in the pattern `two-doors`: one question, one answer. The user's token stops at the front door."""

from doorward.front_door.api.parameters import caller
from doorward.front_door.api.shapes import SimpleAnswer, chat_request
from doorward.http.request import Request
from doorward.http.response import Problem, Response, json_response
from doorward.http.routes import Access, Route
from doorward.ports.services import Relay


def simple_chat_routes(relay: Relay, *, max_message_characters: int, body_limit: int) -> list[Route]:
    """The one endpoint of the pattern `two-doors`."""

    async def talk(request: Request) -> Response:
        answer = await relay.send(caller(request), request.body.message, request.body.session_id, request.id)
        return json_response(SimpleAnswer(response=answer.response, session_id=answer.session_id))

    return [
        Route(
            method="POST",
            path="/chat",
            handler=talk,
            access=Access.USER,
            body=chat_request(max_message_characters),
            body_limit=body_limit,
            prompt=("message",),
            turn=True,
            summary="Send a message and wait for the answer.",
            responses={200: SimpleAnswer, 409: Problem, 502: Problem, 504: Problem},
        )
    ]
