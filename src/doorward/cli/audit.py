"""`doorward audit`: the ledger."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from doorward.cli.options import data_options, loaded_from
from doorward.compose.auditing import listing, verify


@click.group("audit")
def command() -> None:
    """The ledger of every door's verdicts."""


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, help="How many of the newest entries.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@data_options
def list_(limit: int, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """List the newest entries of all doors, oldest first."""
    for chain, item in asyncio.run(listing(loaded_from(options).settings, limit=limit)):
        entry = item.entry
        if as_json:
            fields = {"chain": chain, "sequence": item.sequence, **msgspec.to_builtins(entry), "hash": item.hash.hex()}
            click.echo(json.dumps(fields))
        else:
            at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
            parts = (f"{chain}/{item.sequence}", at, entry.door, entry.verdict, entry.code, entry.action)
            line = "  ".join((*parts, entry.resource, entry.principal, entry.on_behalf_of)).rstrip()
            click.echo("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line))


@command.command("verify")
@data_options
def verify_(**options: Any) -> None:  # noqa: ANN401
    """Walk every chain; name the first bad entry. Exit status 1 when there is one."""
    reports = asyncio.run(verify(loaded_from(options).settings))
    for report in reports:
        if report.fault is None:
            click.echo(f"{report.chain}: {report.entries} entries hold.")
        else:
            click.echo(f"{report.chain}: entry {report.fault.sequence} is bad: {report.fault.reason}", err=True)
    if not reports:
        click.echo("There is no ledger yet.")
    sys.exit(1 if any(report.fault for report in reports) else 0)
