"""AP-JWT-10."""

from doorward.probe.forgery import Forged, Jwt, other_signatures, respelled
from doorward.probe.lab import Lab
from doorward.probe.token_attack import TokenAttack


class Malformed(TokenAttack):
    """Signatures that are none, and second spellings of a good one."""

    id = "AP-JWT-10"
    title = "Malformed signatures and lax base64"
    sources = ("RFC 8725 2.6", "RFC 4648 3.5", "API2")
    does = "Shows tokens with empty, zero, flipped, cut and doubled signatures, and the good one in other spellings."
    mend = "Decode strictly: one spelling for each token, no padding, no foreign characters, no spare bits."
    short = True

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """Second spellings of a good token matter where texts of tokens are compared, as revocation lists do."""
        del lab
        return [*other_signatures(jwt), *respelled(jwt)]
