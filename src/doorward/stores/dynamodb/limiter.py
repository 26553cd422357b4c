"""A rate that all functions count together (GCRA, as `http.limiter`): one item for each key, a write or two a request.

The item holds when the key would have used nothing again, in nanoseconds times the limit, so that no rounding lets one
more through. What decides is the condition of the write. Fails open to a local count, as its port says: it never guards
money.
"""

import time
from collections.abc import Callable

import structlog

from doorward.errors import StoreUnavailable
from doorward.ports.limits import Limiter, LimitState
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.table import ConditionFailed, Table
from doorward.stores.dynamodb.writes import update

log = structlog.get_logger()

_SECOND = 1_000_000_000
_EXPIRES = f"#{layout.TIME_TO_LIVE} = :expires"


class DynamoLimiter:
    """`ports.limits.Limiter`: `limit` requests at once, then one each `window / limit` seconds. `local` counts when the
    table does not answer."""

    def __init__(
        self, table: Table, limit: int, window: float, local: Limiter, *, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._table = table
        self._limit = limit
        self._window = window
        self._local = local
        self._clock = clock
        self._step = round(window * _SECOND)
        self._room = self._step * limit

    async def take(self, key: str) -> LimitState:
        try:
            return await self._taken(layout.rate(key))
        except StoreUnavailable as error:
            log.warning("limit_counted_alone", code=error.code)
            return await self._local.take(key)

    async def _taken(self, key: Key) -> LimitState:
        now = self._clock() * self._limit
        expires = self._clock() // _SECOND + round(self._window) + 60
        fresh = update(
            key,
            f"SET #due = :due, {_EXPIRES}",
            "attribute_not_exists(#due) OR #due <= :now",
            due=now + self._step,
            now=now,
            expires=expires,
        )
        more = update(
            key,
            f"SET #due = #due + :step, {_EXPIRES}",
            "#due > :now AND #due <= :latest",
            step=self._step,
            now=now,
            latest=now + self._room - self._step,
            expires=expires,
        )
        for change in (fresh, more, fresh):  # the last for a key that has become free meanwhile
            try:
                due = int((await self._table.update_alone(change))["due"])
            except ConditionFailed:
                continue
            return self._state(admitted=True, remaining=(self._room - (due - now)) // self._step)
        item = await self._table.get(key)
        due = int(item["due"]) if item else now
        wait = (due + self._step - now - self._room) / self._limit / _SECOND
        return self._state(admitted=False, retry_after=max(wait, 0.001))

    def _state(self, *, admitted: bool, remaining: int = 0, retry_after: float = 0.0) -> LimitState:
        return LimitState(
            admitted=admitted,
            limit=self._limit,
            window=self._window,
            remaining=max(0, remaining),
            retry_after=retry_after,
        )
