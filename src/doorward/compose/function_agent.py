"""The way from a function to the agent, for `lambda_turns` and `lambda_relay`; the others have none."""

import time
from importlib import import_module

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.agent_door.knock import Knock
from doorward.compose.function_options import credentials
from doorward.compose.house import CHAT_WORKLOAD, Places, deployment
from doorward.identity.turn_tokens import SignedTurnTokens
from doorward.model.settings import Settings
from doorward.ports.agent import Agent
from doorward.services.invocation import Invoker, InvokerOptions


def agent_of(settings: Settings) -> Agent:
    """The agent, by the key of this function's role."""
    return Knock(settings.agent.url, settings.agent, credentials=credentials("bedrock-agentcore"), clock=time.time)


def invoker(settings: Settings, agent: Agent) -> Invoker:
    """The way to the agent."""
    return Invoker(
        agent,
        SignedTurnTokens(deployment(settings), _turn_key(settings), time.time),
        InvokerOptions(
            actor=CHAT_WORKLOAD,
            token_ttl=settings.agent.turn_timeout + settings.chat.turn_token_ttl,
            stall_timeout=settings.agent.stall_timeout,
            private_sessions=True,
        ),
        time.time,
    )


def _turn_key(settings: Settings) -> Ed25519PrivateKey:
    """On AWS the role opens the agent, which takes a turn token for what it says: any key signs it. Elsewhere our agent
    door asks for the house's own."""
    if settings.environment == "production":
        return Ed25519PrivateKey.generate()
    key: Ed25519PrivateKey = import_module("doorward.identity.key_files").load_or_create_turn_key(Places(settings).keys)
    return key
