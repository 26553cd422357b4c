"""The ledger's table, attacked with SQL."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.building import entry

from doorward.stores.sqlite.open import open_gateway

pytestmark = pytest.mark.anyio


async def ledger_of_ten(path: Path) -> None:
    stores = open_gateway(path)
    for number in range(1, 11):
        await stores.ledger.append(entry(f"code-{number}"))
    stores.close()


def edit(rows: sqlite3.Connection) -> None:
    rows.execute("UPDATE ledger SET entry = replace(entry, 'allow', 'deny!') WHERE sequence = 5")


def edit_type(rows: sqlite3.Connection) -> None:
    rows.execute("UPDATE ledger SET entry = 7 WHERE sequence = 5")


def delete(rows: sqlite3.Connection) -> None:
    rows.execute("DELETE FROM ledger WHERE sequence = 5")


def delete_and_renumber(rows: sqlite3.Connection) -> None:
    rows.execute("DELETE FROM ledger WHERE sequence = 5")
    for number in range(6, 11):
        rows.execute("UPDATE ledger SET sequence = ? WHERE sequence = ?", (number - 1, number))


def swap(rows: sqlite3.Connection) -> None:
    rows.execute("UPDATE ledger SET sequence = -1 WHERE sequence = 5")
    rows.execute("UPDATE ledger SET sequence = 5 WHERE sequence = 6")
    rows.execute("UPDATE ledger SET sequence = 6 WHERE sequence = -1")


def insert(rows: sqlite3.Connection) -> None:
    for number in range(10, 4, -1):
        rows.execute("UPDATE ledger SET sequence = ? WHERE sequence = ?", (number + 1, number))
    rows.execute("INSERT INTO ledger SELECT 5, entry, hash FROM ledger WHERE sequence = 1")


def garble(rows: sqlite3.Connection) -> None:
    rows.execute("UPDATE ledger SET entry = ?, hash = 'no bytes' WHERE sequence = 5", (b'{"door":"\xff',))


@pytest.mark.parametrize("attack", [edit, edit_type, garble, delete, delete_and_renumber, swap, insert])
async def test_whatever_is_done_to_the_table_is_found_at_the_entry(
    tmp_path: Path, attack: Callable[[sqlite3.Connection], None]
) -> None:
    """AP-AUD-01."""
    await ledger_of_ten(tmp_path / "g.db")
    raw = sqlite3.connect(tmp_path / "g.db", isolation_level=None)
    for name in ("ledger_no_update", "ledger_no_delete", "ledger_in_order"):
        raw.execute(f"DROP TRIGGER {name}")
    attack(raw)
    raw.close()

    stores = open_gateway(tmp_path / "g.db")
    fault = await stores.ledger.verify()
    listed = await stores.ledger.entries()
    stores.close()

    assert fault is not None
    assert fault.sequence == 5
    assert [one.entry.code for one in listed][:4] == ["code-1", "code-2", "code-3", "code-4"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET entry = '' WHERE sequence = 5",
        "DELETE FROM ledger",
        "DELETE FROM ledger WHERE sequence = 10",
        "INSERT OR REPLACE INTO ledger VALUES (5, 'x', 'y')",
        "INSERT INTO ledger VALUES (12, 'x', 'y')",
        "INSERT INTO ledger VALUES (-1, 'x', 'y')",
    ],
)
async def test_the_table_itself_refuses_anything_but_the_next_entry(tmp_path: Path, statement: str) -> None:
    """AP-AUD-01."""
    await ledger_of_ten(tmp_path / "g.db")
    raw = sqlite3.connect(tmp_path / "g.db", isolation_level=None)

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)

    raw.close()


async def test_two_processes_that_append_to_one_file_make_one_chain(tmp_path: Path) -> None:
    gateway, command_line = open_gateway(tmp_path / "g.db"), open_gateway(tmp_path / "g.db")

    for number in range(10):
        await gateway.ledger.append(entry(f"gateway-{number}"))
        await command_line.ledger.append(entry(f"cli-{number}"))

    assert len(await gateway.ledger.entries()) == 20
    assert await gateway.ledger.verify() is None
    gateway.close()
    command_line.close()
