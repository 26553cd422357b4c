"""AP-JWT-12."""

import json
import zlib

from doorward.probe.finding import Finding, succeeded
from doorward.probe.forgery import Forged, Jwt, encode, encode_json
from doorward.probe.lab import Lab
from doorward.probe.token_attack import Shown, TokenAttack, bearer, genuine, judge, taken

_SECONDS = 1.0
_ROUNDS = 10_000_000
_INFLATED = 8_000_000
_BIGGEST = 1_000_000
_WORTH_SHOWING = 20_000


class Cost(TokenAttack):
    """Tokens that are dear to read."""

    id = "AP-JWT-12"
    title = "Tokens that cost: encryption, compression, password rounds, size"
    sources = ("RFC 8725 3.6", "RFC 7516 5.2", "API4")
    does = "Shows encrypted tokens with 10,000,000 password rounds or 8 MB of compressed text, deep JSON and 1 MB."
    mend = "Limit a token's size before it is parsed; take no encrypted and no compressed tokens."
    order = 60

    async def attack(self, lab: Lab) -> Finding:
        """One after the other: each has to be refused within a second, and the good token taken after each."""
        shown = []
        for forged in _dear(await genuine(lab)):
            reply = await lab.present([bearer(forged.token)])
            after = await lab.present([await lab.bearer()])
            seconds = max(reply.seconds, after.seconds)
            if seconds > _SECONDS or not taken(lab, after):
                evidence = [after] if len(forged.token) > _WORTH_SHOWING else [reply, after]
                sentence = f"A token ({forged.name}) kept the target from answering for {seconds:.1f} s."
                return succeeded(sentence, *evidence, seconds=round(seconds, 2))
            shown.append(Shown(forged, reply, taken(lab, reply)))
        return await judge(lab, shown, f"None took more than {_SECONDS:.0f} s.")


def _dear(jwt: Jwt) -> list[Forged]:
    claims = encode_json(jwt.claims)
    rounds = {"alg": "PBES2-HS256+A128KW", "enc": "A128CBC-HS256", "p2c": _ROUNDS, "p2s": encode(bytes(16))}
    wrapped = f"{encode(bytes(40))}.{encode(bytes(16))}.{claims}.{encode(bytes(16))}"
    bomb = encode(zlib.compress(bytes(_INFLATED), 9)[2:-4])
    direct = {"alg": "dir", "enc": "A128GCM", "zip": "DEF"}
    deep = encode(b'{"alg":"RS256","a":' + b"[" * 5000 + b"]" * 5000 + b"}")
    digits = encode(json.dumps(jwt.claims)[:-1].encode() + b',"n":' + b"9" * 5000 + b"}")
    head = encode_json(jwt.header)
    return [
        Forged("password rounds", f"{encode_json(rounds)}.{wrapped}"),
        Forged(
            "password rounds in a signed token", f"{encode_json({**jwt.header, **rounds})}.{claims}.{jwt.signature}"
        ),
        Forged("compressed and encrypted", f"{encode_json(direct)}..{encode(bytes(12))}.{bomb}.{encode(bytes(16))}"),
        Forged("compressed and signed", f"{encode_json({**jwt.header, 'zip': 'DEF'})}.{bomb}.{jwt.signature}"),
        Forged("a deep header", f"{deep}.{claims}.{jwt.signature}"),
        Forged("deep claims", f"{head}.{deep}.{jwt.signature}"),
        Forged("a number of 5,000 digits", f"{head}.{digits}.{jwt.signature}"),
        Forged("12,000 full stops", "." * 12_000),
        Forged("1 MB", f"{head}.{encode(bytes(_BIGGEST * 3 // 4))}.{jwt.signature}"),
    ]
