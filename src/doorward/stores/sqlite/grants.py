"""Authorization codes and refresh tokens of the embedded sign-in, each taken once.

A family is one sign-in: the code and every refresh token that came of it. Whatever is used twice revokes its family.
Rows of families whose last token ended more than a day ago are removed as new ones come.
"""

from doorward.model.sign_in import AuthorizationCode, RefreshToken
from doorward.ports.clock import Clock
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

_KEPT_SECONDS = 86400.0
_OPEN_FAMILY = """INSERT INTO grant_families (family, subject, expires_at) VALUES (?, ?, ?)
ON CONFLICT (family) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at) WHERE NOT revoked
RETURNING 1"""
_SWEEP = """DELETE FROM grant_families WHERE family IN (
    SELECT family FROM grant_families WHERE expires_at < ? ORDER BY expires_at LIMIT 8)"""
_INSERT_CODE = """INSERT INTO authorization_codes (code_hash, client_id, redirect_uri, subject, scope, nonce,
    code_challenge, auth_time, expires_at, family) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_REFRESH = """INSERT INTO refresh_tokens (token_hash, family, client_id, subject, scope, auth_time, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?)"""
_CODE = """SELECT code_hash, client_id, redirect_uri, authorization_codes.subject, scope, nonce, code_challenge,
    auth_time, authorization_codes.expires_at, family, taken, revoked
FROM authorization_codes JOIN grant_families USING (family) WHERE code_hash = ?"""
_REFRESH = """SELECT token_hash, family, client_id, refresh_tokens.subject, scope, auth_time,
    refresh_tokens.expires_at, taken, revoked
FROM refresh_tokens JOIN grant_families USING (family) WHERE token_hash = ?"""
_REVOKE = "UPDATE grant_families SET revoked = 1 WHERE family = ?"


class SqliteGrants:
    """`GrantStore` on SQLite."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def save_code(self, code: AuthorizationCode) -> None:
        now = self._clock()

        def save(transaction: Transaction) -> None:
            transaction.execute(_SWEEP, (now - _KEPT_SECONDS,))
            if _open_family(transaction, code.family, code.subject, code.expires_at):
                transaction.execute(_INSERT_CODE, _code_row(code))

        await self._database.submit(save)

    async def take_code(self, code_hash: str) -> AuthorizationCode | None:
        def take(transaction: Transaction) -> AuthorizationCode | None:
            row = transaction.execute(_CODE, (code_hash,)).fetchone()
            if row is None:
                return None
            *fields, family, taken, revoked = row
            if taken:
                transaction.execute(_REVOKE, (family,))
            if taken or revoked:
                return None
            transaction.execute("UPDATE authorization_codes SET taken = 1 WHERE code_hash = ?", (code_hash,))
            code, client_id, redirect_uri, subject, scope, nonce, code_challenge, auth_time, expires_at = fields
            return AuthorizationCode(
                code_hash=code,
                client_id=client_id,
                redirect_uri=redirect_uri,
                subject=subject,
                scope=scope,
                nonce=nonce,
                code_challenge=code_challenge,
                auth_time=auth_time,
                expires_at=expires_at,
                family=family,
            )

        return await self._database.submit(take)

    async def save_refresh(self, token: RefreshToken) -> None:
        def save(transaction: Transaction) -> None:
            if _open_family(transaction, token.family, token.subject, token.expires_at):
                transaction.execute(_INSERT_REFRESH, _refresh_row(token))

        await self._database.submit(save)

    async def take_refresh(self, token_hash: str) -> RefreshToken | None:
        def take(transaction: Transaction) -> RefreshToken | None:
            row = transaction.execute(_REFRESH, (token_hash,)).fetchone()
            if row is None:
                return None
            token, family, client_id, subject, scope, auth_time, expires_at, taken, revoked = row
            if taken:
                transaction.execute(_REVOKE, (family,))
            if taken or revoked:
                return None
            transaction.execute("UPDATE refresh_tokens SET taken = 1 WHERE token_hash = ?", (token_hash,))
            return RefreshToken(
                token_hash=token,
                family=family,
                client_id=client_id,
                subject=subject,
                scope=scope,
                auth_time=auth_time,
                expires_at=expires_at,
            )

        return await self._database.submit(take)

    async def revoke(self, token_hash: str) -> None:
        def revoke(transaction: Transaction) -> None:
            transaction.execute(
                "UPDATE grant_families SET revoked = 1"
                " WHERE family = (SELECT family FROM refresh_tokens WHERE token_hash = ?)",
                (token_hash,),
            )

        await self._database.submit(revoke)

    async def revoke_subject(self, subject: str) -> None:
        await self._database.submit(lambda transaction: revoke_all_of(transaction, subject))


def revoke_all_of(transaction: Transaction, subject: str) -> None:
    """Revoke every family of a user, also those whose code was taken and whose first token is still to come."""
    transaction.execute("UPDATE grant_families SET revoked = 1 WHERE subject = ?", (subject,))


def _open_family(transaction: Transaction, family: str, subject: str, expires_at: float) -> bool:
    """Make the family or prolong it. False when it has been revoked."""
    return transaction.execute(_OPEN_FAMILY, (family, subject, expires_at)).fetchone() is not None


def _code_row(code: AuthorizationCode) -> tuple[object, ...]:
    return (
        code.code_hash,
        code.client_id,
        code.redirect_uri,
        code.subject,
        code.scope,
        code.nonce,
        code.code_challenge,
        code.auth_time,
        code.expires_at,
        code.family,
    )


def _refresh_row(token: RefreshToken) -> tuple[object, ...]:
    return (
        token.token_hash,
        token.family,
        token.client_id,
        token.subject,
        token.scope,
        token.auth_time,
        token.expires_at,
    )
