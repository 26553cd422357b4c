"""The tutorial and the README are true: their commands are run against real houses as they stand on the page, and their
answers compared.

A page's ```sh blocks run in one shell, in order. What a reader has and a test has not is replaced in plain sight
(`_as_here`): the ports, and the command's place. The block after a command is its answer; `...` matches anything.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from tests.journey.house import House, running_house

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
UP = ".venv/bin/doorward up "
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
MARK = "--- next block ---"
SECONDS = 120


class Command(Struct):
    """A ```sh block, and the answer that the page promises (None: it promises none)."""

    text: str
    answer: str | None = None


def test_there_are_four_steps() -> None:
    assert [page.name for page in PAGES] == ["1-direct.md", "2-front-door.md", "3-two-doors.md", "4-conversations.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_tutorial_answers_as_the_page_says(page: Path, tmp_path: Path) -> None:
    start, *commands = _commands(page)
    assert start.text.startswith(UP)
    with running_house(tmp_path, *shlex.split(start.text.removeprefix(UP))) as house:
        answers = _run([_as_here(command.text, house) for command in commands], tmp_path)
    for command, answer in zip(commands, answers, strict=True):
        if command.answer is None:
            assert not answer.strip(), command.text
        else:
            assert _pattern(command.answer).fullmatch(answer.strip()), f"{command.text}\nanswered:\n{answer}"


def test_the_first_request_of_the_readme_answers_as_it_says(house: House, tmp_path: Path) -> None:
    (command,) = _commands(ROOT / "README.md")
    assert command.answer is not None
    (answer,) = _run([_as_here(command.text, house)], tmp_path)
    assert _pattern(command.answer).fullmatch(answer.strip()), answer


@pytest.mark.parametrize(
    ("promised", "answer", "fits"),
    [
        ('{"a":"...","b":1}', '{"a":"x","b":1}', True),
        ('{"a":"...","b":1}', '{"a":"x","b":2}', False),
        ("first\n...\nlast", "first\nsecond\nthird\nlast", True),
        ("first\nlast", "first\nsecond\nlast", False),
    ],
)
def test_an_answer_is_compared_and_not_only_run(promised: str, answer: str, fits: bool) -> None:
    assert bool(_pattern(promised).fullmatch(answer)) is fits


def _commands(page: Path) -> list[Command]:
    found: list[Command] = []
    text = page.read_text(encoding="utf-8")
    answered = 0
    for block in BLOCK.finditer(text):
        if block[1] == "sh":
            found.append(Command(block[2]))
            answered = block.end()
        elif found and not text[answered : block.start()].strip():
            found[-1].answer = block[2]
    return found


def _as_here(text: str, house: House) -> str:
    data = shlex.quote(str(house.data))
    return (
        text.replace("http://127.0.0.1:8000", house.front_door)
        .replace("http://127.0.0.1:8080", house.ready["agent_door"])
        .replace(".venv/bin/doorward", f"DOORWARD_DATA={data} {shlex.quote(sys.executable)} -m doorward")
    )


def _run(blocks: list[str], folder: Path) -> list[str]:
    """The output of each block, of one shell that runs them all."""
    script = "".join(f"{block}\necho; echo '{MARK}'\n" for block in blocks)
    done = subprocess.run(
        ["sh", "-u", "-c", script], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout.split(f"{MARK}\n")[:-1]


def _pattern(answer: str) -> re.Pattern[str]:
    return re.compile(re.escape(answer.strip()).replace(r"\.\.\.", ".*"), re.DOTALL)
