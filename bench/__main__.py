"""``python -m bench [--quick | --full] [--only NAME] [--markdown FILE]``: measure and print every row."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import (
    machine,
    row_front_door,
    row_functions,
    row_page,
    row_pages,
    row_peers,
    row_resume,
    row_sessions,
    row_size,
    row_soak,
    row_streams,
    row_turns,
)
from bench.load import CLIENT
from bench.plan import FULL, QUICK, Plan
from bench.report import Row, markdown

ROWS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "front-door": row_front_door.rows,
    "turns": row_turns.rows,
    "streams": row_streams.rows,
    "resume": row_resume.rows,
    "sessions": row_sessions.rows,
    "pages": row_pages.rows,
    "page": row_page.rows,
    "size": row_size.rows,
    "functions": row_functions.rows,
    "soak": row_soak.rows,
    "peers": row_peers.rows,
}
BY_DEFAULT = [name for name in ROWS if name not in ("peers", "soak")]


def main() -> int:
    """Run the chosen rows; always 0 unless something breaks: a missed target is printed, not raised."""
    options = _options()
    plan = QUICK if options.quick else FULL if options.full else Plan()
    heading = [
        f"machine   {machine.description()}, load {machine.load():.1f} at the start",
        f"command   python -m bench {' '.join(sys.argv[1:])}".rstrip(),
        f"client    {CLIENT}; on this machine; medians of {plan.rounds} alternating samples of {plan.seconds} s",
    ]
    print("\n".join(heading), flush=True)
    found: list[Row] = []
    begun = time.monotonic()
    for name in options.only or BY_DEFAULT:
        print(f"\n{name}", flush=True)
        for row in ROWS[name](plan):
            print(row.line(), flush=True)
            found.append(row)
    missed = sum(row.met is False for row in found)
    met = sum(row.met is True for row in found)
    print(
        f"\n{met} targets met, {missed} not met; {time.monotonic() - begun:.0f} s, load {machine.load():.1f} at the end"
    )
    if options.markdown:
        options.markdown.write_text("\n".join(heading) + "\n\n" + markdown(found))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios against named peers, in one run.")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="short samples, a smaller store")
    length.add_argument(
        "--full", action="store_true", help="long samples; 1,000,000 conversations, 10,000,000 messages"
    )
    parser.add_argument("--only", action="append", choices=list(ROWS), help="these rows only; may be repeated")
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
