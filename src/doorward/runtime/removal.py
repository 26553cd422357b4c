"""Measures and removes folders that foreign code has filled: closed to us, very deep, full of links.

The warden and whoever ends a process ask here. INVARIANT: no link is followed, and nothing recurses: each folder is
opened below the one that holds it.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLE = getattr(os, "O_PATH", 0) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# No program nests its folders so deep; what does is after those who walk them.
MOST_DEEP = 100


def remove(folder: Path) -> bool:
    """Remove a folder with all that is in it. False when something is left: it is in use still, or not ours."""
    try:
        with _opened(str(folder), None) as top:
            _empty(top)
        folder.rmdir()
    except OSError:
        return not os.path.lexists(folder)
    return True


def takes_more(folder: Path, size: int, count: int) -> bool:
    """Whether a folder takes more than `size` bytes or `count` files, or nests deeper than `MOST_DEEP`."""
    total = files = 0
    todo: list[tuple[str, ...]] = [()]
    while todo:
        names = todo.pop()
        for name, is_folder, taken in _listed(folder, names):
            files += 1
            total += taken
            if is_folder:
                todo.append((*names, name))
            if total > size or files > count or len(names) >= MOST_DEEP:
                return True
    return False


def _listed(folder: Path, names: tuple[str, ...]) -> list[tuple[str, bool, int]]:
    """What lies in the folder to which `names` lead: name, whether it is a folder, bytes on disk. What goes away
    meanwhile is left out."""
    found = []
    with ExitStack() as held, suppress(OSError):
        here = None
        for name in (str(folder), *names):
            here = held.enter_context(_opened(name, here))
        for entry in held.enter_context(os.scandir(here)):
            with suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                found.append((entry.name, stat.S_ISDIR(about.st_mode), about.st_blocks * 512))
    return found


@contextmanager
def _opened(name: str, parent: int | None) -> Iterator[int]:
    """A folder's descriptor; one that its owner, who is ourselves, has closed is opened up again. Raises `OSError`."""
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        _open_up(name, parent)
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_up(name: str, parent: int | None) -> None:
    handle = os.open(name, _HANDLE, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # noqa: PTH101  # of what is held, whatever the name means by now
    finally:
        os.close(handle)


def _empty(top: int) -> None:
    os.fchmod(top, 0o700)
    todo = os.listdir(top)
    while todo:
        name = todo.pop()
        if _is_folder(name, top):
            todo += _raised(name, top)
            os.rmdir(name, dir_fd=top)
        else:
            os.unlink(name, dir_fd=top)


def _raised(name: str, top: int) -> list[str]:
    """Empty a folder: its own folders are moved up, to lie beside it, so that all is flat. Returns their new names."""
    raised = []
    with _opened(name, top) as folder:
        os.fchmod(folder, 0o700)
        for below in os.listdir(folder):  # noqa: PTH208
            if not _is_folder(below, folder):
                os.unlink(below, dir_fd=folder)
                continue
            with _opened(below, folder) as mine:
                os.fchmod(mine, 0o700)  # to be moved, a folder must be open to be written
            raised.append(f".removed-{secrets.token_hex(16)}")
            os.rename(below, raised[-1], src_dir_fd=folder, dst_dir_fd=top)
    return raised


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
