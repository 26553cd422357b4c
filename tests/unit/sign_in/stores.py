"""Small stores in memory for the sign-in's own tests; the contract suites run on the real ones."""

import msgspec

from doorward.errors import Conflict
from doorward.model.ledger import ChainedEntry, ChainFault, LedgerEntry
from doorward.model.sign_in import Account, AuthorizationCode, RefreshToken


class MemoryAccounts:
    def __init__(self) -> None:
        self.by_name: dict[str, Account] = {}

    async def add(self, account: Account) -> None:
        if account.username.casefold() in self.by_name:
            raise Conflict("This user name is taken.", code="username_taken")
        self.by_name[account.username.casefold()] = account

    async def by_username(self, username: str) -> Account | None:
        return self.by_name.get(username.casefold())

    async def by_subject(self, subject: str) -> Account | None:
        return next((item for item in self.by_name.values() if item.subject == subject), None)

    async def all(self) -> list[Account]:
        return sorted(self.by_name.values(), key=lambda item: item.username)

    async def set_password(self, username: str, password_hash: str) -> bool:
        return self._change(username, password_hash=password_hash)

    async def set_disabled(self, username: str, disabled: bool) -> bool:
        return self._change(username, disabled=disabled)

    def _change(self, username: str, **fields: object) -> bool:
        account = self.by_name.get(username.casefold())
        if account is not None:
            self.by_name[username.casefold()] = msgspec.structs.replace(account, **fields)
        return account is not None


class MemoryGrants:
    def __init__(self) -> None:
        self.codes: dict[str, AuthorizationCode] = {}
        self.refreshes: dict[str, RefreshToken] = {}
        self.taken: set[str] = set()
        self.revoked: set[str] = set()

    async def save_code(self, code: AuthorizationCode) -> None:
        self.codes[code.code_hash] = code

    async def take_code(self, code_hash: str) -> AuthorizationCode | None:
        return self._take(self.codes.get(code_hash), code_hash)

    async def save_refresh(self, token: RefreshToken) -> None:
        if token.family not in self.revoked:
            self.refreshes[token.token_hash] = token

    async def take_refresh(self, token_hash: str) -> RefreshToken | None:
        return self._take(self.refreshes.get(token_hash), token_hash)

    async def revoke(self, token_hash: str) -> None:
        if token_hash in self.refreshes:
            self.revoked.add(self.refreshes[token_hash].family)

    async def revoke_subject(self, subject: str) -> None:
        for grant in (*self.codes.values(), *self.refreshes.values()):
            if grant.subject == subject:
                self.revoked.add(grant.family)

    def _take(self, grant, key: str):
        if grant is None:
            return None
        if key in self.taken:
            self.revoked.add(grant.family)
        if grant.family in self.revoked:
            return None
        self.taken.add(key)
        return grant


class MemorySignedOut:
    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.all_ended: dict[str, float] = {}

    async def all_ended_at(self, subject: str) -> float:
        return self.all_ended.get(subject, 0.0)

    async def add(self, session_id: str, *, until: float) -> None:
        self.ids.add(session_id)

    async def holds(self, session_id: str) -> bool:
        return session_id in self.ids


class MemoryLedger:
    def __init__(self) -> None:
        self.kept: list[LedgerEntry] = []

    def enqueue(self, entry: LedgerEntry) -> None:
        self.kept.append(entry)

    async def append(self, entry: LedgerEntry) -> int:
        self.kept.append(entry)
        return len(self.kept)

    async def entries(self, *, after: int = 0, limit: int = 100) -> list[ChainedEntry]:
        return []

    async def verify(self) -> ChainFault | None:
        return None
