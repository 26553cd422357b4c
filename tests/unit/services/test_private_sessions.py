"""Where the agent's side does not keep users apart, the name of a session does (AP-SES-02)."""

import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.services.house import AGENT, ANNA, BEN, ScriptedAgent

from doorward.identity.turn_tokens import SignedTurnTokens
from doorward.model.principals import User
from doorward.services.invocation import Errand, Invoker, InvokerOptions

pytestmark = pytest.mark.anyio

SESSION = "conversation-of-a-name-that-two-users-chose"


def errand(user: User) -> Errand:
    return Errand(user=user, agent=AGENT, session_id=SESSION, turn_id="t", payload={"prompt": "hi"}, request_id="r")


async def test_two_users_sessions_of_one_id_are_two_sessions_at_the_agent_in_every_call() -> None:
    agent, tokens = ScriptedAgent(), SignedTurnTokens("house", Ed25519PrivateKey.generate(), time.time)
    options = InvokerOptions(actor="chat", token_ttl=60.0, private_sessions=True)
    invoker = Invoker(agent, tokens, options, time.time)
    for user in (ANNA, BEN):
        await invoker.invoke(errand(user))
        await invoker.stop(errand(user))
        await invoker.forget(errand(user))
    names = [call.session_id for call in agent.calls]
    assert len(set(names)) == 2
    assert SESSION not in names
    assert [session for _, session, _ in agent.stopped] == names
    assert [session for _, session, _ in agent.forgotten] == names
    for call in agent.calls:
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-]{32,99}", call.session_id)  # what every AgentCore API takes
        assert call.turn_token is not None
        assert tokens.verify(call.turn_token.reveal(), audience=AGENT).session_id == call.session_id
