"""An issuer's keys: found, kept, renewed, and used for a while when the issuer is down (F-09, F-10)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey
from tests.unit.identity.issuer import DISCOVERY, JWKS, NOW, Door, ec_key, okp_key, open_door, rsa_key

from doorward.errors import ConfigurationError, StoreUnavailable, Unauthenticated
from doorward.identity.discovery import CachedDiscovery, check_issuer_url, discover
from doorward.identity.key_set import KeySet, parse_key_set

pytestmark = pytest.mark.anyio

HOUR = int(NOW) + 7200


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with asyncio.timeout(30), open_door() as door:
        yield door


async def test_a_hundred_first_requests_share_one_fetch(door: Door) -> None:
    tokens = [door.issuer.token(jti=str(number)) for number in range(100)]
    await asyncio.gather(*(door.verifier.verify(token) for token in tokens))
    assert door.issuer.hits == {DISCOVERY: 1, JWKS: 1}


async def test_a_request_that_is_given_up_does_not_stop_the_fetch_of_the_others(door: Door) -> None:
    door.issuer.behaviour = "slow"
    first = asyncio.create_task(door.verifier.verify(door.issuer.token()))
    second = asyncio.create_task(door.verifier.verify(door.issuer.token()))
    await door.issuer.asked.wait()
    first.cancel()
    door.issuer.hold.set()
    assert (await second).subject == "user-1"
    assert door.issuer.hits == {DISCOVERY: 1, JWKS: 1}


async def test_keys_are_renewed_in_the_background_before_they_are_old(door: Door) -> None:
    token = door.issuer.token(exp=HOUR)
    await door.verifier.verify(token)
    door.clock.now += 239
    await door.verifier.verify(token)
    assert door.issuer.hits[JWKS] == 1
    door.issuer.behaviour = "slow"
    door.clock.now += 2
    await door.verifier.verify(token)
    door.issuer.hold.set()
    while door.keys.current(door.clock.now) is None:  # noqa: ASYNC110 - bounded by the fixture
        await asyncio.sleep(0)
    assert door.issuer.hits[JWKS] == 2


@pytest.mark.parametrize("fault", ["down", "html", "redirect", "huge"])
async def test_known_keys_serve_while_the_issuer_is_down_and_not_for_ever(door: Door, fault: str) -> None:
    """F-09"""
    token = door.issuer.token(exp=HOUR)
    await door.verifier.verify(token)
    door.issuer.behaviour = fault
    for seconds in (301, 60, 3000):
        door.clock.now += seconds
        await door.verifier.verify(door.issuer.token(exp=HOUR, jti=str(seconds)))
    assert door.clock.now < NOW + 3600
    door.clock.now = NOW + 3600
    with pytest.raises(StoreUnavailable) as caught:
        await door.verifier.verify(token)
    assert caught.value.code == "keys_unavailable"
    door.issuer.behaviour = "good"
    door.clock.now += 6
    await door.verifier.verify(token)
    assert door.issuer.hits["/elsewhere"] == 0


async def test_nobody_waits_for_an_issuer_that_is_known_to_be_down(door: Door) -> None:
    """F-09: a slow issuer holds up neither known keys nor the refusal of unknown ones."""
    token = door.issuer.token(exp=HOUR)
    await door.verifier.verify(token)
    door.issuer.behaviour = "down"
    door.clock.now += 301
    await door.verifier.verify(token)
    door.issuer.behaviour = "slow"
    door.clock.now += 6
    async with asyncio.timeout(2):
        for number in range(20):
            await door.verifier.verify(door.issuer.token(exp=HOUR, jti=str(number)))
            with pytest.raises(Unauthenticated):
                await door.verifier.verify(door.issuer.token(key=rsa_key("second"), exp=HOUR))
    assert not door.issuer.hold.is_set()


async def test_a_rotation_with_overlap_fails_no_good_token(door: Door) -> None:
    """F-10"""
    await door.verifier.verify(door.issuer.token(exp=HOUR))
    door.clock.now += 10
    door.issuer.keys = [rsa_key("second"), rsa_key("first")]
    await asyncio.gather(
        *(
            door.verifier.verify(door.issuer.token(key=rsa_key(name), exp=HOUR, jti=str(number)))
            for number in range(20)
            for name in ("first", "second")
        )
    )
    assert door.issuer.hits[JWKS] == 2


async def test_a_rotation_without_overlap_is_found_by_the_new_keys_first_token(door: Door) -> None:
    """F-10"""
    await door.verifier.verify(door.issuer.token(exp=HOUR))
    door.clock.now += 10
    door.issuer.keys = [rsa_key("second")]
    await door.verifier.verify(door.issuer.token(exp=HOUR))
    await door.verifier.verify(door.issuer.token(key=rsa_key("second"), exp=HOUR))
    with pytest.raises(Unauthenticated):
        await door.verifier.verify(door.issuer.token(key=rsa_key("first"), exp=HOUR))


async def test_an_issuer_that_withdraws_every_key_is_believed(door: Door) -> None:
    """F-10, emergency removal: an empty set is an answer, not a fault."""
    token = door.issuer.token(exp=HOUR)
    await door.verifier.verify(token)
    door.issuer.keys = []
    door.clock.now += 301
    with pytest.raises(Unauthenticated):
        await door.verifier.verify(token)


async def test_one_unknown_key_id_asks_again_only_after_a_while(door: Door) -> None:
    """AP-JWT-05"""
    await door.verifier.verify(door.issuer.token())
    stranger = door.issuer.token(key=rsa_key("second"), exp=HOUR)
    fetches = []
    for _ in range(8):
        door.clock.now += 10
        with pytest.raises(Unauthenticated):
            await door.verifier.verify(stranger)
        fetches.append(door.issuer.hits[JWKS])
    assert fetches == [2, 2, 2, 2, 2, 2, 3, 3]


async def test_a_clock_that_is_set_back_makes_keys_renew(door: Door) -> None:
    """F-08"""
    await door.verifier.verify(door.issuer.token())
    door.clock.now -= 600
    await door.verifier.verify(door.issuer.token(iat=int(NOW) - 700))
    assert door.issuer.hits[JWKS] == 2
    assert door.keys.current(door.clock.now) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.test"},
        {"issuer": None},
        {"jwks_uri": "http://attacker.test/keys"},
        {"jwks_uri": "https://user@attacker.test/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": ""},
        {"jwks_uri": 7},
        {"token_endpoint": "http://attacker.test/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "http://169.254.169.254/"},
    ],
    ids=str,
)
async def test_a_discovery_document_that_does_not_hold_is_refused(door: Door, change: dict[str, Any]) -> None:
    await discover(door.fetch, door.issuer.url)
    door.issuer.document = change
    with pytest.raises(StoreUnavailable) as caught:
        await discover(door.fetch, door.issuer.url)
    assert caught.value.code == "issuer_invalid"


async def test_an_issuer_on_https_may_not_name_an_endpoint_on_http() -> None:
    async def fetch(url: str) -> bytes:
        assert url == "https://issuer.test/tenant/.well-known/openid-configuration"
        return b'{"issuer": "https://issuer.test/tenant/", "jwks_uri": "%s"}' % address

    address = b"https://keys.test/k"
    assert (await discover(fetch, "https://issuer.test/tenant/")).jwks_uri == "https://keys.test/k"
    address = b"http://127.0.0.1/k"
    with pytest.raises(StoreUnavailable):
        await discover(fetch, "https://issuer.test/tenant/")


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.test",
        "https://issuer.test?x=1",
        "https://issuer.test#x",
        "https://user:word@issuer.test",
        "https://",
        "https://issuer.test:99999",
        "http://127.0.0.1.attacker.test",
        "ftp://127.0.0.1",
        "https://issuer .test",
        "https://iss\u00fcer.test",
        "",
    ],
)
def test_an_address_that_cannot_be_an_issuer_is_refused(url: str) -> None:
    check_issuer_url("https://issuer.test/realms/one")
    check_issuer_url("http://[::1]:8000")
    with pytest.raises(ConfigurationError):
        check_issuer_url(url)


async def test_metadata_is_kept_and_leaves_out_what_the_issuer_lacks(door: Door) -> None:
    door.issuer.document = {"token_endpoint": f"{door.issuer.url}/token", "unknown": [1]}
    cached = CachedDiscovery(door.issuer.url, door.fetch, door.clock)
    found = [await cached.mapping() for _ in range(3)]
    assert found[0]["token_endpoint"] == f"{door.issuer.url}/token"
    assert "end_session_endpoint" not in found[0]
    assert door.issuer.hits[DISCOVERY] == 1
    door.clock.now += 3601
    await cached.metadata()
    assert door.issuer.hits[DISCOVERY] == 2


def public(key: Any, **changes: Any) -> dict[str, Any]:
    return key.as_dict(private=False) | changes


def test_keys_that_do_not_fit_are_left_out() -> None:
    good = public(rsa_key("first"), use="sig", alg="RS256", key_ops=["verify"], x5t="ignored")
    assert KeySet([good]).find("first", "RS256") is not None
    unfit: list[dict[str, Any]] = [
        good | {"use": "enc"},
        good | {"alg": "RS512"},
        good | {"alg": "HS256"},
        good | {"key_ops": ["encrypt"]},
        good | {"key_ops": "verify"},
        good | {"kid": 7},
        good | {"n": 7},
        good | {"n": "AQAB"},
        good | {"e": "Ag"},
        good | {"kty": "EC"},
        public(ECKey.generate_key("P-384"), kid="x"),
        public(ec_key("curve"), x=public(ec_key("curve"))["y"]),
        public(OKPKey.generate_key("X25519"), kid="x"),
        public(OKPKey.generate_key("Ed448"), kid="x"),
        OctKey.generate_key(256).as_dict(private=True, kid="x"),
        {},
    ]
    assert [len(KeySet([key])) for key in unfit] == [0] * len(unfit)
    assert len(KeySet([*unfit, good])) == 1


def test_two_keys_with_one_id_are_both_left_out() -> None:
    first, second = public(rsa_key("first")), public(rsa_key("second"), kid="first")
    assert len(KeySet([first, first])) == 1
    assert len(KeySet([first, second])) == 0
    assert len(KeySet([first, public(ec_key("curve"), kid="first")])) == 2


def test_private_halves_are_not_kept() -> None:
    key = KeySet([rsa_key("first").as_dict(private=True)]).find("first", "RS256")
    assert key is not None
    assert not key.is_private


def test_the_digest_of_a_key_set_tells_its_content() -> None:
    first, second, third = public(rsa_key("first")), public(okp_key("edwards")), public(rsa_key("second"), kid="first")
    assert KeySet([first, second]).digest == KeySet([second, first]).digest
    assert len({KeySet(keys).digest for keys in ([], [first], [first, second], [third])}) == 4


@pytest.mark.parametrize(
    "document", [None, [], "keys", {}, {"keys": {}}, {"keys": [{}] * 257}], ids=lambda d: str(d)[:20]
)
def test_what_is_no_key_set_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="JWK Set"):
        parse_key_set(document)
