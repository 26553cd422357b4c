"""`doorward new`."""

import re
from pathlib import Path
from string import Template

import click

from doorward.errors import ConfigurationError

_TEMPLATE = Path(__file__).parent / "template"


@click.command("new")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def command(directory: Path) -> None:
    """Begin a project in DIRECTORY: agent.py, doorward.toml, README.md. Nothing is overwritten."""
    name = re.sub(r"[^a-zA-Z0-9_-]", "-", directory.absolute().name).lstrip("-_0123456789")[:48] or "agent"
    files = sorted(_TEMPLATE.glob("*.template"))
    present = [file.stem for file in files if (directory / file.stem).exists()]
    if present:
        raise ConfigurationError(f"{directory} already has {', '.join(present)}.", code="already_there")
    directory.mkdir(parents=True, exist_ok=True)
    for file in files:
        text = Template(file.read_text(encoding="utf-8")).safe_substitute(name=name)
        (directory / file.stem).write_text(text, encoding="utf-8")
    click.echo(f"Made {directory}. Next: cd {directory} && doorward up")
