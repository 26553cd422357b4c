"""The metrics of both processes as readings: this process's own, and the runtime's from its operator port."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from doorward.compose.listen import url_of
from doorward.model.metrics import BUCKETS, DoorCounts, Reading
from doorward.model.settings import Settings
from doorward.telemetry.metrics import REGISTRY

_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
_MOST_BYTES = 4_000_000
_BOUNDS = {bound: place for place, bound in enumerate((*BUCKETS, float("inf")))}


class OwnMetrics:
    """`MetricsSource` of the process that asks."""

    async def read(self) -> Reading | None:
        return reading_of(REGISTRY.collect())


class ScrapedMetrics:
    """`MetricsSource` of another process, by its ``/metrics``. What it says is bounded and never trusted to be well
    formed: it is silent then."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def read(self) -> Reading | None:
        try:
            async with self._http.get(self._url, timeout=_TIMEOUT, allow_redirects=False) as answer:
                if answer.status != 200:
                    return None
                body = bytearray()
                async for chunk in answer.content.iter_chunked(65536):
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        return None
            return reading_of(text_string_to_metric_families(body.decode()))
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return None


def runtime_metrics_url(settings: Settings) -> str:
    """Where the gateway finds the runtime's metrics."""
    return settings.console.runtime_metrics or (
        f"{url_of(settings.gateway.operator_host, settings.agent.operator_port)}/metrics"
    )


def reading_of(families: Iterable[Metric]) -> Reading:
    """The counters that Doorward names, out of all that a process says."""
    made = _Making()
    for family in families:
        for sample in family.samples:
            if take := _TAKES.get(sample.name):
                take(made, sample.labels, sample.value)
    return made.reading()


class _Making:
    def __init__(self) -> None:
        self.allowed: dict[str, int] = {}
        self.refused: dict[str, dict[str, int]] = {}
        self.latency: dict[str, list[int]] = {}
        self.turns: dict[str, int] = {}
        self.numbers: dict[str, int] = {}

    def reading(self) -> Reading:
        doors = {name: self._door(name) for name in {**self.allowed, **self.refused, **self.latency}}
        return Reading(doors=doors, turns=self.turns, **self.numbers)

    def _door(self, name: str) -> DoorCounts:
        cumulative = self.latency.get(name, [0] * len(_BOUNDS))
        counts = [here - before for here, before in zip(cumulative, [0, *cumulative], strict=False)]
        return DoorCounts(
            allowed=self.allowed.get(name, 0), refused=self.refused.get(name, {}), latency=tuple(map(_natural, counts))
        )


def _verdict(made: _Making, labels: Mapping[str, str], value: float) -> None:
    door, code = labels["door"], labels["code"]
    if labels["verdict"] == "allow":
        made.allowed[door] = made.allowed.get(door, 0) + int(value)
    else:
        refused = made.refused.setdefault(door, {})
        refused[code] = refused.get(code, 0) + int(value)


def _bucket(made: _Making, labels: Mapping[str, str], value: float) -> None:
    place = _BOUNDS.get(float(labels["le"]))
    if place is not None:
        made.latency.setdefault(labels["door"], [0] * len(_BOUNDS))[place] += int(value)


def _turn(made: _Making, labels: Mapping[str, str], value: float) -> None:
    made.turns[labels["status"]] = made.turns.get(labels["status"], 0) + int(value)


def _number(name: str) -> Callable[[_Making, Mapping[str, str], float], None]:
    def take(made: _Making, _: Mapping[str, str], value: float) -> None:
        made.numbers[name] = made.numbers.get(name, 0) + int(value)

    return take


def _natural(count: int) -> int:
    return max(0, count)


_TAKES: dict[str, Callable[[_Making, Any, float], None]] = {
    "doorward_verdicts_total": _verdict,
    "doorward_request_seconds_bucket": _bucket,
    "doorward_turns_total": _turn,
    "doorward_active_turns": _number("active_turns"),
    "doorward_open_streams": _number("open_streams"),
    "doorward_agent_runs_total": _number("runs"),
    "doorward_worker_restarts_total": _number("restarts"),
}
