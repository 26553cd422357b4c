"""`doorward deploy`: templates for a cloud."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from doorward.cli.options import loaded_from
from doorward.compose.deploying import write
from doorward.compose.template_checks import check_templates, verdict

_PATTERNS = ("direct", "front-door", "two-doors", "conversations")


@click.group("deploy")
def command() -> None:
    """The same house on a cloud."""


@command.command("aws")
@click.option("--pattern", type=click.Choice(_PATTERNS), help="Which of the four architectures.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("aws"),
    show_default=True,
    help="Folder for templates, packages and the guide.",
)
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="The configuration file.")
@click.option("--agent", metavar="FILE[:NAME]", help="The agent's file.")
@click.option("--check", is_flag=True, help="Validate them: cfn-lint; SAM and checkov where they are installed.")
def aws(out: Path, *, check: bool, **options: Any) -> None:  # noqa: ANN401
    """Write CloudFormation templates, packages and a guide with two commands: build, deploy."""
    settings = loaded_from(options).settings
    written = write(settings, settings.pattern, out)
    click.echo(f"Made {out} for pattern {settings.pattern}. Next: read {out / 'README.md'}.")
    for note in written.notes:
        click.echo(note, err=True)
    for name in written.unseen:
        click.echo(
            f"The agent imports {name}, which is not installed here and which no requirement is named for: "
            "see that requirements.txt beside the agent brings it.",
            err=True,
        )
    if not check:
        return
    found = asyncio.run(check_templates(written.templates))
    for each in found:
        state = "not installed" if each.clean is None else "clean" if each.clean else "BAD"
        click.echo(f"{state:13} {each.tool} {each.template}".rstrip())
        if each.output:
            click.echo(each.output)
    click.echo(verdict(found))
    sys.exit(1 if any(each.clean is False for each in found) else 0)
