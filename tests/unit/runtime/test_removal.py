"""Folders that foreign code has filled to outlast their removal or to hide what they hold (AP-RUN-03, AP-SES-06)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doorward.runtime.removal import remove, takes_more

PLENTY = 10**9


def nested(folder: Path, depth: int) -> None:
    """Folders in folders, by one descriptor at a time: no path leads so deep."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def as_anybody(code: str, folder: Path) -> str:
    """What the code prints as an ordinary user who owns the folder: root passes through closed doors."""
    begin = "import os, sys\nfrom pathlib import Path\nfrom doorward.runtime.removal import remove, takes_more\n"
    if os.geteuid() == 0:
        for path in folder.parents[:4]:  # pytest's own, with a level more where several processes test
            path.chmod(path.stat().st_mode | 0o011)
        os.chown(folder, 65534, 65534)
        begin += "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    done = subprocess.run([sys.executable, "-c", begin + code, folder], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def test_what_is_too_deep_for_recursion_and_paths_is_removed_and_counts_as_too_much(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    nested(scratch, 3000)
    assert takes_more(scratch, PLENTY, PLENTY)
    before = len(list(Path("/dev/fd").iterdir()))
    assert remove(scratch)
    assert not scratch.exists()
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux parts sessions")
def test_closed_folders_hide_nothing_and_are_removed(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = """
import sys
top = Path(sys.argv[1])
(top / "closed" / "inner").mkdir(parents=True)
(top / "closed" / "large").write_bytes(b"x" * 1_000_000)
(top / "closed" / "inner").chmod(0)
(top / "closed").chmod(0o300)
print(takes_more(top, 500_000, 100))
(top / "closed").chmod(0)
top.chmod(0o500)
remove(top)  # the folder itself lies in one that may be another's
print(os.listdir(top) if top.exists() else [])
"""
    assert as_anybody(code, scratch).split("\n") == ["True", "[]"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    scratch, outside = tmp_path / "scratch", tmp_path / "outside"
    scratch.mkdir()
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * 1_000_000)
    (scratch / "link").symlink_to(outside)
    assert not takes_more(scratch, 500_000, 100)
    assert remove(scratch)
    assert (outside / "large").exists()
    scratch.symlink_to(outside)
    assert not remove(scratch)
    assert (outside / "large").exists()


def test_what_is_gone_is_removed_and_takes_nothing(tmp_path: Path) -> None:
    assert remove(tmp_path / "never")
    assert not takes_more(tmp_path / "never", 1, 1)


@pytest.mark.parametrize(("size", "count", "more"), [(100_000, 3, False), (1_000, 3, True), (100_000, 2, True)])
def test_bytes_and_files_are_counted(tmp_path: Path, size: int, count: int, more: bool) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a", "inner/b"):
        (tmp_path / name).write_bytes(b"x" * 4096)
    assert takes_more(tmp_path, size, count) is more
