"""Attacks on what users' tokens claim: threats AP-JWT-06 to AP-JWT-09, against a real issuer over HTTP.

Every attack has its control: the same token without the attack opens the door.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.unit.identity.issuer import (
    AUDIENCE,
    CLIENT,
    NOW,
    Door,
    open_door,
    raw_token,
    refused,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with asyncio.timeout(30), open_door() as door:
        user = await door.verifier.verify(door.issuer.token(jti="control"))
        assert user.subject == "user-1", "the control: a good token opens the door"
        yield door


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": None},
        {"aud": "other"},
        {"aud": "doorward2"},
        {"aud": "Doorward"},
        {"aud": " doorward"},
        {"aud": ""},
        {"aud": []},
        {"aud": ["other"]},
        {"aud": ["other", ["doorward"]]},
        {"aud": {"doorward": True}},
        {"aud": [AUDIENCE, 1]},
        {"aud": [AUDIENCE, "other"], "client_id": None},
        {"aud": [AUDIENCE, "other"], "client_id": "stranger"},
        {"client_id": "stranger"},
        {"client_id": None},
        {"client_id": [CLIENT]},
        {"client_id": CLIENT, "azp": "stranger"},
        {"client_id": None, "azp": "stranger"},
    ],
    ids=str,
)
async def test_a_token_for_another_audience_or_client_is_refused(door: Door, claims: dict[str, Any]) -> None:
    """AP-JWT-06"""
    for style in ("rfc9068", "oidc"):
        await refused(door.make(style=style), door.issuer.token(**claims), "token_audience")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [AUDIENCE]},
        {"aud": [AUDIENCE, "other"]},
        {"client_id": None, "azp": CLIENT},
        {"azp": "doorward-cli"},
    ],
    ids=str,
)
async def test_an_audience_array_is_taken_when_it_names_us_and_a_client_of_ours(
    door: Door, claims: dict[str, Any]
) -> None:
    """AP-JWT-06, the controls"""
    assert (await door.verifier.verify(door.issuer.token(**claims))).subject == "user-1"


async def test_an_array_with_other_audiences_needs_configured_clients(door: Door) -> None:
    """AP-JWT-06: without a list of clients nothing vouches for who else could pass the token on."""
    anybody = door.make(clients=frozenset())
    await refused(anybody, door.issuer.token(aud=[AUDIENCE, "other"]), "token_audience")
    await anybody.verify(door.issuer.token(aud=[AUDIENCE], client_id="stranger"))


async def test_issuers_that_look_alike_are_refused(door: Door) -> None:
    """AP-JWT-07"""
    url = door.issuer.url
    host = url.removeprefix("http://")
    for alike in (
        f"{url}/",
        f"{url}.attacker.test",
        f"{url}@attacker.test",
        f"{url}#",
        f"{url}?",
        url.upper(),
        f"https://{host}",
        f" {url}",
        url.replace("127.0.0.1", "localhost"),
        "",
        None,
        [url],
        {"iss": url},
    ):
        await refused(door.verifier, door.issuer.token(iss=alike), "token_issuer")
    await door.verifier.verify(door.issuer.token())


async def test_the_same_subject_of_two_issuers_is_two_users(door: Door) -> None:
    """AP-JWT-07"""
    async with open_door() as other:
        here = await door.verifier.verify(door.issuer.token())
        there = await other.verifier.verify(other.issuer.token())
        await refused(other.verifier, door.issuer.token(), "token_issuer")
    assert here.subject == there.subject
    assert here.key != there.key


@pytest.mark.parametrize(
    "email", ["a@b.test@c.test", "a@b.test,c@d.test", "a@b.test\n", '"a@x"@b.test', "\ud800@b.test", 7]
)
async def test_an_ambiguous_email_is_not_taken_over(door: Door, email: Any) -> None:
    """AP-JWT-07: identity never depends on it."""
    plain = await door.verifier.verify(door.issuer.token(email="ada@b.test"))
    user = await door.verifier.verify(door.issuer.token(email=email))
    assert (plain.email, user.email) == ("ada@b.test", None)
    assert plain.key == user.key


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": int(NOW) - 31}, "token_expired"),
        ({"exp": int(NOW) - 30}, "token_expired"),
        ({"exp": None}, "token_claims"),
        ({"exp": NOW + 600.5}, "token_claims"),
        ({"exp": 1.9e9}, "token_claims"),
        ({"exp": str(int(NOW) + 600)}, "token_claims"),
        ({"exp": True}, "token_claims"),
        ({"exp": [int(NOW) + 600]}, "token_claims"),
        ({"exp": 10**15}, "token_claims"),
        ({"exp": 10**400}, "token_claims"),
        ({"exp": -1}, "token_claims"),
        ({"nbf": int(NOW) + 31}, "token_not_yet_valid"),
        ({"nbf": "0"}, "token_claims"),
        ({"nbf": False}, "token_claims"),
        ({"iat": int(NOW) + 31}, "token_not_yet_valid"),
        ({"iat": 0.5}, "token_claims"),
    ],
    ids=str,
)
async def test_times_are_read_strictly(door: Door, claims: dict[str, Any], code: str) -> None:
    """AP-JWT-08"""
    await refused(door.verifier, door.issuer.token(**claims), code)


@pytest.mark.parametrize("claims", [{"exp": int(NOW) - 29}, {"nbf": int(NOW) + 30}, {"iat": int(NOW) + 30}], ids=str)
async def test_times_have_the_configured_tolerance(door: Door, claims: dict[str, Any]) -> None:
    """AP-JWT-08, the controls"""
    await door.verifier.verify(door.issuer.token(**claims))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1" * 5000])
async def test_numbers_that_are_none_are_refused(door: Door, number: bytes) -> None:
    """AP-JWT-08"""
    issuer = door.issuer
    header = json.dumps(issuer.header()).encode()
    for claim, codes in (("exp", ("token_malformed", "token_claims")), ("unused", ("token_malformed",))):
        claims = json.dumps(issuer.claims(**{claim: 4711})).encode()
        await refused(door.verifier, raw_token(header, claims.replace(b"4711", number), issuer.keys[0]), *codes)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "JWT"}, {"aud": CLIENT, "client_id": None, "token_use": "id", "nonce": "n"}),
        ({"typ": "JWT"}, {"nonce": "n"}),
        ({"typ": "JWT"}, {"at_hash": "h"}),
        ({"typ": "JWT"}, {"token_use": "id"}),
        ({"typ": "JWT"}, {"typ": "ID"}),
        ({"typ": "JWT"}, {"typ": "Refresh"}),
        ({"typ": "logout+jwt"}, {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
        ({"typ": "JWT"}, {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
        ({"typ": "at+jwt"}, {"token_use": "id"}),
        ({"typ": "at+jwt"}, {"token_use": "refresh"}),
        ({"typ": "at+jwt"}, {"cnf": {"jkt": "x"}}),
        ({"typ": "secevent+jwt"}, {}),
        ({"typ": "dpop+jwt"}, {}),
        ({"typ": "turn+jwt"}, {}),
        ({"typ": "at+jwt+x"}, {}),
    ],
    ids=str,
)
async def test_a_token_of_another_kind_is_no_access_token(
    door: Door, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    """AP-JWT-09: in every style"""
    for style in ("rfc9068", "oidc"):
        await refused(door.make(style=style), door.issuer.token(header=header, **claims), "token_type")
    cognito = {"token_use": None, **claims}
    await refused(door.make(style="cognito"), door.issuer.token(header=header, **cognito), "token_type")


async def test_the_kinds_of_access_token_that_each_style_takes(door: Door) -> None:
    """AP-JWT-09, the controls"""
    token = door.issuer.token
    for kind in ("at+jwt", "application/at+jwt", "AT+JWT"):
        await door.verifier.verify(token(header={"typ": kind}))
    for kind in ("at+jwt", "JWT", None):
        await door.make(style="oidc").verify(token(header={"typ": kind}, typ="Bearer"))
        await door.make(style="cognito").verify(token(header={"typ": kind}, token_use="access", aud=None))
    for kind in ("JWT", None):
        await refused(door.verifier, token(header={"typ": kind}), "token_type")


async def test_id_tokens_open_only_a_door_that_is_made_for_them(door: Door) -> None:
    """AP-JWT-09: `cognito_compatible`"""
    id_claims: dict[str, Any] = {"aud": CLIENT, "client_id": None, "token_use": "id", "nonce": "n", "at_hash": "h"}
    token = door.issuer.token(header={"typ": "JWT"}, **id_claims)
    await refused(door.verifier, token, "token_type")
    compatible = door.make(id_tokens=True)
    assert (await compatible.verify(token)).subject == "user-1"
    assert (await compatible.verify(door.issuer.token())).subject == "user-1"
    for change in (
        {"aud": "stranger"},
        {"aud": [CLIENT, "stranger"]},
        {"azp": "stranger"},
        {"events": {}},
        {"token_use": "refresh"},
        {"token_use": None, "scope": "openid"},
        {"typ": "Refresh"},
    ):
        await refused(compatible, door.issuer.token(header={"typ": "JWT"}, **(id_claims | change)))
