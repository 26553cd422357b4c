"""Processes below a process, from ``/proc``: how many, how large, and how to end them all, daemons and bombs too."""

import os
import signal
from collections import defaultdict
from pathlib import Path

from msgspec import Struct

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PASSES = 50


class Seen(Struct, frozen=True):
    """One process: its parent, its resident bytes, and when it began, in ticks since the machine did: a process id may
    come again, with another beginning."""

    parent: int
    resident: int
    began: int


def processes() -> dict[int, Seen]:
    """All processes that can be seen, by id, the dead ones left out. Empty where there is no ``/proc``."""
    found = {}
    for entry in os.scandir("/proc") if Path("/proc/self/stat").exists() else ():
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:  # it ended while we looked
                continue
            if fields[0] not in (b"Z", b"X"):
                found[int(entry.name)] = Seen(int(fields[1]), int(fields[21]) * _PAGE, int(fields[19]))
    return found


def of_this_user() -> int:
    """How many processes and threads of this user run: what the kernel's limit of processes counts."""
    user, count = os.getuid(), 0
    for entry in os.scandir("/proc") if Path("/proc/self/stat").exists() else ():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == user:
                    count += len(os.listdir(f"{entry.path}/task"))  # noqa: PTH208  # one call for each process
            except OSError:
                continue
    return count


def below(roots: list[int], seen: dict[int, Seen]) -> list[int]:
    """These processes, those that they started, and so on."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, process in seen.items():
        children[process.parent].append(pid)
    found, todo = [], [pid for pid in roots if pid in seen]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children[pid]
    return found


def end_all(root: int) -> None:
    """Kill a process and everything below it. All are stopped before one is killed, so that none slips away: a process
    that is killed hands its children on, and one that is stopped starts no others."""
    stopped: set[int] = set()
    for _ in range(_PASSES):
        fresh = set(below([root], processes())) - stopped
        if not fresh:
            break
        for pid in fresh:
            _signal(pid, signal.SIGSTOP)
        stopped |= fresh
    for pid in (root, *stopped):
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
