"""The chat function: begins turns, tells of them, stops them. It cannot run the agent in `conversations`; another does.

``python -m doorward.compose.lambda_chat``, started by AWS Lambda.
"""

import sys
import time
from typing import cast

from doorward.compose.function_agent import caps, credentials, invoker, options
from doorward.compose.function_parts import FunctionHouse, api_function, budget, run_function
from doorward.compose.function_routes import chat_function_routes, relay_function_routes
from doorward.compose.house import arn
from doorward.http.lambda_invoke import LambdaEvents
from doorward.http.lambda_runtime import Function
from doorward.ports.conversations import BudgetStore
from doorward.services.chat.handed import HandedChat, HandedOptions, Parts
from doorward.services.metering import Meter
from doorward.services.relay import RelayOptions, RelayService


def make(house: FunctionHouse) -> Function:
    """The function of the configured pattern."""
    return _relay(house) if house.settings.pattern == "two-doors" else _chat(house)


def _chat(house: FunctionHouse) -> Function:
    settings, stores = house.settings, house.stores
    functions = settings.functions
    runner = LambdaEvents(
        functions.turns,
        functions.url,
        region=settings.agent.region,
        credentials=credentials("lambda"),
        clock=time.time,
    )
    parts = Parts(turns=stores.turns, marks=stores.marks, runner=runner, clock=time.time)
    handed = HandedOptions(
        answer_within=functions.answer_within,
        poll=functions.poll,
        streams_per_user=settings.front_door.open_streams,
    )
    return api_function(house, chat_function_routes(settings, HandedChat(parts, options(settings), handed)))


def _relay(house: FunctionHouse) -> Function:
    settings = house.settings
    day = budget(settings)
    # Without a budget the meter never asks its store, and then there need not be one.
    store = house.stores.budgets if day is not None else cast("BudgetStore", None)
    relay = RelayService(
        invoker(settings),
        Meter(day, store, time.time),
        RelayOptions(
            agent_arn=arn(settings, settings.agent.name),
            timeout=min(settings.agent.turn_timeout, settings.functions.answer_within),
            max_answer_bytes=settings.agent.max_response_bytes,
            caps=caps(settings),
        ),
        time.time,
    )
    return api_function(house, relay_function_routes(settings, relay))


if __name__ == "__main__":
    sys.exit(run_function("chat", make))
