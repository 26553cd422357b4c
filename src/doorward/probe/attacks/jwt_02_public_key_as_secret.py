"""AP-JWT-02."""

from doorward.probe.forgery import Forged, Jwt, confused
from doorward.probe.lab import Lab
from doorward.probe.token_attack import TokenAttack, public_keys


class PublicKeyAsSecret(TokenAttack):
    """RS256 becomes HS256, and the public key the secret."""

    id = "AP-JWT-02"
    title = "The public key as the secret of an HMAC"
    sources = ("RFC 8725 2.1", "API2")
    does = "Signs changed tokens with HS256 and the issuer's published key as PEM, DER, JWK and bare modulus."
    mend = "Bind each key to one algorithm, by the key's kind, never by the token's header."
    short = True

    async def applies(self, lab: Lab) -> str:
        """The issuer's keys have to be published where the probe may look."""
        if not await public_keys(lab):
            return "The issuer publishes no RSA keys at the addresses of this target."
        return await super().applies(lab)

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """With the key that the token names, or else all of them."""
        keys = await public_keys(lab)
        named = [key for key in keys if key.get("kid") == jwt.header.get("kid")]
        return [forged for key in (named or keys)[:3] for forged in confused(jwt, key)]
