"""Counters of a process read from what it tells Prometheus; one that tells nonsense, or nothing, is silent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from tests.unit.front_door.rig import serving

from doorward.compose.scraping import ScrapedMetrics, reading_of, runtime_metrics_url
from doorward.http.asgi import Receive, Scope, Send
from doorward.model.metrics import BUCKETS, DoorCounts, Reading
from doorward.model.settings import AgentSettings, ConsoleSettings, GatewaySettings, Settings

pytestmark = pytest.mark.anyio


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    verdicts = Counter("doorward_verdicts", "v", ["door", "verdict", "code"], registry=made)
    verdicts.labels("agent_door", "allow", "allowed").inc(3)
    verdicts.labels("agent_door", "deny", "signature").inc(2)
    seconds = Histogram("doorward_request_seconds", "s", ["door", "route", "status"], registry=made, buckets=BUCKETS)
    for route, time in (("a", 0.0005), ("a", 0.02), ("b", 0.02), ("b", 99.0)):
        seconds.labels("agent_door", route, "200").observe(time)
    Counter("doorward_turns", "t", ["status"], registry=made).labels("failed").inc(4)
    Counter("doorward_agent_runs", "r", ["agent"], registry=made).labels("hello").inc(5)
    Gauge("doorward_active_turns", "a", registry=made).set(6)
    Counter("something_else", "x", registry=made).inc()
    return made


LATENCY = [0] * (len(BUCKETS) + 1)
LATENCY[0], LATENCY[BUCKETS.index(0.025)], LATENCY[-1] = 1, 2, 1
EXPECTED = Reading(
    doors={"agent_door": DoorCounts(allowed=3, refused={"signature": 2}, latency=tuple(LATENCY))},
    turns={"failed": 4},
    runs=5,
    active_turns=6,
)


def test_a_registry_is_read() -> None:
    assert reading_of(registry().collect()) == EXPECTED


@contextlib.asynccontextmanager
async def saying(body: bytes, status: int = 200) -> AsyncIterator[ScrapedMetrics]:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async with serving(app) as port, aiohttp.ClientSession(trust_env=False) as http:
        yield ScrapedMetrics(http, f"http://127.0.0.1:{port}/metrics")


async def test_another_process_is_read_over_http() -> None:
    async with saying(generate_latest(registry())) as source:
        assert await source.read() == EXPECTED


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"doorward_turns_total{status=", 200), (b"\xff\xfe", 200), (b"x" * 5_000_000, 200), (b"", 500)],
)
async def test_nonsense_is_silence(body: bytes, status: int) -> None:
    async with saying(body, status) as source:
        assert await source.read() is None


async def test_who_is_not_there_is_silent() -> None:
    async with aiohttp.ClientSession(trust_env=False) as http:
        async with asyncio.timeout(10):
            assert await ScrapedMetrics(http, "http://127.0.0.1:1/metrics").read() is None


def test_the_runtime_is_found_on_this_machine_or_where_it_is_said() -> None:
    settings = Settings(gateway=GatewaySettings(operator_host="0.0.0.0"), agent=AgentSettings(operator_port=7))  # noqa: S104
    assert runtime_metrics_url(settings) == "http://127.0.0.1:7/metrics"
    elsewhere = Settings(console=ConsoleSettings(runtime_metrics="http://runtime:9465/metrics"))
    assert runtime_metrics_url(elsewhere) == "http://runtime:9465/metrics"
