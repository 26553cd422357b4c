"""Attacks on the form, key and signature of users' tokens: threats AP-JWT-01 to -05, -10 to -14 and AP-BYP-04, with a
real issuer over HTTP. `test_token_claims.py` has the others.

Every attack has its control: the same token without the attack opens the door.
"""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.unit.identity.issuer import (
    AUDIENCE,
    JWKS,
    NOW,
    Door,
    b64,
    ec_key,
    okp_key,
    open_door,
    raw_token,
    refused,
    rsa_key,
    signature,
)

from doorward.errors import Unauthenticated
from doorward.identity.token_cache import VerifiedTokens
from doorward.identity.tokens import UserTokenVerifier
from doorward.identity.turn_tokens import SignedTurnTokens
from doorward.model.principals import TurnIdentity

pytestmark = pytest.mark.anyio


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with asyncio.timeout(30), open_door() as door:
        user = await door.verifier.verify(door.issuer.token(jti="control"))
        assert user.subject == "user-1", "the control: a good token opens the door"
        yield door


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "none ", " none", "", "n\u043ene"])
async def test_a_token_without_signature_is_refused_however_none_is_spelled(door: Door, algorithm: str) -> None:
    """AP-JWT-01"""
    issuer = door.issuer
    good = issuer.token()
    header = b64(json.dumps(issuer.header(alg=algorithm)).encode())
    claims = good.split(".")[1]
    for tail in ("", good.split(".")[2], b64(b"\0")):
        await refused(door.verifier, f"{header}.{claims}.{tail}", "token_signature", "token_malformed")
    await door.verifier.verify(good)


async def test_a_public_key_is_never_taken_as_a_shared_secret(door: Door) -> None:
    """AP-JWT-02: RS256 turned into HS256 with every form of the public key as the secret."""
    issuer, key = door.issuer, rsa_key("first")
    pem = key.as_pem(private=False)
    modulus = str(key.as_dict(private=False)["n"])
    secrets = [
        pem,
        pem.rstrip(b"\n"),
        pem + b"\n",
        key.as_der(private=False),
        key.public_key.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        modulus.encode(),
        base64.urlsafe_b64decode(modulus + "=="),
        json.dumps(key.as_dict(private=False)).encode(),
        b"",
    ]
    claims = b64(json.dumps(issuer.claims()).encode())
    for algorithm, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        signed = f"{b64(json.dumps(issuer.header(alg=algorithm)).encode())}.{claims}"
        for secret in secrets:
            forged = b64(hmac.new(secret, signed.encode(), digest).digest())
            await refused(door.verifier, f"{signed}.{forged}", "token_signature")
    await door.verifier.verify(issuer.token())


@pytest.mark.parametrize("named", ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 "])
async def test_the_key_decides_the_algorithm(door: Door, named: str) -> None:
    """AP-JWT-02: whatever the header says, an RSA key verifies RS256 and nothing else."""
    verifier = door.make(algorithms=frozenset({"RS256", "ES256", "EdDSA"}))
    await refused(verifier, door.issuer.token(header={"alg": named}), "token_signature")
    await verifier.verify(door.issuer.token())


async def test_an_algorithm_outside_the_allow_list_is_refused_though_its_key_is_published(door: Door) -> None:
    """AP-JWT-02"""
    door.issuer.keys.append(ec_key("curve"))
    token = door.issuer.token(key=ec_key("curve"))
    await refused(door.verifier, token, "token_signature")
    door.clock.now += 301
    wider = door.make(algorithms=frozenset({"RS256", "ES256"}))
    assert (await wider.verify(token)).subject == "user-1"


@pytest.mark.parametrize("member", ["jwk", "x5c", "jku", "x5u"])
async def test_a_key_that_a_token_brings_along_is_refused(door: Door, member: str) -> None:
    """AP-JWT-03, AP-JWT-04: refused, and the address in the token is not asked."""
    attacker = rsa_key("attacker")
    value: Any = {
        "jwk": attacker.as_dict(private=False),
        "x5c": [base64.b64encode(attacker.as_der(private=False)).decode()],
        "jku": f"{door.issuer.url}/probe",
        "x5u": f"{door.issuer.url}/probe",
    }[member]
    await refused(
        door.verifier, door.issuer.token(key=attacker, header={member: value}), "token_malformed", "token_signature"
    )
    await refused(
        door.verifier,
        door.issuer.token(key=attacker, header={member: value, "kid": "first"}),
        "token_malformed",
        "token_signature",
    )
    assert door.issuer.hits["/probe"] == 0
    assert door.issuer.hits[JWKS] == 1


async def test_a_thousand_unknown_key_ids_cause_one_fetch(door: Door) -> None:
    """AP-JWT-05"""
    door.clock.now += 10
    before = door.issuer.hits[JWKS]
    attacker = rsa_key("attacker")
    tokens = [door.issuer.token(key=attacker, header={"kid": f"unknown-{number}"}) for number in range(1000)]
    await asyncio.gather(*(refused(door.verifier, token, "token_signature") for token in tokens[:500]))
    for token in tokens[500:]:
        await refused(door.verifier, token, "token_signature")
    assert door.issuer.hits[JWKS] - before == 1
    await door.verifier.verify(door.issuer.token())


@pytest.mark.parametrize("key_id", ["../../etc/passwd", "' OR 1=1 --", "First", "k" * 256])
async def test_a_hostile_key_id_is_only_a_name_that_nobody_has(door: Door, key_id: str) -> None:
    """AP-JWT-05"""
    await refused(door.verifier, door.issuer.token(header={"kid": key_id}), "token_signature")
    await door.verifier.verify(door.issuer.token())


@pytest.mark.parametrize("key_id", ["\0", "", "k" * 257, 7, ["first"], {"a": 1}, True])
async def test_a_key_id_that_is_no_short_printable_name_is_refused_unseen(door: Door, key_id: Any) -> None:
    """AP-JWT-05"""
    await refused(door.verifier, door.issuer.token(header={"kid": key_id}), "token_malformed")
    await door.verifier.verify(door.issuer.token())


async def test_signatures_that_do_not_hold_are_refused(door: Door) -> None:
    """AP-JWT-10"""
    keys = {"RS256": rsa_key("first"), "ES256": ec_key("curve"), "EdDSA": okp_key("edwards")}
    door.issuer.keys = list(keys.values())
    door.clock.now += 301
    verifier = door.make(algorithms=frozenset(keys))
    for key in keys.values():
        good = door.issuer.token(key=key)
        await verifier.verify(good)
        signed, _, encoded = good.rpartition(".")
        real = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        for bad in (
            bytes(len(real)),
            b"\xff" * len(real),
            b"",
            real[:-1],
            real + b"\0",
            b"\0" + real,
            real[::-1],
            real[: len(real) // 2] + bytes(len(real) // 2),
            signature(key, signed.encode() + b" "),
        ):
            await refused(verifier, f"{signed}.{b64(bad)}", "token_signature", "token_malformed")


async def test_every_other_spelling_of_a_good_token_is_refused(door: Door) -> None:
    """AP-JWT-10: padding, the other alphabet, white space, trailing bits, further parts."""
    good = door.issuer.token()
    header, claims, tail = good.split(".")
    spellings = [
        f"{header}=.{claims}.{tail}",
        f"{header}.{claims}==.{tail}",
        f"{good}=",
        f"{good}==",
        f"{good}\n",
        f" {good}",
        f"{header}.{claims}\n.{tail}",
        f"{header}.{claims}.{tail}.",
        f"{good}.{tail}",
        f".{good}",
        f"{header}..{tail}",
        f"{claims}.{header}.{tail}",
        good.replace("-", "+").replace("_", "/") + "+",
        f"{good}\u00e9",
        f"{good}\ud800",
        f"{good}\0",
    ]
    for spelling in spellings:
        await refused(door.verifier, spelling, "token_malformed", "token_signature")
    await door.verifier.verify(good)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"sub"', b'"sub": "victim", "sub"'),
        (b'"sub"', b'"\\u0073ub": "victim", "sub"'),
        (b'"exp"', b'"exp": 1, "exp"'),
        (b'"client_id"', b'"deep": {"a": 1, "a": 2}, "client_id"'),
        (b"{", b"\xef\xbb\xbf{"),
        (b"user-1", b"user-\xff"),
        (b"user-1", b"\\ud800"),
        (b"user-1", b"us\\u0000er"),
        (b"}", b"} {}"),
        (b"{", b"[{"),
        (b'"client_id"', b'"deep": ' + b"[" * 20 + b"]" * 20 + b', "client_id"'),
        (b'"client_id"', b'"deep": ' + b"[" * 5000 + b"]" * 5000 + b', "client_id"'),
    ],
    ids=lambda value: value[:24].decode("latin-1"),
)
async def test_claims_that_can_be_read_in_two_ways_are_refused(door: Door, old: bytes, new: bytes) -> None:
    """AP-JWT-11: all of them under a signature that holds."""
    issuer = door.issuer
    header, claims = json.dumps(issuer.header()).encode(), json.dumps(issuer.claims()).encode()
    await door.verifier.verify(raw_token(header, claims, issuer.keys[0]))
    assert old in claims
    forged = raw_token(header, claims.replace(old, new, 1), issuer.keys[0])
    await refused(door.verifier, forged, "token_malformed", "token_claims")


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"b64": True},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"enc": "A256GCM"},
        {"p2c": 2**31},
        {"alg": None},
        {"alg": ["RS256"]},
        {"alg": {}},
        {"typ": 7},
        {"typ": ["at+jwt"]},
    ],
    ids=str,
)
async def test_headers_that_change_how_a_token_is_read_are_refused(door: Door, header: dict[str, Any]) -> None:
    """AP-JWT-11, AP-JWT-12"""
    await refused(door.verifier, door.issuer.token(header=header), "token_malformed")
    await door.verifier.verify(door.issuer.token(header={"x5t": "harmless"}))


async def test_a_header_with_a_name_twice_is_refused(door: Door) -> None:
    """AP-JWT-11"""
    issuer = door.issuer
    header = json.dumps(issuer.header()).encode().replace(b'"alg"', b'"alg": "none", "alg"')
    forged = raw_token(header, json.dumps(issuer.claims()).encode(), issuer.keys[0])
    await refused(door.verifier, forged, "token_malformed")


async def test_json_serialization_and_nested_tokens_are_refused(door: Door) -> None:
    """AP-JWT-11"""
    good = door.issuer.token()
    header, claims, tail = good.split(".")
    flat = json.dumps({"protected": header, "payload": claims, "signature": tail})
    general = json.dumps({"payload": claims, "signatures": [{"protected": header, "signature": tail}]})
    nested = raw_token(json.dumps(door.issuer.header()).encode(), good.encode(), door.issuer.keys[0])
    for form in (flat, general, nested):
        await refused(door.verifier, form, "token_malformed")


async def test_costly_tokens_are_refused_at_once(door: Door) -> None:
    """AP-JWT-12: encryption, key derivation, compression, a megabyte."""
    header = b64(json.dumps({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31 - 1, "p2s": "AA"}).encode())
    bombs = [
        "a" * 1_000_000,
        "." * 1_000_000,
        door.issuer.token(padding="x" * 1_000_000),
        f"{header}.{b64(b'key')}.{b64(b'iv')}.{b64(b'text')}.{b64(b'tag')}",
        raw_token(b"[" * 6000, b"{}", rsa_key("first")),
    ]
    for bomb in bombs:
        begin = time.process_time()
        await refused(door.verifier, bomb, "token_malformed")
        assert time.process_time() - begin < 0.1, "far more than it takes, far less than the bomb would"


async def test_a_token_of_a_removed_key_is_refused_within_the_keys_age(door: Door) -> None:
    """AP-JWT-13: also when the token was verified before and would still be cached."""
    token = door.issuer.token(exp=int(NOW) + 3600)
    other = door.issuer.token(key=rsa_key("second"), exp=int(NOW) + 3600)
    await door.verifier.verify(token)
    door.issuer.keys = [rsa_key("second")]
    door.clock.now += 301
    await refused(door.verifier, token, "token_signature")
    await door.verifier.verify(other)


async def test_a_token_verified_under_one_rule_is_not_known_under_another(door: Door) -> None:
    """AP-JWT-14: verifiers that share a cache and differ in audience, client, style or issuer."""
    shared = VerifiedTokens()
    first = UserTokenVerifier(door.rules(), door.keys, door.clock, cache=shared)
    token = door.issuer.token()
    await first.verify(token)
    await first.verify(token)
    assert len(shared) == 1
    for change, code in (
        ({"audience": "other"}, "token_audience"),
        ({"clients": frozenset({"other"})}, "token_audience"),
        ({"style": "cognito"}, "token_type"),
        ({"issuer": f"{door.issuer.url}/other"}, "token_issuer"),
        ({"algorithms": frozenset({"ES256"})}, "token_signature"),
    ):
        await refused(UserTokenVerifier(door.rules(**change), door.keys, door.clock, cache=shared), token, code)


async def test_a_token_verified_with_one_key_set_is_not_known_with_another(door: Door) -> None:
    """AP-JWT-14: the same rules, but keys from elsewhere."""
    async with open_door() as other:
        other.issuer.keys = [rsa_key("elsewhere")]
        shared = VerifiedTokens()
        token = door.issuer.token()
        await UserTokenVerifier(door.rules(), door.keys, door.clock, cache=shared).verify(token)
        crossed = UserTokenVerifier(door.rules(), other.keys, door.clock, cache=shared)
        await refused(crossed, token, "token_signature")


async def test_a_turn_token_is_no_users_token_and_the_other_way_round(door: Door) -> None:
    """AP-BYP-04: also when both were signed by the same key."""
    key = okp_key("edwards")
    private = key.private_key
    assert isinstance(private, Ed25519PrivateKey)
    door.issuer.keys = [key]
    door.clock.now += 301
    turns = SignedTurnTokens(door.issuer.url, private, door.clock)
    identity = TurnIdentity(
        issuer=door.issuer.url,
        subject="user-1",
        actor="chat",
        session_id="s" * 33,
        turn_id="turn-1",
        audience=AUDIENCE,
        expires_at=door.clock.now + 60,
    )
    turn_token = turns.mint(identity)
    assert turns.verify(turn_token, audience=AUDIENCE) == identity
    for style in ("rfc9068", "oidc"):
        verifier = door.make(style=style, algorithms=frozenset({"EdDSA"}), clients=frozenset())
        await refused(verifier, turn_token, "token_signature", "token_type")
        users_token = door.issuer.token(key=key)
        await verifier.verify(users_token)
        with pytest.raises(Unauthenticated, match="turn token"):
            turns.verify(users_token, audience=AUDIENCE)
