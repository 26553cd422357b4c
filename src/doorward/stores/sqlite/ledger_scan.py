"""Reads one chain backwards, a bounded number of entries, and joins what was found in several by time.

Functions of a connection and of what they found; `ledger_reader` calls them.
"""

import heapq
import sqlite3
from collections.abc import Iterator, Sequence

from msgspec import Struct

from doorward.model.console import FoundEntry, LedgerFilter
from doorward.stores.sqlite.ledger import entry_of

# Entries that one search reads of a chain: about a tenth of a second.
WINDOW = 200_000
# Seconds by which an entry may stand out of the order of time: other processes append too, each with its own clock.
_SLACK = 120.0

_HEAD = "SELECT coalesce(max(sequence), 0) FROM ledger"
_AT = "SELECT entry FROM ledger WHERE sequence = ?"
# What is not JSON was changed by somebody; it fits no filter, and must not end the search.
_SCAN = """SELECT sequence, entry, hash FROM (
    SELECT sequence, entry, hash, CAST(entry AS TEXT) AS text FROM ledger WHERE sequence BETWEEN ? AND ?
) WHERE {condition} ORDER BY sequence DESC LIMIT ?"""


class Scan(Struct, frozen=True, kw_only=True):
    """What a chain gave: entries that fit, newest first, each with the time by which it is ordered; everything with a
    sequence of at least `back_to` was read. `horizon` is the time there, None when there is nothing further."""

    chain: str
    found: list[tuple[float, FoundEntry]]
    back_to: int
    horizon: float | None


def scan(connection: sqlite3.Connection, chain: str, wanted: LedgerFilter, *, before: int | None, limit: int) -> Scan:
    """Read backwards from the entry before `before` (None: from the newest)."""
    (newest,) = connection.execute(_HEAD).fetchone()
    lower = 1 if wanted.since is None else _first_after(connection, newest, wanted.since - _SLACK)
    upper = newest if wanted.until is None else _first_after(connection, newest, wanted.until + _SLACK) - 1
    upper = upper if before is None else min(upper, before - 1)
    start = max(lower, upper - WINDOW + 1)
    condition, parameters = _condition(wanted)
    rows = connection.execute(_SCAN.format(condition=condition), (start, upper, *parameters, limit)).fetchall()
    back_to = rows[-1][0] if len(rows) == limit else max(start, 1)
    found = list(_in_time(chain, rows))
    return Scan(
        chain=chain,
        found=found,
        back_to=min(back_to, upper + 1),
        horizon=None if back_to <= lower else _horizon(connection, found, back_to),
    )


def merged(scans: Sequence[Scan], limit: int) -> tuple[list[FoundEntry], dict[str, int | None], float | None]:
    """The newest `limit` of what was found; before which sequence each chain goes on (None: it has ended); and the time
    down to which nothing is missing.

    INVARIANT: an entry is given only when no chain can still hold a newer one, and the chain that was read back least
    gives all of its own: so nothing is out of order, and every page goes on.
    """
    horizons = [each.horizon for each in scans if each.horizon is not None]
    complete = max(horizons, default=None)
    given: list[FoundEntry] = []
    counts = {each.chain: 0 for each in scans}
    for at, entry in heapq.merge(*(each.found for each in scans), key=lambda item: -item[0]):
        if len(given) == limit or (complete is not None and at < complete):
            break
        given.append(entry)
        counts[entry.chain] += 1
    return given, {each.chain: _goes_on(each, counts[each.chain]) for each in scans}, complete


def _goes_on(each: Scan, given: int) -> int | None:
    if given < len(each.found):
        return each.found[given][1].sequence + 1
    return None if each.horizon is None else each.back_to


def _in_time(chain: str, rows: Sequence[tuple[int, object, object]]) -> Iterator[tuple[float, FoundEntry]]:
    """Entries with a time that never rises on the way back, whatever clocks wrote them."""
    time = float("inf")
    for sequence, sealed, hash_ in rows:
        entry = entry_of(sealed)
        time = min(time, entry.at or time)
        hex_hash = hash_.hex() if isinstance(hash_, bytes) else ""
        yield time, FoundEntry(chain=chain, sequence=sequence, entry=entry, hash=hex_hash)


def _horizon(connection: sqlite3.Connection, found: Sequence[tuple[float, FoundEntry]], sequence: int) -> float:
    at = _time(connection, sequence)
    return min(at, found[-1][0]) if found else at


def _time(connection: sqlite3.Connection, sequence: int) -> float:
    row = connection.execute(_AT, (sequence,)).fetchone()
    return entry_of(row[0]).at if row else 0.0


def _first_after(connection: sqlite3.Connection, newest: int, at: float) -> int:
    """The first sequence whose entry is not older than `at`, by bisection."""
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        if _time(connection, middle) < at:
            low = middle + 1
        else:
            high = middle
    return low


def _condition(wanted: LedgerFilter) -> tuple[str, list[object]]:
    """The filter as SQL over `text`, the entry's JSON."""
    parts: list[str] = []
    values: list[object] = []
    for name in ("door", "verdict", "code"):
        if getattr(wanted, name):
            parts.append(f"{_field(name)} = ?")
            values.append(getattr(wanted, name))
    if wanted.principals:
        marks = _marks(wanted.principals)
        parts.append(f"({_field('principal')} IN {marks} OR {_field('on_behalf_of')} IN {marks})")
        values += [*wanted.principals, *wanted.principals]
    for operator, at in ((">=", wanted.since), ("<=", wanted.until)):
        if at is not None:
            parts.append(f"{_field('at')} {operator} ?")
            values.append(at)
    if wanted.without_console:
        parts.append(f"NOT ({_field('verdict')} = 'allow' AND {_field('action')} GLOB 'GET /api/operator/*')")
    about, named = _about(wanted)
    if about:
        parts.append(f"({' OR '.join(about)})")
        values += named
    if not parts:
        return "1", []
    return f"CASE WHEN json_valid(text) THEN {' AND '.join(parts)} ELSE 0 END", values


def _about(wanted: LedgerFilter) -> tuple[list[str], list[object]]:
    parts: list[str] = []
    values: list[object] = []
    if wanted.requests:
        parts.append(f"{_field('request_id')} IN {_marks(wanted.requests)}")
        values += wanted.requests
    if wanted.turns:
        marks = _marks(wanted.turns)
        parts.append(f"{_field('turn_id')} IN {marks} OR {_field('resource')} IN {marks}")
        values += [*wanted.turns, *wanted.turns]
    if wanted.session_id:
        parts.append(f"instr('/' || {_field('resource')} || '/', '/' || ? || '/')")
        values.append(wanted.session_id)
    return parts, values


def _field(name: str) -> str:
    return f"json_extract(text, '$.{name}')"


def _marks(values: Sequence[str]) -> str:
    return f"({', '.join('?' * len(values))})"
