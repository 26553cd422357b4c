"""What operators are shown of the ledger: users by any of their names, conversations, stories, the chains' state."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.building import MovableClock, entry, new_turn, result_of
from tests.contract.test_accounts import account

from doorward.errors import StoreUnavailable
from doorward.model.console import ChainState, LedgerFilter
from doorward.model.principals import User
from doorward.services.operator.ledger import LedgerService
from doorward.stores.sqlite.open import GatewayStores, open_gateway, open_runtime, read_ledgers

pytestmark = pytest.mark.anyio
ISSUER = "https://issuer.test"


class Rig:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = MovableClock()
        self.gateway: GatewayStores = open_gateway(folder / "gateway.db")
        self.runtime = open_runtime(folder / "runtime.db")
        files = {name: folder / f"{name}.db" for name in ("gateway", "runtime")}
        reader, self.close = read_ledgers(self.gateway, files)
        self.desk = LedgerService(reader, ISSUER, self.gateway.accounts, self.clock)

    async def until_walked(self) -> dict[str, ChainState]:
        """The states, once nobody walks and every link was looked at."""
        async with asyncio.timeout(30):
            while True:
                chains = {state.chain: state for state in await self.desk.chains()}
                if all(not each.walking and each.whole_at for each in chains.values()):
                    return chains
                await asyncio.sleep(0.01)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()
    made.gateway.close()
    made.runtime.close()


@contextlib.asynccontextmanager
async def watching(rig: Rig) -> AsyncIterator[None]:
    task = asyncio.create_task(rig.desk.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("said", ["anna", "ANNA", "subject-of-Anna", "key"])
async def test_a_user_is_found_by_name_subject_and_key(rig: Rig, said: str) -> None:
    await rig.gateway.accounts.add(account("Anna"))
    key = User(issuer=ISSUER, subject="subject-of-Anna", username="Anna").key
    await rig.gateway.ledger.append(entry("front", principal=key))
    await rig.runtime.ledger.append(entry("agent", principal="chat", on_behalf_of=key))
    await rig.gateway.ledger.append(entry("sign-in", principal="subject-of-Anna"))
    await rig.gateway.ledger.append(entry("cli", principal="operator", on_behalf_of="Anna"))
    await rig.gateway.ledger.append(entry("other", principal="x"))

    wanted = await rig.desk.narrowed(LedgerFilter(), user=key if said == "key" else said, session_id=None)
    page = await rig.desk.page(wanted, limit=9, cursor=None)

    found = {each.entry.code for each in page.items}
    assert found == ({"front", "agent"} if said == "key" else {"front", "agent", "sign-in", "cli"})


async def test_a_conversation_is_found_at_every_door(rig: Rig) -> None:
    turn = new_turn("s" * 40, request_id="r-1")
    await rig.gateway.turns.begin(turn)
    await rig.gateway.ledger.append(entry("asked", request_id="r-1"))
    await rig.runtime.ledger.append(entry("ran", turn_id=turn.turn_id))
    await rig.gateway.ledger.append(entry("renamed", resource="s" * 40))
    await rig.gateway.ledger.append(entry("other", request_id="r-2"))

    wanted = await rig.desk.narrowed(LedgerFilter(), user=None, session_id="s" * 40)
    page = await rig.desk.page(wanted, limit=9, cursor=None)
    assert {each.entry.code for each in page.items} == {"asked", "ran", "renamed"}


async def test_a_story_has_all_of_a_request_in_order_and_its_turn(rig: Rig) -> None:
    turn = new_turn(request_id="r-1")
    await rig.gateway.turns.begin(turn)
    await rig.gateway.turns.finish(result_of(turn))
    await rig.gateway.ledger.append(entry("asked", at=5000.0, request_id="r-1"))
    await rig.runtime.ledger.append(entry("ran", at=5001.0, request_id="r-1", turn_id=turn.turn_id))
    await rig.gateway.ledger.append(entry("followed", at=5002.0, request_id="r-9", resource=turn.turn_id))
    await rig.gateway.ledger.append(entry("other", at=5003.0, request_id="r-2"))

    for near in (None, 5000.0):
        story = await rig.desk.story("r-1", near=near)
        assert [each.entry.code for each in story.entries] == ["asked", "ran", "followed"]
        assert [(each.turn_id, each.status) for each in story.turns] == [(turn.turn_id, "completed")]
        assert story.complete


async def test_chains_are_walked_by_themselves_and_then_what_is_new(rig: Rig) -> None:
    for _ in range(20):
        await rig.gateway.ledger.append(entry())
    async with watching(rig):
        chains = await rig.until_walked()
        assert [(each.state, each.verified_to) for each in chains.values()] == [("holds", 20), ("holds", 0)]
        await rig.gateway.ledger.append(entry())
        assert all(state.walking for state in await rig.desk.walk())
        chains = await rig.until_walked()
    assert chains["gateway"].verified_to == chains["gateway"].entries == 21


async def test_a_changed_entry_is_named_when_an_operator_asks(rig: Rig) -> None:
    """AP-AUD-01: also when it was found good before."""
    for number in range(5):
        await rig.gateway.ledger.append(entry(f"c{number}"))
    async with watching(rig):
        assert (await rig.until_walked())["gateway"].state == "holds"
        with contextlib.closing(sqlite3.connect(rig.folder / "gateway.db")) as attacker, attacker:
            attacker.execute("DROP TRIGGER ledger_no_update")
            attacker.execute("UPDATE ledger SET entry = replace(CAST(entry AS TEXT), 'c2', 'c9') WHERE sequence = 3")
        await rig.desk.walk()
        chains = await rig.until_walked()
    gateway = chains["gateway"]
    assert gateway.state == "broken"
    assert gateway.fault is not None
    assert gateway.fault.sequence == 3
    assert chains["runtime"].state == "holds"


async def test_an_export_has_everything_and_breaks_off_when_a_part_goes_missing(rig: Rig) -> None:
    for number in range(2500):
        rig.gateway.ledger.enqueue(entry(f"c{number}", at=float(number)))
    await rig.gateway.ledger.append(entry("last", at=2500.0))
    pages = [page async for page in rig.desk.export(LedgerFilter())]
    assert [len(page.items) for page in pages] == [1000, 1000, 501]

    pages_of = rig.desk.export(LedgerFilter())
    await anext(pages_of)
    rig.close()
    with pytest.raises(StoreUnavailable):
        await anext(pages_of)
