"""AP-JWT-01."""

from doorward.probe.forgery import Forged, Jwt, unsigned
from doorward.probe.lab import Lab
from doorward.probe.token_attack import TokenAttack


class AlgNone(TokenAttack):
    """A token that says that it needs no signature."""

    id = "AP-JWT-01"
    title = "Unsigned tokens (alg none)"
    sources = ("RFC 8725 3.1", "API2")
    does = "Shows a user's token with alg none in every spelling and no signature, or the old one."
    mend = "Verify with a fixed list of algorithms for each issuer; never read the algorithm from the token."
    short = True

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """All of `forgery.unsigned`."""
        del lab
        return unsigned(jwt)
