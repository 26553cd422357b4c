"""AP-JWT-09."""

from doorward.probe.forgery import Forged, Jwt
from doorward.probe.lab import Lab
from doorward.probe.token_attack import ClaimsAttack, signer_of


class Kind(ClaimsAttack):
    """Tokens of another kind in place of an access token."""

    id = "AP-JWT-09"
    title = "ID, refresh and logout tokens as access tokens"
    sources = ("RFC 8725 3.11", "RFC 9068 4", "API2")
    does = "Shows the user's genuine ID token and refresh token, and tokens that call themselves of another kind."
    mend = "Tell kinds apart by typ and claims that exclude each other; take access tokens only."
    short = True

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """Genuine ones where the sign-in gave them; the others are made."""
        tokens = await lab.tokens()
        forged = []
        if tokens.id is not None:
            forged.append(Forged("the ID token", tokens.id.reveal()))
        if tokens.refresh is not None:
            forged.append(Forged("the refresh token", tokens.refresh.reveal()))
        logout = {**jwt.claims, "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}
        made = {
            "a logout token": ({**jwt.header, "typ": "logout+jwt"}, logout),
            "typ dpop+jwt": ({**jwt.header, "typ": "dpop+jwt"}, jwt.claims),
            "typ secevent+jwt": ({**jwt.header, "typ": "secevent+jwt"}, jwt.claims),
            "token_use id": (jwt.header, {**jwt.claims, "token_use": "id"}),
            "token_use refresh": (jwt.header, {**jwt.claims, "token_use": "refresh"}),
            "bound to a key (cnf)": (jwt.header, {**jwt.claims, "cnf": {"jkt": "0" * 43}}),
        }
        signer = await signer_of(lab)
        return [*forged, *(Forged(name, signer.sign(header, claims)) for name, (header, claims) in made.items())]
