"""The users of the embedded sign-in. The sign-in station and the command line reach them through the port."""

import sqlite3
import unicodedata

import msgspec

from doorward.errors import Conflict
from doorward.model.chat import Page
from doorward.model.sign_in import Account
from doorward.ports.clock import Clock
from doorward.stores.cursors import Cursors, Place
from doorward.stores.sqlite.browser_sessions import end_single_sign_on
from doorward.stores.sqlite.database import Row, SqliteDatabase
from doorward.stores.sqlite.grants import revoke_all_of
from doorward.stores.sqlite.writer import Transaction

_SELECT = "SELECT subject, username, email, password_hash, roles, disabled, created_at FROM accounts"
_INSERT = """INSERT INTO accounts
    (subject, username, folded_username, email, password_hash, roles, disabled, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
# Few houses keep so many accounts of their own that counting past the first ones would be felt.
_PAGE = f"{_SELECT} WHERE instr(folded_username || ' ' || lower(email), ?) ORDER BY folded_username LIMIT ? OFFSET ?"

_roles = msgspec.json.Decoder(list[str]).decode


class SqliteAccounts:
    """`AccountStore` and `AccountDirectory` on SQLite."""

    def __init__(self, database: SqliteDatabase, cursors: Cursors, clock: Clock) -> None:
        self._database = database
        self._cursors = cursors
        self._clock = clock

    async def add(self, account: Account) -> None:
        row = (
            account.subject,
            account.username,
            _folded(account.username),
            account.email,
            account.password_hash,
            msgspec.json.encode(sorted(account.roles)).decode(),
            account.disabled,
            account.created_at,
        )

        def add(transaction: Transaction) -> None:
            try:
                transaction.execute(_INSERT, row)
            except sqlite3.IntegrityError as error:
                raise Conflict("This user name is taken.", code="username_taken") from error

        await self._database.submit(add)

    async def by_username(self, username: str) -> Account | None:
        rows = self._database.read(f"{_SELECT} WHERE folded_username = ?", (_folded(username),))
        return _account(rows[0]) if rows else None

    async def by_subject(self, subject: str) -> Account | None:
        rows = self._database.read(f"{_SELECT} WHERE subject = ?", (subject,))
        return _account(rows[0]) if rows else None

    async def all(self) -> list[Account]:
        return [_account(row) for row in self._database.read(f"{_SELECT} ORDER BY folded_username")]

    async def set_password(self, username: str, password_hash: str) -> bool:
        def set_password(transaction: Transaction) -> bool:
            changed = transaction.execute(
                "UPDATE accounts SET password_hash = ? WHERE folded_username = ?", (password_hash, _folded(username))
            )
            return changed.rowcount == 1

        return await self._database.submit(set_password)

    async def set_disabled(self, username: str, disabled: bool) -> bool:
        now = self._clock()

        def set_disabled(transaction: Transaction) -> bool:
            row = transaction.execute(
                "UPDATE accounts SET disabled = ? WHERE folded_username = ? RETURNING subject",
                (disabled, _folded(username)),
            ).fetchone()
            if row is None:
                return False
            if disabled:
                _sign_out(transaction, row[0], at=now)
            return True

        return await self._database.submit(set_disabled)

    async def page(self, *, limit: int, cursor: str | None, query: str = "") -> Page[Account]:
        wanted = _folded(query)
        offset = 0 if cursor is None else self._cursors.read(cursor, "accounts", wanted).key

        def page(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(_PAGE, (wanted, limit + 1, offset)).fetchall()

        rows = await self._database.read_in_thread(page)
        more = self._cursors.make(Place(0.0, offset + limit), "accounts", wanted) if len(rows) > limit else None
        return Page([_account(row) for row in rows[:limit]], next_cursor=more)

    async def set_roles(self, username: str, roles: frozenset[str]) -> bool:
        listed = msgspec.json.encode(sorted(roles)).decode()

        now = self._clock()

        def set_roles(transaction: Transaction) -> bool:
            row = transaction.execute(
                "UPDATE accounts SET roles = ? WHERE folded_username = ? RETURNING subject", (listed, _folded(username))
            ).fetchone()
            if row is None:
                return False
            _sign_out(transaction, row[0], at=now)
            return True

        return await self._database.submit(set_roles)


def _sign_out(transaction: Transaction, subject: str, *, at: float) -> None:
    """Everywhere: codes, refresh tokens, browser sessions, and those of the sign-in itself."""
    revoke_all_of(transaction, subject)
    transaction.execute("DELETE FROM browser_sessions WHERE subject = ?", (subject,))
    end_single_sign_on(transaction, subject, at=at)


def _folded(username: str) -> str:
    """One spelling of a name for all its cases and compatible forms (RFC 8265 section 3.3 goes the same way)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())


def _account(row: Row) -> Account:
    subject, username, email, password_hash, roles, disabled, created_at = row
    return Account(
        subject=subject,
        username=username,
        email=email,
        password_hash=password_hash,
        roles=frozenset(_roles(roles)),
        disabled=bool(disabled),
        created_at=created_at,
    )
