"""Migrations: once, in order, whole or not at all, and never backwards."""

import sqlite3
from pathlib import Path

import pytest

from doorward.errors import ConfigurationError
from doorward.stores.sqlite.migrate import MIGRATIONS, migrate
from doorward.stores.sqlite.open import open_gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "0001_first.sql").write_text("CREATE TABLE one (a);\nINSERT INTO one VALUES (1);\n")
    return made


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "m.db", isolation_level=None)


def rows(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM one").fetchone()
    return int(count)


def test_a_file_runs_once_and_later_files_run_after_it(connection: sqlite3.Connection, folder: Path) -> None:
    migrate(connection, folder)
    (folder / "0002_second.sql").write_text(
        "CREATE TRIGGER more AFTER INSERT ON one WHEN NEW.a < 3\nBEGIN\n    INSERT INTO one VALUES (9);\nEND;\n"
        "INSERT INTO one VALUES (2);"
    )

    migrate(connection, folder)
    migrate(connection, folder)

    assert rows(connection) == 3
    connection.close()


def test_a_file_that_fails_leaves_nothing(connection: sqlite3.Connection, folder: Path) -> None:
    (folder / "0002_bad.sql").write_text("INSERT INTO one VALUES (2);\nINSERT INTO nowhere VALUES (1);\n")

    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, folder)

    assert rows(connection) == 1
    connection.close()


def test_a_database_of_a_newer_version_is_refused(connection: sqlite3.Connection, folder: Path) -> None:
    later = folder / "0002_later.sql"
    later.write_text("CREATE TABLE two (a);")
    migrate(connection, folder)
    later.unlink()

    with pytest.raises(ConfigurationError, match="0002_later"):
        migrate(connection, folder)
    connection.close()


def test_a_file_that_was_changed_after_it_ran_is_refused(connection: sqlite3.Connection, folder: Path) -> None:
    migrate(connection, folder)
    (folder / "0001_first.sql").write_text("CREATE TABLE one (a, b);")

    with pytest.raises(ConfigurationError, match="0001_first"):
        migrate(connection, folder)
    connection.close()


@pytest.mark.parametrize("names", [[], ["0002_second.sql"], ["0001_a.sql", "0001_b.sql"]])
def test_numbers_must_run_without_gaps(connection: sqlite3.Connection, tmp_path: Path, names: list[str]) -> None:
    folder = tmp_path / "gaps"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("SELECT 1;")

    with pytest.raises(ConfigurationError):
        migrate(connection, folder)
    connection.close()


def test_both_processes_keep_the_same_ledger() -> None:
    texts = {(MIGRATIONS / process / "0002_ledger.sql").read_text() for process in ("gateway", "runtime")}

    assert len(texts) == 1


@pytest.mark.parametrize("content", [b"this is not a database, whatever its name says" * 100])
def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "g.db").write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"g\.db"):
        open_gateway(tmp_path / "g.db")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        open_gateway(tmp_path / "nowhere" / "g.db")
