"""The chat function of `conversations`: begins turns, tells of them, stops them. Neither its imports nor its role have
a way to an agent: another function runs the turns.

``python -m doorward.compose.lambda_chat``, started by AWS Lambda.
"""

import sys
import time

from doorward.compose.function_options import credentials, options
from doorward.compose.function_parts import FunctionHouse, api_function, run_function
from doorward.compose.function_routes import chat_function_routes
from doorward.http.lambda_invoke import LambdaEvents
from doorward.http.lambda_runtime import Function
from doorward.services.chat.handed import HandedChat, HandedOptions, Parts

# The API, and the function, have 60 seconds for a request: for the wait of its message and for the answer.
ANSWERS_WITHIN = 55.0


def make(house: FunctionHouse) -> Function:
    """The function."""
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
        wait_within=max(1.0, ANSWERS_WITHIN - functions.answer_within),
        poll=functions.poll,
        streams_per_user=settings.front_door.open_streams,
    )
    return api_function(house, chat_function_routes(settings, HandedChat(parts, options(settings), handed)))


if __name__ == "__main__":
    sys.exit(run_function("chat", make))
