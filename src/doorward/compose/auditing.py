"""The ledger for the command line: both chains of a house, listed and verified."""

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from msgspec import Struct

from doorward.compose.house import Places
from doorward.model.ledger import ChainedEntry, ChainFault, LedgerEntry
from doorward.model.settings import Settings
from doorward.ports.ledger import Ledger
from doorward.stores.sqlite.open import open_gateway, open_runtime

_PAGE = 1000
SELF_TEST_DOOR = "probe"


class ChainReport(Struct, frozen=True, kw_only=True):
    """One chain: its name, how many entries it has, and its first fault if it has one."""

    chain: str
    entries: int
    fault: ChainFault | None


async def verify(settings: Settings) -> list[ChainReport]:
    """Walk both chains. A store that does not exist yet has no chain."""
    reports = []
    for name, ledger, close in _chains(settings):
        try:
            fault = await ledger.verify()
            count = 0
            async for entry in _all(ledger):
                count = entry.sequence
            reports.append(ChainReport(chain=name, entries=count, fault=fault))
        finally:
            close()
    return reports


async def listing(settings: Settings, *, limit: int) -> list[tuple[str, ChainedEntry]]:
    """The newest entries of both chains together, oldest first."""
    found: list[tuple[str, ChainedEntry]] = []
    for name, ledger, close in _chains(settings):
        newest: deque[tuple[str, ChainedEntry]] = deque(maxlen=limit)
        try:
            async for entry in _all(ledger):
                newest.append((name, entry))
        finally:
            close()
        found += newest
    found.sort(key=lambda item: item[1].entry.at)
    return found[-limit:]


async def append(settings: Settings, entry: LedgerEntry) -> None:
    """Add an entry to the gateway's chain, durably; the gateway may be appending at the same time."""
    gateway = open_gateway(Places(settings).gateway_store)
    try:
        await gateway.ledger.append(entry)
    finally:
        gateway.close()


async def note_probe(settings: Settings, target: str) -> None:
    """An operator is about to attack this target: an entry in the ledger of the house here, where there is one."""
    if not _has_ledger(settings):
        return
    entry = LedgerEntry(
        door=SELF_TEST_DOOR,
        verdict="allow",
        code="operator",
        principal="operator",
        action="probe",
        resource=target,
        at=time.time(),
    )
    await append(settings, entry)


def last_self_test(settings: Settings) -> LedgerEntry | None:
    """What the newest self-test wrote, if it is not buried under more entries than are worth reading."""
    if not _has_ledger(settings):
        return None
    gateway = open_gateway(Places(settings).gateway_store)
    try:
        return gateway.ledger.last_of(SELF_TEST_DOOR)
    finally:
        gateway.close()


def _has_ledger(settings: Settings) -> bool:
    """Whether there is a house in this data folder. Looks without making the folder."""
    return (Path(settings.data).absolute() / "gateway.db").exists()


async def _all(ledger: Ledger) -> AsyncIterator[ChainedEntry]:
    after = 0
    while page := await ledger.entries(after=after, limit=_PAGE):
        for entry in page:
            yield entry
        after = page[-1].sequence


def _chains(settings: Settings) -> Iterator[tuple[str, Ledger, Callable[[], None]]]:
    places = Places(settings)
    if places.gateway_store.exists():
        gateway = open_gateway(places.gateway_store)
        yield "gateway", gateway.ledger, gateway.close
    if places.runtime_store.exists():
        runtime = open_runtime(places.runtime_store)
        yield "runtime", runtime.ledger, runtime.close
