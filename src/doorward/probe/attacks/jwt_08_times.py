"""AP-JWT-08."""

import time

from doorward.probe.forgery import Forged, Json, Jwt, without
from doorward.probe.lab import Lab
from doorward.probe.token_attack import ClaimsAttack, signer_of

_LEEWAY = 61


class Times(ClaimsAttack):
    """Tokens whose time is over, not yet come, or no time."""

    id = "AP-JWT-08"
    title = "Expired, timeless and future tokens"
    sources = ("RFC 8725 3.8", "RFC 7519 4.1.4", "API2")
    does = "Shows tokens that expired more than a minute ago, without exp, with odd forms of it, and from the future."
    mend = "Ask for exp, take whole numbers only, allow a minute of leeway at most."

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """Times that are wrong, the longer life that an attacker would write, and an expired token if there is one."""
        signer = await signer_of(lab)
        forged = [Forged(name, signer.sign(jwt.header, claims)) for name, claims in _claims(jwt.claims).items()]
        longer = Jwt(header=jwt.header, claims={}, signed="", signature=jwt.signature)
        text = signer.sign(jwt.header, {**jwt.claims, "exp": int(time.time()) + 86_400 * 365}).rsplit(".", 1)[0]
        forged.append(Forged("a longer life under the old signature", f"{text}.{longer.signature}"))
        if lab.target.expired_token is not None:
            forged.append(Forged("a token that expired", lab.target.expired_token.reveal()))
        return forged


def _claims(claims: Json) -> dict[str, Json]:
    now = int(time.time())
    later = now + 3600
    odd: dict[str, object] = {
        "expired a minute ago": now - _LEEWAY,
        "expired long ago": 1,
        "exp zero": 0,
        "exp negative": -1,
        "exp as text": str(later),
        "exp true": True,
        "exp null": None,
        "exp a list": [later],
        "exp huge": 10**30,
        "exp infinite": float("inf"),
        "exp not a number": float("nan"),
    }
    made = {name: {**claims, "exp": value} for name, value in odd.items()}
    made["no exp"] = without(claims, "exp")
    made["nbf in the future"] = {**claims, "nbf": now + 600}
    made["iat in the future"] = {**claims, "iat": now + 600}
    made["nbf as text"] = {**claims, "nbf": "soon"}
    return made
