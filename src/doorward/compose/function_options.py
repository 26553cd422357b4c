"""What the functions are told, and the keys of their roles. Nothing here leads to an agent."""

from msgspec.structs import replace

from doorward.compose.function_parts import budget
from doorward.compose.house import PRICES, TITLES_AGENT, arn
from doorward.compose.settings import variable
from doorward.errors import ConfigurationError
from doorward.identity.sigv4 import Credentials
from doorward.model.secret import Secret
from doorward.model.settings import Settings
from doorward.services.budget import Pricing, load_prices
from doorward.services.caps import Caps, caps_of
from doorward.services.chat.options import ChatOptions, chat_options


def options(settings: Settings) -> ChatOptions:
    """What the chat is told. Nobody names conversations here: the agent that does is not on AgentCore."""
    made = chat_options(
        replace(settings.chat, names="first-message", adopt_within=0.0),
        settings.agent,
        agent_arn=arn(settings, settings.agent.name),
        titles_arn=arn(settings, TITLES_AGENT),
        turns_per_user=settings.front_door.concurrent_turns,
    )
    return replace(made, budget=budget(settings), caps=caps(settings))


def caps(settings: Settings) -> Caps | None:
    """What one turn may do at most."""
    return caps_of(settings.agent, Pricing(load_prices(PRICES), settings.agent.model).cost)


def credentials(service: str) -> Credentials:
    """The keys of the function's role, which Lambda gives it as variables for as long as this process lives."""
    key_id, secret = variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")
    if not key_id or not secret:
        raise ConfigurationError("There are no keys of a role: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    token = variable("AWS_SESSION_TOKEN")
    return Credentials(key_id, Secret(secret), service, Secret(token) if token else None)
