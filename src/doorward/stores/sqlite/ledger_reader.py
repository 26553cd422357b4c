"""Every chain of a house for its operators: searched, told by request, verified link by link.

A search has no index, since the doors write an entry with each request and must not pay for one: it reads a bounded
number of entries backwards and says where to go on. SQLite filters, without the interpreter's lock.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from doorward.errors import StoreUnavailable
from doorward.ledger.chain import GENESIS, Link, verify_chain
from doorward.model.console import ChainPlace, ChainStep, KnownTurn, LedgerFilter, LedgerPage
from doorward.stores.cursors import Cursors, Place
from doorward.stores.sqlite.database import Row
from doorward.stores.sqlite.ledger import as_bytes
from doorward.stores.sqlite.ledger_scan import Scan, merged, scan
from doorward.stores.sqlite.read_only import ReadOnlyFile

GATEWAY, RUNTIME = "gateway", "runtime"
_NAMES = (GATEWAY, RUNTIME)
_TURNS = 500
_HEAD = "SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1"
_LINKS = "SELECT sequence, entry, hash FROM ledger WHERE sequence > ? ORDER BY sequence LIMIT ?"
_TURN = """SELECT turns.id, session_id, owner, status, started_at, finished_at, error_code, model, input_tokens,
    output_tokens, request_id FROM turns JOIN conversations ON conversations.id = turns.conversation """
_OF_REQUEST = f"{_TURN} WHERE request_id = ? ORDER BY number DESC LIMIT ?"
_OF_CONVERSATION = f"""{_TURN} WHERE conversation IN (SELECT id FROM conversations WHERE session_id = ?)
ORDER BY number DESC LIMIT ?"""


class SqliteLedgerReader:
    """`LedgerReader` on SQLite. `chains` are the files by name, `gateway` and `runtime`; turns are in the first."""

    def __init__(self, chains: Mapping[str, ReadOnlyFile], cursors: Cursors) -> None:
        self._chains = chains
        self._cursors = cursors

    async def page(self, wanted: LedgerFilter, *, limit: int, cursor: str | None) -> LedgerPage:
        scope = ("ledger", hashlib.sha256(msgspec.json.encode(wanted)).hexdigest())
        scans: list[Scan] = []
        unread: list[str] = []
        for chain, before in self._places(cursor, scope).items():
            try:
                scans.append(await self._scan(chain, wanted, before, limit))
            except StoreUnavailable:
                unread.append(chain)
        if not scans and unread:
            raise StoreUnavailable("The ledger could not be read.")
        items, places, complete = merged(scans, limit)
        more = any(place is not None for place in places.values())
        ends = [float(places.get(name) or 0) for name in _NAMES]
        return LedgerPage(
            items=items,
            next_cursor=self._cursors.make(Place(ends[0], int(ends[1])), *scope) if more else None,
            read_back_to=complete,
            unread=tuple(unread),
        )

    async def turns(self, *, request_id: str = "", session_id: str = "") -> list[KnownTurn]:
        sql, about = (_OF_REQUEST, request_id) if request_id else (_OF_CONVERSATION, session_id)

        def find(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(sql, (about, _TURNS)).fetchall()

        return [_turn(row) for row in await self._chains[GATEWAY].read(find)]

    async def chains(self) -> dict[str, ChainPlace | None]:
        places: dict[str, ChainPlace | None] = {}
        for name, file in self._chains.items():
            try:
                places[name] = await file.read(_head)
            except StoreUnavailable:
                places[name] = None
        return places

    async def verify(self, chain: str, after: ChainPlace, *, limit: int) -> ChainStep:
        return await self._chains[chain].read(lambda connection: _verify(connection, after, limit))

    def _places(self, cursor: str | None, scope: Sequence[str]) -> dict[str, int | None]:
        """Where each chain goes on; a chain that has ended is left out."""
        if cursor is None:
            return dict.fromkeys(self._chains)
        place = self._cursors.read(cursor, *scope)
        return {name: end for name, end in zip(_NAMES, (int(place.order), place.key), strict=True) if end}

    async def _scan(self, chain: str, wanted: LedgerFilter, before: int | None, limit: int) -> Scan:
        return await self._chains[chain].read(
            lambda connection: scan(connection, chain, wanted, before=before, limit=limit)
        )


def _head(connection: sqlite3.Connection) -> ChainPlace:
    sequence, hash_ = connection.execute(_HEAD).fetchone() or (0, GENESIS)
    return ChainPlace(sequence, as_bytes(hash_))


def _verify(connection: sqlite3.Connection, after: ChainPlace, limit: int) -> ChainStep:
    rows = connection.execute(_LINKS, (after.sequence, limit)).fetchall()
    links = [Link(sequence, as_bytes(sealed), as_bytes(hash_)) for sequence, sealed, hash_ in rows]
    fault = verify_chain(links, after=after.sequence, previous=after.hash)
    if fault is not None:
        return ChainStep(place=after, at_end=True, fault=fault)
    place = ChainPlace(links[-1].sequence, links[-1].hash) if links else after
    return ChainStep(place=place, at_end=len(links) < limit)


def _turn(row: Row) -> KnownTurn:
    return KnownTurn(**dict(zip(KnownTurn.__struct_fields__, row, strict=True)))
