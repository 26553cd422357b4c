"""The way from a function to the agent, for `lambda_turns` and `lambda_relay`; the others have none."""

import time

from doorward.agent_door.knock import Knock
from doorward.compose.function_options import credentials
from doorward.compose.house import CHAT_WORKLOAD, Places, deployment
from doorward.identity.key_files import load_or_create_turn_key
from doorward.identity.turn_tokens import SignedTurnTokens
from doorward.model.settings import Settings
from doorward.ports.agent import Agent
from doorward.services.invocation import Invoker, InvokerOptions


def agent_of(settings: Settings) -> Agent:
    """The agent, by the key of this function's role."""
    return Knock(settings.agent.url, settings.agent, credentials=credentials("bedrock-agentcore"), clock=time.time)


def invoker(settings: Settings, agent: Agent) -> Invoker:
    """The way to the agent, with turn tokens of this function's own key."""
    key = load_or_create_turn_key(Places(settings).keys)
    return Invoker(
        agent,
        SignedTurnTokens(deployment(settings), key, time.time),
        InvokerOptions(
            actor=CHAT_WORKLOAD,
            token_ttl=settings.agent.turn_timeout + settings.chat.turn_token_ttl,
            stall_timeout=settings.agent.stall_timeout,
            private_sessions=True,
        ),
        time.time,
    )
