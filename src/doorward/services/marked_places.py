"""Places of a user that all processes of a house count together, by marks: so many turns, streams or calls at once.

A place that its holder cannot give back is free again when its time is over.
"""

import structlog

from doorward.errors import DoorwardError
from doorward.ports.functions import Marks

log = structlog.get_logger()

# A place outlives what it was taken for by this much, in seconds.
GRACE = 120.0


class MarkedPlaces:
    """Fails closed, as the marks do: without an answer of the store nobody has a place."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    async def take(self, kind: str, most: int | None, *, until: float) -> str | None:
        """One of `most` places, until then (seconds since 1970) or until it is given back, as its holder and its name;
        None when all are taken, empty where there is no bound (AP-LIM-02, AP-LIM-04)."""
        if most is None:
            return ""
        for number in range(most):
            name = f"{kind}/{number}"
            by = await self._marks.take(name, until=until + GRACE)
            if by is not None:
                return f"{by}@{name}"
        return None

    async def give(self, place: str) -> None:
        """Give it back, if there is one; whoever has it after its time keeps it. Never raises for a store that does not
        answer."""
        if not place:
            return
        by, _, name = place.partition("@")
        try:
            await self._marks.give(name, by)
        except DoorwardError as error:
            log.warning("place_not_given_back", code=error.code)
