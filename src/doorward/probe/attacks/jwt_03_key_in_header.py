"""AP-JWT-03."""

from doorward.probe.forgery import Forged, Jwt, attacker, brought_keys
from doorward.probe.lab import Lab
from doorward.probe.token_attack import TokenAttack


class KeyInHeader(TokenAttack):
    """A token that brings its own key."""

    id = "AP-JWT-03"
    title = "Keys that the token brings along (jwk, x5c)"
    sources = ("RFC 8725 3.10", "RFC 7515 4.1.3", "API2")
    does = "Signs tokens with a key of the probe's own and puts that key, or a certificate of it, into the header."
    mend = "Take keys from the issuer's published set only; ignore or refuse jwk and x5c."
    short = True

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """All of `forgery.brought_keys`."""
        del lab
        return brought_keys(jwt, attacker())
