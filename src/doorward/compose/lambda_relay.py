"""The chat function of `two-doors`: one question, one answer, nothing stored. It asks the agent with its own role.

``python -m doorward.compose.lambda_relay``, started by AWS Lambda.
"""

import sys
import time
from typing import cast

from doorward.compose.function_agent import invoker
from doorward.compose.function_options import caps
from doorward.compose.function_parts import FunctionHouse, api_function, budget, run_function
from doorward.compose.function_routes import relay_function_routes
from doorward.compose.house import arn
from doorward.http.lambda_runtime import Function
from doorward.ports.conversations import BudgetStore
from doorward.services.metering import Meter
from doorward.services.relay import RelayOptions, RelayService


def make(house: FunctionHouse) -> Function:
    """The function."""
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
    sys.exit(run_function("relay", make))
