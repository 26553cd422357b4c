"""`doorward deploy aws` as a person runs it: what lies in the folder, and what tools of others say of it."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from doorward.cli.main import root
from doorward.compose.template_checks import check_templates
from doorward.errors import DoorwardError

pytestmark = pytest.mark.anyio

PATTERNS = ("direct", "front-door", "two-doors", "conversations")
OWN = "{}.{}".format(*sys.version_info)


def deploy(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(root, ["deploy", "aws", "--out", str(out), *arguments])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each pattern."""
    folder = tmp_path_factory.mktemp("aws")
    for pattern in PATTERNS:
        result = deploy(folder / pattern, "--pattern", pattern)
        assert result.exit_code == 0, result.output
    return {pattern: folder / pattern for pattern in PATTERNS}


async def test_cfn_lint_finds_nothing_in_any_template(written: dict[str, Path]) -> None:
    templates = [out / name for out in written.values() for name in ("template.yaml", "artifacts.yaml")]
    (found, *_) = await check_templates(templates)
    assert (found.tool, found.clean) == ("cfn-lint", True), found.output


def test_check_says_bad_and_leaves_with_1_when_a_template_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"A": {"Type": "AWS::No::Such", "Properties": {}}}}
    monkeypatch.setattr("doorward.compose.deploying.template", lambda _: {**bad, "Parameters": {}})
    result = deploy(tmp_path, "--pattern", "direct", "--check")
    assert result.exit_code == 1
    assert "BAD           cfn-lint" in result.output
    assert "AWS::No::Such" in result.output


def tools(folder: Path, **status: int) -> None:
    """Stand-ins for `sam` and `checkov`."""
    for name, left_with in status.items():
        (folder / name).write_text(f"#!/bin/sh\necho {name} speaks\nexit {left_with}\n", encoding="utf-8")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("installed", "status", "last"),
    [
        ({}, 0, "Nothing was found by cfn-lint. NOT asked, as not installed: sam validate, checkov."),
        ({"sam": 0}, 0, "Nothing was found by cfn-lint, sam validate. NOT asked, as not installed: checkov."),
        ({"sam": 0, "checkov": 0}, 0, "Nothing was found by cfn-lint, sam validate, checkov."),
        ({"checkov": 1}, 1, "Something was found by cfn-lint, checkov. NOT asked, as not installed: sam validate."),
    ],
)
def test_the_last_line_of_a_check_says_who_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: dict[str, int], status: int, last: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    tools(programs, **installed)
    monkeypatch.setenv("PATH", str(programs))
    result = deploy(tmp_path / "out", "--pattern", "direct", "--check")
    assert (result.exit_code, result.output.splitlines()[-1]) == (status, last)
    for tool in ("sam validate", "checkov"):
        assert (f"not installed {tool}" in result.output) is (tool.split()[0] not in installed)


async def test_without_cfn_lint_a_check_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("doorward.compose.template_checks.find_spec", lambda _: None)
    with pytest.raises(DoorwardError) as caught:
        await check_templates([tmp_path / "template.yaml"])
    assert caught.value.code == "check_not_installed"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_guide_has_two_commands_and_every_parameter(written: dict[str, Path], pattern: str) -> None:
    guide = (written[pattern] / "README.md").read_text(encoding="utf-8")
    assert "sh build.sh\nsh deploy.sh STACK" in guide
    assert "$" not in guide
    template = yaml.safe_load((written[pattern] / "template.yaml").read_text(encoding="utf-8"))
    by_script = {"ArtifactBucket", "AgentKey", "FunctionKey", "AlarmEmail"}
    script = (written[pattern] / "deploy.sh").read_text(encoding="utf-8")
    for name in template["Parameters"]:
        assert (f"{name}=" in script) if name in by_script else (f"`{name}`" in guide), name
    for name in template["Outputs"]:
        assert template["Outputs"][name]["Value"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_guide_says_each_default_as_the_template_has_it(written: dict[str, Path], pattern: str) -> None:
    guide = (written[pattern] / "README.md").read_text(encoding="utf-8")
    template = yaml.safe_load((written[pattern] / "template.yaml").read_text(encoding="utf-8"))
    said = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", guide, re.MULTILINE))
    for name, shown in said.items():
        default = template["Parameters"][name].get("Default", "needed")
        assert shown == ("empty" if default == "" else str(default)), name


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_scripts_can_be_read_by_a_plain_shell(written: dict[str, Path], pattern: str) -> None:
    for script in ("build.sh", "deploy.sh", "remove.sh"):
        subprocess.run(["sh", "-n", str(written[pattern] / script)], check=True)
    for name in ("pack.py", "agent/main.py"):
        ast.parse((written[pattern] / name).read_text(encoding="utf-8"))


def test_the_agents_file_goes_along_as_it_is(tmp_path: Path) -> None:
    agent = tmp_path / "mine.py"
    agent.write_text("def talk(payload):\n    return 'hi'\n", encoding="utf-8")
    result = deploy(tmp_path / "out", "--pattern", "two-doors", "--agent", f"{agent}:talk")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "agent" / "source" / "mine.py").read_bytes() == agent.read_bytes()
    assert '"source" / "mine.py"), "talk")' in (tmp_path / "out" / "agent" / "main.py").read_text(encoding="utf-8")


def test_no_agent_framework_and_no_attacker_lies_in_the_functions_package(written: dict[str, Path]) -> None:
    package = written["conversations"] / "functions" / "doorward"
    assert not [name for name in ("runtime", "probe", "sign_in", "web", "cli", "deploy") if (package / name).exists()]
    assert "lang" not in (written["conversations"] / "functions" / "requirements.txt").read_text(encoding="utf-8")
    assert not (written["direct"] / "functions").exists()


class Packed:
    """A package of one module, in a folder of its own, and what is said of it."""

    def __init__(self, written: dict[str, Path], folder: Path, text: str = "VALUE = 1\n", version: str = OWN) -> None:
        part = folder / "functions"
        part.mkdir(exist_ok=True)
        (part / "bootstrap").write_text("sh", encoding="utf-8")
        (part / "module.py").write_text(text, encoding="utf-8")
        pack = [sys.executable, str(written["direct"] / "pack.py"), str(part), version]
        done = subprocess.run(pack, check=True, capture_output=True, text=True)
        self.path, self.said = Path(done.stdout.strip()), done.stderr

    @property
    def names(self) -> list[str]:
        with zipfile.ZipFile(self.path) as archive:
            return archive.namelist()


def test_equal_contents_are_packed_under_one_name_and_others_under_another(
    written: dict[str, Path], tmp_path: Path
) -> None:
    first, again, other = (Packed(written, tmp_path, text).path for text in ("a = 1", "a = 1", "a = 2"))
    assert first == again != other
    with zipfile.ZipFile(first) as archive:
        assert [entry.external_attr >> 16 for entry in archive.infolist()][:2] == [0o755, 0o644]


def test_a_package_holds_its_modules_compiled_and_nobody_reads_their_sources(
    written: dict[str, Path], tmp_path: Path
) -> None:
    packed = Packed(written, tmp_path)
    assert packed.said == ""
    there = tmp_path / "task"
    with zipfile.ZipFile(packed.path) as archive:
        archive.extractall(there)
    # Neither its length nor its time may be asked for.
    (there / "module.py").write_text("VALUE = 'another'\n", encoding="utf-8")
    os.utime(there / "module.py", (0, 0))
    said = subprocess.run(
        [sys.executable, "-B", "-c", "import module; print(module.VALUE)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=there,
    )
    assert said.stdout == "1\n"


def test_without_the_python_that_will_run_it_a_package_is_not_compiled_and_that_is_said(
    written: dict[str, Path], tmp_path: Path
) -> None:
    compiled, plain = Packed(written, tmp_path), Packed(written, tmp_path, version="3.99")
    assert plain.names == ["bootstrap", "module.py"]
    assert compiled.names == ["bootstrap", "module.py", f"__pycache__/module.{sys.implementation.cache_tag}.pyc"]
    assert "is not compiled: this is Python" in plain.said
    assert compiled.path != plain.path


def test_where_who_packs_keeps_compiled_modules_changes_no_package(
    written: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Packed(written, tmp_path).names
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    assert Packed(written, tmp_path).names == names


def test_what_is_no_python_goes_along_as_it_is(written: dict[str, Path], tmp_path: Path) -> None:
    packed = Packed(written, tmp_path, "print 'old'\n")
    assert packed.names == ["bootstrap", "module.py"]


def test_the_pages_configuration_is_filled_with_what_the_stack_says(written: dict[str, Path]) -> None:
    out = written["conversations"]
    template = yaml.safe_load((out / "template.yaml").read_text(encoding="utf-8"))
    outputs = [{"OutputKey": name, "OutputValue": f"https://{name}.example"} for name in template["Outputs"]]
    stack = json.dumps({"Stacks": [{"Outputs": outputs}]})
    command = [sys.executable, str(out / "page_config.py"), str(out / "page-config.json")]
    filled = subprocess.run(command, input=stack, check=True, capture_output=True, text=True).stdout
    assert "@" not in filled
    assert yaml.safe_load(filled)["sign_in"]["token_endpoint"] == "https://SignIn.example/oauth2/token"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("")
    result = deploy(place / "inside", "--pattern", "direct")
    assert isinstance(result.exception, DoorwardError)
    assert result.exception.code == "out_not_writable"
