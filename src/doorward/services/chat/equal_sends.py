"""Equal sends (same user, route, key and body) share one turn. Used by the chat service, for sends with a key.

The store decides which turn a key has; what is kept here is only what happens before it can know: the starts under way.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from doorward.errors import Conflict, KeyReused
from doorward.model.chat import Idempotency, TurnStatus
from doorward.ports.clock import Clock
from doorward.ports.conversations import KeyedTurnStore
from doorward.ports.services import SendKey, StartedTurn

RETRY_SECONDS = 1.0

Start = Callable[[Idempotency], Awaitable[StartedTurn]]


class _Starting(Struct, frozen=True):
    """A start under way: the hash of its body, and the task that ends with the turn."""

    body: bytes
    task: asyncio.Task[StartedTurn]


class EqualSends:
    """`ttl` is how long a key is kept, in seconds; `refuse` answers an equal send with 409 while the turn runs.

    INVARIANT: of equal sends at most one begins a turn. When that one is refused, all that came meanwhile are refused
    alike, and the key stays free. A start goes on when its caller goes away, since others may wait for it.
    """

    def __init__(self, turns: KeyedTurnStore, clock: Clock, *, ttl: float, refuse: bool) -> None:
        self._turns = turns
        self._clock = clock
        self._ttl = ttl
        self._refuse = refuse
        self._starting: dict[tuple[str, bytes], _Starting] = {}

    async def start(self, owner: str, key: SendKey, begin: Start) -> StartedTurn:
        """The turn of this key: the one that there is, or a new one by `begin`."""
        idempotency = self._hashed(key)
        place = (owner, idempotency.key)
        first = self._starting.get(place)
        if first is not None:
            return await self._join(first, idempotency)
        # Nothing is awaited between the look and this line, so the next equal send finds it.
        task = asyncio.create_task(self._find_or_begin(owner, idempotency, begin))
        self._starting[place] = _Starting(idempotency.body, task)
        task.add_done_callback(lambda done: self._forget(place, done))
        return await asyncio.shield(task)

    async def _find_or_begin(self, owner: str, idempotency: Idempotency, begin: Start) -> StartedTurn:
        known = await self._turns.keyed(owner, idempotency, at=self._clock())
        if known is None:
            return await begin(idempotency)
        if self._refuse and known.status is TurnStatus.RUNNING:
            raise _in_flight()
        return StartedTurn(turn_id=known.id, session_id=known.session_id, replayed=True)

    async def _join(self, first: _Starting, idempotency: Idempotency) -> StartedTurn:
        if first.body != idempotency.body:
            raise KeyReused("This Idempotency-Key was sent before with another body.")
        if self._refuse:
            raise _in_flight()
        return replace(await asyncio.shield(first.task), replayed=True)

    def _forget(self, place: tuple[str, bytes], task: asyncio.Task[StartedTurn]) -> None:
        del self._starting[place]
        if not task.cancelled():
            task.exception()  # seen: its caller may have gone away

    def _hashed(self, key: SendKey) -> Idempotency:
        """Only hashes are kept: a key may be anything, and a message is nobody else's business."""
        return Idempotency(
            key=hashlib.sha256(f"{key.route}\n{key.key}".encode()).digest(),
            body=hashlib.sha256(key.body).digest(),
            expires_at=self._clock() + self._ttl,
        )


def _in_flight() -> Conflict:
    return Conflict("The turn of this Idempotency-Key runs.", code="idempotency_in_flight", retry_after=RETRY_SECONDS)
