"""``/api/operator/turns``: the turns of all users that run now. Who and where, never what is said."""

from doorward.errors import Conflict
from doorward.front_door.api.operator.shapes import OpenTurnList, open_turn_item
from doorward.front_door.api.shapes import TurnState
from doorward.front_door.api.turns import turn_state
from doorward.http.request import Request
from doorward.http.response import Problem, Response, json_response
from doorward.http.routes import Access, Route
from doorward.ports.operator import RunningTurns

_SHOWN = 1000


def running_turn_routes(turns: RunningTurns | None) -> list[Route]:
    """Turns; None in the patterns that keep none: the routes then answer with 409 ``no_turns``."""

    async def show(_: Request) -> Response:
        running = _kept(turns).running_turns()
        return json_response(
            OpenTurnList(turns=[open_turn_item(turn) for turn in running[:_SHOWN]], total=len(running))
        )

    async def stop(request: Request) -> Response:
        return json_response(turn_state(await _kept(turns).stop_turn(request.params["turn_id"])))

    return [
        Route(
            method="GET",
            path="/api/operator/turns",
            handler=show,
            access=Access.OPERATOR,
            summary="The turns that run now, of all users.",
            responses={200: OpenTurnList, 409: Problem},
        ),
        Route(
            method="POST",
            path="/api/operator/turns/{turn_id}/stop",
            handler=stop,
            access=Access.OPERATOR,
            summary="Stop a turn; what was answered so far is kept, and its user is told that an operator stopped it.",
            responses={200: TurnState, 404: Problem, 409: Problem},
        ),
    ]


def _kept(turns: RunningTurns | None) -> RunningTurns:
    if turns is None:
        raise Conflict("In this pattern the house keeps no turns.", code="no_turns")
    return turns
