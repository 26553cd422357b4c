"""AP-BYP-02."""

import json
from base64 import urlsafe_b64encode
from urllib.parse import quote

from msgspec import Struct

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import JSON, Lab
from doorward.probe.token_attack import agent_beside, has_front_door, taken, token_works
from doorward.probe.wire import Header, Reply


class _Way(Struct, frozen=True):
    """Where the token is put."""

    name: str
    headers: tuple[Header, ...] = ()
    query: str = ""


class TokenElsewhere(Attack):
    """A good token in any place but the Authorization header, or twice in it."""

    id = "AP-BYP-02"
    title = "The token in the query, a cookie, other headers, or twice"
    sources = ("RFC 9700 4.3", "RFC 6750 2", "API2")
    does = "Puts a user's valid token into the URL, cookies and other headers, and sends two Authorization headers."
    mend = "Take a credential in one place only, and refuse requests that carry two."
    short = True
    order = 12

    async def control(self, lab: Lab) -> Finding | None:
        """In the Authorization header it is taken; without, nothing opens."""
        return await token_works(lab)

    async def attack(self, lab: Lab) -> Finding:
        """At the front door and at the agent."""
        token = (await lab.tokens()).access.reveal()
        places = [lab.token_url(), await agent_beside(lab)]
        tries = [(way, place) for place in places if place for way in _ways(token)]
        counted = await lab.counted(lambda: lab.together([_put(lab, *one) for one in tries], at_once=8))
        names = [way.name for way, _ in tries]
        opened = {name: reply for name, reply in zip(names, counted.replies, strict=True) if _opens(lab, reply)}
        if opened:
            sentence = f"The token is taken elsewhere than in one Authorization header: {'; '.join(opened)}."
            return succeeded(sentence, *list(opened.values())[:3])
        if lab.ran(counted):
            return succeeded("The agent ran for a token that was elsewhere.", counted.replies[0])
        failed = [reply for reply in counted.replies if reply.status >= 500]
        if failed:
            return inconclusive("Nothing opened, but an error of the server came back.", *failed[:2])
        return blocked(f"All {len(tries)} other places were refused.", counted.replies[0], tried=len(tries))


def _opens(lab: Lab, reply: Reply) -> bool:
    if lab.target.whoami and reply.sent.url.split("?", 1)[0] == lab.token_url():
        return 200 <= reply.status < 300
    return taken(lab, reply)


async def _put(lab: Lab, way: _Way, place: str) -> Reply:
    url = place + ("&" if "?" in place else "?") + way.query if way.query else place
    if lab.target.whoami and place == lab.token_url():
        return await lab.wire.send("GET", url, way.headers)
    if place == lab.chat_url() and has_front_door(lab):
        body = json.dumps({lab.target.chat.prompt_field: lab.target.chat.prompt}).encode()
        return await lab.wire.send("POST", url, [JSON, ("Accept", "application/json"), *way.headers], body)
    return await lab.knock(way.headers, url=url)


def _ways(token: str) -> list[_Way]:
    good, bad = ("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x.y.z")
    protocol = urlsafe_b64encode(token.encode()).decode().rstrip("=")
    names = ("access_token", "token", "id_token", "jwt", "Authorization", "authorization")
    cookies = ("access_token", "token", "session", "Authorization")
    headers = (
        "X-Forwarded-Access-Token", "X-Access-Token", "X-Auth-Token", "X-Id-Token", "X-Api-Key", "X-Amzn-Oidc-Data",
        "X-Amz-Security-Token", "Proxy-Authorization", "X-Authorization", "X-Forwarded-Authorization",
    )  # fmt: skip
    return [
        *(_Way(f"query {name}", query=f"{name}={quote(token)}") for name in names),
        _Way("query Authorization with its scheme", query=f"Authorization=Bearer%20{quote(token)}"),
        *(_Way(f"cookie {name}", (("Cookie", f"{name}={token}"),)) for name in cookies),
        *(_Way(name, ((name, token),)) for name in headers),
        *(_Way(f"{name} with its scheme", ((name, f"Bearer {token}"),)) for name in headers),
        _Way("Sec-WebSocket-Protocol", (("Sec-WebSocket-Protocol", f"access_token, {token}"),)),
        _Way(
            "Sec-WebSocket-Protocol as AgentCore has it",
            (("Sec-WebSocket-Protocol", f"base64UrlBearerAuthorization.{protocol}, base64UrlBearerAuthorization"),),
        ),
        _Way("two Authorization headers, the good one last", (bad, good)),
        _Way("two Authorization headers, the good one first", (good, bad)),
        _Way("twice the same", (good, good)),
        _Way("two in one header", (("Authorization", f"Bearer {token}, Bearer x.y.z"),)),
        _Way("a doubled scheme", (("Authorization", f"Bearer Bearer {token}"),)),
        _Way("scheme Basic", (("Authorization", f"Basic {token}"),)),
        _Way(
            "an underscore in the name",
            (("Author_ization", f"Bearer {token}"), ("HTTP_AUTHORIZATION", f"Bearer {token}")),
        ),
    ]
