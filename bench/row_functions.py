"""The functions on AWS: how long their modules take to import, each in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator

from bench.plan import Plan
from bench.report import Row, median

FUNCTIONS = ("chat", "turns", "conversations", "relay")
TIMES = 7


def rows(plan: Plan) -> Iterator[Row]:
    """One for each function."""
    del plan
    for name in FUNCTIONS:
        shown = median(_import(name) for _ in range(TIMES))
        yield Row(
            name=f"import of the function `{name}`",
            ours=f"{shown * 1e3:.0f} ms",
            target="at most 250 ms",
            met=shown <= 0.25,
        )


def _import(name: str) -> float:
    code = (
        # The packages hold no rich; structlog would import it here.
        "import sys, time; sys.modules['rich'] = None; began = time.perf_counter(); "
        f"import doorward.compose.lambda_{name}; print(time.perf_counter() - began)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return float(said)
