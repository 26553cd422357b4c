"""How often a password may be guessed. The sign-in page asks before each check; it refuses the one guess too many.

Three counts of failures per window, in memory: per (username, address), `attempts`; per address, four times that; per
username over all addresses, ten times that. The last one does not hold for an address from which this user has signed
in before, so that a stranger cannot lock the user out there, and anywhere else for at most one window at a time.
"""

import hashlib
from collections import OrderedDict

from msgspec import Struct

from doorward.errors import TooManyRequests
from doorward.http.addresses import bucket
from doorward.ports.clock import Clock

_ADDRESS_FACTOR = 4
_USERNAME_FACTOR = 10
_KEPT = 50_000


class _Count(Struct):
    failures: int
    since: float


class Guess(Struct, frozen=True):
    """One admitted guess: it counts as failed until `Guesses.succeeded` or `Guesses.forget` says otherwise."""

    pair: str
    counted: tuple[str, ...]


class Guesses:
    """Counts guesses in bounded memory (`kept` keys; the ones longest untouched are forgotten first)."""

    def __init__(self, *, attempts: int, window: float, clock: Clock, kept: int = _KEPT) -> None:
        self._attempts = attempts
        self._window = window
        self._clock = clock
        self._kept = kept
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()

    def start(self, username: str, address: str) -> Guess:
        """Admit a guess and count it at once, so that parallel ones cannot slip through. `TooManyRequests`
        (``too_many_attempts``) with the seconds until the window ends; a refused guess counts for nothing."""
        place = bucket(address)
        # People type passwords into the wrong field: what was typed is kept as a digest only.
        who = hashlib.sha256(username.casefold().encode("utf-8", "surrogatepass")).hexdigest()
        pair = f"p {who} {place}"
        limits = {pair: self._attempts, f"a {place}": self._attempts * _ADDRESS_FACTOR}
        if pair not in self._known:
            limits[f"u {who}"] = self._attempts * _USERNAME_FACTOR
        now = self._clock()
        waits = [self._wait(key, limit, now) for key, limit in limits.items()]
        if any(waits):
            raise TooManyRequests("Too many attempts.", retry_after=max(waits), code="too_many_attempts")
        for key in limits:
            self._add(key, now)
        return Guess(pair, tuple(limits))

    def succeeded(self, guess: Guess) -> None:
        """The password was right: the pair starts anew and this address is known for this user."""
        self.forget(guess)
        self._counts.pop(guess.pair, None)
        self._known[guess.pair] = None
        self._known.move_to_end(guess.pair)
        while len(self._known) > self._kept:
            self._known.popitem(last=False)

    def forget(self, guess: Guess) -> None:
        """The password was never looked at: nothing was learned, nothing counts."""
        for key in guess.counted:
            self._take_back(key)

    def _wait(self, key: str, limit: int, now: float) -> float:
        count = self._counts.get(key)
        if count is None or count.failures < limit:
            return 0.0
        return max(0.0, count.since + self._window - now)

    def _add(self, key: str, now: float) -> None:
        count = self._counts.get(key)
        if count is None or now >= count.since + self._window:
            count = self._counts[key] = _Count(0, now)
        count.failures += 1
        self._counts.move_to_end(key)
        while len(self._counts) > self._kept:
            self._counts.popitem(last=False)

    def _take_back(self, key: str) -> None:
        count = self._counts.get(key)
        if count is not None and count.failures > 0:
            count.failures -= 1
