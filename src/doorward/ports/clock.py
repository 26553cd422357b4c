"""Time as a parameter, so that tests can move it."""

from typing import Protocol


class Clock(Protocol):
    """Seconds since 1970, UTC. `time.time` fits."""

    def __call__(self) -> float: ...
