"""The contract of `AccountStore`."""

import pytest
from tests.contract.building import MovableClock
from tests.contract.test_browser_sessions import browser_session
from tests.contract.test_grants import code, refresh

from doorward.errors import Conflict, InvalidInput
from doorward.model.sign_in import Account
from doorward.stores.sqlite.open import GatewayStores

pytestmark = pytest.mark.anyio


def account(username: str = "Anna", **changes: object) -> Account:
    fields = {
        "subject": f"subject-of-{username}",
        "username": username,
        "email": f"{username}@example.org",
        "password_hash": "$argon2id$one",
        "roles": frozenset({"operator"}),
        "created_at": 5.0,
    }
    return Account(**(fields | changes))  # type: ignore[arg-type]


async def test_an_account_is_found_by_name_in_any_case_and_by_subject(gateway: GatewayStores) -> None:
    await gateway.accounts.add(account())

    assert await gateway.accounts.by_username("aNNA") == account()
    assert await gateway.accounts.by_subject("subject-of-Anna") == account()
    assert await gateway.accounts.by_username("Boris") is None
    assert await gateway.accounts.by_subject("Anna") is None


@pytest.mark.parametrize("taken", ["anna", "ANNA", "\uff21nna"])
async def test_a_name_is_taken_in_every_spelling(gateway: GatewayStores, taken: str) -> None:
    await gateway.accounts.add(account())

    with pytest.raises(Conflict) as caught:
        await gateway.accounts.add(account(taken, subject="other"))

    assert caught.value.code == "username_taken"
    assert len(await gateway.accounts.all()) == 1


async def test_all_accounts_come_ordered_by_name(gateway: GatewayStores) -> None:
    for name in ("cleo", "Anna", "boris"):
        await gateway.accounts.add(account(name))

    assert [each.username for each in await gateway.accounts.all()] == ["Anna", "boris", "cleo"]


async def test_a_password_is_replaced_for_a_known_name_only(gateway: GatewayStores) -> None:
    await gateway.accounts.add(account())

    assert await gateway.accounts.set_password("ANNA", "$argon2id$two")
    assert not await gateway.accounts.set_password("boris", "$argon2id$two")

    found = await gateway.accounts.by_username("Anna")
    assert found is not None
    assert found.password_hash == "$argon2id$two"


async def test_disabling_signs_the_user_out_everywhere_and_no_one_else(gateway: GatewayStores) -> None:
    await gateway.accounts.add(account())
    await gateway.grants.save_code(code("c1", family="f1", subject="subject-of-Anna"))
    await gateway.grants.save_refresh(refresh("r2", family="f2", subject="subject-of-Anna"))
    await gateway.grants.save_refresh(refresh("r3", family="f3", subject="subject-of-Boris"))
    await gateway.sessions.save(browser_session("b1", subject="subject-of-Anna"))
    await gateway.sessions.save(browser_session("b2", subject="subject-of-Boris"))

    assert await gateway.accounts.set_disabled("anna", disabled=True)

    found = await gateway.accounts.by_username("Anna")
    assert found is not None
    assert found.disabled
    assert await gateway.grants.take_code("c1") is None
    assert await gateway.grants.take_refresh("r2") is None
    assert await gateway.sessions.get("b1") is None
    assert await gateway.grants.take_refresh("r3") is not None
    assert await gateway.sessions.get("b2") is not None


async def test_enabling_again_does_not_bring_back_what_was_revoked(gateway: GatewayStores, clock: MovableClock) -> None:
    """AP-OAU-05: nor does a session of the sign-in itself, which is a signed cookie, come back."""
    await gateway.accounts.add(account())
    assert await gateway.signed_out.all_ended_at("subject-of-Anna") == 0
    await gateway.grants.save_refresh(refresh("r1", family="f1", subject="subject-of-Anna"))
    await gateway.accounts.set_disabled("anna", disabled=True)

    clock.now += 5
    assert await gateway.accounts.set_disabled("anna", disabled=False)

    assert await gateway.signed_out.all_ended_at("subject-of-Anna") == clock.now - 5
    assert await gateway.grants.take_refresh("r1") is None
    assert not await gateway.accounts.set_disabled("nobody", disabled=True)


async def test_pages_of_accounts_are_ordered_and_whole(gateway: GatewayStores) -> None:
    """The contract of `AccountDirectory`."""
    for name in ("cleo", "Anna", "boris", "Dora", "emil"):
        await gateway.accounts.add(account(name))

    found: list[str] = []
    cursor = None
    while True:
        page = await gateway.accounts.page(limit=2, cursor=cursor)
        found += [each.username for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ["Anna", "boris", "cleo", "Dora", "emil"]


async def test_accounts_are_searched_by_name_and_address_in_any_case(gateway: GatewayStores) -> None:
    await gateway.accounts.add(account("Anna", email="a@first.example"))
    await gateway.accounts.add(account("boris", email="b@second.example"))

    for query, names in (("aNN", ["Anna"]), ("Second", ["boris"]), ("%", [])):
        page = await gateway.accounts.page(limit=9, cursor=None, query=query)
        assert [each.username for each in page.items] == names


async def test_a_cursor_of_another_search_is_refused(gateway: GatewayStores) -> None:
    """AP-SES-03."""
    for name in ("Anna", "boris"):
        await gateway.accounts.add(account(name))
    cursor = (await gateway.accounts.page(limit=1, cursor=None)).next_cursor

    with pytest.raises(InvalidInput) as caught:
        await gateway.accounts.page(limit=1, cursor=cursor, query="a")
    assert caught.value.code == "invalid_cursor"


async def test_new_roles_end_the_sessions_that_hold_the_old_ones(gateway: GatewayStores) -> None:
    await gateway.accounts.add(account())
    await gateway.grants.save_refresh(refresh("r2", family="f2", subject="subject-of-Anna"))
    await gateway.sessions.save(browser_session("b1", subject="subject-of-Anna"))
    await gateway.sessions.save(browser_session("b2", subject="subject-of-Boris"))

    assert await gateway.accounts.set_roles("anna", frozenset({"a", "b"}))
    assert not await gateway.accounts.set_roles("boris", frozenset({"operator"}))

    found = await gateway.accounts.by_username("Anna")
    assert found is not None
    assert found.roles == {"a", "b"}
    assert await gateway.signed_out.all_ended_at("subject-of-Anna") > 0
    assert await gateway.grants.take_refresh("r2") is None
    assert await gateway.sessions.get("b1") is None
    assert await gateway.sessions.get("b2") is not None
