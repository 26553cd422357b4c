"""The conversations function: history, usage, who is calling. Neither its imports nor its role have a way to an agent.

``python -m doorward.compose.lambda_conversations``, started by AWS Lambda.
"""

import sys
import time

from doorward.compose.function_parts import FunctionHouse, api_function, budget, run_function
from doorward.compose.function_routes import conversations_function_routes
from doorward.http.lambda_runtime import Function
from doorward.services.conversations.service import ConversationsService
from doorward.services.usage.service import UsageService


def make(house: FunctionHouse) -> Function:
    """The function."""
    settings, stores = house.settings, house.stores
    history = ConversationsService(stores.conversations)
    usage = UsageService(stores.usage, time.time, budget(settings))
    return api_function(house, conversations_function_routes(settings, history, usage))


if __name__ == "__main__":
    sys.exit(run_function("conversations", make))
