"""The page in the repository is what its sources make, it is light, and its own tests hold."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "page"
WEB = ROOT / "src" / "doorward" / "web"
HEAVIEST = 100_000  # bytes, compressed, of everything that the page can load
SOURCES = sorted(path for path in (PAGE / "src").rglob("*") if path.suffix in {".ts", ".tsx", ".css"})


def npm(*arguments: str, **variables: str) -> str:
    """A script of the page's package; its output."""
    program = shutil.which("npm")
    assert program, "npm is needed: run tests/install-programs.sh"
    assert (PAGE / "node_modules").is_dir(), "run: make page"
    done = subprocess.run(
        [program, "run", "--silent", *arguments],
        cwd=PAGE,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_page_is_what_its_sources_make(tmp_path: Path) -> None:
    npm("build", "--", "--outDir", str(tmp_path / "web"), "--emptyOutDir")
    made, kept = files(tmp_path / "web"), files(WEB)
    assert made.keys() == kept.keys(), "run: make page"
    assert [name for name in made if made[name] != kept[name]] == [], "run: make page"


def test_the_page_is_light() -> None:
    weights = {name: len(gzip.compress(body, mtime=0)) for name, body in files(WEB).items()}
    assert sum(weights.values()) <= HEAVIEST, weights


def test_the_parts_of_the_page_hold() -> None:
    assert "passed" in npm("test", NO_COLOR="1")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PAGE).as_posix())
def test_a_source_of_the_page_stays_within_400_lines_and_makes_no_markup_of_text(path: Path) -> None:
    """AP-TOL-11, LLM05: there is no way from a text to markup or script; Trusted Types would stop it in the browser."""
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 400
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|setHTML|DOMParser"
    assert not re.search(sinks, source)


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (PAGE / "package-lock.json").read_text(encoding="utf-8")
