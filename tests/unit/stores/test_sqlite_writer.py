"""Group commit: what fails alone, what fails together, and what comes back when the disk has room again."""

import asyncio
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.building import ANNA, entry, new_turn

from doorward.errors import Conflict, StoreUnavailable
from doorward.stores.sqlite.database import SqliteDatabase, Tuning
from doorward.stores.sqlite.open import GatewayStores, open_gateway
from doorward.stores.sqlite.writer import RETRY_SECONDS, Transaction

pytestmark = pytest.mark.anyio


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.sql").write_text("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE, c TEXT);")
    return folder


@pytest.fixture
def database(tmp_path: Path, migrations: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "t.db", migrations, Tuning(busy_timeout_ms=50))
    yield opened
    opened.close()


def inserting(value: str, error: Exception | None = None) -> Callable[[Transaction], str]:
    def write(transaction: Transaction) -> str:
        transaction.execute("INSERT INTO t (b) VALUES (?)", (value,))
        if error is not None:
            raise error
        return value

    return write


def values(database: SqliteDatabase) -> list[str]:
    return [row[0] for row in database.read("SELECT b FROM t ORDER BY a")]


def limit_pages(database: SqliteDatabase, pages: int) -> None:
    """Room for so many pages: SQLITE_FULL beyond, as on a full disk. A negative number gives the room back."""
    writer = database._writer._connection
    (used,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {used + pages if pages >= 0 else 1_000_000}")


async def test_each_write_gets_its_own_result(database: SqliteDatabase) -> None:
    assert await asyncio.gather(*(database.submit(inserting(str(n))) for n in range(100))) == [
        str(n) for n in range(100)
    ]
    assert values(database) == [str(n) for n in range(100)]


@pytest.mark.parametrize("error", [Conflict("no"), ValueError("bug"), KeyError("bug")])
async def test_a_write_that_fails_halfway_fails_alone_and_leaves_nothing(
    database: SqliteDatabase, error: Exception
) -> None:
    results = await asyncio.gather(
        database.submit(inserting("a")),
        database.submit(inserting("b", error)),
        database.submit(inserting("c")),
        return_exceptions=True,
    )

    assert results == ["a", error, "c"]
    assert values(database) == ["a", "c"]


async def test_a_broken_constraint_fails_alone(database: SqliteDatabase) -> None:
    results = await asyncio.gather(*(database.submit(inserting("same")) for _ in range(3)), return_exceptions=True)

    assert [isinstance(result, StoreUnavailable) for result in results] == [False, True, True]
    assert values(database) == ["same"]


async def test_a_cancelled_wait_does_not_disturb_the_others(database: SqliteDatabase) -> None:
    future = database.submit(inserting("a"))
    future.cancel()

    assert await database.submit(inserting("b")) == "b"
    assert values(database) == ["a", "b"]


async def test_a_full_queue_refuses(tmp_path: Path, migrations: Path) -> None:
    database = SqliteDatabase(tmp_path / "q.db", migrations, Tuning(queue_limit=5))
    holder = sqlite3.connect(tmp_path / "q.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting = []

    refused = 0
    for number in range(20):
        try:
            waiting.append(database.submit(inserting(str(number))))
        except StoreUnavailable:
            refused += 1

    assert refused >= 20 - 5 - 5  # five in the queue, and at most five that the thread had taken out before
    with pytest.raises(StoreUnavailable):
        database.enqueue(inserting("unawaited"))

    holder.execute("ROLLBACK")
    holder.close()
    assert await asyncio.gather(*waiting)
    database.close()


async def test_a_lock_that_another_process_keeps_is_told_and_recovers(tmp_path: Path, database: SqliteDatabase) -> None:
    holder = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await database.submit(inserting("a"))

    holder.execute("ROLLBACK")
    holder.close()

    assert await database.submit(inserting("b")) == "b"
    assert values(database) == ["b"]


async def test_on_a_full_disk_nothing_is_half_written_reads_go_on_and_it_recovers(database: SqliteDatabase) -> None:
    """AP-AUD-05."""
    await database.submit(inserting("before"))
    limit_pages(database, 3)

    results = await asyncio.gather(
        *(database.submit(inserting(f"{n}" * 5000)) for n in range(8)), return_exceptions=True
    )

    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert values(database) == ["before"]
    limit_pages(database, -1)
    assert await database.submit(inserting("after")) == "after"
    assert values(database) == ["before", "after"]


async def test_what_nobody_waits_for_is_kept_through_a_full_disk_and_written_first(database: SqliteDatabase) -> None:
    """AP-AUD-05: a later write is never durable without the entry before it."""
    limit_pages(database, 0)
    database.enqueue(inserting("verdict" * 1000))
    with pytest.raises(StoreUnavailable):
        await database.submit(inserting("effect" * 1000))
    with pytest.raises(StoreUnavailable):
        database.enqueue(inserting("refused"))

    limit_pages(database, -1)
    await database.submit(inserting("next"))

    assert [value[:7] for value in values(database)] == ["verdict", "next"]


async def test_the_store_tries_again_by_itself(database: SqliteDatabase) -> None:
    limit_pages(database, 0)
    database.enqueue(inserting("verdict" * 1000))
    with pytest.raises(StoreUnavailable):
        await database.submit(inserting("effect" * 1000))
    limit_pages(database, -1)

    async with asyncio.timeout(RETRY_SECONDS * 20):
        while not values(database):  # noqa: ASYNC110 - the retry is the writer's own; nothing tells of it
            await asyncio.sleep(0.01)

    database.enqueue(inserting("open again"))
    await database.submit(inserting("next"))
    assert len(values(database)) == 3


async def test_an_effect_is_refused_when_its_verdict_cannot_be_written(database: SqliteDatabase) -> None:
    """AP-AUD-05: also when the verdict fails for another reason than the disk."""
    await database.submit(inserting("taken"))
    database.enqueue(inserting("taken"))

    with pytest.raises(StoreUnavailable):
        await database.submit(inserting("effect"))

    assert values(database) == ["taken"]


async def test_closing_writes_what_is_queued_and_refuses_what_comes_after(tmp_path: Path, migrations: Path) -> None:
    database = SqliteDatabase(tmp_path / "c.db", migrations)
    futures = [database.submit(inserting(str(number))) for number in range(50)]
    database.enqueue(inserting("last"))
    database.close()

    with pytest.raises(StoreUnavailable):
        database.submit(inserting("late"))
    assert len(await asyncio.gather(*futures)) == 50
    raw = sqlite3.connect(tmp_path / "c.db")
    assert raw.execute("SELECT count(*) FROM t").fetchone() == (51,)
    raw.close()


async def test_the_files_belong_to_their_owner_alone(tmp_path: Path, database: SqliteDatabase) -> None:
    await database.submit(inserting("a"))

    for name in ("t.db", "t.db-wal", "t.db-shm"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


async def test_the_log_is_cut_back_when_it_has_grown(tmp_path: Path, migrations: Path) -> None:
    cap = 512 * 1024
    database = SqliteDatabase(tmp_path / "w.db", migrations, Tuning(wal_cap=cap))
    log = tmp_path / "w.db-wal"
    largest = 0

    async with asyncio.timeout(30):
        number = 0
        while largest <= cap or log.stat().st_size >= cap:
            number += 1
            await database.submit(inserting(f"{number}" + "x" * 4000))
            largest = max(largest, log.stat().st_size)

    assert len(values(database)) == number
    database.close()


@pytest.mark.parametrize("_round", range(20))
async def test_closing_never_hangs_on_a_checkpoint(tmp_path: Path, migrations: Path, _round: int) -> None:
    database = SqliteDatabase(tmp_path / "h.db", migrations, Tuning(wal_cap=4096))
    await database.submit(inserting("x" * 40_000))

    async with asyncio.timeout(10):
        await asyncio.to_thread(database.close)


async def test_a_refused_begin_leaves_the_ledger_entry_and_nothing_else(tmp_path: Path) -> None:
    stores: GatewayStores = open_gateway(tmp_path / "g.db")
    await stores.turns.begin(new_turn())
    for _ in range(5):
        stores.ledger.enqueue(entry())
        with pytest.raises(Conflict):
            await stores.turns.begin(new_turn())

    assert len(await stores.ledger.entries()) == 5
    found = await stores.conversations.get(ANNA, "first")
    assert found is not None
    assert found.message_count == 1
    stores.close()


async def test_a_writer_that_breaks_refuses_instead_of_letting_everybody_wait(database: SqliteDatabase) -> None:
    def broken() -> None:
        raise PermissionError("the checkpoint's file cannot be looked at")

    database._writer._after_commit = broken
    assert await database.submit(inserting("kept")) == "kept"
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable):
            await database.submit(inserting("refused"))
        with pytest.raises(StoreUnavailable):
            await database.submit(inserting("refused too"))
    assert values(database) == ["kept"]
