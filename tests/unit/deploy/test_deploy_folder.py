"""`doorward deploy aws --out`: only what it made is ever replaced or removed, and a run is whole or not there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from doorward.cli.main import root
from doorward.errors import DoorwardError

OWN = {"agent/agent.py": "mine", "functions/f.py": "mine", "page/index.html": "mine", "README.md": "mine"}


def deploy(out: Path | str, pattern: str) -> Result:
    return CliRunner().invoke(root, ["deploy", "aws", "--out", str(out), "--pattern", pattern])


def code_of(result: Result) -> str:
    assert isinstance(result.exception, DoorwardError), result.output
    return result.exception.code


def own_files(folder: Path) -> None:
    for name, text in OWN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_folder_that_somebody_else_filled_is_refused_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert code_of(deploy(".", "conversations")) == "out_not_ours"
    assert contents(tmp_path) == {name: text.encode() for name, text in OWN.items()}


def test_an_empty_folder_is_taken_and_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        assert deploy(tmp_path, "conversations").exit_code == 0
    assert (tmp_path / "page" / "index.html").is_file()
    assert not [each.name for each in tmp_path.iterdir() if each.name.startswith(".") and each.is_dir()]


def test_parts_that_the_new_pattern_has_not_are_removed_and_files_of_others_stay(tmp_path: Path) -> None:
    assert deploy(tmp_path, "conversations").exit_code == 0
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "agent" / "old.py").write_text("old", encoding="utf-8")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "functions-0.zip").write_text("old", encoding="utf-8")
    assert deploy(tmp_path, "direct").exit_code == 0
    assert {each.name for each in tmp_path.iterdir()} == {
        *(
            "README.md",
            "agent",
            "artifacts.yaml",
            "build.sh",
            "deploy.sh",
            "notes.txt",
            "pack.py",
            "remove.sh",
            "template.yaml",
        ),
        ".doorward-deploy",
    }
    assert not (tmp_path / "agent" / "old.py").exists()


def test_a_part_that_a_new_pattern_brings_does_not_cover_what_a_person_put_there(tmp_path: Path) -> None:
    assert deploy(tmp_path, "direct").exit_code == 0
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "f.py").write_text("mine", encoding="utf-8")
    before = contents(tmp_path)
    result = deploy(tmp_path, "conversations")
    assert code_of(result) == "out_not_ours"
    assert "functions" in str(result.exception)
    assert contents(tmp_path) == before


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".doorward-deploy-new" / "agent").mkdir(parents=True)
    assert deploy(tmp_path, "direct").exit_code == 0
    assert not (tmp_path / ".doorward-deploy-new").exists()


def test_a_name_in_the_marker_leads_nowhere_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert deploy(out, "direct").exit_code == 0
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    with (out / ".doorward-deploy").open("a", encoding="utf-8") as marker:
        marker.write("..\n../precious\n")
    assert deploy(out, "direct").exit_code == 0
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "mine"


def test_a_file_in_the_way_of_the_folder_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    result = deploy(tmp_path / "file" / "inside", "direct")
    assert code_of(result) == "out_not_writable"
    assert contents(tmp_path) == {"file": b"mine"}


def without_privileges(out: Path, pattern: str) -> subprocess.CompletedProcess[str]:
    """As an ordinary user: root too is then bound by the modes of folders."""
    bound: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("as root this needs setpriv")
        bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    command = [*bound, sys.executable, "-m", "doorward", "deploy", "aws", "--out", str(out), "--pattern", pattern]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_a_folder_without_permission_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir(mode=0o555)
    for out in (place, place / "deep" / "inside"):
        said = without_privileges(out, "direct")
        assert said.returncode == 2, said.stderr
        assert said.stderr == f"doorward: {out} cannot be written: Permission denied. [out_not_writable]\n"
    assert not list(place.iterdir())


def test_a_run_that_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    """A folder that may not be moved stops the run after others were."""
    out = tmp_path / "new" / "out"
    assert deploy(out, "conversations").exit_code == 0
    before = contents(out)
    (out / "page").chmod(0o555)
    try:
        said = without_privileges(out, "direct")
        assert (said.returncode, said.stderr.count("\n")) == (2, 1), said.stderr
        assert "[out_not_writable]" in said.stderr
    finally:
        (out / "page").chmod(0o755)
    assert contents(out) == before
    assert {each.name for each in out.iterdir() if each.name.startswith(".")} == {".doorward-deploy"}


def test_a_run_that_fails_in_a_new_folder_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("doorward.compose.deploying.shutil.copytree", full)
    result = deploy(tmp_path / "new" / "out", "direct")
    assert code_of(result) == "out_not_writable"
    assert "No space left on device" in str(result.exception)
    assert not list(tmp_path.iterdir())
