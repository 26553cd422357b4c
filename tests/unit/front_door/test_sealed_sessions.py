"""Sealed browser sessions on the real store: a copy of the database opens nothing, and rows cannot be mixed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from doorward.front_door.sealed_sessions import SealedSessions
from doorward.model.secret import Secret
from doorward.model.sign_in import BrowserSession
from doorward.stores.sqlite.open import GatewayStores, open_gateway

pytestmark = pytest.mark.anyio

KEY = bytes(range(32))
FIELDS = ("csrf_token", "id_token", "access_token", "refresh_token")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[GatewayStores]:
    opened = open_gateway(tmp_path / "gateway.db")
    yield opened
    opened.close()


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def session(id_hash: str = "one", subject: str = "anna", *, refresh: Secret | None = None) -> BrowserSession:
    return BrowserSession(
        id_hash=id_hash,
        issuer="https://issuer",
        subject=subject,
        username="Anna",
        email=None,
        roles=frozenset(),
        csrf_token=Secret("canary-csrf"),
        id_token=Secret("canary-id"),
        access_token=Secret("canary-access"),
        refresh_token=refresh,
        created_at=1.0,
        expires_at=100.0,
    )


@pytest.mark.parametrize("refresh", [None, Secret("canary-refresh")])
async def test_a_session_is_read_back_and_no_token_is_in_the_file(
    tmp_path: Path, stores: GatewayStores, refresh: Secret | None
) -> None:
    sealed = SealedSessions(stores.sessions, KEY)
    await sealed.save(session(refresh=refresh))
    assert await sealed.get("one") == session(refresh=refresh)
    assert await sealed.get("two") is None
    assert b"canary" not in everything_in(tmp_path)


async def test_with_another_key_there_is_no_session(stores: GatewayStores) -> None:
    await SealedSessions(stores.sessions, KEY).save(session())
    assert await SealedSessions(stores.sessions, bytes(32)).get("one") is None


async def test_a_session_that_was_kept_unsealed_is_no_session(stores: GatewayStores) -> None:
    await stores.sessions.save(session())
    assert await SealedSessions(stores.sessions, KEY).get("one") is None


@pytest.mark.parametrize("field", FIELDS)
async def test_a_token_of_one_session_does_not_open_in_another(
    tmp_path: Path, stores: GatewayStores, field: str
) -> None:
    sealed = SealedSessions(stores.sessions, KEY)
    await sealed.save(session("one", "anna", refresh=Secret("canary-refresh")))
    await sealed.save(session("two", "mallory", refresh=Secret("canary-refresh")))
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        kept = connection.execute(f"SELECT {field} FROM browser_sessions WHERE id_hash = 'two'").fetchone()  # noqa: S608
        connection.execute(f"UPDATE browser_sessions SET {field} = ? WHERE id_hash = 'one'", kept)  # noqa: S608
        connection.commit()
    assert await sealed.get("one") is None
    assert await sealed.get("two") is not None


async def test_a_row_cannot_be_made_anothers(tmp_path: Path, stores: GatewayStores) -> None:
    sealed = SealedSessions(stores.sessions, KEY)
    await sealed.save(session())
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        connection.execute("UPDATE browser_sessions SET subject = 'mallory'")
        connection.commit()
    assert await sealed.get("one") is None
