"""One row of the result, and how the table looks on a terminal and in Markdown."""

import statistics
from collections.abc import Iterable

from msgspec import Struct


class Row(Struct, frozen=True, kw_only=True):
    """What was measured, as texts with units; `met` is None where there is no target."""

    name: str
    ours: str
    peer: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """Whether the target was met, in words."""
        return {True: "met", False: "NOT MET", None: ""}[self.met]

    def line(self) -> str:
        """The row for a terminal."""
        parts = [self.ours, f"against {self.peer}" if self.peer else "", f"ratio {self.ratio}" if self.ratio else ""]
        goal = f"target {self.target}: {self.verdict}" if self.target else ""
        return f"  {self.name}\n      " + "; ".join(part for part in (*parts, goal) if part)


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` (0 to 1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def markdown(rows: Iterable[Row]) -> str:
    """The table for the documents."""
    lines = ["| what | ours | against | ratio | target | |", "|---|---|---|---|---|---|"]
    lines += [f"| {r.name} | {r.ours} | {r.peer} | {r.ratio} | {r.target} | {r.verdict} |" for r in rows]
    return "\n".join(lines) + "\n"
