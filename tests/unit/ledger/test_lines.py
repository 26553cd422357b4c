"""The ledger as lines of a log."""

import json

import pytest

from doorward.errors import StoreUnavailable
from doorward.ledger.chain import Link, verify_chain
from doorward.ledger.lines import LineLedger
from doorward.model.ledger import LedgerEntry

pytestmark = pytest.mark.anyio


def entry(code: str) -> LedgerEntry:
    return LedgerEntry(door="front_door", verdict="deny", code=code, at=1000.0)


def links(lines: list[str]) -> list[Link]:
    found = []
    for line in lines:
        sealed = line[line.index('"entry":') + len('"entry":') : -3].encode()
        said = json.loads(line)["ledger"]
        found.append(Link(said["sequence"], sealed, bytes.fromhex(said["hash"])))
    return found


async def test_each_line_has_its_place_and_a_line_that_was_changed_or_taken_out_shows() -> None:
    """AP-AUD-01."""
    lines: list[str] = []
    ledger = LineLedger(lines.append)
    for code in ("one", "two", "three"):
        await ledger.append(entry(code))
    assert verify_chain(links(lines)) is None
    changed = [lines[0], lines[1].replace('"deny"', '"allow"'), lines[2]]
    assert verify_chain(links(changed)) is not None
    assert verify_chain(links([lines[0], lines[2]])) is not None


async def test_an_entry_is_one_line_whatever_it_holds() -> None:
    """AP-AUD-04."""
    lines: list[str] = []
    LineLedger(lines.append).enqueue(entry("a\r\n\x1b[31m{\u202e"))
    assert lines[0].count("\n") == 1
    assert lines[0].isascii()


async def test_what_cannot_be_written_is_not_allowed_and_what_was_written_is_read_elsewhere() -> None:
    def full(line: str) -> None:
        raise OSError(28, "No space left on device")

    ledger = LineLedger(full)
    with pytest.raises(StoreUnavailable):
        ledger.enqueue(entry("lost"))
    for asked in (ledger.entries(), ledger.verify()):
        with pytest.raises(StoreUnavailable):
            await asked
