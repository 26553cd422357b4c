"""Limits counted in this process: a rate (GCRA) and a number at once. The doors use them. Neither forgets what would
help the one who is being limited."""

import time
from collections.abc import Callable

from doorward.ports.limits import LimitState

_KEYS = 100_000


class RateLimiter:
    """The generic cell rate algorithm (ITU-T I.371): `limit` requests at once, then one each `window / limit` seconds.

    Time is monotonic and counted in whole numbers (nanoseconds times `limit`), so that exactly `limit` are admitted
    and no rounding lets one more through. It keeps one number per key; at `keys` keys it drops the tenth that has the
    least to lose, so whoever floods it with fresh keys never gets a spent key forgotten.
    """

    def __init__(
        self, limit: int, window: float, *, clock: Callable[[], int] = time.monotonic_ns, keys: int = _KEYS
    ) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._keys = keys
        self._step = round(window * 1_000_000_000)
        self._room = self._step * limit
        self._due: dict[str, int] = {}

    async def take(self, key: str) -> LimitState:
        return self.admit(key)

    def admit(self, key: str) -> LimitState:
        """As `take`, for callers that do not await."""
        # INVARIANT: nothing is awaited here, so N parallel calls at the last place admit one.
        now = self._clock() * self._limit
        due = max(self._due.get(key, now), now) + self._step
        used = due - now
        if used > self._room:
            wait = (used - self._room) / self._limit / 1_000_000_000
            return LimitState(admitted=False, limit=self._limit, window=self._window, remaining=0, retry_after=wait)
        if len(self._due) >= self._keys and key not in self._due:
            self._forget(now)
        self._due[key] = due
        left = (self._room - used) // self._step
        return LimitState(admitted=True, limit=self._limit, window=self._window, remaining=left)

    def _forget(self, now: int) -> None:
        """Keys that are full again have nothing to lose; if there are too few of those, the nearest to full go too."""
        kept = {key: due for key, due in self._due.items() if due > now}
        if len(kept) > self._keys * 9 // 10:
            dropped = sorted(kept, key=kept.__getitem__)[: self._keys // 10 + 1]
            for key in dropped:
                del kept[key]
        self._due = kept


class CountingGate:
    """At most `limit` at once for each key. Keys with nobody inside take no memory."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside: dict[str, int] = {}

    def enter(self, key: str) -> bool:
        inside = self._inside.get(key, 0)
        if inside >= self._limit:
            return False
        self._inside[key] = inside + 1
        return True

    def leave(self, key: str) -> None:
        inside = self._inside.get(key, 0) - 1
        if inside > 0:
            self._inside[key] = inside
        else:
            self._inside.pop(key, None)
