"""AP-JWT-11."""

import json

from doorward.probe.forgery import Forged, Jwt, Signer, encode, encode_json
from doorward.probe.lab import Lab
from doorward.probe.token_attack import ClaimsAttack, signer_of


class Ambiguous(ClaimsAttack):
    """Tokens that two readers read in two ways."""

    id = "AP-JWT-11"
    title = "Duplicate names, crit, b64, nesting, JSON serialization"
    sources = ("RFC 8725 2.6", "RFC 7515 4.1.11", "RFC 7797")
    does = "Shows tokens with names given twice, unknown critical extensions, nesting, and in the JSON serialization."
    mend = "Take the compact form only, with unique names and no extension that is not implemented."
    short = True

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """The ones in JSON bear the user's own good signature."""
        signer = await signer_of(lab)
        head, payload = jwt.signed.split(".")
        flat = {"payload": payload, "protected": head, "signature": jwt.signature}
        general = {"payload": payload, "signatures": [{"protected": head, "signature": jwt.signature}]}
        return [
            *_twice(jwt, signer),
            *_extended(jwt, signer),
            Forged("flattened JSON", json.dumps(flat, separators=(",", ":"))),
            Forged("general JSON", json.dumps(general, separators=(",", ":"))),
            Forged("flattened JSON in base64url", encode_json(flat)),
            Forged("a fourth part", f"{jwt.text}.{jwt.signature}"),
            Forged("a part before it", f".{jwt.text}"),
            Forged("twice, one after the other", f"{jwt.text}.{jwt.text}"),
            Forged("twice, with a comma", f"{jwt.text},{jwt.text}"),
        ]


def _twice(jwt: Jwt, signer: Signer) -> list[Forged]:
    """The second of two equal names wins at most readers, the first at some."""
    header, claims = json.dumps(jwt.header), json.dumps(jwt.claims)
    plain_header, plain_claims = encode_json(jwt.header), encode_json(jwt.claims)
    pairs = {
        "alg twice": (header[:-1] + ', "alg": "RS256"}', claims),
        "alg none first": ('{"alg": "none", ' + header[1:], claims),
        "sub twice": (header, claims[:-1] + ', "sub": "somebody-else"}'),
        "exp twice": (header, '{"exp": 1, ' + claims[1:]),
        "aud twice": (header, '{"aud": "other", ' + claims[1:]),
    }
    forged = [
        Forged(name, signer.sign_text(f"{encode(one.encode())}.{encode(two.encode())}"))
        for name, (one, two) in pairs.items()
    ]
    unsigned = encode((header[:-1] + ', "alg": "none"}').encode())
    return [
        *forged,
        Forged("alg twice, none last, no signature", f"{unsigned}.{plain_claims}."),
        Forged("claims in UTF-16", signer.sign_text(f"{plain_header}.{encode(claims.encode('utf-16'))}")),
        Forged("claims in a list", signer.sign_text(f"{plain_header}.{encode(b'[' + claims.encode() + b']')}")),
        Forged("text after the claims", signer.sign_text(f"{plain_header}.{encode(claims.encode() + b'{}')}")),
    ]


def _extended(jwt: Jwt, signer: Signer) -> list[Forged]:
    claims = encode_json(jwt.claims)
    headers: dict[str, dict[str, object]] = {
        "an unknown critical extension": {"crit": ["probe"], "probe": True},
        "an empty crit": {"crit": []},
        "crit that is no list": {"crit": "exp", "exp": 1},
        "b64 false": {"crit": ["b64"], "b64": False},
        "b64 false and not critical": {"b64": False},
        "compressed": {"zip": "DEF"},
    }
    forged = [Forged(name, signer.sign({**jwt.header, **more}, jwt.claims)) for name, more in headers.items()]
    raw = json.dumps(jwt.claims, separators=(",", ":")).replace(".", "\\u002e")
    unencoded = encode_json({**jwt.header, "crit": ["b64"], "b64": False})
    nested = encode_json({**jwt.header, "cty": "JWT"})
    return [
        *forged,
        Forged("b64 false, claims not encoded", signer.sign_text(f"{unencoded}.{raw}")),
        Forged("a good token inside", signer.sign_text(f"{nested}.{encode(jwt.text.encode())}")),
        Forged("an unsigned token around a good one", f"{encode_json({'alg': 'none', 'cty': 'JWT'})}.{claims}."),
    ]
