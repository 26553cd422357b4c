"""The turns function: runs one turn after the other, each in an invocation of its own, and closes those that were lost.

``python -m doorward.compose.lambda_turns``, started by AWS Lambda. No request of a user reaches it. On AWS it is two
functions: one runs turns, and one, by a schedule, sweeps, so that many turns do not hold up the sweep.
"""

import sys
import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

from doorward.compose.agent_memory import ErasingAgent, memory_of_agent
from doorward.compose.function_agent import agent_of, invoker
from doorward.compose.function_options import options
from doorward.compose.function_parts import FunctionHouse, run_function
from doorward.http.lambda_runtime import Function, Invocation, Responder
from doorward.model.chat import TurnResult
from doorward.ports.agent import Agent
from doorward.services.chat.forgetting import ROUND_SECONDS, forget_pending
from doorward.services.chat.handed import HandedTurn
from doorward.services.chat.handed_runs import CLOSING_SECONDS, HandedRuns
from doorward.services.chat.run import TurnWays
from doorward.services.marked_places import MarkedPlaces

# A turn's function ends at the latest so many seconds after the turn's own limit; then it is lost.
LOST_AFTER = 180.0
# Lambda drops an event that no function took within a minute (`MaximumEventAgeInSeconds` of the template); before that
# its message may have waited for its conversation (`lambda_chat`).
UNTAKEN_AFTER = 120.0


class _Event(Struct, frozen=True, forbid_unknown_fields=True):
    """A turn, from the chat function; or ``{"sweep": true}``, from the schedule."""

    turn: HandedTurn | None = None
    sweep: bool = False


def make(house: FunctionHouse) -> Function:
    """The function."""
    chosen = options(house.settings)
    stores, ways_to_agent = house.stores, invoker(house.settings, _agent(house))

    def ways(on_unwritten: Callable[[TurnResult], None]) -> TurnWays:
        return TurnWays(
            turns=stores.turns,
            invoker=ways_to_agent,
            clock=time.time,
            on_unwritten=on_unwritten,
            cost=chosen.budget.cost if chosen.budget is not None else None,
            caps=chosen.caps,
            pace=house.settings.functions.poll,
        )

    runs = HandedRuns(ways, stores.marks, chosen)
    places = MarkedPlaces(stores.marks)

    async def forget(within: float) -> int:
        """INVARIANT: one at a time. Another that is slow could erase what a conversation that was begun anew under the
        id of a forgotten one has since."""
        place = await places.take("forgetting", 1, until=time.time() + within)
        if place is None:
            return 0
        try:
            return await forget_pending(stores.forgotten, ways_to_agent, chosen.agent_arn, time.time, within=within)
        finally:
            await places.give(place)

    async def function(invocation: Invocation, responder: Responder) -> None:
        event = msgspec.json.decode(invocation.event, type=_Event)
        if event.turn is not None:
            await runs.run(event.turn, deadline=invocation.deadline)
        closed = forgotten = 0
        if event.sweep:
            until = (time.time() + invocation.deadline) / 2  # the other half is for what is to be forgotten
            lost = chosen.turn_timeout + LOST_AFTER
            closed = await runs.sweep(lost_after=lost, untaken_after=UNTAKEN_AFTER, deadline=until)
            forgotten = await forget(min(ROUND_SECONDS, invocation.deadline - time.time() - CLOSING_SECONDS))
        await responder.whole({"closed": closed, "forgotten": forgotten})

    return function


def _agent(house: FunctionHouse) -> Agent:
    """The agent; where it has a memory, one that also erases there what is to be forgotten."""
    agent, memory = agent_of(house.settings), memory_of_agent(house.settings)
    if memory is None:
        return agent
    erasing = ErasingAgent(agent, memory)
    house.at_end(erasing.close)
    return erasing


if __name__ == "__main__":
    sys.exit(run_function("turns", make))
