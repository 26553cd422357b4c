"""Watches what each session uses, where the kernel's limits count for one process only; ends what takes too much."""

import asyncio
import os
from pathlib import Path

import structlog
from msgspec import Struct

from doorward.runtime.tree import below, end_all, processes
from doorward.runtime.zygote import SessionProcess, Zygote
from doorward.telemetry.metrics import SESSIONS_ENDED

log = structlog.get_logger()

MOST_FILES = 20_000
DISK_EVERY = 4


class Allowance(Struct, frozen=True, kw_only=True):
    """What a session with all its processes may use: `memory` and `disk` in bytes."""

    processes: int
    memory: int
    disk: int


class Warden:
    """Looks at all sessions of a warm process at once."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._looks = 0

    async def look(self, zygote: Zygote) -> None:
        """End sessions that are over their allowance, and processes that their session has left behind."""
        async with zygote.lock:  # none is being forked: every child is known
            seen = processes()
            sessions = dict(zygote.children)
            children = [pid for pid, process in seen.items() if process.parent == zygote.pid]
        for pid in children:
            if pid not in sessions:
                log.warning("stray_process_ended", pid=pid)
                end_all(pid)
        base = seen[zygote.pid].resident if zygote.pid in seen else 0
        for session in sessions.values():
            pids = below([session.pid], seen)
            resident = sum(max(0, seen[pid].resident - base) for pid in pids)
            if len(pids) > self._allowance.processes:
                await _end(session, "processes")
            elif resident > self._allowance.memory:
                await _end(session, "memory")
        self._looks += 1
        if self._looks % DISK_EVERY == 0:
            for session in sessions.values():
                if await asyncio.to_thread(_more_than, session.scratch, self._allowance.disk):
                    await _end(session, "disk")


async def _end(session: SessionProcess, limit: str) -> None:
    log.warning("session_over_limit", pid=session.pid, limit=limit)
    SESSIONS_ENDED.labels(limit).inc()
    await session.kill()


def _more_than(folder: Path, most: int) -> bool:
    """Whether a folder holds more bytes than that, or very many files."""
    total = count = 0
    todo = [str(folder)]
    while todo:
        try:
            entries = list(os.scandir(todo.pop()))
        except OSError:  # gone, or closed to us: what is in it was counted before
            continue
        for entry in entries:
            count += 1
            try:
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
            except OSError:
                continue
        if total > most or count > MOST_FILES:
            return True
    return False
