"""What the probe makes of a token: broken in the way it says, and in no other."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey
from tests.unit.probe.double import verified

from doorward.probe.forgery import (
    Jwt,
    Signer,
    attacker,
    brought_keys,
    confused,
    decode,
    encode_json,
    issuer_signer,
    other_signatures,
    public_spellings,
    respelled,
    take_apart,
    unsigned,
)

ISSUER = Signer(key=generate_private_key(65537, 2048), key_id="issuer-1", genuine=True)
HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": "issuer-1"}
CLAIMS = {"iss": "https://issuer.example", "sub": "user-one", "aud": "api", "exp": 4_000_000_000}


def _good() -> Jwt:
    jwt = take_apart(ISSUER.sign(HEADER, CLAIMS))
    assert jwt is not None
    return jwt


def test_a_signed_token_verifies_with_a_library_that_is_not_ours() -> None:
    token = ISSUER.sign(HEADER, CLAIMS)
    read = jws.deserialize_compact(token, RSAKey.import_key(ISSUER.public_jwk()), algorithms=["RS256"])
    assert json.loads(read.payload) == CLAIMS


def test_a_token_taken_apart_is_the_same_token() -> None:
    jwt = _good()
    assert (jwt.header, jwt.claims) == (HEADER, CLAIMS)
    assert jwt.text == ISSUER.sign(HEADER, CLAIMS)


@pytest.mark.parametrize("text", ["", "opaque", "a.b", "a.b.c", "e30.W10.x", "e30.e30.x.y.z"])
def test_what_is_no_token_is_not_taken_apart(text: str) -> None:
    assert take_apart(text) is None


def test_no_unsigned_token_bears_a_signature_that_holds() -> None:
    """AP-JWT-01."""
    for forged in unsigned(_good()):
        jwt = take_apart(forged.token)
        assert jwt is None or not jwt.signature or not _holds(jwt), forged.name


def test_the_public_key_in_every_spelling_is_the_public_key() -> None:
    """AP-JWT-02."""
    spellings = public_spellings(ISSUER.public_jwk())
    expected = ISSUER.key.public_key().public_numbers()
    for name, secret in spellings.items():
        if name.startswith(("PEM", "PKCS#1 PEM")):
            assert load_pem_public_key(secret).public_numbers() == expected  # type: ignore[union-attr]
    assert load_der_public_key(spellings["DER"]).public_numbers() == expected  # type: ignore[union-attr]
    assert int.from_bytes(spellings["n as bytes"]) == expected.n
    assert len(set(spellings.values())) == len(spellings)


def test_a_confused_token_is_an_hmac_with_the_public_key() -> None:
    """AP-JWT-02."""
    forged = {item.name: item.token for item in confused(_good(), ISSUER.public_jwk())}
    key = OctKey.import_key(public_spellings(ISSUER.public_jwk())["n as bytes"])
    read = jws.deserialize_compact(forged["HS256 with the public key as n as bytes"], key, algorithms=["HS256"])
    assert json.loads(read.payload) == CLAIMS


def test_a_token_that_brings_its_key_is_signed_with_that_key() -> None:
    """AP-JWT-03: a verifier that believes the header would take it."""
    for forged in brought_keys(_good(), attacker()):
        jwt = take_apart(forged.token)
        assert jwt is not None
        assert verified(jwt, attacker().key.public_key()), forged.name
        assert not _holds(jwt), forged.name


def test_other_signatures_do_not_hold() -> None:
    """AP-JWT-10."""
    for forged in other_signatures(_good()):
        jwt = take_apart(forged.token)
        assert jwt is not None
        assert not _holds(jwt), forged.name


def test_a_second_spelling_is_another_text() -> None:
    """AP-JWT-10."""
    good = _good()
    forged = {item.name: item.token for item in respelled(good)}
    assert good.text not in forged.values()
    spare = forged["spare bits set at the end"]
    assert decode(spare.rsplit(".", 1)[1]) == decode(good.signature)


def test_the_issuers_key_is_taken_as_jwk_and_nothing_else_is() -> None:
    private = RSAKey.import_key(ISSUER.key).as_dict(private=True)
    signer = issuer_signer(json.dumps(private), _good())
    assert signer is not None
    assert signer.sign(HEADER, CLAIMS) == ISSUER.sign(HEADER, CLAIMS)
    assert issuer_signer(json.dumps(ISSUER.public_jwk()), _good()) is None
    assert issuer_signer("no key", _good()) is None


def test_the_attackers_key_is_not_the_issuers() -> None:
    assert not attacker().genuine
    assert encode_json(attacker().public_jwk()["n"]) != encode_json(ISSUER.public_jwk()["n"])


def _holds(jwt: Jwt) -> bool:
    return verified(jwt, ISSUER.key.public_key())
