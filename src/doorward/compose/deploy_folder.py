"""The folder that `doorward deploy aws` writes: made whole beside what is there, and put in its place at the end.

What a run made is named in a marker file. Only that is ever replaced or removed; a folder of somebody else is refused.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from doorward.errors import ConfigurationError

MARKER = ".doorward-deploy"
_HEAD = "# Made by `doorward deploy aws`, which replaces and removes what is named here, and nothing else."
_NEW = ".doorward-deploy-new"
_OLD = ".doorward-deploy-old"
# What the scripts in it make. It is of the packages as they were, so that it goes with them.
_BY_SCRIPTS = ("build",)


def replace_folder(out: Path, make: Callable[[Path], None]) -> None:
    """Let `make` fill an empty folder, then move all of it into `out`; what an earlier run made there and this one did
    not goes. On an error everything is as it was.

    Raises `ConfigurationError`: ``out_not_ours`` when something else would be overwritten, ``out_not_writable``.
    """
    try:
        _refuse_others(out)
        made = _missing(out)
        try:
            _replace(out, make)
        except BaseException:
            for folder in made:
                folder.rmdir()
            raise
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {_reason(error)}.", code="out_not_writable") from error


def is_made(folder: Path) -> bool:
    """Whether `folder` is one that a run made."""
    return (folder / MARKER).is_file()


def _refuse_others(out: Path) -> None:
    if not out.exists() or is_made(out):
        return
    if any(each.name not in (_NEW, _OLD) for each in out.iterdir()):
        raise ConfigurationError(
            f"{out} is not empty and was not made by doorward deploy aws; nothing in it was touched. "
            "Choose a folder of its own with --out.",
            code="out_not_ours",
        )


def _missing(out: Path) -> list[Path]:
    """Make `out` and the folders above it. Those that were not there, the lowest first."""
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    return missing


def _replace(out: Path, make: Callable[[Path], None]) -> None:
    new, old = out / _NEW, out / _OLD
    for left in (new, old):  # of a run that was killed
        _remove(left)
    try:
        new.mkdir()
        make(new)
        names = sorted(each.name for each in new.iterdir())
        ours = _named(out)
        _refuse_strangers(out, names, ours)
        old.mkdir()
        _swap(out, ours, names)
    finally:
        for left in (new, old):
            _remove(left)


def _named(out: Path) -> list[str]:
    """What the marker names. A path to elsewhere, which no run writes, is none of ours."""
    if not is_made(out):
        return []
    lines = (out / MARKER).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#") and line == Path(line).name != ".."]


def _refuse_strangers(out: Path, names: list[str], ours: list[str]) -> None:
    strangers = [name for name in names if name not in ours and os.path.lexists(out / name)]
    if strangers:
        raise ConfigurationError(
            f"{out} has {', '.join(strangers)} that doorward deploy aws did not make; nothing in it was touched. "
            "Move that away, or choose another folder with --out.",
            code="out_not_ours",
        )


def _swap(out: Path, ours: list[str], names: list[str]) -> None:
    moves = [(out / name, out / _OLD / name) for name in ours]
    moves += [(out / _NEW / name, out / name) for name in names]
    done: list[tuple[Path, Path]] = []
    try:
        # While things move the marker names both, so that also after a kill all of it is known as ours.
        _mark(out, {*ours, *names, *_BY_SCRIPTS})
        for source, target in moves:
            if os.path.lexists(source):
                source.rename(target)
                done.append((source, target))
        _mark(out, {*names, *_BY_SCRIPTS})
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        if ours:
            _mark(out, set(ours))
        else:
            (out / MARKER).unlink(missing_ok=True)
        raise


def _mark(out: Path, names: set[str]) -> None:
    written = out / _OLD / MARKER
    written.write_text("\n".join([_HEAD, *sorted(names)]) + "\n", encoding="utf-8")
    written.replace(out / MARKER)


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    """A system's sentence; `shutil` gathers several into one error that has none of its own."""
    if error.strerror:
        return error.strerror
    return "; ".join(str(each[2]) for each in error.args[0])
