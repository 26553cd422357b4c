"""Users' tokens: what a good one says, and that no neighbour of a good one is good."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.identity.issuer import CLIENT, NOW, Issuer, MovableClock, ec_key, okp_key, open_door, rsa_key

from doorward.errors import ConfigurationError, StoreUnavailable, Unauthenticated
from doorward.identity.claims import TokenRules, rules_of
from doorward.identity.keys_source import StaticKeySource
from doorward.identity.token_cache import Verified, VerifiedTokens
from doorward.identity.tokens import IdTokenVerifier, UserTokenVerifier
from doorward.model.principals import User
from doorward.model.settings import SignInSettings

pytestmark = pytest.mark.anyio

ISSUER = Issuer("https://issuer.test")
ISSUER.keys = [rsa_key("first"), ec_key("curve"), okp_key("edwards")]
RULES = TokenRules(
    issuer=ISSUER.url,
    audience="doorward",
    clients=frozenset({CLIENT}),
    algorithms=frozenset({"RS256", "ES256", "EdDSA"}),
)
GOOD = [ISSUER.token(key=key) for key in ISSUER.keys]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def verifier(**changes: Any) -> UserTokenVerifier:
    rules = {name: getattr(RULES, name) for name in RULES.__struct_fields__} | changes
    return UserTokenVerifier(TokenRules(**rules), StaticKeySource(ISSUER.keys), MovableClock())


@pytest.mark.parametrize("token", GOOD, ids=["RS256", "ES256", "EdDSA"])
async def test_a_good_token_of_each_algorithm_names_its_user(token: str) -> None:
    user = await verifier().verify(token)
    assert user == User(issuer=ISSUER.url, subject="user-1", username="ada")


@settings(max_examples=400, deadline=None)
@given(which=st.sampled_from(GOOD), place=st.integers(0, 2000), change=st.sampled_from([*ALPHABET, "", "=", ".", " "]))
def test_no_change_of_one_character_leaves_a_token_good(which: str, place: int, change: str) -> None:
    """AP-JWT-10: also not where base64url leaves bits over."""
    place %= len(which)
    changed = which[:place] + change + which[place + 1 :]
    if changed == which:
        asyncio.run(verifier().verify(which))
        return
    with pytest.raises(Unauthenticated):
        asyncio.run(verifier().verify(changed))


def test_no_other_last_character_of_any_part_is_taken() -> None:
    """AP-JWT-10: exhaustive where the spare bits are."""
    for good in GOOD:
        ends = [place for place in range(1, len(good) + 1) if place == len(good) or good[place] == "."]
        assert len(ends) == 3
        for end in ends:
            for letter in ALPHABET.replace(good[end - 1], ""):
                with pytest.raises(Unauthenticated):
                    asyncio.run(verifier().verify(good[: end - 1] + letter + good[end:]))


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60) | st.lists(st.sampled_from([*GOOD[0].split("."), ".", "", "e30"]), max_size=6).map(".".join)
)
def test_any_text_is_refused_and_never_breaks_the_verifier(text: str) -> None:
    if text in GOOD:
        return
    with pytest.raises(Unauthenticated):
        asyncio.run(verifier().verify(text))


@pytest.mark.parametrize(
    ("claims", "username"),
    [
        ({"cognito:username": "grace", "username": "other"}, "grace"),
        ({"username": "grace", "preferred_username": "other"}, "grace"),
        ({"username": None, "preferred_username": "grace"}, "grace"),
        ({"username": None}, "user-1"),
    ],
    ids=str,
)
async def test_the_name_to_show_comes_from_the_first_claim_that_has_one(claims: dict[str, Any], username: str) -> None:
    assert (await verifier().verify(ISSUER.token(**claims))).username == username


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "s" * 256},
        {"sub": "a\0b"},
        {"sub": "a\nb"},
        {"username": 7},
        {"username": ""},
        {"username": "a\u202eb"},
        {"username": "u" * 257},
        {"cognito:groups": {"operator": True}},
        {"cognito:groups": [["operator"]]},
        {"cognito:groups": 1},
        {"cognito:groups": ["r"] * 257},
    ],
    ids=lambda claims: str(claims)[:40],
)
async def test_claims_that_do_not_fit_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await verifier().verify(ISSUER.token(**claims))
    assert caught.value.code == "token_claims"


async def test_roles_come_from_the_configured_claim_alone() -> None:
    token = ISSUER.token(**{"cognito:groups": ["operator", "staff"], "roles": "reader  writer"})
    assert (await verifier().verify(token)).roles == {"operator", "staff"}
    assert (await verifier(role_claim="roles").verify(token)).roles == {"reader", "writer"}
    assert (await verifier(role_claim="groups").verify(token)).roles == frozenset()


async def test_the_tenant_comes_from_the_configured_claim_alone() -> None:
    token = ISSUER.token(org="acme")
    assert (await verifier().verify(token)).tenant == ""
    assert (await verifier(tenant_claim="org").verify(token)).tenant == "acme"
    assert (await verifier(tenant_claim="other").verify(token)).tenant == ""
    for wrong in (7, ["acme"], "a\nb", "x" * 300):
        with pytest.raises(Unauthenticated, match="org"):
            await verifier(tenant_claim="org").verify(ISSUER.token(org=wrong))


async def test_a_token_without_key_id_needs_the_only_key_of_its_algorithm() -> None:
    token = ISSUER.token(header={"kid": None})
    await verifier().verify(token)
    several = StaticKeySource([rsa_key("first"), rsa_key("second")])
    with pytest.raises(Unauthenticated, match="key is unknown"):
        await UserTokenVerifier(RULES, several, MovableClock()).verify(token)


async def test_the_cache_ends_with_the_token() -> None:
    clock = MovableClock()
    checked = UserTokenVerifier(RULES, StaticKeySource(ISSUER.keys), clock)
    token = ISSUER.token(nbf=int(NOW) - 100, iat=int(NOW) - 100)
    await checked.verify(token)
    clock.now += 600 + 29
    await checked.verify(token)
    clock.now += 1
    with pytest.raises(Unauthenticated) as caught:
        await checked.verify(token)
    assert caught.value.code == "token_expired"
    clock.now = NOW - 131
    with pytest.raises(Unauthenticated) as caught:
        await checked.verify(token)
    assert caught.value.code == "token_not_yet_valid"


async def test_a_verified_token_is_not_verified_again() -> None:
    checked = verifier()
    first = await checked.verify(GOOD[0])
    assert await checked.verify(GOOD[0]) is first


async def test_replaced_keys_end_what_they_vouched_for() -> None:
    """AP-JWT-13"""
    source = StaticKeySource([rsa_key("first"), rsa_key("second")])
    checked = UserTokenVerifier(RULES, source, MovableClock())
    second = ISSUER.token(key=rsa_key("second"))
    await checked.verify(GOOD[0])
    source.replace([rsa_key("second")])
    with pytest.raises(Unauthenticated, match="key is unknown"):
        await checked.verify(GOOD[0])
    await checked.verify(second)


def test_the_cache_is_bounded_and_forgets_the_least_recently_used() -> None:
    cache = VerifiedTokens(capacity=2)
    user = User(issuer="i", subject="s", username="u")
    entry = Verified(user=user, not_before=0.0, not_after=10.0, digest=b"set")
    for key in (b"a", b"b"):
        cache.put(key, entry)
    assert cache.get(b"a", now=1.0, digest=b"set") is user
    cache.put(b"c", entry)
    assert len(cache) == 2
    assert cache.get(b"b", now=1.0, digest=b"set") is None
    assert cache.get(b"a", now=1.0, digest=b"set") is user
    assert cache.get(b"a", now=1.0, digest=b"other set") is None
    assert cache.get(b"c", now=10.0, digest=b"set") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ""},
        {"audience": ""},
        {"algorithms": frozenset()},
        {"algorithms": frozenset({"RS256", "HS256"})},
        {"algorithms": frozenset({"none"})},
        {"clock_skew": 61.0},
        {"clock_skew": -1.0},
        {"style": "cognito", "clients": frozenset()},
        {"id_tokens": True, "clients": frozenset()},
    ],
    # Sets have no order: what is written out must be the same in every process of a run.
    ids=lambda changes: ",".join(
        f"{name}={sorted(x) if isinstance(x, frozenset) else x}" for name, x in changes.items()
    ),
)
def test_unsafe_rules_are_refused_at_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        verifier(**changes)


def test_rules_follow_the_settings() -> None:
    given_settings = SignInSettings(audience="api", token_style="oidc", algorithms=("ES256",), clock_skew=5.0)
    rules = rules_of(given_settings, issuer="https://issuer.test", clients=frozenset({"c"}), id_tokens=True)
    assert (rules.audience, rules.style, rules.algorithms, rules.clock_skew) == ("api", "oidc", {"ES256"}, 5.0)
    assert rules.fingerprint() != RULES.fingerprint()


async def test_the_id_token_of_a_sign_in_is_read_for_our_client_alone() -> None:
    reader = IdTokenVerifier(RULES, CLIENT, StaticKeySource(ISSUER.keys), MovableClock())
    claims: dict[str, Any] = {"aud": CLIENT, "client_id": None, "nonce": "n", "at_hash": "h"}
    found = await reader.claims(ISSUER.token(header={"typ": "JWT"}, **claims))
    assert (found["sub"], found["nonce"]) == ("user-1", "n")
    assert (await reader.verify(ISSUER.token(header={"typ": "JWT"}, **claims))).subject == "user-1"
    for header, change, code in (
        ({"typ": "JWT"}, {"aud": "doorward-cli"}, "token_audience"),
        ({"typ": "JWT"}, {"aud": [CLIENT, "other"]}, "token_audience"),
        ({"typ": "JWT"}, {"azp": "other"}, "token_audience"),
        ({"typ": "JWT"}, {"token_use": "access"}, "token_type"),
        ({"typ": "at+jwt"}, {}, "token_type"),
        ({"typ": "JWT"}, {"exp": int(NOW) - 60}, "token_expired"),
        ({"typ": "JWT"}, {"iss": "https://other.test"}, "token_issuer"),
    ):
        with pytest.raises(Unauthenticated) as caught:
            await reader.claims(ISSUER.token(header=header, **(claims | change)))
        assert caught.value.code == code


async def test_without_keys_no_token_is_taken() -> None:
    """Fails closed: the issuer is down from the start (F-09)."""
    async with asyncio.timeout(20), open_door() as door:
        door.issuer.behaviour = "down"
        begin = time.monotonic()
        for _ in range(50):
            with pytest.raises(StoreUnavailable) as caught:
                await door.verifier.verify(door.issuer.token())
            assert caught.value.code == "keys_unavailable"
        assert time.monotonic() - begin < 2
        assert sum(door.issuer.hits.values()) == 1
        door.issuer.behaviour = "good"
        door.clock.now += 6
        await door.verifier.verify(door.issuer.token())
