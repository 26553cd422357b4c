"""What an operator does with the users of the embedded sign-in. `compose` hands it to the console's routes.

INVARIANT: each act stands in the ledger before it is done, with who did it and to whom.
"""

import secrets

from msgspec import Struct

from doorward.errors import Conflict, InvalidInput, NotFound
from doorward.model.chat import Page
from doorward.model.console import Act
from doorward.model.ledger import LedgerEntry
from doorward.model.principals import OPERATOR
from doorward.model.secret import Secret
from doorward.model.sign_in import Account
from doorward.ports.clock import Clock
from doorward.ports.ledger import Ledger
from doorward.ports.sign_in import AccountDirectory, AccountStore, BrowserSessionStore, GrantStore
from doorward.sign_in.accounts import Accounts

# What an operator may give; other roles mean nothing to the house, and are kept as they are.
GRANTABLE = frozenset({OPERATOR})
_DOOR = "console"


class AdministrationParts(Struct, frozen=True, kw_only=True):
    """What it needs. `issuer` is the embedded sign-in's."""

    issuer: str
    accounts: Accounts
    store: AccountStore
    directory: AccountDirectory
    grants: GrantStore
    sessions: BrowserSessionStore
    ledger: Ledger
    clock: Clock


class Administration:
    """Fulfils `ports.operator.UserAdministration`."""

    def __init__(self, parts: AdministrationParts) -> None:
        self._parts = parts

    async def page(self, *, limit: int, cursor: str | None, query: str | None) -> Page[Account]:
        return await self._parts.directory.page(limit=limit, cursor=cursor, query=query or "")

    async def add(self, act: Act, username: str, *, email: str, roles: frozenset[str]) -> tuple[Account, Secret]:
        if not roles <= GRANTABLE:
            raise InvalidInput(f"The roles there are: {', '.join(sorted(GRANTABLE))}.", code="unknown_role")
        password = Secret(secrets.token_urlsafe(15))
        account = await self._parts.accounts.make(username, password.reveal(), email=email, roles=roles)
        self._record(act, "user add", account.subject)
        await self._parts.accounts.keep(account)
        return account, password

    async def set_disabled(self, act: Act, subject: str, *, disabled: bool) -> Account:
        account = await self._other(act, subject)
        self._record(act, "user disable" if disabled else "user enable", subject)
        await self._parts.accounts.disable(account.username, disabled=disabled)
        return await self._known(subject)

    async def end_sessions(self, act: Act, subject: str) -> Account:
        account = await self._known(subject)
        self._record(act, "user end-sessions", subject)
        await self._parts.grants.revoke_subject(subject)
        await self._parts.sessions.delete_subject(self._parts.issuer, subject)
        return account

    async def set_roles(self, act: Act, subject: str, roles: frozenset[str]) -> Account:
        if not roles <= GRANTABLE:
            raise InvalidInput(f"The roles there are: {', '.join(sorted(GRANTABLE))}.", code="unknown_role")
        account = await self._other(act, subject)
        self._record(act, "user roles", subject)
        await self._parts.directory.set_roles(account.username, roles | (account.roles - GRANTABLE))
        return await self._known(subject)

    async def _known(self, subject: str) -> Account:
        account = await self._parts.store.by_subject(subject)
        if account is None:
            raise NotFound("There is no such user.", code="user_not_found")
        return account

    async def _other(self, act: Act, subject: str) -> Account:
        """An operator who shuts themselves out may be the last one."""
        if (act.operator.issuer, act.operator.subject) == (self._parts.issuer, subject):
            raise Conflict("This is your own account. Ask another operator.", code="own_account")
        return await self._known(subject)

    def _record(self, act: Act, action: str, subject: str) -> None:
        self._parts.ledger.enqueue(
            LedgerEntry(
                door=_DOOR,
                verdict="allow",
                code=OPERATOR,
                principal=act.operator.key,
                on_behalf_of=subject,
                action=action,
                request_id=act.request_id,
                at=self._parts.clock(),
            )
        )
