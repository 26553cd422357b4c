"""The contract of `BrowserSessionStore`."""

import pytest
from tests.contract.building import MovableClock

from doorward.model.secret import Secret
from doorward.model.sign_in import BrowserSession
from doorward.stores.sqlite.open import GatewayStores

pytestmark = pytest.mark.anyio


def browser_session(
    id_hash: str = "one", *, issuer: str = "https://issuer", subject: str = "anna", expires_at: float = 100.0
) -> BrowserSession:
    return BrowserSession(
        id_hash=id_hash,
        issuer=issuer,
        subject=subject,
        username="Anna",
        email=None,
        roles=frozenset({"operator", "reader"}),
        csrf_token=Secret("csrf"),
        id_token=Secret("id"),
        access_token=Secret("access"),
        refresh_token=None,
        created_at=1.0,
        expires_at=expires_at,
        tenant="acme",
    )


async def test_a_session_is_read_back_whole_until_it_is_deleted(gateway: GatewayStores) -> None:
    await gateway.sessions.save(browser_session())

    assert await gateway.sessions.get("one") == browser_session()
    assert await gateway.sessions.get("two") is None
    await gateway.sessions.delete("one")
    await gateway.sessions.delete("one")
    assert await gateway.sessions.get("one") is None


async def test_saving_again_replaces_it(gateway: GatewayStores) -> None:
    await gateway.sessions.save(browser_session())
    await gateway.sessions.save(browser_session(expires_at=200.0))

    assert await gateway.sessions.get("one") == browser_session(expires_at=200.0)


async def test_a_subject_is_the_pair_of_issuer_and_subject(gateway: GatewayStores) -> None:
    await gateway.sessions.save(browser_session("one"))
    await gateway.sessions.save(browser_session("two"))
    await gateway.sessions.save(browser_session("elsewhere", issuer="https://other"))

    await gateway.sessions.delete_subject("https://issuer", "anna")

    assert await gateway.sessions.get("one") is None
    assert await gateway.sessions.get("two") is None
    assert await gateway.sessions.get("elsewhere") is not None


async def test_when_every_session_of_a_subject_was_ended_is_known(gateway: GatewayStores, clock: MovableClock) -> None:
    assert await gateway.signed_out.all_ended_at("anna") == 0
    for _ in range(2):
        clock.now += 5
        await gateway.sessions.delete_subject("https://issuer", "anna")
        assert await gateway.signed_out.all_ended_at("anna") == clock.now
    assert await gateway.signed_out.all_ended_at("bob") == 0


async def test_expired_sessions_go_at_their_second(gateway: GatewayStores) -> None:
    await gateway.sessions.save(browser_session("old", expires_at=99.0))
    await gateway.sessions.save(browser_session("now", expires_at=100.0))
    await gateway.sessions.save(browser_session("new", expires_at=100.1))

    await gateway.sessions.delete_expired(100.0)

    assert await gateway.sessions.get("old") is None
    assert await gateway.sessions.get("now") is None
    assert await gateway.sessions.get("new") is not None
