"""AP-JWT-14."""

from doorward.probe.finding import Finding
from doorward.probe.forgery import Forged, Jwt, encode_json, take_apart
from doorward.probe.lab import Lab
from doorward.probe.token_attack import TokenAttack, genuine, judge, show


class PrimedCache(TokenAttack):
    """Tokens that resemble one which was just taken."""

    id = "AP-JWT-14"
    title = "A cache of verified tokens that confuses two of them"
    sources = ("RFC 8725 3.9", "API2")
    does = "Has a good token taken, then shows others that share its signature, its claims, its id or its beginning."
    mend = "Key such a cache by issuer, audience and a hash of the whole token."
    order = 31

    async def attack(self, lab: Lab) -> Finding:
        """Prime with each user's token before each look-alike is shown."""
        jwt = await genuine(lab)
        other = take_apart((await lab.tokens(1)).access.reveal()) if len(lab.target.users) > 1 else None
        for user in range(2 if other else 1):
            await lab.present([await lab.bearer(user)])
        forged = _near(jwt)
        if other is not None:
            forged += _crossed(jwt, other)
        id_token = (await lab.tokens()).id
        if id_token is not None:
            forged.append(Forged("the ID token of the same sign-in", id_token.reveal()))
        return await judge(lab, await show(lab, forged))


def _near(jwt: Jwt) -> list[Forged]:
    head, claims = jwt.signed.split(".")
    more = encode_json({**jwt.claims, "scope": "admin", "cognito:groups": ["operator"]})
    middle = len(jwt.signature) // 2
    return [
        Forged("more rights under the old signature", f"{head}.{more}.{jwt.signature}"),
        Forged("the same claims, an empty signature", f"{jwt.signed}."),
        Forged("the same beginning, half a signature", f"{jwt.signed}.{jwt.signature[:middle]}"),
        Forged("another case", f"{head}.{claims}.{jwt.signature.swapcase()}"),
        Forged("a letter more", f"{jwt.text}A"),
        Forged("a letter less", jwt.text[:-1]),
    ]


def _crossed(one: Jwt, two: Jwt) -> list[Forged]:
    return [
        Forged("one user's claims, the other's signature", f"{one.signed}.{two.signature}"),
        Forged("the other's claims, one user's signature", f"{two.signed}.{one.signature}"),
        Forged("one user's token id in the other's claims", _with_id(two, one)),
    ]


def _with_id(jwt: Jwt, source: Jwt) -> str:
    ids = {name: source.claims[name] for name in ("jti", "origin_jti") if name in source.claims}
    return f"{encode_json(jwt.header)}.{encode_json(jwt.claims | ids | {'probe': True})}.{jwt.signature}"
