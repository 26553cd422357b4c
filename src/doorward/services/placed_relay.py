"""The relay where each request has a process of its own (functions): one user's calls at once are counted in marks."""

from doorward.errors import TooManyRequests
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.services import Answer, Relay
from doorward.services.marked_places import MarkedPlaces


class PlacedRelay:
    """Fulfils `ports.services.Relay`. A call holds one of its user's `most` places, for `timeout` seconds at most."""

    def __init__(self, relay: Relay, places: MarkedPlaces, clock: Clock, *, most: int | None, timeout: float) -> None:
        self._relay = relay
        self._places = places
        self._clock = clock
        self._most = most
        self._timeout = timeout

    async def send(self, user: User, message: str, session_id: str | None, request_id: str) -> Answer:
        """Raises `TooManyRequests` (``too_many_turns``) when all places are taken, and `StoreUnavailable`."""
        place = await self._places.take(f"turn/{user.key}", self._most, until=self._clock() + self._timeout)
        if place is None:
            raise TooManyRequests("Too many turns of yours run at once.", code="too_many_turns", retry_after=1.0)
        try:
            return await self._relay.send(user, message, session_id, request_id)
        finally:
            await self._places.give(place)
