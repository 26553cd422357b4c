"""Turn tokens: what goes in comes out, and nothing else does."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OKPKey
from tests.unit.identity.issuer import NOW, MovableClock, b64

from doorward.errors import ConfigurationError, Unauthenticated
from doorward.identity.turn_tokens import SignedTurnTokens, TurnTokenReader
from doorward.model.principals import TurnIdentity, User

KEY = Ed25519PrivateKey.generate()
IDENTITY = TurnIdentity(
    issuer="https://issuer.test",
    subject="user-1",
    actor="chat",
    session_id="s" * 36,
    turn_id="turn-1",
    audience="agent-door",
    expires_at=NOW + 900,
)
TURNS = SignedTurnTokens("house", KEY, MovableClock())
TOKEN = TURNS.mint(IDENTITY)


def refused(token: str, *, audience: str = "agent-door", reader: TurnTokenReader = TURNS) -> None:
    with pytest.raises(Unauthenticated) as caught:
        reader.verify(token, audience=audience)
    assert caught.value.code == "turn_token_invalid"


def resigned(header: dict[str, object], claims: bytes, key: Ed25519PrivateKey = KEY) -> str:
    signed = f"{b64(json.dumps(header, separators=(',', ':')).encode())}.{b64(claims)}"
    return f"{signed}.{b64(key.sign(signed.encode()))}"


def parts() -> tuple[dict[str, object], dict[str, object]]:
    found = jwt.decode(TOKEN, OKPKey.import_key(KEY), registry=None, algorithms=["Ed25519", "EdDSA"])
    return found.header, found.claims


def test_what_was_minted_is_what_is_verified() -> None:
    assert TURNS.verify(TOKEN, audience="agent-door") == IDENTITY
    assert (
        TURNS.verify(TOKEN, audience="agent-door").owner_key
        == User(issuer="https://issuer.test", subject="user-1", username="any").key
    )
    assert TURNS.mint(IDENTITY) != TOKEN, "each has an id of its own"


def test_public_keys_are_enough_to_verify_and_not_to_mint() -> None:
    reader = TurnTokenReader("house", [Ed25519PrivateKey.generate().public_key(), KEY.public_key()], MovableClock())
    assert reader.verify(TOKEN, audience="agent-door") == IDENTITY
    with pytest.raises(ConfigurationError):
        reader.mint(IDENTITY)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_another_library_reads_it_as_a_jwt() -> None:
    header, claims = parts()
    assert header["typ"] == "turn+jwt"
    assert header["alg"] == "EdDSA"
    assert header["kid"] == OKPKey.import_key(KEY).thumbprint()
    assert claims["act"] == {"sub": "chat"}
    assert (claims["iss"], claims["user_iss"], claims["sub"]) == ("house", "https://issuer.test", "user-1")


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, len(TOKEN) - 1), change=st.sampled_from("ABCabc019-_=. ") | st.just(""))
def test_no_change_of_one_character_leaves_it_good(place: int, change: str) -> None:
    changed = TOKEN[:place] + change + TOKEN[place + 1 :]
    if changed != TOKEN:
        refused(changed)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_refused(text: str) -> None:
    refused(text)
    refused(f"{TOKEN}{text}" if text else f"{TOKEN}.")


def test_it_is_refused_elsewhere_and_out_of_its_time() -> None:
    refused(TOKEN, audience="tool-door")
    refused(TOKEN, audience="")
    refused(TOKEN, reader=SignedTurnTokens("other-house", KEY, MovableClock()))
    refused(TOKEN, reader=SignedTurnTokens("house", Ed25519PrivateKey.generate(), MovableClock()))
    refused(TOKEN, reader=SignedTurnTokens("house", KEY, MovableClock(NOW + 900)))
    refused(TOKEN, reader=SignedTurnTokens("house", KEY, MovableClock(NOW - 31)))
    late = SignedTurnTokens("house", KEY, MovableClock(NOW + 899))
    assert late.verify(TOKEN, audience="agent-door") == IDENTITY


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_only_our_own_spelling_is_taken_even_under_our_own_signature() -> None:
    header, claims = parts()
    plain = json.dumps(claims, separators=(",", ":")).encode()
    control = {"alg": header["alg"], "kid": header["kid"], "typ": header["typ"]}
    assert TURNS.verify(resigned(control, plain), audience="agent-door") == IDENTITY
    for bad_header in (
        {"typ": "turn+jwt", "alg": "EdDSA", "kid": header["kid"]},
        control | {"typ": "JWT"},
        control | {"typ": "at+jwt"},
        control | {"alg": "none"},
        control | {"crit": []},
    ):
        refused(resigned(bad_header, plain))
    for bad_claims in (
        plain.replace(b'"sub"', b'"sub":"victim","sub"', 1),
        plain.replace(b",", b", ", 1),
        plain.replace(b"user-1", b"user-\\u0031"),
        plain[:-1] + b',"admin":true}',
        json.dumps({name: value for name, value in claims.items() if name != "jti"}).encode(),
        json.dumps(claims | {"exp": NOW + 900.5}, separators=(",", ":")).encode(),
        json.dumps(claims | {"exp": "9999999999"}, separators=(",", ":")).encode(),
        b"{}",
        b"\xff",
    ):
        refused(resigned(control, bad_claims))


def test_a_house_without_a_name_or_key_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        SignedTurnTokens("", KEY, MovableClock())
    with pytest.raises(ConfigurationError):
        TurnTokenReader("house", [], MovableClock())
