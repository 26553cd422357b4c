"""What the probe is told about a house of ours: its ready file, as an owner would write it into probe.toml."""

from typing import Any

from msgspec.structs import replace
from tests.journey.house import House

from doorward.model.secret import Secret
from doorward.probe.target import Account, Chat, SignIn, Target, Workload

# What the rehearsal model says to "hello", and nothing else of the house does.
CANARY = "I am the rehearsal model"
_SLOW = "please wait 2 seconds"
_CHATS = {
    "direct": Chat(path="", prompt_field="prompt", canary=CANARY, session_field="", slow_prompt=_SLOW),
    "front-door": Chat(path="/chat", prompt_field="prompt", canary=CANARY, slow_prompt=_SLOW),
    "two-doors": Chat(path="/chat", canary=CANARY, slow_prompt=_SLOW),
    "conversations": Chat(path="/api/chat", canary=CANARY, slow_prompt=_SLOW),
}


def target_of(house: House, **changes: Any) -> Target:
    """The target of a running house; `changes` replace fields of it. In `direct` there is no front door: the gateway
    serves the sign-in and a page, and the agent is called itself."""
    ready = house.ready
    pattern = ready["pattern"]
    target = Target(
        name=pattern,
        pattern=pattern,
        front_door="" if pattern == "direct" else ready["front_door"],
        agent_door=ready["agent_door"],
        agent_arn=ready["agent_arn"],
        whoami="" if pattern == "direct" else "/api/me",
        history="/api/conversations" if pattern == "conversations" else "",
        turns="/api/turns" if pattern == "conversations" else "",
        session_sign_in="" if pattern == "direct" else "/session/sign-in",
        session_sign_out="" if pattern == "direct" else "/session/sign-out",
        sign_in=SignIn(
            kind="code",
            issuer=ready["issuer"],
            authorize_endpoint=ready["authorize_endpoint"],
            token_endpoint=ready["token_endpoint"],
            client_id=ready["client_id"],
            redirect_uri=ready["redirect_uri"],
        ),
        chat=_CHATS[pattern],
        users=tuple(_account(user) for user in ready["users"]),
        workload=_workload(ready["workload"]) if pattern in ("two-doors", "conversations") else None,
        metrics=tuple(house.environment[name] for name in ("metrics", "gateway_metrics") if name in house.environment),
        logs=(str(house.log),),
    )
    return replace(target, **changes)


def _account(user: dict[str, Any]) -> Account:
    return Account(username=user["username"], password=Secret(user["password"]))


def _workload(given: dict[str, str]) -> Workload:
    return Workload(
        region=given["region"],
        access_key_id=given["access_key_id"],
        secret_access_key=Secret(given["secret_access_key"]),
    )
