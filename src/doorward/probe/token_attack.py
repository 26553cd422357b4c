"""What the token attacks share: show tokens that must not be taken, wherever tokens are taken, and judge the answers.

Base of AP-JWT-01 to AP-JWT-14. A refusal counts only while the genuine token is taken at the same place.
"""

import json
from collections.abc import Sequence

from msgspec import Struct

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.forgery import Forged, Json, Jwt, Signer, attacker, is_rsa, issuer_signer, take_apart
from doorward.probe.lab import Lab
from doorward.probe.wire import Header, ProbeError, Reply

_SHOWN = 3


class Shown(Struct, frozen=True):
    """A token as it was shown somewhere, and the answer."""

    forged: Forged
    reply: Reply
    taken: bool


class TokenAttack(Attack):
    """A subclass says which tokens to show in `forge`, and in `limits_of` what its result does not show."""

    order = 30

    async def applies(self, lab: Lab) -> str:
        """Users' tokens have to be JWTs."""
        if take_apart((await lab.tokens()).access.reveal()) is None:
            return "The tokens of this target are no signed JWTs."
        return ""

    async def control(self, lab: Lab) -> Finding | None:
        """The user's own token is taken, and no token at all is not."""
        return await token_works(lab)

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """The tokens that must not be taken."""
        raise NotImplementedError

    def limits_of(self, signer: Signer) -> str:
        """A sentence for the report about what a refusal does not show; empty when it shows all."""
        del signer
        return ""

    async def attack(self, lab: Lab) -> Finding:
        """Show each of them."""
        jwt = await genuine(lab)
        return await judge(lab, await show(lab, await self.forge(lab, jwt)), self.limits_of(await signer_of(lab)))


class ClaimsAttack(TokenAttack):
    """For wrong claims under a right signature, which need the issuer's key; else the attacker's own has to do."""

    async def control(self, lab: Lab) -> Finding | None:
        """With the issuer's key also: the user's own claims, signed anew, are taken."""
        return await super().control(lab) or await lab.once("signer-works", lambda: _signer_works(lab))

    def limits_of(self, signer: Signer) -> str:
        """Without the issuer's key a refusal may be for the signature."""
        if signer.genuine:
            return ""
        return (
            "The issuer's key was not given, so these tokens bear a foreign signature: this shows that changed claims "
            "are refused, not that each claim is checked."
        )


async def genuine(lab: Lab) -> Jwt:
    """The first user's token in parts. `ProbeError` when it is no JWT."""
    jwt = take_apart((await lab.tokens()).access.reveal())
    if jwt is None:
        raise ProbeError("the user's token is no signed JWT")
    return jwt


async def signer_of(lab: Lab) -> Signer:
    """The issuer's own key where the owner gave it, else the attacker's."""
    given = lab.target.issuer_key
    genuine_signer = None if given is None else issuer_signer(given.reveal(), await genuine(lab))
    return genuine_signer or attacker()


async def public_keys(lab: Lab) -> list[Json]:
    """The RSA keys that the issuer publishes on the target's own hosts; empty when they are not to be found."""
    return await lab.once("public-keys", lambda: _fetch_keys(lab))


async def _fetch_keys(lab: Lab) -> list[Json]:
    issuer = lab.target.sign_in.issuer.rstrip("/")
    if not issuer:
        return []
    try:
        metadata = json.loads((await lab.wire.send("GET", f"{issuer}/.well-known/openid-configuration")).body)
        document = json.loads((await lab.wire.send("GET", str(metadata["jwks_uri"]))).body)
        return [key for key in document["keys"] if is_rsa(key)]
    except (ValueError, KeyError, TypeError, ProbeError):
        return []


async def token_works(lab: Lab) -> Finding | None:
    """The control of token attacks, tried once."""
    return await lab.once("token-works", lambda: _token_works(lab))


async def _token_works(lab: Lab) -> Finding | None:
    reply = await lab.present([await lab.bearer()])
    if not taken(lab, reply):
        return inconclusive("The user's own token was not taken.", reply)
    reply = await lab.present([])
    if taken(lab, reply):
        return succeeded("The target answers without any token.", reply)
    return None


async def _signer_works(lab: Lab) -> Finding | None:
    signer, jwt = await signer_of(lab), await genuine(lab)
    if not signer.genuine:
        return None
    reply = await lab.present([bearer(signer.sign(jwt.header, jwt.claims))])
    return None if taken(lab, reply) else inconclusive("A token signed with the issuer's key was not taken.", reply)


def taken(lab: Lab, reply: Reply) -> bool:
    """Whether a credential opened the door: the agent answered, or the cheap page did."""
    if lab.target.whoami and reply.sent.url == lab.token_url():
        return 200 <= reply.status < 300
    return lab.answered(reply)


def bearer(token: str) -> Header:
    """The Authorization header with a token."""
    return ("Authorization", f"Bearer {token}")


def has_front_door(lab: Lab) -> bool:
    """Whether users are let in elsewhere than at the agent itself."""
    return bool(lab.target.front_door) and lab.target.pattern != "direct"


async def show(lab: Lab, forged: Sequence[Forged]) -> list[Shown]:
    """Show each token where users' tokens are taken, and at the agent where that is another place."""
    agent = await agent_beside(lab)

    async def one(item: Forged, url: str) -> Shown:
        headers = [bearer(item.token)]
        reply = await (lab.knock(headers, url=url) if url else lab.present(headers))
        return Shown(item, reply, taken(lab, reply))

    places = ["", agent] if agent else [""]
    return await lab.together([one(item, place) for place in places for item in forged], at_once=8)


async def agent_beside(lab: Lab) -> str:
    """The agent's own URL, unless that is where users' tokens are shown anyway, or it asks for none at all."""

    async def find() -> str:
        try:
            url = lab.agent_urls()[0]
        except ProbeError:
            return ""
        return "" if url == lab.token_url() or lab.answered(await lab.knock([])) else url

    return await lab.once("agent-beside", find)


async def judge(lab: Lab, shown: Sequence[Shown], limits: str = "") -> Finding:
    """`SUCCEEDED` when any was taken, `BLOCKED` when all were refused and the genuine token still works."""
    open_to = [item for item in shown if item.taken]
    if open_to:
        names = "; ".join(dict.fromkeys(item.forged.name for item in open_to))
        sentence = f"Bad tokens were taken in {len(open_to)} of {len(shown)} tries: {names}."
        return succeeded(sentence, *_evidence(lab, open_to), taken=len(open_to), shown=len(shown))
    failed = [item for item in shown if item.reply.status >= 500]
    if failed:
        sentence = f"Nothing was taken, but {len(failed)} of {len(shown)} bad tokens ended in an error of the server."
        return inconclusive(sentence, *_evidence(lab, failed))
    limited = [item for item in shown if item.reply.status == 429]
    if limited:
        return inconclusive("A rate limit answered before the token was looked at.", *_evidence(lab, limited))
    after = await lab.present([await lab.bearer()])
    if not taken(lab, after):
        return inconclusive("All bad tokens were refused, but then the good one was as well.", after)
    sentence = (
        f"Bad tokens were refused in all of {len(shown)} tries, and the good one is still taken. {limits}".rstrip()
    )
    return blocked(sentence, *_evidence(lab, shown[:1]), shown=len(shown))


def _evidence(lab: Lab, shown: Sequence[Shown]) -> list[Reply]:
    for item in shown[:_SHOWN]:
        lab.withhold(item.forged.token, f"forged-{item.forged.name}")
    return [item.reply for item in shown[:_SHOWN]]
