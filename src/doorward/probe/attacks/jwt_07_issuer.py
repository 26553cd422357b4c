"""AP-JWT-07."""

import json
from urllib.parse import urlsplit

from doorward.probe.finding import Finding, succeeded
from doorward.probe.forgery import Forged, Jwt, attacker, without
from doorward.probe.lab import Lab
from doorward.probe.listener import Listener
from doorward.probe.token_attack import ClaimsAttack, genuine, judge, show, signer_of


class Issuer(ClaimsAttack):
    """Tokens of an issuer that looks like the right one, or that the probe plays itself."""

    id = "AP-JWT-07"
    title = "Look-alike and foreign issuers"
    sources = ("RFC 8725 3.8", "API2", "API7")
    does = "Shows tokens of an issuer that the probe plays on loopback, and of names that resemble the right one."
    mend = "Compare the issuer byte for byte with the configured one before a key is looked for."

    async def attack(self, lab: Lab) -> Finding:
        """An issuer that was asked for its keys because a token named it is a finding of its own."""
        jwt, signer = await genuine(lab), await signer_of(lab)
        async with Listener() as listener:
            metadata = {"issuer": listener.url, "jwks_uri": f"{listener.url}/jwks.json"}
            listener.documents = {
                "/.well-known/openid-configuration": json.dumps(metadata).encode(),
                "/.well-known/oauth-authorization-server": json.dumps(metadata).encode(),
                "/jwks.json": json.dumps({"keys": [attacker().public_jwk()]}).encode(),
            }
            header = {**jwt.header, "kid": attacker().key_id}
            own = attacker().sign(header, {**jwt.claims, "iss": listener.url})
            like = [Forged(name, signer.sign(jwt.header, claims)) for name, claims in _look_alikes(jwt).items()]
            shown = await show(lab, [Forged("an issuer of the probe's own", own), *like])
            finding = await judge(lab, shown, self.limits_of(signer))
            fetched = len(listener.fetched)
        if fetched:
            sentence = f"The target asked an issuer that only a token names for its keys, {fetched} times."
            return succeeded(sentence, shown[0].reply, fetches=fetched)
        return finding


def _look_alikes(jwt: Jwt) -> dict[str, dict[str, object]]:
    issuer = str(jwt.claims.get("iss", ""))
    parts = urlsplit(issuer)
    values: dict[str, object] = {
        "a slash at the end": issuer + "/",
        "upper case": issuer.upper(),
        "the issuer as user name": f"{parts.scheme}://{parts.netloc}@127.0.0.1{parts.path}",
        "a longer host": f"{parts.scheme}://{parts.netloc}.attacker.example{parts.path}",
        "a query": issuer + "?x",
        "a fragment": issuer + "#x",
        "a path": issuer + "/other",
        "a space before it": " " + issuer,
        "a line after it": issuer + "\n",
        "a letter of another alphabet": issuer.replace("o", "\u043e").replace("e", "\u0435"),
        "a list with it": [issuer, "https://attacker.example"],
        "nothing": "",
        "null": None,
    }
    made = {f"issuer: {name}": {**jwt.claims, "iss": value} for name, value in values.items() if value != issuer}
    made["no issuer"] = without(jwt.claims, "iss")
    return made
