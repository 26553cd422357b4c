"""A gateway that is killed while an agent answers: how long until its reader has the next event."""

import http.client
import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

from bench.plan import Plan
from bench.report import Row, median
from bench.servers import Measured, house

_ASK_AGAIN = 0.01
_PATIENCE = 60.0


def rows(plan: Plan) -> Iterator[Row]:
    """Each sample has a house of its own: a process that dies again and again is started later each time."""
    samples, lost = [], 0
    for _ in range(plan.rounds):
        with house("ticking") as ours:
            seconds, missing = _killed(ours)
            samples.append(seconds)
            lost += missing
    took = median(samples)
    yield Row(
        name="from `kill -9` of the gateway to the reader's next event",
        ours=f"{took:.2f} s ({min(samples):.2f} to {max(samples):.2f}), {lost} events lost or told twice",
        target="at most 3 s, none lost",
        met=took <= 3 and not lost,
    )


def _killed(ours: Measured) -> tuple[float, int]:
    """Seconds of silence for a reader that asks again every 10 ms; how many numbers are missing or twice there."""
    parts = urlsplit(ours.url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)) as client:
        head = {**ours.headers, "accept": "text/event-stream", "content-type": "application/json"}
        client.request("POST", "/api/chat", b'{"message":"400"}', head)
        answer = client.getresponse()
        turn = answer.headers["x-turn-id"]
        seen = list(itertools.islice(_numbers(answer), 20))
        killed_at = time.perf_counter()
        os.kill(ours.pids["gateway"], signal.SIGKILL)
        with suppress(OSError, http.client.HTTPException):
            seen.extend(_numbers(answer))
    deadline = killed_at + _PATIENCE
    while time.perf_counter() < deadline:
        rest = _follow(ours, turn, seen[-1])
        with suppress(OSError, http.client.HTTPException):
            first = next(rest)
            silence = time.perf_counter() - killed_at
            seen += [first, *rest]
            return silence, sum(number != at for at, number in enumerate(seen, start=1))
        time.sleep(_ASK_AGAIN)
    raise RuntimeError(f"nothing came within {_PATIENCE:.0f} s")


def _follow(ours: Measured, turn: str, after: int) -> Iterator[int]:
    parts = urlsplit(ours.url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)) as client:
        client.request("GET", f"/api/turns/{turn}/events", headers={**ours.headers, "last-event-id": str(after)})
        answer = client.getresponse()
        if answer.status != 200:
            raise http.client.HTTPException(answer.status)
        yield from _numbers(answer)


def _numbers(answer: http.client.HTTPResponse) -> Iterator[int]:
    for line in answer:
        if line.startswith(b"id: "):
            yield int(line[4:])
