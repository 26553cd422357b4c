"""`doorward probe`."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from doorward.compose.expecting import expectation
from doorward.compose.probing import PATTERNS, Watching, chosen, probe_patterns
from doorward.probe.reports.json_report import json_report
from doorward.probe.reports.table import print_table
from doorward.probe.runner import Report, Row, expecting

_WRITERS: dict[str, Callable[[Sequence[Report]], str]] = {"json": json_report}


def _report_option(name: str, what: str) -> Callable[..., Any]:
    kind = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
    return click.option(f"--{name}", f"to_{name}", type=kind, help=f"Write {what} here; - is the standard output.")


@click.command("probe")
@click.option(
    "--pattern", "patterns", multiple=True, type=click.Choice(PATTERNS), help="Only this pattern. Repeatable."
)
@click.option("--only", multiple=True, metavar="ID", help="Only this attack. Repeatable.")
@click.option(
    "--expect",
    multiple=True,
    metavar="ID[@TARGET]|gap",
    help="This attack is known to get through; gap names those of the first two patterns. Repeatable.",
)
@_report_option("json", "JSON")
def command(patterns: tuple[str, ...], only: tuple[str, ...], expect: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401
    """Attack a house of each pattern. Exit status 1 when an attack got through that --expect does not name."""
    attacks = chosen(only)
    expected = expectation(expect, [attack.id for attack in attacks])
    reports = asyncio.run(probe_patterns(patterns or PATTERNS, attacks, _watching()))
    reports = [expecting(report, expected) for report in reports]
    _write(reports, options)
    sys.exit(1 if any(report.unexpected() for report in reports) else 0)


def _watching() -> Watching:
    """Progress goes to stderr, one line an attack."""

    def row(row: Row) -> None:
        click.echo(f"  {row.id:10} {row.result.value:14} {row.seconds:6.2f} s  {row.title}", err=True)

    return Watching(lambda sentence: click.echo(sentence, err=True), row)


def _write(reports: Sequence[Report], options: dict[str, Any]) -> None:
    wanted = {name: options.get(f"to_{name}") for name in _WRITERS}
    if Path("-") not in wanted.values():
        print_table(reports, Console())
    for name, path in wanted.items():
        if path is None:
            continue
        text = _WRITERS[name](reports)
        if path == Path("-"):
            click.echo(text, nl=False)
        else:
            path.write_text(text, encoding="utf-8")
