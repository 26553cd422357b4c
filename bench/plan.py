"""How much a run measures: the default, a short one and the full one."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")


class Plan(Struct, frozen=True, kw_only=True):
    """Seconds of each load sample, samples of each side, requests of a latency, conversations of the larger store,
    idle streams, seconds of the soak."""

    seconds: int = 5
    rounds: int = 3
    requests: int = 2000
    conversations: int = 100_000
    streams: int = 1000
    soak: float = 600.0


QUICK = Plan(seconds=2, requests=300, conversations=20_000, streams=200, soak=60.0)
FULL = Plan(seconds=8, rounds=5, requests=3000, conversations=1_000_000, soak=3600.0)


def alternate(rounds: int, sides: Sequence[Callable[[], T]]) -> list[list[T]]:
    """Measure the sides in turn, A B A B, so that what changes on the machine meets both: all samples of each."""
    samples: list[list[T]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, found in zip(sides, samples, strict=True):
            found.append(side())
    return samples
