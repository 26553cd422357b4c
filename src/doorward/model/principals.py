"""Who is calling: a `User`, a `Workload`, or a running turn that acts for a user (`TurnIdentity`)."""

import hashlib
from functools import lru_cache

from msgspec import Struct

# The role of those who run the house.
OPERATOR = "operator"


class User(Struct, frozen=True, kw_only=True):
    """A person or program that signed in. The identity is the pair (issuer, subject); everything else may change.

    `tenant` is whose budget they share, as the token says (``sign_in.tenant_claim``); empty: the issuer's one tenant.
    """

    issuer: str
    subject: str
    username: str
    email: str | None = None
    roles: frozenset[str] = frozenset()
    tenant: str = ""

    @property
    def key(self) -> str:
        """The owner key that stores use: 32 hex digits of SHA-256 over issuer and subject, which a NUL separates."""
        return _owner_key(self.issuer, self.subject)

    @property
    def tenant_key(self) -> str:
        """The key of the tenant, within its issuer. No user's key can be equal to it."""
        return f"tenant:{_owner_key(self.issuer, self.tenant)}"


class Workload(Struct, frozen=True, kw_only=True):
    """One of our own services, known by the id of its access key (never by the secret).

    `may_invoke` holds the names of the agents it may run; `may_act_for_users` is the separate grant to name a user, and
    `may_operate` the one to see and end sessions and to stop agents. `may_read_memory` and `may_write_memory` hold the
    ids of the memories whose events it may read, or make and delete.
    """

    key_id: str
    name: str
    may_invoke: frozenset[str] = frozenset()
    may_act_for_users: bool = False
    may_operate: bool = False
    may_read_memory: frozenset[str] = frozenset()
    may_write_memory: frozenset[str] = frozenset()


class TurnIdentity(Struct, frozen=True, kw_only=True):
    """What a turn token says: which turn of which conversation runs, for whom, and by which service."""

    issuer: str
    subject: str
    actor: str
    session_id: str
    turn_id: str
    audience: str
    expires_at: float

    @property
    def owner_key(self) -> str:
        """The same key as `User.key` of the user this turn acts for."""
        return _owner_key(self.issuer, self.subject)


Principal = User | Workload | TurnIdentity


@lru_cache(maxsize=4096)  # asked for many times in each turn
def _owner_key(issuer: str, subject: str) -> str:
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()[:32]
