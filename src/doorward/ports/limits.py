"""What the front door asks of a limiter."""

from typing import Protocol

from msgspec import Struct


class LimitState(Struct, frozen=True, kw_only=True):
    """The answer of a limiter. `limit` and `window` (seconds) describe the rule, `remaining` what is left,
    `retry_after` (seconds) is 0 when it was admitted."""

    admitted: bool
    limit: int
    window: float
    remaining: int
    retry_after: float = 0.0


class Limiter(Protocol):
    """Counts per key, exactly: of N parallel calls at the last place, one is admitted. On failure of its store it falls
    back to a local count (requests) - it never guards money; budgets have a port of their own and fail closed."""

    async def take(self, key: str) -> LimitState: ...


class Gate(Protocol):
    """How many at once, per key."""

    def enter(self, key: str) -> bool:
        """True when there was room; then `leave` must be called once."""
        ...

    def leave(self, key: str) -> None: ...
