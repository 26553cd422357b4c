"""The reference says what the code does."""

import re
import sys
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from render_configuration import TARGET, render  # noqa: E402 - the page's own writer
from tests.architecture.codes import codes_in  # noqa: E402

from doorward.cli.main import root  # noqa: E402
from doorward.compose.settings import known_keys, load, variable_of  # noqa: E402

SOURCE = ROOT / "src" / "doorward"
DECISIONS = list((ROOT / "docs" / "decisions").glob("*.md"))
CONTEXT = click.Context(root)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


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


@pytest.mark.parametrize("name", root.list_commands(CONTEXT))
def test_the_reference_of_the_command_line_lists_every_command_and_option(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    command = root.get_command(CONTEXT, name)
    assert command is not None
    assert f"## doorward {name}" in page
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    for parameter in (parameter for each in (command, *inner) for parameter in each.params):
        for option in parameter.opts:
            if option.startswith("--"):
                assert option in page, option


NAMED_FILE = re.compile(r"`((?:src|tests|docs|examples|bench|page)/[\w./-]+)`")


def test_the_list_of_concepts_names_files_that_exist() -> None:
    named = set(NAMED_FILE.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")))
    assert named
    assert not {name for name in named if not (ROOT / name).exists()}


def test_the_list_of_concepts_names_every_room() -> None:
    """A room is named itself, or by something that lies in it."""
    named = {ROOT / name for name in NAMED_FILE.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))}
    known = named.union(*(path.parents for path in named))
    rooms = {init.parent for init in SOURCE.rglob("__init__.py")} - {SOURCE}
    assert rooms
    assert not {str(room.relative_to(ROOT)) for room in rooms - known}


@pytest.mark.parametrize("page", ["SECURITY.md", *sorted(str(path.relative_to(ROOT)) for path in DECISIONS)])
def test_a_promise_names_tests_that_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests/|\.importlinter)[\w./-]*)`", text)
    assert named
    assert not [name for name in named if not _has_tests(ROOT / name)]


def test_every_promise_of_security_has_its_test() -> None:
    table = (ROOT / "SECURITY.md").read_text(encoding="utf-8").split("| --- | --- |\n")[1].split("\n\n")[0]
    assert not [row for row in table.splitlines() if "`tests/" not in row]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_that_pages_name_exist(page: Path) -> None:
    keys = {key for key, _ in known_keys() if "." in key}
    sections = {key.partition(".")[0] for key in keys}
    named = re.findall(
        r"`((?:" + "|".join(map(re.escape, sorted(sections))) + r")\.(?!(?:py|db)`)[a-z_]+)`",
        page.read_text(encoding="utf-8"),
    )
    variables = re.findall(r"\bDOORWARD_[A-Z_]+\b", page.read_text(encoding="utf-8"))
    assert not set(named) - keys
    assert not set(variables) - {variable_of(key) for key, _ in known_keys()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_configurations_that_pages_show_are_taken(page: Path, tmp_path: Path) -> None:
    file = tmp_path / "doorward.toml"
    for block in re.findall(r"^```toml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        file.write_text(block, encoding="utf-8")
        assert load(file=file, environ={}).sources


def _has_tests(path: Path) -> bool:
    return any(path.rglob("test_*.py")) if path.is_dir() else path.is_file()
