"""The users of the embedded sign-in: made, listed, disabled, checked. The command line and the sign-in page call it; it
refuses weak passwords and odd names."""

import re
import secrets
import uuid

import structlog

from doorward.errors import InvalidInput, NotFound
from doorward.model.principals import OPERATOR
from doorward.model.secret import Secret
from doorward.model.sign_in import Account
from doorward.ports.clock import Clock
from doorward.ports.sign_in import AccountStore, GrantStore
from doorward.sign_in.passwords import Passwords

log = structlog.get_logger()

Listing = list[Account]
FirstUsers = list[tuple[str, Secret]]

FIRST_USERS = ("user-one", "user-two")
FIRST_OPERATOR = "operator"
MIN_PASSWORD = 10
MAX_PASSWORD = 256
MAX_EMAIL = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets
_USERNAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


class Accounts:
    """Rules around an `AccountStore`. Usernames are compared without regard to case; passwords are kept as argon2id."""

    def __init__(self, store: AccountStore, hasher: Passwords, clock: Clock, *, grants: GrantStore) -> None:
        self._store = store
        self._hasher = hasher
        self._clock = clock
        self._grants = grants

    async def add(
        self, username: str, password: str, *, email: str = "", roles: frozenset[str] = frozenset()
    ) -> Account:
        """Make an account and keep it. Raises what `make` and `keep` raise."""
        account = await self.make(username, password, email=email, roles=roles)
        await self.keep(account)
        return account

    async def make(
        self, username: str, password: str, *, email: str = "", roles: frozenset[str] = frozenset()
    ) -> Account:
        """Check and hash, without keeping anything yet. `InvalidInput` (``username_invalid``, ``email_invalid``,
        ``password_*``). Without `email` it is the username when that is one, else NAME@doorward.invalid."""
        if not _USERNAME.fullmatch(username):
            raise InvalidInput("A user name has 1-64 letters, digits or . _ @ + -", code="username_invalid")
        email = email or (username if _EMAIL.fullmatch(username) else f"{username.replace('@', '.')}@doorward.invalid")
        if len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email):
            raise InvalidInput("This is no e-mail address.", code="email_invalid")
        _check_password(username, password)
        return Account(
            subject=str(uuid.uuid4()),
            username=username,
            email=email,
            password_hash=await self._hasher.hash(password),
            roles=roles,
            created_at=self._clock(),
        )

    async def keep(self, account: Account) -> None:
        """Store what `make` made. `Conflict` (``username_taken``)."""
        await self._store.add(account)

    async def list(self) -> Listing:
        """All accounts, by username."""
        return await self._store.all()

    async def disable(self, username: str, *, disabled: bool = True) -> None:
        """Disable (or enable again). Disabling revokes codes, refresh tokens and sessions. `NotFound`."""
        if not await self._store.set_disabled(username, disabled):
            raise _no_such_user()

    async def set_password(self, username: str, password: str) -> None:
        """Replace the password; codes, refresh tokens and sign-in sessions of the user end. `NotFound`,
        `InvalidInput`."""
        account = await self._store.by_username(username)
        if account is None:
            raise _no_such_user()
        _check_password(account.username, password)
        if not await self._store.set_password(username, await self._hasher.hash(password)):
            raise _no_such_user()
        await self._grants.revoke_subject(account.subject)

    async def check(self, username: str, password: str) -> Account | None:
        """The account when name and password fit and it is enabled, else None.

        INVARIANT: exactly one argon2 verification is done whether or not the user exists, is disabled, or the password
        is too long, so that time does not tell who has an account.
        """
        account = await self._store.by_username(username) if _USERNAME.fullmatch(username) else None
        fits = await self._hasher.verify(account.password_hash if account else None, password[:MAX_PASSWORD])
        if account is None or not fits or account.disabled or len(password) > MAX_PASSWORD:
            return None
        return await self._refreshed(account, password)

    async def enabled(self, subject: str) -> Account | None:
        """The account behind a subject, unless it is gone or disabled."""
        account = await self._store.by_subject(subject)
        return None if account is None or account.disabled else account

    async def ensure_first_users(self, *, with_operator: bool) -> FirstUsers:
        """When there is no account at all, make two with random passwords, and an operator if wanted. Returns names
        and passwords of those that it made, so nothing the second time."""
        if await self._store.all():
            return []
        wanted: dict[str, frozenset[str]] = {name: frozenset() for name in FIRST_USERS}
        if with_operator:
            wanted[FIRST_OPERATOR] = frozenset({OPERATOR})
        made = []
        for username, roles in wanted.items():
            password = secrets.token_urlsafe(15)
            await self.add(username, password, roles=roles)
            made.append((username, Secret(password)))
        return made

    async def _refreshed(self, account: Account, password: str) -> Account:
        """Bring an old hash up to today's parameters, now that the password is at hand."""
        if not self._hasher.needs_rehash(account.password_hash):
            return account
        await self._store.set_password(account.username, await self._hasher.hash(password))
        log.info("password_rehashed", subject=account.subject)
        return await self._store.by_subject(account.subject) or account


def _check_password(username: str, password: str) -> None:
    if len(password) < MIN_PASSWORD:
        raise InvalidInput(f"A password has at least {MIN_PASSWORD} characters.", code="password_too_short")
    if len(password) > MAX_PASSWORD:
        raise InvalidInput(f"A password has at most {MAX_PASSWORD} characters.", code="password_too_long")
    if password.casefold() == username.casefold():
        raise InvalidInput("The password must differ from the user name.", code="password_is_username")


def _no_such_user() -> NotFound:
    return NotFound("There is no such user.", code="user_not_found")
