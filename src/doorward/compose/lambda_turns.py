"""The turns function: runs one turn after the other, each in an invocation of its own, and closes those that were lost.

``python -m doorward.compose.lambda_turns``, started by AWS Lambda. No request of a user reaches it.
"""

import sys
import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

from doorward.compose.function_agent import invoker
from doorward.compose.function_options import options
from doorward.compose.function_parts import FunctionHouse, run_function
from doorward.http.lambda_runtime import Function, Invocation, Responder
from doorward.model.chat import TurnResult
from doorward.services.chat.forgetting import forget_pending
from doorward.services.chat.handed import HandedTurn
from doorward.services.chat.handed_runs import HandedRuns
from doorward.services.chat.run import TurnWays

# A turn's function ends at the latest so many seconds after the turn's own limit; then it is lost.
LOST_AFTER = 180.0
# Lambda drops an event that no function took within a minute (`MaximumEventAgeInSeconds` of the template).
UNTAKEN_AFTER = 90.0


class _Event(Struct, frozen=True, forbid_unknown_fields=True):
    """A turn, from the chat function; or ``{"sweep": true}``, from the schedule."""

    turn: HandedTurn | None = None
    sweep: bool = False


def make(house: FunctionHouse) -> Function:
    """The function."""
    chosen = options(house.settings)
    stores, ways_to_agent = house.stores, invoker(house.settings)

    def ways(on_unwritten: Callable[[TurnResult], None]) -> TurnWays:
        return TurnWays(
            turns=stores.turns,
            invoker=ways_to_agent,
            clock=time.time,
            on_unwritten=on_unwritten,
            cost=chosen.budget.cost if chosen.budget is not None else None,
            caps=chosen.caps,
        )

    runs = HandedRuns(ways, stores.marks, chosen)

    async def function(invocation: Invocation, responder: Responder) -> None:
        event = msgspec.json.decode(invocation.event, type=_Event)
        if event.turn is not None:
            await runs.run(event.turn, deadline=invocation.deadline)
        closed = forgotten = 0
        if event.sweep:
            closed = await runs.sweep(lost_after=chosen.turn_timeout + LOST_AFTER, untaken_after=UNTAKEN_AFTER)
            forgotten = await forget_pending(stores.forgotten, ways_to_agent, chosen.agent_arn, time.time)
        await responder.whole({"closed": closed, "forgotten": forgotten})

    return function


if __name__ == "__main__":
    sys.exit(run_function("turns", make))
