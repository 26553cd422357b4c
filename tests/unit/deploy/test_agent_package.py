"""The agent's part of `doorward deploy aws`: what the file imports goes along, and what would not be there is said."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from doorward.cli.main import root
from doorward.errors import DoorwardError

NOTHING = "def invoke(p): ..."


def project(folder: Path, agent: str = NOTHING, **files: str) -> Path:
    """A folder with `agent.py` and these modules; ``tools_search`` is ``tools/search.py``, and ``tools_`` a package."""
    for name, text in {"agent": agent, **files}.items():
        *places, module = name.split("_")
        path = folder.joinpath(*places) / f"{module or '__init__'}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "agent.py"


def deploy(agent: Path, out: Path) -> Result:
    return CliRunner().invoke(root, ["deploy", "aws", "--pattern", "direct", "--agent", str(agent), "--out", str(out)])


def packed(agent: Path, out: Path) -> set[str]:
    result = deploy(agent, out)
    assert result.exit_code == 0, result.exception
    source = out / "agent" / "source"
    return {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}


def refused(agent: Path, out: Path) -> str:
    result = deploy(agent, out)
    assert isinstance(result.exception, DoorwardError), result.output
    assert result.exception.code == "agent_not_packable"
    assert not out.exists()
    return result.exception.message


def requirements(out: Path) -> list[str]:
    return (out / "agent" / "requirements.txt").read_text(encoding="utf-8").splitlines()


def test_modules_beside_the_file_go_along_when_they_are_imported_and_only_then(tmp_path: Path) -> None:
    agent = project(
        tmp_path / "p",
        agent="import one\ndef invoke(p):\n    import lazy\n",
        one="from two import thing\nimport agent",
        two="thing = 1",
        lazy="",
        other="",
    )
    assert packed(agent, tmp_path / "out") == {"agent.py", "one.py", "two.py", "lazy.py"}


def test_a_package_goes_along_whole_with_its_data_and_without_what_is_hidden_or_compiled(tmp_path: Path) -> None:
    agent = project(
        tmp_path / "p",
        agent="from tools.search import find\ndef invoke(p): ...",
        tools_="",
        tools_search="from . import words\nfrom ..far import x\nimport beside",
        tools_words="",
        tools_deep_search="import pytest",
        beside="",
    )
    tools = agent.parent / "tools"
    (tools / "prompt.txt").write_text("Be kind.", encoding="utf-8")
    (tools / ".env").write_text("KEY=secret", encoding="utf-8")
    (tools / "__pycache__").mkdir()
    (tools / "__pycache__" / "x.pyc").write_text("", encoding="utf-8")
    expected = {"__init__.py", "search.py", "words.py", "prompt.txt", "deep/search.py"}
    assert packed(agent, tmp_path / "out") == {"agent.py", "beside.py", *(f"tools/{name}" for name in expected)}


def test_a_folder_that_is_written_inside_a_package_does_not_hold_itself(tmp_path: Path) -> None:
    agent = project(tmp_path / "p", agent="import tools\ndef invoke(p): ...", tools_="")
    for _ in range(2):
        assert packed(agent, agent.parent / "tools" / "aws") == {"agent.py", "tools/__init__.py"}


def test_the_agents_own_folders_are_packed_whatever_their_name(tmp_path: Path) -> None:
    agent = project(tmp_path / "p", agent="import bin.x\ndef invoke(p): ...", bin_="", bin_x="")
    out = tmp_path / "out"
    packed(agent, out)
    (out / "agent" / "bin").mkdir()
    (out / "agent" / "bin" / "tool").write_text("", encoding="utf-8")
    pack = [sys.executable, str(out / "pack.py"), str(out / "agent"), "3.13"]
    subprocess.run(pack, check=True, capture_output=True)
    (file,) = out.glob("agent-*.zip")
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    assert "source/bin/x.py" in names
    assert "bin/tool" not in names


def test_the_list_beside_the_agent_is_taken_into_the_packages_own(tmp_path: Path) -> None:
    agent = project(tmp_path / "p", agent="import sklearn_of_ours\nimport moto\ndef invoke(p): ...")
    agent.with_name("requirements.txt").write_text(
        "# mine\nmoto[server] >= 5  # pinned\n\nSklearn_Of.Ours\ndoorward[langgraph]\n"
        'tzdata; sys_platform == "win32"\n--index-url https://index.example/simple\n',
        encoding="utf-8",
    )
    packed(agent, tmp_path / "out")
    taken = requirements(tmp_path / "out")[-4:]
    index = "--index-url https://index.example/simple"
    assert taken == ["moto[server] >= 5", "Sklearn_Of.Ours", 'tzdata; sys_platform == "win32"', index]
    assert not [line for line in requirements(tmp_path / "out") if line.startswith("doorward")]


@pytest.mark.parametrize(
    "line",
    ["-e .", "-r other.txt", "-c bounds.txt", "./thing.whl", "thing @ file:///thing.whl", "thing==1 --hash=sha256:00"],
)
def test_a_requirement_that_only_this_machine_understands_is_refused(tmp_path: Path, line: str) -> None:
    agent = project(tmp_path / "p")
    agent.with_name("requirements.txt").write_text(f"{line}\n", encoding="utf-8")
    assert repr(line) in refused(agent, tmp_path / "out")


def test_the_sdk_of_agentcore_is_required_where_it_is_imported(tmp_path: Path) -> None:
    agent = project(tmp_path / "p", agent="import app\ndef invoke(p): ...", app="from bedrock_agentcore import memory")
    packed(agent, tmp_path / "out")
    assert [line for line in requirements(tmp_path / "out") if line.startswith("bedrock-agentcore>=")]
    plain = project(tmp_path / "q")
    packed(plain, tmp_path / "other")
    assert not [line for line in requirements(tmp_path / "other") if line.startswith("bedrock-agentcore")]


def test_what_is_installed_here_and_would_not_be_there_is_refused_with_the_way_out(tmp_path: Path) -> None:
    agent = project(tmp_path / "p", agent="import one\ndef invoke(p): ...", one="import moto.server")
    said = refused(agent, tmp_path / "out")
    assert "one.py imports moto" in said
    assert f"write moto into {agent.with_name('requirements.txt')}" in said


def test_what_nobody_here_knows_is_a_warning(tmp_path: Path) -> None:
    agent = project(tmp_path / "p", agent="import nowhere_known.part\ndef invoke(p): ...")
    result = deploy(agent, tmp_path / "out")
    assert result.exit_code == 0
    assert "imports nowhere_known, which is not installed here" in result.stderr


def test_what_the_agent_can_do_without_holds_nobody_up(tmp_path: Path) -> None:
    text = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import moto
try:
    import moto.server
except ImportError:
    moto = None
def invoke(p):
    import moto.core
"""
    result = deploy(project(tmp_path / "p", agent=text), tmp_path / "out")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("text", ["def invoke(:\n", "x = '\0'"])
def test_a_file_that_is_no_python_is_refused(tmp_path: Path, text: str) -> None:
    assert "cannot be read as Python" in refused(project(tmp_path / "p", agent=text), tmp_path / "out")
