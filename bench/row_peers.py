"""Whole turns against the agent servers of others, each with the same small agent, over the same connections."""

import contextlib
from collections.abc import Callable, Iterator

from msgspec import Struct

from bench.load import Sample, press
from bench.peers import NotRun, aegra, langgraph, waiting_run, waiting_run_of_thread
from bench.plan import Plan, alternate
from bench.report import Row, median
from bench.row_turns import BODY
from bench.servers import Peer, house
from bench.wire import Target

CONNECTIONS = 32


class _Rival(Struct, frozen=True):
    """A peer: how it is started, how it is asked, how many times its rate ours should be."""

    name: str
    starting: Callable[[], contextlib.AbstractContextManager[Peer]]
    asking: Callable[[Peer], Target]
    target: int


_RIVALS = (
    _Rival("LangGraph's dev server (in memory)", langgraph, waiting_run, 15),
    _Rival("Aegra (Postgres)", aegra, waiting_run_of_thread, 50),
)


def rows(plan: Plan) -> Iterator[Row]:
    """One row for each of them."""
    for rival in _RIVALS:
        title, target = f"whole turn, {CONNECTIONS} connections", f"at least {rival.target} times"
        try:
            with rival.starting() as peer, house("main") as ours:
                own, other = _compared(plan, Target(f"{ours.url}/api/chat", BODY, ours.headers), rival.asking(peer))
        except NotRun as reason:
            yield Row(name=title, ours="", peer=f"{rival.name}: not run, {reason}", target=target)
            continue
        yield Row(
            name=title,
            ours=f"{own:,.0f} turns/s",
            peer=f"{rival.name}: {other:,.0f} waited runs/s",
            ratio=f"{own / other:.1f}",
            target=target,
            met=own >= rival.target * other,
        )


def _compared(plan: Plan, own: Target, other: Target) -> tuple[float, float]:
    def pressed(target: Target) -> Sample:
        return press(target, connections=CONNECTIONS, seconds=plan.seconds)

    pressed(own), pressed(other)
    ours, theirs = alternate(plan.rounds, [lambda: pressed(own).rate, lambda: pressed(other).rate])
    return median(ours), median(theirs)
