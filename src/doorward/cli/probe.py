"""`doorward probe`."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from doorward.cli.options import data_options, loaded_from
from doorward.compose.auditing import note_probe
from doorward.compose.claiming import claim, key_place, operator_key
from doorward.compose.expecting import expectation
from doorward.compose.probing import PATTERNS, Watching, chosen, probe_patterns, probe_targets
from doorward.compose.targets import read_targets
from doorward.probe.attack import Attack
from doorward.probe.reports.html import html_report
from doorward.probe.reports.json_report import json_report
from doorward.probe.reports.junit import junit_report
from doorward.probe.reports.sarif import sarif_report
from doorward.probe.reports.table import print_table
from doorward.probe.runner import Report, Row, expecting

_FILE = click.Path(dir_okay=False, path_type=Path)
_OUTPUT = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
_STDOUT = Path("-")
_WRITERS: dict[str, Callable[[Sequence[Report]], str]] = {
    "json": json_report,
    "sarif": sarif_report,
    "junit": junit_report,
    "html": html_report,
}


def _report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(_WRITERS):
        text = f"Write the findings as {name} here; - is the standard output."
        command = click.option(f"--{name}", f"to_{name}", type=_OUTPUT, metavar="FILE", help=text)(command)
    return command


@click.command("probe")
@click.option("--target", "files", multiple=True, type=_FILE, metavar="FILE", help="A probe.toml. Repeatable.")
@click.option("--pattern", "patterns", multiple=True, type=click.Choice(PATTERNS), help="Only this one. Repeatable.")
@click.option("--only", multiple=True, metavar="ID", help="Only this attack. Repeatable.")
@click.option(
    "--expect",
    multiple=True,
    metavar="ID[@TARGET]|gap",
    help="This attack is known to get through; gap names those of the first two patterns. Repeatable.",
)
@_report_options
@click.option("--claim", "host", metavar="HOST", help="Print the file that proves that this host is yours, and stop.")
@click.option("--key", type=_FILE, metavar="FILE", help="Your key for claims; by default one in the data folder.")
@data_options
def command(**options: Any) -> None:  # noqa: ANN401
    """Attack a house of each pattern, or the targets of a file. Exit status 1 when an attack got through that --expect
    does not name."""
    place = key_place(loaded_from(options), options["key"])
    if options["host"]:
        _print_claim(options["host"], place)
        return
    attacks = chosen(options["only"])
    expected = expectation(options["expect"], [attack.id for attack in chosen(())])
    reports = [expecting(report, expected) for report in asyncio.run(_probed(options, attacks, place))]
    _write(reports, options)
    sys.exit(1 if any(report.unexpected() for report in reports) else 0)


async def _probed(options: dict[str, Any], attacks: Sequence[Attack], place: Path) -> list[Report]:
    watching = Watching(lambda sentence: click.echo(sentence, err=True), _say_row)
    if not options["files"]:
        return await probe_patterns(options["patterns"] or PATTERNS, attacks, watching)
    targets = [target for file in options["files"] for target in read_targets(file)]
    settings = loaded_from(options).settings
    return await probe_targets(
        targets, attacks, watching, key=operator_key(place), record=lambda name: note_probe(settings, name)
    )


def _say_row(row: Row) -> None:
    """Progress goes to stderr, one line an attack."""
    click.echo(f"  {row.id:10} {row.result.value:14} {row.seconds:6.2f} s  {row.title}", err=True)


def _print_claim(host: str, place: Path) -> None:
    text, where = claim(host, place)
    click.echo(text, nl=False)
    click.echo(f"Publish these lines at {where}; your key is {place}.", err=True)


def _write(reports: Sequence[Report], options: dict[str, Any]) -> None:
    wanted = {name: options[f"to_{name}"] for name in _WRITERS if options[f"to_{name}"] is not None}
    if _STDOUT not in wanted.values():
        print_table(reports, Console())
    for name, path in wanted.items():
        text = _WRITERS[name](reports)
        if path == _STDOUT:
            click.echo(text, nl=False)
        else:
            path.write_text(text, encoding="utf-8")
