"""The reference says what the code does."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from render_configuration import TARGET, render  # noqa: E402 - the page's own writer
from tests.architecture.codes import codes_in  # noqa: E402

from doorward.cli.main import root  # noqa: E402

SOURCE = ROOT / "src" / "doorward"


def test_the_reference_of_the_configuration_is_the_code() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run: python docs/render_configuration.py"


def test_the_reference_of_errors_lists_every_code_and_no_other() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z0-9_]+)` \|", page, re.MULTILINE)
    said = codes_in(SOURCE)
    assert not {code: sorted(files) for code, files in said.items() if code not in listed}
    assert not set(listed) - said.keys()
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ('raise Conflict("Busy.", code="busy")', {"busy"}),
        ("class Late(Exception):\n    code = 'too_late'", {"too_late"}),
        ("def no(code, text): ...\nraise no('not_so', 'It is not so.')", {"not_so"}),
        ("class Refusal(Exception):\n    def __init__(self, status, code): ...\nRefusal(400, 'odd')", {"odd"}),
        ("SENTENCES = {'agent_tired': 'The agent is tired.'}", {"agent_tired"}),
        ("code = error.code if known else 'unknown_thing'", {"unknown_thing"}),
        ("return Allow('public')\nledger(verdict='allow', code='operator')\nlog.info('x', code='noted')", set()),
    ],
)
def test_codes_are_found_wherever_they_are_said(source: str, codes: set[str], tmp_path: Path) -> None:
    (tmp_path / "room.py").write_text(source, encoding="utf-8")
    assert set(codes_in(tmp_path)) == codes


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
