"""AP-BYP-01."""

import json
import secrets
from base64 import b64encode
from collections.abc import Coroutine
from typing import Any

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import JSON, SESSION_HEADER, Lab
from doorward.probe.wire import SWITCHED, Header, Reply


class UserTokenAtAgent(Attack):
    """The bypass: everything before the agent is walked around with a user's own token."""

    id = "AP-BYP-01"
    title = "The user's own token at the agent"
    sources = ("LLM10", "API2", "ASI03", "RFC 8725 3.9")
    does = "Sends a user's valid token straight to every endpoint of the agent: HTTP, AgentCore's others, WebSocket."
    mend = "Let the agent take a workload's credential only, of another kind, issuer and key than users' tokens."
    short = True
    order = 10

    async def applies(self, lab: Lab) -> str:
        """The agent's address has to be known."""
        known = lab.target.agent_urls or lab.target.websocket_url or (lab.target.agent_door and lab.target.agent_arn)
        return "" if known else "No address of the agent is known."

    async def attack(self, lab: Lab) -> Finding:
        """Judged by runs of the agent; the other endpoints by whether they did what they were asked."""
        token = await lab.bearer()
        plain = lab.agent_urls() if lab.target.agent_urls or lab.target.agent_arn else []
        bare = await lab.together([lab.knock([], url=url) for url in plain])
        counted = await lab.counted(lambda: lab.together([lab.knock([token], url=url) for url in plain]))
        others = await lab.together([*_siblings(lab, token), *_web_sockets(lab, token)])
        opened = [reply for reply in counted.replies if lab.answered(reply)]
        opened += [reply for reply in others if 200 <= reply.status < 300 or reply.status == SWITCHED]
        everything = [*counted.replies, *others]
        if any(lab.answered(reply) for reply in bare):
            return succeeded("The agent answers whoever calls it, without any token.", *bare[:1])
        if opened or lab.ran(counted):
            ways = "; ".join(_way(reply) for reply in opened)
            sentence = f"The user's token opens the agent, around everything before it: {ways}."
            return succeeded(sentence, *opened[:3], agent_runs=counted.runs or len(opened))
        failed = [reply for reply in everything if reply.status >= 500]
        if failed:
            return inconclusive("The agent did not take the token, but an error came back.", *failed[:2])
        runs = "" if counted.runs is None else " and the agent did not run"
        sentence = f"The user's token was refused at all {len(everything)} of the agent's endpoints{runs}."
        return blocked(sentence, *everything[:2], agent_runs=counted.runs or 0)


def _siblings(lab: Lab, token: Header) -> list[Coroutine[Any, Any, Reply]]:
    """AgentCore's other operations on a session: run a command, stop it, open a WebSocket."""
    if not lab.target.agent_door or not lab.target.agent_arn:
        return []
    base = lab.agent_urls()[0].split("/invocations", 1)[0]
    headers = [JSON, token, (SESSION_HEADER, lab.session_id())]
    command = json.dumps({"command": "true", "timeout": 5}).encode()
    stop = json.dumps({"clientToken": secrets.token_hex(20)}).encode()
    return [
        lab.wire.send("POST", f"{base}/commands?qualifier=DEFAULT", headers, command),
        lab.wire.send("POST", f"{base}/stopruntimesession?qualifier=DEFAULT", headers, stop),
        lab.wire.send("GET", f"{base}/ws?qualifier=DEFAULT", [*upgrade(), *headers[1:]]),
    ]


def _web_sockets(lab: Lab, token: Header) -> list[Coroutine[Any, Any, Reply]]:
    if not lab.target.websocket_url:
        return []
    return [lab.wire.send("GET", lab.target.websocket_url, [*upgrade(), token])]


def upgrade() -> list[Header]:
    """The headers of a WebSocket's opening handshake (RFC 6455 4.1)."""
    return [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", b64encode(secrets.token_bytes(16)).decode()),
    ]


def _way(reply: Reply) -> str:
    return f"{reply.sent.method} {reply.sent.url.split('?', 1)[0].rsplit('/', 1)[-1]} {reply.status}"
