"""What the embedded sign-in and the browser sessions ask of the store. All fail closed."""

from typing import Protocol

from doorward.model.chat import Page
from doorward.model.sign_in import Account, AuthorizationCode, BrowserSession, RefreshToken


class AccountStore(Protocol):
    """The users of the embedded sign-in. Usernames are unique without regard to case."""

    async def add(self, account: Account) -> None:
        """`Conflict` (``username_taken``) when the name exists."""
        ...

    async def by_username(self, username: str) -> Account | None: ...

    async def by_subject(self, subject: str) -> Account | None: ...

    async def all(self) -> list[Account]:
        """Ordered by username."""
        ...

    async def set_password(self, username: str, password_hash: str) -> bool: ...

    async def set_disabled(self, username: str, disabled: bool) -> bool:
        """Disabling also revokes every code, refresh token and browser session of the user, in one transaction."""
        ...


class AccountDirectory(Protocol):
    """The same users, as operators go through them. Fails closed."""

    async def page(self, *, limit: int, cursor: str | None, query: str = "") -> Page[Account]:
        """Ordered by username; those whose name or address contains `query`, without regard to case. `InvalidInput`
        (``invalid_cursor``) for a cursor that was not made for this query."""
        ...

    async def set_roles(self, username: str, roles: frozenset[str]) -> bool:
        """Replace them, and revoke every code, refresh token and browser session of the user, which hold the old ones,
        in one transaction. False for an unknown name."""
        ...


class GrantStore(Protocol):
    """Codes and refresh tokens: each can be taken once, atomically. Does not look at expiry: callers do."""

    async def save_code(self, code: AuthorizationCode) -> None: ...

    async def take_code(self, code_hash: str) -> AuthorizationCode | None:
        """The code, once. A second take returns None and revokes the family the first one opened (RFC 9700 4.5)."""
        ...

    async def save_refresh(self, token: RefreshToken) -> None:
        """Store a token of a family. Does nothing when the family has been revoked in the meantime."""
        ...

    async def take_refresh(self, token_hash: str) -> RefreshToken | None:
        """The token, once. A second take returns None and revokes its whole family."""
        ...

    async def revoke(self, token_hash: str) -> None:
        """Revoke the family of this refresh token. Nothing happens when it is unknown (RFC 7009)."""
        ...

    async def revoke_subject(self, subject: str) -> None:
        """Revoke all codes and refresh tokens of a user."""
        ...


class SignedOutStore(Protocol):
    """Sessions of the embedded sign-in that were signed out. Survives a restart. Fails closed."""

    async def add(self, session_id: str, *, until: float) -> None:
        """Remember it, durably, at least `until` then (seconds since 1970: when it would have ended by itself)."""
        ...

    async def holds(self, session_id: str) -> bool: ...

    async def all_ended_at(self, subject: str) -> float:
        """When every session of this user was last ended (by `BrowserSessionStore.delete_subject`, as the account was
        disabled, or with new roles); 0 when that never was."""
        ...


class BrowserSessionStore(Protocol):
    """Signed-in browsers, by the SHA-256 of the cookie's value."""

    async def save(self, session: BrowserSession) -> None: ...

    async def get(self, id_hash: str) -> BrowserSession | None: ...

    async def delete(self, id_hash: str) -> None: ...

    async def delete_subject(self, issuer: str, subject: str) -> None:
        """Sign out everywhere. The subject's sessions of the embedded sign-in end in the same transaction."""
        ...

    async def delete_expired(self, now: float) -> None: ...
