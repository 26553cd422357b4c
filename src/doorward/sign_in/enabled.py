"""Refuses tokens of accounts that were disabled since. `compose` puts it around the verifier of the front door.

An access token proves who its user was when it was issued; this asks whether they may still come in (AP-SES-07).
"""

from msgspec.structs import replace

from doorward.errors import Unauthenticated
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.identity import TokenVerifier
from doorward.ports.sign_in import AccountStore

# Seconds for which an answer of the store is good: how long a disabled user may still be let in.
_GOOD_FOR = 1.0
_MOST = 10_000


class EnabledAccounts:
    """`TokenVerifier` that also refuses users whose account is disabled or gone (``account_disabled``), and takes away
    the roles that a user has lost since. Fails closed: without the store nobody is let in."""

    def __init__(self, verifier: TokenVerifier, accounts: AccountStore, clock: Clock) -> None:
        self._verifier = verifier
        self._accounts = accounts
        self._clock = clock
        self._enabled: dict[str, tuple[float, frozenset[str]]] = {}

    async def verify(self, token: str) -> User:
        user = await self._verifier.verify(token)
        now = self._clock()
        at, roles = self._enabled.get(user.subject, (0.0, frozenset()))
        # A role that was given just now is in the token, and not yet in what is remembered.
        if not 0 <= now - at < _GOOD_FOR or not user.roles <= roles:
            roles = await self._look(user.subject, now)
        return user if user.roles <= roles else replace(user, roles=user.roles & roles)

    async def _look(self, subject: str, now: float) -> frozenset[str]:
        account = await self._accounts.by_subject(subject)
        if account is None or account.disabled:
            self._enabled.pop(subject, None)
            raise Unauthenticated("This account is disabled.", code="account_disabled")
        if len(self._enabled) >= _MOST:
            self._enabled.clear()
        self._enabled[subject] = (now, account.roles)
        return account.roles
