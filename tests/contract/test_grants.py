"""The contract of `GrantStore`."""

import asyncio

import pytest
from tests.contract.building import MovableClock

from doorward.model.sign_in import AuthorizationCode, RefreshToken
from doorward.stores.sqlite.open import GatewayStores

pytestmark = pytest.mark.anyio


def code(code_hash: str = "code", *, family: str = "family", subject: str = "anna") -> AuthorizationCode:
    return AuthorizationCode(
        code_hash=code_hash,
        client_id="web",
        redirect_uri="http://127.0.0.1/callback",
        subject=subject,
        scope="openid",
        nonce=None,
        code_challenge="challenge",
        auth_time=1.0,
        expires_at=1_700_000_060.0,
        family=family,
    )


def refresh(
    number: str = "token", *, family: str = "family", subject: str = "anna", expires_at: float = 1_700_003_600.0
) -> RefreshToken:
    return RefreshToken(
        token_hash=number,
        family=family,
        client_id="web",
        subject=subject,
        scope="openid",
        auth_time=1.0,
        expires_at=expires_at,
    )


async def test_a_code_can_be_taken_once(gateway: GatewayStores) -> None:
    await gateway.grants.save_code(code())

    assert await gateway.grants.take_code("code") == code()
    assert await gateway.grants.take_code("code") is None
    assert await gateway.grants.take_code("unknown") is None


async def test_of_many_that_take_one_code_at_once_one_gets_it(gateway: GatewayStores) -> None:
    await gateway.grants.save_code(code())

    taken = await asyncio.gather(*(gateway.grants.take_code("code") for _ in range(20)))

    assert [each for each in taken if each is not None] == [code()]


async def test_of_many_that_take_one_refresh_token_at_once_one_gets_it(gateway: GatewayStores) -> None:
    await gateway.grants.save_refresh(refresh())

    taken = await asyncio.gather(*(gateway.grants.take_refresh("token") for _ in range(20)))

    assert [each for each in taken if each is not None] == [refresh()]


async def test_a_code_used_twice_revokes_the_tokens_it_opened(gateway: GatewayStores) -> None:
    """RFC 9700 4.5; also the token that is saved only after the second use."""
    await gateway.grants.save_code(code())
    await gateway.grants.take_code("code")
    await gateway.grants.save_refresh(refresh("before"))

    assert await gateway.grants.take_code("code") is None

    await gateway.grants.save_refresh(refresh("after"))
    assert await gateway.grants.take_refresh("before") is None
    assert await gateway.grants.take_refresh("after") is None


async def test_a_refresh_token_used_twice_revokes_its_family_and_no_other(gateway: GatewayStores) -> None:
    await gateway.grants.save_refresh(refresh("old"))
    await gateway.grants.save_refresh(refresh("other", family="other"))
    await gateway.grants.take_refresh("old")
    await gateway.grants.save_refresh(refresh("new"))

    assert await gateway.grants.take_refresh("old") is None

    assert await gateway.grants.take_refresh("new") is None
    assert await gateway.grants.take_refresh("other") is not None


async def test_revoking_a_token_revokes_its_family_and_an_unknown_one_nothing(gateway: GatewayStores) -> None:
    await gateway.grants.save_refresh(refresh("one"))
    await gateway.grants.save_refresh(refresh("two"))
    await gateway.grants.save_refresh(refresh("other", family="other"))

    await gateway.grants.revoke("unknown")
    await gateway.grants.revoke("one")

    assert await gateway.grants.take_refresh("two") is None
    assert await gateway.grants.take_refresh("other") is not None


async def test_revoking_a_subject_also_stops_a_sign_in_that_is_under_way(gateway: GatewayStores) -> None:
    await gateway.grants.save_code(code("taken", family="one"))
    await gateway.grants.save_code(code("waiting", family="two"))
    await gateway.grants.take_code("taken")

    await gateway.grants.revoke_subject("anna")

    await gateway.grants.save_refresh(refresh("late", family="one"))
    assert await gateway.grants.take_refresh("late") is None
    assert await gateway.grants.take_code("waiting") is None
    await gateway.grants.save_code(code("fresh", family="three"))
    assert await gateway.grants.take_code("fresh") is not None


async def test_expired_grants_go_but_a_family_stays_as_long_as_its_last_token(
    gateway: GatewayStores, clock: MovableClock
) -> None:
    await gateway.grants.save_code(code("old", family="gone"))
    await gateway.grants.save_code(code("used", family="alive"))
    await gateway.grants.take_code("used")
    await gateway.grants.save_refresh(refresh("long", family="alive", expires_at=clock.now + 30 * 86400))

    clock.now += 2 * 86400
    await gateway.grants.save_code(code("new", family="new"))

    assert await gateway.grants.take_code("old") is None
    assert await gateway.grants.take_refresh("long") is not None
