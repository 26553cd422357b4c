"""Whole turns against the agent servers of others, each with the same small agent, over the same connections."""

import contextlib
from collections.abc import Callable, Iterator

from bench.load import Sample, press
from bench.peers import NotRun, aegra, langgraph, waiting_run
from bench.plan import Plan, alternate
from bench.report import Row, median
from bench.row_turns import BODY
from bench.servers import Peer, house
from bench.wire import Target

CONNECTIONS = 32
_PEERS: tuple[tuple[str, Callable[[], contextlib.AbstractContextManager[Peer]], int], ...] = (
    ("LangGraph's dev server", langgraph, 15),
    ("Aegra", aegra, 50),
)


def rows(plan: Plan) -> Iterator[Row]:
    """One row for each of them."""
    for name, starting, target in _PEERS:
        title = f"whole turn, {CONNECTIONS} connections, against {name}"
        try:
            with starting() as peer, house("main") as ours:
                own = Target(f"{ours.url}/api/chat", BODY, ours.headers)
                yield _row(title, _compared(plan, own, waiting_run(peer)), (name, target))
        except NotRun as reason:
            yield Row(name=title, ours="", peer=f"{name}: not run, {reason}", target=f"at least {target} times")


def _compared(plan: Plan, own: Target, other: Target) -> tuple[float, float]:
    def pressed(target: Target) -> Sample:
        return press(target, connections=CONNECTIONS, seconds=plan.seconds)

    pressed(own), pressed(other)
    ours, theirs = alternate(plan.rounds, [lambda: pressed(own).rate, lambda: pressed(other).rate])
    return median(ours), median(theirs)


def _row(title: str, rates: tuple[float, float], wanted: tuple[str, int]) -> Row:
    own, other = rates
    name, target = wanted
    return Row(
        name=title,
        ours=f"{own:,.0f} turns/s",
        peer=f"{name}, POST /runs/wait: {other:,.0f}/s",
        ratio=f"{own / other:.1f}",
        target=f"at least {target} times",
        met=own >= target * other,
    )
