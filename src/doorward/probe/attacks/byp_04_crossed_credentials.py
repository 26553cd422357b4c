"""AP-BYP-04."""

import json

from doorward.model.secret import Secret
from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.forgery import take_apart
from doorward.probe.lab import JSON, Lab
from doorward.probe.signed_call import TURN_HEADER, USER_HEADER, Call, send, signed
from doorward.probe.target import Workload
from doorward.probe.token_attack import agent_beside, bearer, has_front_door, taken, token_works
from doorward.probe.wire import Reply


class CrossedCredentials(Attack):
    """A key of one door at the other."""

    id = "AP-BYP-04"
    title = "Users' tokens as a service's credential, and the reverse"
    sources = ("RFC 8725 2.8", "RFC 8725 3.12", "API2", "ASI03")
    does = (
        "Shows ID tokens and users' tokens at the agent in the place of a service's, a signed call at the front door."
    )
    mend = "Give each door rules that exclude the other's credentials: issuer, audience, typ, form."
    short = True
    order = 15

    async def control(self, lab: Lab) -> Finding | None:
        """The user's token is taken where users' tokens are."""
        return await token_works(lab)

    async def attack(self, lab: Lab) -> Finding:
        """Each credential at the door that it is not for."""
        agent = await agent_beside(lab) or ("" if has_front_door(lab) else lab.token_url())
        calls = await _at_agent(lab, agent) if agent else {}
        counted = await lab.counted(lambda: lab.together([send(lab, call) for call in calls.values()]))
        replies = dict(zip(calls, counted.replies, strict=True))
        if has_front_door(lab):
            replies |= await _at_front_door(lab)
        opened = {name: reply for name, reply in replies.items() if taken(lab, reply)}
        if opened or lab.ran(counted):
            return succeeded(f"A door took what is not its key: {'; '.join(opened)}.", *list(opened.values())[:3])
        failed = [reply for reply in replies.values() if reply.status >= 500]
        if failed:
            return inconclusive("Nothing opened, but an error of the server came back.", *failed[:2])
        return blocked(f"All {len(replies)} crossed credentials were refused.", *list(replies.values())[:2])


async def _at_agent(lab: Lab, url: str) -> dict[str, Call]:
    tokens = await lab.tokens()
    access = tokens.access.reveal()
    jwt = take_apart(access)
    subject = str(jwt.claims.get("sub", "user")) if jwt else "user"
    region = lab.target.workload.region if lab.target.workload else "us-east-1"
    fake = Workload(region=region, access_key_id="ASIAUSERTOKENUSER", secret_access_key=Secret(access))
    by_token = signed(lab, url=url, key=fake)
    plain = by_token.without_header("authorization").without_header("x-amz-date")
    calls = {
        "the user's token as the secret of a signature": by_token,
        "the user's token as a security token": by_token.with_header("X-Amz-Security-Token", access),
        "the user's token as a turn token": plain.with_header(TURN_HEADER, access).with_header(USER_HEADER, subject),
    }
    if tokens.id is not None:
        identity = tokens.id.reveal()
        calls["the ID token"] = plain.with_header(*bearer(identity))
        calls["the ID token as a turn token"] = plain.with_header(TURN_HEADER, identity).with_header(
            USER_HEADER, subject
        )
    return calls


async def _at_front_door(lab: Lab) -> dict[str, Reply]:
    """A proper signature over this very request, with the owner's workload key or one that nobody knows."""
    made_up = Workload(region="us-east-1", access_key_id="AKIAPROBEPROBEPROBE", secret_access_key=Secret("probe" * 8))
    key = lab.target.workload or made_up
    body = json.dumps({lab.target.chat.prompt_field: lab.target.chat.prompt}).encode()
    replies = {
        "a service's signature at the chat": await send(lab, signed(lab, url=lab.chat_url(), key=key, body=body))
    }
    if lab.target.whoami:
        page = signed(lab, url=lab.token_url(), key=key)
        headers = [header for header in page.headers if header != JSON]
        replies["a service's signature at the front door"] = await lab.wire.send("GET", page.url, headers)
    return replies
