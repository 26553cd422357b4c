"""Which routes each function answers on AWS. The functions are made from these lists, and the API of the template too:
what is in neither does not exist there."""

from doorward.front_door.api.chat import chat_routes
from doorward.front_door.api.conversations import conversation_routes
from doorward.front_door.api.export import export_routes
from doorward.front_door.api.me import me_routes, usage_routes
from doorward.front_door.api.simple_chat import simple_chat_routes
from doorward.front_door.api.turns import turn_routes
from doorward.http.routes import Route
from doorward.model.settings import Settings
from doorward.ports.services import Chat, Conversations, Relay, UsageReport


def chat_function_routes(settings: Settings, chat: Chat) -> list[Route]:
    """Messages and turns, pattern `conversations`."""
    bounds = settings.front_door
    talk = chat_routes(chat, max_message_characters=bounds.max_message_characters, body_limit=bounds.max_body_bytes)
    return [*talk, *turn_routes(chat)]


def relay_function_routes(settings: Settings, relay: Relay) -> list[Route]:
    """The one endpoint of pattern `two-doors`."""
    bounds = settings.front_door
    return simple_chat_routes(
        relay, max_message_characters=bounds.max_message_characters, body_limit=bounds.max_body_bytes
    )


def conversations_function_routes(settings: Settings, conversations: Conversations, usage: UsageReport) -> list[Route]:
    """History, usage, and who is calling: nothing here has a way to an agent."""
    return [
        *conversation_routes(conversations),
        *export_routes(conversations),
        *usage_routes(usage),
        *me_routes(settings.pattern, settings.agent.model),
    ]
