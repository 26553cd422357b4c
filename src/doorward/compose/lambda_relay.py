"""The chat function of `two-doors`: one question, one answer, nothing of it kept. It asks the agent with its own role.

``python -m doorward.compose.lambda_relay``, started by AWS Lambda.
"""

import sys
import time

from doorward.compose.function_agent import agent_of, invoker
from doorward.compose.function_options import caps
from doorward.compose.function_parts import FunctionHouse, api_function, budget, run_function
from doorward.compose.function_routes import relay_function_routes
from doorward.compose.house import arn
from doorward.http.lambda_runtime import Function
from doorward.services.marked_places import MarkedPlaces
from doorward.services.metering import Meter
from doorward.services.placed_relay import PlacedRelay
from doorward.services.relay import RelayOptions, RelayService


def make(house: FunctionHouse) -> Function:
    """The function. Its stores are those that all invocations share: each serves one request at a time, so that what is
    counted in its own memory bounds nobody."""
    settings, stores = house.settings, house.stores
    timeout = min(settings.agent.turn_timeout, settings.functions.answer_within)
    relay = RelayService(
        invoker(settings, agent_of(settings)),
        Meter(budget(settings), stores.budgets, time.time),
        RelayOptions(
            agent_arn=arn(settings, settings.agent.name),
            timeout=timeout,
            max_answer_bytes=settings.agent.max_response_bytes,
            caps=caps(settings),
        ),
        time.time,
    )
    most = settings.front_door.concurrent_turns
    placed = PlacedRelay(relay, MarkedPlaces(stores.marks), time.time, most=most, timeout=timeout)
    return api_function(house, relay_function_routes(settings, placed))


if __name__ == "__main__":
    sys.exit(run_function("relay", make))
