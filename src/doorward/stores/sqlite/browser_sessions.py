"""Signed-in browsers, by the SHA-256 of the cookie's value. The front door looks one up on each request of a browser.

What is given to it as `Secret` lies here as it was given: compose gives it tokens that are sealed.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only

import msgspec

from doorward.model.secret import Secret
from doorward.model.sign_in import BrowserSession
from doorward.ports.clock import Clock
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

_COLUMNS = """id_hash, issuer, subject, username, email, roles, csrf_token, id_token, access_token, refresh_token,
    created_at, expires_at, tenant"""
_SAVE = f"INSERT OR REPLACE INTO browser_sessions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_GET = f"SELECT {_COLUMNS} FROM browser_sessions WHERE id_hash = ?"

_roles = msgspec.json.Decoder(list[str]).decode


def end_single_sign_on(transaction: Transaction, subject: str, *, at: float) -> None:
    """Sessions of the embedded sign-in that began before do not hold any more (`SignedOutStore.all_ended_at`)."""
    transaction.execute("INSERT OR REPLACE INTO all_signed_out (subject, at) VALUES (?, ?)", (subject, at))


class SqliteBrowserSessions:
    """`BrowserSessionStore` on SQLite."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def save(self, session: BrowserSession) -> None:
        await self._write(
            _SAVE,
            session.id_hash,
            session.issuer,
            session.subject,
            session.username,
            session.email,
            msgspec.json.encode(sorted(session.roles)).decode(),
            session.csrf_token.reveal(),
            session.id_token.reveal(),
            session.access_token.reveal(),
            None if session.refresh_token is None else session.refresh_token.reveal(),
            session.created_at,
            session.expires_at,
            session.tenant,
        )

    async def get(self, id_hash: str) -> BrowserSession | None:
        rows = self._database.read(_GET, (id_hash,))
        if not rows:
            return None
        _, issuer, subject, username, email, roles, csrf, id_token, access, refresh, *rest = rows[0]
        created_at, expires_at, tenant = rest
        return BrowserSession(
            id_hash=id_hash,
            issuer=issuer,
            subject=subject,
            username=username,
            email=email,
            roles=frozenset(_roles(roles)),
            csrf_token=Secret(csrf),
            id_token=Secret(id_token),
            access_token=Secret(access),
            refresh_token=None if refresh is None else Secret(refresh),
            created_at=created_at,
            expires_at=expires_at,
            tenant=tenant,
        )

    async def delete(self, id_hash: str) -> None:
        await self._write("DELETE FROM browser_sessions WHERE id_hash = ?", id_hash)

    async def delete_subject(self, issuer: str, subject: str) -> None:
        now = self._clock()

        def delete(transaction: Transaction) -> None:
            transaction.execute("DELETE FROM browser_sessions WHERE issuer = ? AND subject = ?", (issuer, subject))
            end_single_sign_on(transaction, subject, at=now)

        await self._database.submit(delete)

    async def delete_expired(self, now: float) -> None:
        await self._write("DELETE FROM browser_sessions WHERE expires_at <= ?", now)

    async def _write(self, sql: str, *parameters: object) -> None:
        def write(transaction: Transaction) -> None:
            transaction.execute(sql, parameters)

        await self._database.submit(write)
