"""Landlock: which files a process and its children may touch, and whom they may signal. See landlock(7).

A rule opens a folder with all that is beneath it, and no rule closes anything again: what is to stay hidden inside an
open folder is gone around, entry by entry.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from ctypes import create_string_buffer
from pathlib import Path
from typing import Final

from msgspec import Struct

from doorward.runtime.worker.confine.kernel import (
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
    machine,
    syscall,
)

_VERSION: Final = 1
_PATH_BENEATH: Final = 1

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
TRUNCATE: Final = 1 << 14
IOCTL_DEV: Final = 1 << 15
# Rights that mean something for a file; all others are a folder's.
_FILE: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ: Final = EXECUTE | READ_FILE | READ_DIR
_NET: Final = 0b11  # bind and connect of TCP
_SCOPES: Final = 0b11  # abstract unix sockets and signals
# By ABI: how many filesystem rights there are.
_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


class Opened(Struct, frozen=True):
    """Paths that are open: to be read (and executed), to be written too, and, in folders, only to be listed."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


def abi() -> int:
    """The version that the kernel offers; 0 without Landlock."""
    if not machine():
        return 0
    try:
        return syscall(LANDLOCK_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(opened: Opened, *, network: bool) -> list[str]:
    """Close everything to this thread and what it starts, but for what is `opened`; TCP too without `network`.

    Needs ``no_new_privs``. Returns what holds now; nothing where there is no Landlock. Raises `OSError`.
    """
    version = abi()
    if not version:
        return []
    everything = (1 << _RIGHTS.get(version, 16)) - 1
    nets = _NET if version >= 4 and not network else 0
    scopes = _SCOPES if version >= 6 else 0
    attributes = struct.pack("=QQQ", everything, nets, scopes)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = syscall(LANDLOCK_CREATE_RULESET, create_string_buffer(attributes, 24), size, 0)
    try:
        for paths, rights in ((opened.read, READ), (opened.write, everything), (opened.listed, READ_DIR)):
            for path in paths:
                _open(ruleset, path, rights & everything)
        syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return ["files", *(["tcp"] if nets else []), *(["signals", "abstract sockets"] if scopes else [])]


def _open(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there: nothing to open
        return
    try:
        allowed = rights if Path(path).is_dir() else rights & _FILE
        if allowed:
            rule = create_string_buffer(struct.pack("=Qi", allowed, descriptor), 12)
            syscall(LANDLOCK_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def around(folders: Iterable[str], hidden: Iterable[str]) -> Opened:
    """`folders` open to be read, but for what is `hidden` in them: its names can be listed, nothing of it read."""
    closed = [Path(path).resolve() for path in hidden]
    read: list[str] = []
    listed: list[str] = []
    for folder in {Path(path).resolve() for path in folders}:
        for path, whole in _parts(folder, closed):
            (read if whole else listed).append(str(path))
    return Opened(read=tuple(sorted(read)), listed=tuple(sorted(listed)))


def _parts(path: Path, closed: list[Path]) -> Iterator[tuple[Path, bool]]:
    if any(path == hidden or hidden in path.parents for hidden in closed):
        return
    if not any(path in hidden.parents for hidden in closed):
        yield path, True
        return
    yield path, False
    try:
        entries = list(path.iterdir())
    except OSError:  # not ours to read anyway
        return
    for entry in entries:
        if not entry.is_symlink():
            yield from _parts(entry, closed)
