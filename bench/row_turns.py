"""Pattern `conversations`: whole durable turns with ledger, against the same agent behind bare uvicorn."""

from collections.abc import Iterator

from bench.load import press
from bench.plan import Plan, alternate
from bench.report import Row, median
from bench.servers import Measured, bare, house
from bench.wire import Target

CONNECTIONS = 32
BODY = b'{"message":"What is the weather in Seattle today?"}'
PROCESSES = ("gateway", "runtime", "worker")
Costs = dict[str, float]


def rows(plan: Plan) -> Iterator[Row]:
    """Turns against the two floors, and what a turn costs in each process."""
    with bare() as agent, bare(f"{agent.url}/") as hop, house("main") as ours:
        sides = [
            lambda: turns(ours, plan.seconds),
            lambda: (press(Target(agent.url, BODY), connections=CONNECTIONS, seconds=plan.seconds).rate, {}),
            lambda: (press(Target(hop.url, BODY), connections=CONNECTIONS, seconds=plan.seconds).rate, {}),
        ]
        turns(ours, 1)
        samples = alternate(plan.rounds, sides)
    own, floor, hopped = (median(rate for rate, _ in found) for found in samples)
    costs = {name: median(cost[name] for _, cost in samples[0]) for name in PROCESSES}
    yield from _told((own, floor, hopped), costs)


def turns(ours: Measured, seconds: int) -> tuple[float, Costs]:
    """Turns per second, and CPU microseconds a turn of each process."""
    before = {name: ours.cpu(name) for name in PROCESSES}
    target = Target(f"{ours.url}/api/chat", BODY, ours.headers)
    sample = press(target, connections=CONNECTIONS, seconds=seconds)
    return sample.rate, {name: (ours.cpu(name) - before[name]) / sample.requests * 1e6 for name in PROCESSES}


def _told(rates: tuple[float, float, float], costs: Costs) -> Iterator[Row]:
    own, floor, hopped = rates
    title = f"conversations, whole durable turn, {CONNECTIONS} connections"
    yield Row(
        name=title,
        ours=f"{own:,.0f} turns/s",
        peer=f"the same agent in bare uvicorn: {floor:,.0f}/s",
        ratio=f"{own / floor:.2f}",
        target="at least 0.3",
        met=own / floor >= 0.3,
    )
    yield Row(
        name=title,
        ours=f"{own:,.0f} turns/s",
        peer=f"a bare uvicorn hop (aiohttp) in front of it: {hopped:,.0f}/s",
        ratio=f"{own / hopped:.2f}",
    )
    total = sum(costs.values())
    parts = ", ".join(f"{name} {cost:.0f}" for name, cost in costs.items())
    yield Row(
        name="conversations, CPU of all our processes",
        ours=f"{total:.0f} us a turn ({parts})",
        target="at most 600 us",
        met=total <= 600,
    )
