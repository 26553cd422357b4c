"""The reference says what the code does."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from render_configuration import TARGET, render  # noqa: E402 - the page's own writer

from doorward.cli.main import root  # noqa: E402

SOURCE = ROOT / "src" / "doorward"


def test_the_reference_of_the_configuration_is_the_code() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run: python docs/render_configuration.py"


def _codes() -> set[str]:
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"""\bcode(?:: str)? ?= ?"([a-z0-9_]+)\"""", text))
    return found


def test_the_reference_of_errors_lists_every_code() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    missing = {code for code in _codes() if f"`{code}`" not in page}
    assert not missing


@pytest.mark.parametrize("name", ["up", "serve", "user", "token", "audit", "doctor", "new"])
def test_the_reference_of_the_command_line_lists_every_command_and_option(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    command = root.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert f"doorward {name}" in page
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--"):
                assert option in page, option


def test_the_list_of_concepts_names_files_that_exist() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:src|tests|docs|examples|bench)/[\w./-]+)`", page))
    assert named
    assert not {name for name in named if not (ROOT / name).exists()}
