"""Calls at the agent door as one of the house's own services makes them, signed with a workload's key that the target's
owner gave. The attacks AP-BYP-04 to AP-BYP-08 begin with one and change it."""

import json
import time
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from doorward.errors import InvalidInput
from doorward.identity import sigv4
from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import SESSION_HEADER, Lab
from doorward.probe.target import Workload
from doorward.probe.wire import Header, ProbeError, Reply

USER_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-User-Id"
TURN_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Turn-Token"
_SHOWN = 3


class Call(Struct, frozen=True, kw_only=True):
    """A request that is ready to be sent, signature included."""

    url: str
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: str) -> str:
        """The header of that name, in whatever case; empty when there is none."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), "")

    def with_header(self, name: str, value: str) -> "Call":
        """The header changed or added, and the signature left as it is."""
        others = tuple(header for header in self.headers if header[0].lower() != name.lower())
        return replace(self, headers=(*others, (name, value)))

    def without_header(self, name: str) -> "Call":
        """The header left out, and the signature left as it is."""
        return replace(self, headers=tuple(one for one in self.headers if one[0].lower() != name.lower()))


class SignedAttack(Attack):
    """An attack that needs a proper signed call. Its control is one that is answered."""

    order = 40

    async def applies(self, lab: Lab) -> str:
        """Only an owner can give a workload's key."""
        if lab.target.workload is None:
            return "No workload's key was given, so there is no signed call to begin with."
        if not lab.target.agent_door or not lab.target.agent_arn:
            return "The agent's door and ARN are not known."
        return ""

    async def control(self, lab: Lab) -> Finding | None:
        """A proper signed call, answered by the agent; tried once."""
        return await lab.once("signed-call-works", lambda: _signed_call_works(lab))


async def _signed_call_works(lab: Lab) -> Finding | None:
    reply = await send(lab, signed(lab))
    return None if lab.answered(reply) else inconclusive("A properly signed call was not answered.", reply)


def signed(
    lab: Lab, *, url: str = "", more: Sequence[Header] = (), key: Workload | None = None, body: bytes = b""
) -> Call:
    """A call in a session of its own, signed now. `more` are further headers, signed as well; `key` is another key;
    `body` is what is sent in place of a prompt."""
    url = url or lab.agent_urls()[0]
    workload = key or lab.target.workload
    if workload is None:
        raise ProbeError("no workload's key was given")
    base, _, query = url.partition("?")
    host, _, path = base.split("://", 1)[-1].partition("/")
    headers = (
        ("Host", host),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        (SESSION_HEADER, lab.session_id()),
        *more,
    )
    body = body or json.dumps({"prompt": lab.target.chat.prompt}).encode()
    credentials = sigv4.Credentials(workload.access_key_id, workload.secret_access_key)
    head = sigv4.Head("POST", f"/{path}", query, headers)
    try:
        proof = sigv4.sign(head, body, credentials, region=workload.region, at=time.time())
    except InvalidInput as error:
        raise ProbeError(f"a call cannot be signed: {error.message}") from None
    return Call(url=url, headers=(*headers, *proof), body=body)


async def send(lab: Lab, call: Call) -> Reply:
    """Send it as it is."""
    return await lab.wire.send("POST", call.url, call.headers, call.body)


async def refused(lab: Lab, calls: dict[str, Call], what: str) -> Finding:
    """Send all of them; every one has to be refused, without a run, and a proper call answered afterwards. `what` names
    them in the plural."""
    counted = await lab.counted(lambda: lab.together([send(lab, call) for call in calls.values()], at_once=8))
    named = dict(zip(calls, counted.replies, strict=True))
    through = {name: reply for name, reply in named.items() if 200 <= reply.status < 300}
    if through or lab.ran(counted):
        names = "; ".join(through) or "it cannot be seen which"
        replies = list(through.values())[:_SHOWN]
        return succeeded(f"{what} got through: {names}.", *replies, through=len(through), tried=len(calls))
    failed = [reply for reply in counted.replies if reply.status >= 500]
    if failed:
        return inconclusive(f"{what} were not answered, but {len(failed)} ended in an error.", *failed[:_SHOWN])
    after = await send(lab, signed(lab))
    if not lab.answered(after):
        return inconclusive(f"{what} were refused, but then a proper call was as well.", after)
    sentence = f"{what} were refused, all {len(calls)}, without a run; a proper call is answered."
    return blocked(sentence, counted.replies[0], tried=len(calls))
