"""The metrics as operators see them: now, and as series over an hour or a day."""

from collections import Counter
from collections.abc import Sequence

from doorward.model.budget import NANO
from doorward.model.console import BudgetOfDay, DoorNow, DoorSeries, HouseNow, Series
from doorward.model.metrics import DoorCounts, Sample, Spend
from doorward.model.settings import BudgetSettings
from doorward.ports.clock import Clock
from doorward.ports.operator import MetricsStore, Window
from doorward.services.operator.quantiles import quantile
from doorward.services.operator.sampling import COARSE, FINE, Sampler, coarse

# The doors in the order of the walk of a message, with the process that each stands in.
DOORS = {"front_door": "gateway", "agent_door": "runtime", "tool_door": "runtime", "model_door": "runtime"}
CODES = 8  # codes of refusals that a series names
OTHERS = "(others)"
_KEPT = {"hour": FINE, "day": COARSE}


class MetricsService:
    """Fulfils `ports.operator.MetricsView`."""

    def __init__(self, sampler: Sampler, store: MetricsStore, budget: BudgetSettings, clock: Clock) -> None:
        self._sampler = sampler
        self._store = store
        self._clock = clock
        self._budget = BudgetOfDay(tokens=budget.total_tokens_per_day or None, money=budget.total_money_per_day or None)

    def now(self) -> HouseNow:
        recent = list(self._sampler.recent)
        last = recent[-1] if recent else None
        minute = coarse(recent) if recent else Sample(at=self._clock(), seconds=0.0)
        spend = last.spend if last else Spend()
        silent = last.silent if last else ()
        return HouseNow(
            at=minute.at,
            over=minute.seconds,
            doors=[_door_now(name, minute, silent=process in silent) for name, process in DOORS.items()],
            active_turns=last.active_turns if last else 0,
            open_streams=last.open_streams if last else 0,
            runs=minute.runs,
            restarts=minute.restarts,
            turns_today=spend.turns,
            tokens_today=spend.tokens,
            money_today=spend.money / NANO,
            budget=self._budget,
            silent=silent,
        )

    async def series(self, window: Window) -> Series:
        samples = await self._store.newest(window, limit=_KEPT[window])
        doors = [name for name in DOORS if any(name in sample.doors for sample in samples)]
        return Series(
            window=window,
            at=[sample.at for sample in samples],
            doors=[_door_series(name, samples) for name in doors],
            refused=_refused(samples),
            active_turns=[sample.active_turns for sample in samples],
            open_streams=[sample.open_streams for sample in samples],
            tokens_today=[sample.spend.tokens for sample in samples],
            money_today=[sample.spend.money / NANO for sample in samples],
            budget=self._budget,
        )


def _door_now(name: str, minute: Sample, *, silent: bool) -> DoorNow:
    counts = minute.doors.get(name)
    there = counts or DoorCounts()
    refused = sum(there.refused.values())
    p50, p95, p99 = _latencies(there)
    return DoorNow(
        door=name,
        state="silent" if silent else "absent" if counts is None else "open",
        allowed_rate=_rate(there.allowed, minute.seconds),
        refused_rate=_rate(refused, minute.seconds),
        refused=there.refused,
        p50=p50,
        p95=p95,
        p99=p99,
    )


def _door_series(name: str, samples: Sequence[Sample]) -> DoorSeries:
    counts = [sample.doors.get(name) for sample in samples]
    seconds = [sample.seconds for sample in samples]
    latencies = [_latencies(each or DoorCounts()) for each in counts]
    return DoorSeries(
        door=name,
        allowed_rate=[
            None if each is None else _rate(each.allowed, span) for each, span in zip(counts, seconds, strict=True)
        ],
        refused_rate=[
            None if each is None else _rate(sum(each.refused.values()), span)
            for each, span in zip(counts, seconds, strict=True)
        ],
        p50=[each[0] for each in latencies],
        p95=[each[1] for each in latencies],
        p99=[each[2] for each in latencies],
    )


def _latencies(counts: DoorCounts) -> tuple[float | None, float | None, float | None]:
    return quantile(0.5, counts.latency), quantile(0.95, counts.latency), quantile(0.99, counts.latency)


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 3) if seconds else 0.0


def _refused(samples: Sequence[Sample]) -> dict[str, list[int]]:
    by_moment = [
        sum((Counter(counts.refused) for counts in sample.doors.values()), Counter[str]()) for sample in samples
    ]
    named = [code for code, _ in sum(by_moment, Counter[str]()).most_common(CODES)]
    refused = {code: [each[code] for each in by_moment] for code in named}
    others = [each.total() - sum(each[code] for code in named) for each in by_moment]
    return {**refused, OTHERS: others} if any(others) else refused
