"""What operators do with users: done, and in the ledger before it is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.test_browser_sessions import browser_session
from tests.contract.test_grants import refresh
from tests.unit.sign_in.world import NOW, CountingHasher

from doorward.errors import Conflict, InvalidInput, NotFound
from doorward.model.console import Act
from doorward.model.principals import User
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.administration import Administration, AdministrationParts
from doorward.sign_in.passwords import Passwords
from doorward.stores.sqlite.open import GatewayStores, open_gateway

pytestmark = pytest.mark.anyio
ISSUER = "https://issuer.test"


def clock() -> float:
    return NOW


class Rig:
    def __init__(self, stores: GatewayStores) -> None:
        self.stores = stores
        self.accounts = Accounts(stores.accounts, Passwords(CountingHasher()), clock, grants=stores.grants)
        self.users = Administration(
            AdministrationParts(
                issuer=ISSUER,
                accounts=self.accounts,
                store=stores.accounts,
                directory=stores.accounts,
                grants=stores.grants,
                sessions=stores.sessions,
                ledger=stores.ledger,
                clock=clock,
            )
        )
        self.act = Act(User(issuer=ISSUER, subject="root", username="root"), "request-1")

    async def recorded(self) -> list[tuple[str, str, str]]:
        entries = [each.entry for each in await self.stores.ledger.entries()]
        assert all((entry.door, entry.principal) == ("console", self.act.operator.key) for entry in entries)
        assert all(entry.request_id == "request-1" for entry in entries)
        return [(entry.action, entry.on_behalf_of, entry.verdict) for entry in entries]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    stores = open_gateway(tmp_path / "gateway.db")
    yield Rig(stores)
    stores.close()


async def test_a_user_who_was_added_can_sign_in_with_the_password_that_was_made(rig: Rig) -> None:
    account, password = await rig.users.add(rig.act, "robin", email="", roles=frozenset({"operator"}))
    found = await rig.accounts.check("robin", password.reveal())
    assert found is not None
    assert found.roles == {"operator"}
    assert await rig.recorded() == [("user add", account.subject, "allow")]


async def test_names_that_are_taken_or_odd_and_roles_that_mean_nothing_are_refused(rig: Rig) -> None:
    await rig.users.add(rig.act, "robin", email="", roles=frozenset())
    with pytest.raises(Conflict) as taken:
        await rig.users.add(rig.act, "ROBIN", email="", roles=frozenset())
    with pytest.raises(InvalidInput) as odd:
        await rig.users.add(rig.act, "a b", email="", roles=frozenset())
    with pytest.raises(InvalidInput) as role:
        await rig.users.add(rig.act, "other", email="", roles=frozenset({"admin"}))
    assert (taken.value.code, odd.value.code, role.value.code) == (
        "username_taken",
        "username_invalid",
        "unknown_role",
    )


async def test_disabling_and_ending_sessions_take_hold_at_once(rig: Rig) -> None:
    account, _ = await rig.users.add(rig.act, "robin", email="", roles=frozenset())
    subject = account.subject
    for act in ("end", "disable"):
        await rig.stores.sessions.save(browser_session(f"b-{act}", subject=subject, issuer=ISSUER))
        await rig.stores.grants.save_refresh(refresh(f"r-{act}", family=f"f-{act}", subject=subject))
        if act == "end":
            assert not (await rig.users.end_sessions(rig.act, subject)).disabled
        else:
            assert (await rig.users.set_disabled(rig.act, subject, disabled=True)).disabled
        assert await rig.stores.sessions.get(f"b-{act}") is None
        assert await rig.stores.grants.take_refresh(f"r-{act}") is None
    assert not (await rig.users.set_disabled(rig.act, subject, disabled=False)).disabled
    assert [action for action, _, _ in await rig.recorded()] == [
        "user add",
        "user end-sessions",
        "user disable",
        "user enable",
    ]


async def test_roles_are_given_and_taken_and_others_stay(rig: Rig) -> None:
    account = await rig.accounts.add("robin", "a long password", roles=frozenset({"auditor"}))
    made = await rig.users.set_roles(rig.act, account.subject, frozenset({"operator"}))
    assert made.roles == {"auditor", "operator"}
    assert (await rig.users.set_roles(rig.act, account.subject, frozenset())).roles == {"auditor"}


async def test_nobody_shuts_out_themselves_or_somebody_who_is_not_there(rig: Rig) -> None:
    account, _ = await rig.users.add(rig.act, "robin", email="", roles=frozenset({"operator"}))
    own = Act(User(issuer=ISSUER, subject=account.subject, username="robin"), "request-1")
    with pytest.raises(Conflict) as disabled:
        await rig.users.set_disabled(own, account.subject, disabled=True)
    with pytest.raises(Conflict) as demoted:
        await rig.users.set_roles(own, account.subject, frozenset())
    assert disabled.value.code == demoted.value.code == "own_account"
    with pytest.raises(NotFound):
        await rig.users.end_sessions(rig.act, "nobody")


async def test_what_cannot_be_recorded_is_not_done(rig: Rig) -> None:
    """AP-AUD-05."""
    account, _ = await rig.users.add(rig.act, "robin", email="", roles=frozenset())
    rig.stores.close()
    with pytest.raises(Exception, match="store"):
        await rig.users.set_disabled(rig.act, account.subject, disabled=True)
