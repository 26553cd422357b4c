"""Takes a sample of the house's metrics every few seconds and keeps an hour of them, and a day in coarser ones.

Runs in a task of the gateway. INVARIANT: nothing waits for it: a process that does not answer is noted as silent, and a
sample that the store does not take is lost.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog
from msgspec import Struct
from msgspec.structs import replace

from doorward.errors import StoreUnavailable
from doorward.model.metrics import DoorCounts, Reading, Sample, Spend
from doorward.ports.clock import Clock
from doorward.ports.operator import MetricsSource, MetricsStore

log = structlog.get_logger()

FINE, COARSE = 360, 1440  # samples that are kept: an hour of 10 s, a day of 1 minute
IN_COARSE = 6  # fine samples in a coarse one


class Measuring(Struct, frozen=True, kw_only=True):
    """How it is measured: the processes by name, where samples go, seconds from one to the next."""

    sources: Mapping[str, MetricsSource]
    store: MetricsStore
    clock: Clock
    period: float = 10.0


class Sampler:
    """Makes samples. `recent` holds the newest of this process, at most as many as are in a coarse one."""

    def __init__(self, measuring: Measuring) -> None:
        self._measuring = measuring
        self._before: dict[str, Reading] = {}
        self._at: float | None = None
        self._spend = Spend()
        self.recent: deque[Sample] = deque(maxlen=IN_COARSE)
        self._gathered: list[Sample] = []

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(self._measuring.period)

    async def tick(self) -> Sample | None:
        """One sample, of what happened since the tick before; None at the first, which has nothing to compare with."""
        now = self._measuring.clock()
        names = list(self._measuring.sources)
        readings = await asyncio.gather(*(source.read() for source in self._measuring.sources.values()))
        spend = await self._spent(now)
        answered = {name: reading for name, reading in zip(names, readings, strict=True) if reading is not None}
        before, self._before = self._before, answered
        since, self._at = self._at, now
        if since is None or now <= since:
            return None
        deltas = [_since(reading, before[name]) for name, reading in answered.items() if name in before]
        sample = replace(
            _joined(deltas, list(answered.values())),
            at=now,
            seconds=now - since,
            spend=spend,
            silent=tuple(name for name in names if name not in answered),
        )
        self.recent.append(sample)
        await self._keep(sample)
        return sample

    async def _keep(self, sample: Sample) -> None:
        self._gathered.append(sample)
        try:
            await self._measuring.store.add("hour", sample, keep=FINE)
            if len(self._gathered) == IN_COARSE:
                await self._measuring.store.add("day", coarse(self._gathered), keep=COARSE)
        except StoreUnavailable as error:
            log.warning("metrics_not_stored", code=error.code)
        if len(self._gathered) >= IN_COARSE:
            self._gathered = []

    async def _spent(self, now: float) -> Spend:
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        try:
            self._spend = await self._measuring.store.spend(day)
        except StoreUnavailable as error:
            log.warning("spend_not_read", code=error.code)
        return self._spend


def coarse(samples: Sequence[Sample]) -> Sample:
    """Several samples as one: counts are added up, the most of what stood at a moment is kept."""
    doors: dict[str, DoorCounts] = {}
    for sample in samples:
        doors = {name: _added(doors.get(name), sample.doors.get(name)) for name in {**doors, **sample.doors}}
    last = samples[-1]
    return Sample(
        at=last.at,
        seconds=sum(sample.seconds for sample in samples),
        doors=doors,
        turns=_summed(*(sample.turns for sample in samples)),
        runs=sum(sample.runs for sample in samples),
        restarts=sum(sample.restarts for sample in samples),
        active_turns=max(sample.active_turns for sample in samples),
        open_streams=max(sample.open_streams for sample in samples),
        spend=last.spend,
        silent=tuple(dict.fromkeys(name for sample in samples for name in sample.silent)),
    )


def _added(one: DoorCounts | None, other: DoorCounts | None) -> DoorCounts:
    one, other = one or DoorCounts(), other or DoorCounts()
    return DoorCounts(
        allowed=one.allowed + other.allowed,
        refused=_summed(one.refused, other.refused),
        latency=tuple(a + b for a, b in zip(one.latency, other.latency, strict=True)),
    )


def _summed(*counts: Mapping[str, int]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


def _joined(deltas: Sequence[Reading], now: Sequence[Reading]) -> Sample:
    """What was counted in all processes, and how it stands in them. Times are not set yet."""
    return Sample(
        at=0.0,
        seconds=0.0,
        doors={name: counts for delta in deltas for name, counts in delta.doors.items()},
        turns=_summed(*(delta.turns for delta in deltas)),
        runs=sum(delta.runs for delta in deltas),
        restarts=sum(delta.restarts for delta in deltas),
        active_turns=sum(reading.active_turns for reading in now),
        open_streams=sum(reading.open_streams for reading in now),
    )


def _since(now: Reading, before: Reading) -> Reading:
    """What was counted between two readings. A counter that fell began anew: its process was started again."""
    return Reading(
        doors={name: _door_since(counts, before.doors.get(name, DoorCounts())) for name, counts in now.doors.items()},
        turns=_counts_since(now.turns, before.turns),
        runs=_count_since(now.runs, before.runs),
        restarts=_count_since(now.restarts, before.restarts),
    )


def _door_since(now: DoorCounts, before: DoorCounts) -> DoorCounts:
    return DoorCounts(
        allowed=_count_since(now.allowed, before.allowed),
        refused=_counts_since(now.refused, before.refused),
        latency=tuple(_count_since(a, b) for a, b in zip(now.latency, before.latency, strict=True)),
    )


def _counts_since(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    counts = {name: _count_since(count, before.get(name, 0)) for name, count in now.items()}
    return {name: count for name, count in counts.items() if count}


def _count_since(now: int, before: int) -> int:
    return now - before if now >= before else now
