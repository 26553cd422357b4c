"""The operators' API at a real door: what a file may hold, and what is said where a part is not in this house."""

import csv
import io
from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.unit.front_door.api_harness import front_door

from doorward.errors import StoreUnavailable
from doorward.front_door.api.operator.ledger_export import export_routes
from doorward.front_door.api.operator.turns import running_turn_routes
from doorward.front_door.api.operator.users import user_routes
from doorward.model.console import ChainState, FoundEntry, LedgerFilter, LedgerPage, Story
from doorward.model.ledger import LedgerEntry

pytestmark = pytest.mark.anyio
CSV, JSON = "/api/operator/ledger/export.csv", "/api/operator/ledger/export.json"


class Desk:
    """A ledger with these entries, two to a page; `breaks` after the first page."""

    def __init__(self, *codes: str, unread: tuple[str, ...] = (), breaks: bool = False) -> None:
        self.entries = [
            FoundEntry(chain="gateway", sequence=n, entry=LedgerEntry(door="d", verdict="deny", code=code), hash="00")
            for n, code in enumerate(codes, 1)
        ]
        self.unread = unread
        self.breaks = breaks

    async def export(self, wanted: LedgerFilter) -> AsyncIterator[LedgerPage]:
        for start in range(0, max(len(self.entries), 1), 2):
            if start and self.breaks:
                raise StoreUnavailable("gone")
            yield LedgerPage(
                items=self.entries[start : start + 2], next_cursor=None, read_back_to=None, unread=self.unread
            )

    async def narrowed(self, wanted: LedgerFilter, *, user: str | None, session_id: str | None) -> LedgerFilter:
        return wanted

    async def page(self, wanted: LedgerFilter, *, limit: int, cursor: str | None) -> LedgerPage:
        raise NotImplementedError

    async def story(self, request_id: str, *, near: float | None) -> Story:
        raise NotImplementedError

    async def chains(self) -> list[ChainState]:
        raise NotImplementedError

    async def walk(self) -> list[ChainState]:
        raise NotImplementedError


HOSTILE = [
    '=HYPERLINK("http://x.example","y")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
    "\uff20x",
]


async def test_no_cell_of_a_table_is_a_formula() -> None:
    async with front_door(export_routes(Desk(*HOSTILE, "plain", 'quo"te', "a,b\nc"))) as call:
        status, headers, body = await call("GET", CSV)
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8; header=present")
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    codes = [row[5] for row in rows[1:]]
    assert codes == [*(f"'{code}" for code in HOSTILE), "plain", 'quo"te', "a,b\nc"]
    assert rows[0][5] == "code"
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


async def test_an_empty_export_is_whole() -> None:
    async with front_door(export_routes(Desk())) as call:
        assert msgspec.json.decode((await call("GET", JSON))[2]) == {"entries": [], "unread": []}
        assert len((await call("GET", CSV))[2].splitlines()) == 1


async def test_a_file_says_what_is_not_in_it() -> None:
    async with front_door(export_routes(Desk("a", unread=("runtime",)))) as call:
        _, headers, body = await call("GET", JSON)
        assert headers["content-disposition"] == 'attachment; filename="ledger-without-runtime.json"'
        assert msgspec.json.decode(body)["unread"] == ["runtime"]
        _, headers, _ = await call("GET", CSV)
    assert headers["content-disposition"] == 'attachment; filename="ledger-without-runtime.csv"'


@pytest.mark.parametrize("path", [CSV, JSON])
async def test_a_part_never_looks_like_the_whole(path: str) -> None:
    async with front_door(export_routes(Desk("a", "b", "c", breaks=True))) as call:
        with pytest.raises(Exception, match=r"payload|closed|disconnected"):
            await call("GET", path)


async def test_what_is_not_kept_here_is_said() -> None:
    async with front_door([*user_routes(None, "https://issuer.test"), *running_turn_routes(None)]) as call:
        for method, path, json in (
            ("GET", "/api/operator/users", None),
            ("POST", "/api/operator/users", {"username": "robin"}),
            ("POST", "/api/operator/users/a/disable", None),
            ("PUT", "/api/operator/users/a/roles", {"roles": []}),
        ):
            status, _, body = await call(method, path, json=json)
            assert (status, msgspec.json.decode(body)["code"]) == (409, "not_embedded")
        for method, path in (("GET", "/api/operator/turns"), ("POST", "/api/operator/turns/a/stop")):
            status, _, body = await call(method, path)
            assert (status, msgspec.json.decode(body)["code"]) == (409, "no_turns")
