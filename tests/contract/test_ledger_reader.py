"""The contract of `LedgerReader`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.building import ANNA, BORIS, MovableClock, entry, new_turn, result_of

from doorward.errors import InvalidInput, StoreUnavailable
from doorward.ledger.chain import GENESIS
from doorward.model.console import ChainPlace, FoundEntry, LedgerFilter
from doorward.model.ledger import LedgerEntry
from doorward.ports.operator import LedgerReader
from doorward.stores.sqlite.open import GatewayStores, RuntimeStores, open_gateway, open_runtime, read_ledgers

pytestmark = pytest.mark.anyio

ALL = LedgerFilter()


class House:
    """Two chains and their reader."""

    def __init__(self, folder: Path) -> None:
        clock = MovableClock()
        self.gateway: GatewayStores = open_gateway(folder / "gateway.db", clock=clock)
        self.runtime: RuntimeStores = open_runtime(folder / "runtime.db", clock=clock)
        self.reader: LedgerReader
        self.reader, self.close_reader = read_ledgers(
            self.gateway, {"gateway": folder / "gateway.db", "runtime": folder / "runtime.db"}
        )

    async def say(self, chain: str, at: float, code: str = "ok", **changes: str) -> None:
        ledger = self.gateway.ledger if chain == "gateway" else self.runtime.ledger
        await ledger.append(entry(code, at=at, **changes))

    async def all(self, wanted: LedgerFilter = ALL, *, limit: int = 3) -> list[FoundEntry]:
        """Every page, each of which must go on."""
        found: list[FoundEntry] = []
        cursor = None
        for _ in range(1000):
            page = await self.reader.page(wanted, limit=limit, cursor=cursor)
            assert len(page.items) <= limit
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found
        raise AssertionError("the pages have no end")


ENGINES: dict[str, Callable[[Path], House]] = {"sqlite": House}


@pytest.fixture(params=sorted(ENGINES))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    made = ENGINES[request.param](tmp_path)
    yield made
    made.close_reader()
    made.gateway.close()
    made.runtime.close()


def codes(found: list[FoundEntry]) -> list[str]:
    return [each.entry.code for each in found]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_join_both_chains_newest_first_and_whole(house: House, limit: int) -> None:
    for at in range(20):
        await house.say("runtime" if at % 3 == 0 else "gateway", float(at + 1), f"c{at}")

    found = await house.all(limit=limit)

    assert codes(found) == [f"c{at}" for at in reversed(range(20))]
    assert {each.chain for each in found} == {"gateway", "runtime"}
    assert all(len(each.hash) == 64 for each in found)


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_clocks_that_disagree_lose_nothing_and_end(house: House, limit: int) -> None:
    times = [5.0, 4.0, 9.0, 1.0, 9.0, 2.0, 8.0, 3.0]
    for at in times:
        await house.say("gateway", at)
        await house.say("runtime", 10.0 - at)

    found = await house.all(limit=limit)

    assert len({(each.chain, each.sequence) for each in found}) == 2 * len(times) == len(found)
    for chain in ("gateway", "runtime"):
        assert [each.sequence for each in found if each.chain == chain] == list(range(len(times), 0, -1))


async def test_what_comes_meanwhile_does_not_shift_the_pages(house: House) -> None:
    for at in range(6):
        await house.say("gateway", float(at), f"c{at}")
    first = await house.reader.page(ALL, limit=3, cursor=None)
    await house.say("gateway", 99.0, "late")
    second = await house.reader.page(ALL, limit=3, cursor=first.next_cursor)

    assert codes(second.items) == ["c2", "c1", "c0"]


@pytest.mark.parametrize(
    ("wanted", "codes_"),
    [
        (LedgerFilter(door="agent_door"), ["by-agent"]),
        (LedgerFilter(verdict="deny"), ["refused"]),
        (LedgerFilter(code="refused"), ["refused"]),
        (LedgerFilter(principals=(ANNA,)), ["by-agent", "by-anna"]),
        (LedgerFilter(principals=(ANNA,), door="front_door"), ["by-anna"]),
        (LedgerFilter(since=3.0, until=4.0), ["by-agent", "refused"]),
        (LedgerFilter(requests=("r-1",)), ["refused"]),
        (LedgerFilter(turns=("t-1",)), ["look", "by-agent"]),
        (LedgerFilter(turns=("t-1",), requests=("r-1",)), ["look", "by-agent", "refused"]),
        (LedgerFilter(session_id="s-1"), ["by-boris"]),
        (LedgerFilter(session_id="s"), []),
        (LedgerFilter(without_console=True), ["by-agent", "refused", "by-boris", "by-anna"]),
        (LedgerFilter(door="front_door%"), []),
        (LedgerFilter(code='refused","verdict":"allow'), []),
    ],
)
async def test_filters_find_what_fits_and_no_more(house: House, wanted: LedgerFilter, codes_: list[str]) -> None:
    said: list[tuple[str, LedgerEntry]] = [
        ("gateway", entry("by-anna", at=1.0, principal=ANNA)),
        ("gateway", entry("by-boris", at=2.0, principal=BORIS, resource="s-1/x")),
        ("gateway", entry("refused", at=3.0, principal="", verdict="deny", request_id="r-1")),
        ("runtime", entry("by-agent", at=4.0, principal="chat", on_behalf_of=ANNA, door="agent_door", turn_id="t-1")),
        ("gateway", entry("look", at=5.0, principal=BORIS, action="GET /api/operator/turns", resource="t-1")),
    ]
    for chain, each in said:
        await (house.gateway if chain == "gateway" else house.runtime).ledger.append(each)

    assert codes(await house.all(wanted, limit=1)) == codes_


async def test_a_cursor_belongs_to_its_filter(house: House) -> None:
    for at in range(4):
        await house.say("gateway", float(at))
    cursor = (await house.reader.page(ALL, limit=2, cursor=None)).next_cursor

    for wanted, given in ((LedgerFilter(door="front_door"), cursor), (ALL, "x"), (ALL, f"{cursor}A")):
        with pytest.raises(InvalidInput) as caught:
            await house.reader.page(wanted, limit=2, cursor=given)
        assert caught.value.code == "invalid_cursor"


async def test_a_chain_that_is_not_there_is_said_and_the_other_is_read(house: House, tmp_path: Path) -> None:
    await house.say("gateway", 1.0, "here")
    reader, close = read_ledgers(
        house.gateway, {"gateway": tmp_path / "gateway.db", "runtime": tmp_path / "elsewhere" / "runtime.db"}
    )
    try:
        page = await reader.page(ALL, limit=9, cursor=None)
        assert (codes(page.items), page.unread, page.next_cursor) == (["here"], ("runtime",), None)
        chains = await reader.chains()
        assert chains["runtime"] is None
        assert chains["gateway"] is not None
        with pytest.raises(StoreUnavailable):
            await reader.verify("runtime", ChainPlace(0, GENESIS), limit=9)
    finally:
        close()
    assert not (tmp_path / "elsewhere").exists()


async def test_links_are_verified_a_few_at_a_time_and_new_ones_from_where_it_stood(house: House) -> None:
    for at in range(5):
        await house.say("gateway", float(at))
    place, ends = ChainPlace(0, GENESIS), []
    for _ in range(3):
        step = await house.reader.verify("gateway", place, limit=2)
        assert step.fault is None
        place = step.place
        ends.append((place.sequence, step.at_end))
    assert ends == [(2, False), (4, False), (5, True)]
    assert (await house.reader.chains())["gateway"] == place

    await house.say("gateway", 9.0)
    assert (await house.reader.verify("gateway", place, limit=2)).place.sequence == 6


async def test_turns_are_found_by_their_request_and_their_conversation(house: House) -> None:
    first, second = new_turn("a", request_id="r-1"), new_turn("a", request_id="r-2")
    await house.gateway.turns.begin(first)
    await house.gateway.turns.finish(result_of(first))
    await house.gateway.turns.begin(second)

    (found,) = await house.reader.turns(request_id="r-1")
    assert (found.turn_id, found.session_id, found.owner, found.status) == (first.turn_id, "a", ANNA, "completed")
    assert [turn.request_id for turn in await house.reader.turns(session_id="a")] == ["r-2", "r-1"]
    assert await house.reader.turns(session_id="b") == []
